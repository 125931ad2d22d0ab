package audio

import (
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// Device is where sound goes. Push calls it.
type Device interface {
	Write(pcm []int16) error // queues a copy, does not block; an error means that the device is gone
	Queued() time.Duration   // what was written and not yet played
}

// Decoder turns packets into sound: interleaved samples, 48 kHz. Push calls it.
type Decoder interface {
	// Decode returns how many samples per channel it put into dst.
	Decode(dst []int16, packet []byte) (n int, err error)
	// DecodeFEC restores the packet before next, which was len(dst) long. It
	// returns 0 where next carries no copy.
	DecodeFEC(dst []int16, next []byte) (n int, err error)
	// Conceal fills all of dst with what may have been.
	Conceal(dst []int16) error
}

// PlayerConfig describes a player.
type PlayerConfig struct {
	Device  Device // nil: sound is decoded and thrown away until SetDevice
	Decoder Decoder
	// Target is what the queue holds at first when nothing is late; 0 means 20
	// ms. It follows the network: down to Least while every packet is early
	// enough, up to Most after the queue ran empty.
	Target, Least, Most time.Duration // 0 means 20, 10 and 40 ms
	Max                 time.Duration // what the queue never exceeds, 0 means 60 ms
	// OnLost hears once that a device failed; it is not used any more then.
	// Push calls it, so it must not block. nil ignores it.
	OnLost func(error)
	Logger *slog.Logger // nil discards
}

// PlayerStats counts pieces of sound: packets, or what stands for lost ones.
type PlayerStats struct {
	Played    uint64 `json:"played"`    // packets decoded and queued
	Concealed uint64 `json:"concealed"` // made up for packets that were lost or refused
	FEC       uint64 `json:"fec"`       // restored from the packet that followed
	Dropped   uint64 `json:"dropped"`   // found no device or no room, and cuts of 5 ms
	Underruns uint64 `json:"underruns"` // times the queue ran empty
	Stretched uint64 `json:"stretched"` // pieces of 5 ms put in, because the host's clock is the slower one
	Corrupt   uint64 `json:"corrupt"`   // packets that the decoder refused
	TargetMS  uint64 `json:"target_ms"` // what the queue shall hold now
}

// Lengths that nobody has wanted to change.
const (
	defaultTarget = 20 * time.Millisecond
	defaultLeast  = 10 * time.Millisecond
	defaultMost   = 40 * time.Millisecond
	defaultMax    = 60 * time.Millisecond
	longestPacket = 120 * time.Millisecond // RFC 6716, 3.2.5
	cutLength     = 5 * time.Millisecond
)

// Player decodes packets in their order into a device's queue. See the package
// comment for who may call what.
type Player struct {
	cfg    PlayerConfig
	device atomic.Pointer[deviceRef] // nil: none
	count  struct{ played, concealed, fec, dropped, underruns, stretched, corrupt, target atomic.Uint64 }

	// Owned by the pushing goroutine.
	used    *deviceRef // the device of the last packet
	frame   int        // samples per channel of the last packet
	pcm     []int16    // one packet
	silence []int16    // zeros
	cutter  cutter     // shortens the queue
	level   level      // says how long it shall be
	last    []int16    // the newest 5 ms in the queue
	longer  []int16    // 5 ms that lengthen it
}

// deviceRef tells a new device from the one before.
type deviceRef struct{ Device }

// NewPlayer checks cfg and returns a player.
func NewPlayer(cfg PlayerConfig) (*Player, error) {
	if cfg.Decoder == nil {
		return nil, errors.New("audio player: a decoder is needed")
	}
	cfg.Target = orDefault(cfg.Target, defaultTarget)
	cfg.Least = min(orDefault(cfg.Least, defaultLeast), cfg.Target)
	cfg.Most = max(orDefault(cfg.Most, defaultMost), cfg.Target)
	cfg.Max = orDefault(cfg.Max, max(defaultMax, cfg.Most+2*cutLength))
	if cfg.Least < cutLength || cfg.Max < cfg.Most+cutLength {
		return nil, errors.New("audio player: want targets of 5 ms at least and a maximum above them")
	}
	if cfg.OnLost == nil {
		cfg.OnLost = func(error) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Player{cfg: cfg, frame: samples(cutLength), level: level{least: cfg.Least, most: cfg.Most, target: cfg.Target}}
	p.pcm = make([]int16, samples(longestPacket)*Channels)
	p.silence = make([]int16, samples(longestPacket)*Channels)
	p.last, p.longer = make([]int16, cutSamples), make([]int16, cutSamples)
	p.SetDevice(cfg.Device)
	return p, nil
}

// SetDevice plays through d from the next packet on; nil throws sound away.
// The device before stays the caller's. A write to it may still be under way,
// so it must bear one after it was closed.
func (p *Player) SetDevice(d Device) {
	if d == nil {
		p.device.Store(nil)
		return
	}
	p.device.Store(&deviceRef{d})
}

// Stats returns the counts so far.
func (p *Player) Stats() PlayerStats {
	c := &p.count
	return PlayerStats{
		Played: c.played.Load(), Concealed: c.concealed.Load(), FEC: c.fec.Load(),
		Dropped: c.dropped.Load(), Underruns: c.underruns.Load(), Stretched: c.stretched.Load(), Corrupt: c.corrupt.Load(),
		TargetMS: c.target.Load(),
	}
}

// Push plays a packet before which lost packets are missing. It decodes in the
// call, does not wait for the device and does not keep packet.
func (p *Player) Push(packet []byte, lost int) {
	p.prepare()
	p.fillHole(packet, lost)
	n, err := p.cfg.Decoder.Decode(p.pcm, packet)
	if err != nil || n <= 0 {
		p.count.corrupt.Add(1)
		p.conceal(p.pcm[:p.frame*Channels])
		return
	}
	p.frame = n
	if p.queue(p.pcm[:n*Channels]) {
		p.count.played.Add(1)
	}
}

// prepare fills the queue of a device that is new or ran empty.
func (p *Player) prepare() {
	d := p.device.Load()
	switch {
	case d == nil:
	case d != p.used:
		p.used = d
		p.level.reset()
		p.write(d, p.silence[:p.missing()])
	case d.Queued() == 0:
		p.count.underruns.Add(1)
		p.level.ranDry()
		p.bridge()
	}
	p.used = d
	p.count.target.Store(uint64(p.level.target / time.Millisecond))
}

// missing returns how many samples of all channels are to go before a piece, so that with it
// an empty queue holds what it shall.
func (p *Player) missing() int {
	p.cutter.holding = false
	return max(samples(p.level.want(duration(p.frame)))-p.frame, 0) * Channels
}

// bridge fills an empty queue with what the last sound may have gone on like,
// which is heard less than silence.
func (p *Player) bridge() {
	n := min(p.missing(), len(p.pcm))
	pcm := p.pcm[:n]
	if n == 0 {
		return
	}
	if err := p.cfg.Decoder.Conceal(pcm); err != nil {
		clear(pcm)
	}
	p.write(p.used, pcm)
}

// fillHole replaces lost packets: the last one from the copy in next, those
// before by concealment. A hole longer than the queue may ever be is left: its
// time has gone.
func (p *Player) fillHole(next []byte, lost int) {
	if lost <= 0 || lost > samples(p.cfg.Max)/p.frame {
		return
	}
	pcm := p.pcm[:p.frame*Channels]
	for range lost - 1 {
		p.conceal(pcm)
	}
	n, err := p.cfg.Decoder.DecodeFEC(pcm, next)
	if err != nil || n <= 0 {
		p.conceal(pcm)
		return
	}
	p.count.fec.Add(1)
	p.queue(pcm[:n*Channels])
}

func (p *Player) conceal(pcm []int16) {
	if err := p.cfg.Decoder.Conceal(pcm); err != nil {
		clear(pcm)
	}
	p.count.concealed.Add(1)
	p.queue(pcm)
}

// queue gives pcm to the device, shorter or longer where the queue shall be,
// and says whether any of it will be heard.
func (p *Player) queue(pcm []int16) bool {
	d := p.used
	if d == nil {
		p.count.dropped.Add(1)
		return false
	}
	length := duration(len(pcm) / Channels)
	queued := d.Queued()
	switch p.level.piece(queued, length) {
	case shorten:
		p.cutter.wanted = true
	case lengthen:
		queued += p.stretch(d, pcm)
	}
	if queued+length > p.cfg.Max {
		p.count.dropped.Add(1)
		return false
	}
	out, cut := p.cutter.cut(pcm)
	if cut {
		p.count.dropped.Add(1)
	}
	if len(out) >= cutSamples {
		copy(p.last, out[len(out)-cutSamples:])
	}
	return len(out) == 0 || p.write(d, out)
}

// stretch puts 5 ms before pcm that begin like it and end like what was before
// it, so that neither end can be heard.
func (p *Player) stretch(d *deviceRef, pcm []int16) time.Duration {
	if p.cutter.holding || len(pcm) < cutSamples {
		return 0
	}
	copy(p.longer, p.last)
	fade(p.longer, pcm[:cutSamples])
	p.count.stretched.Add(1)
	if !p.write(d, p.longer) {
		return 0
	}
	return cutLength
}

func orDefault(d, other time.Duration) time.Duration {
	if d == 0 {
		return other
	}
	return d
}

// write hands pcm to the device and gives the device up when it refuses.
func (p *Player) write(d *deviceRef, pcm []int16) bool {
	err := d.Write(pcm)
	if err == nil {
		return true
	}
	p.count.dropped.Add(1)
	if p.device.CompareAndSwap(d, nil) {
		p.cfg.Logger.Warn("sound device failed", "component", "audio", "err", err)
		p.cfg.OnLost(err)
	}
	return false
}
