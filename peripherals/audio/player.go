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
	Target  time.Duration // what the queue holds when nothing is late, 0 means 20 ms
	Max     time.Duration // what it never exceeds, 0 means 60 ms
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
	Corrupt   uint64 `json:"corrupt"`   // packets that the decoder refused
}

// Lengths that nobody has wanted to change.
const (
	defaultTarget = 20 * time.Millisecond
	defaultMax    = 60 * time.Millisecond
	longestPacket = 120 * time.Millisecond // RFC 6716, 3.2.5
	cutLength     = 5 * time.Millisecond
	// How long even the shortest queue has to be too long before a cut.
	cutPatience = 250 * time.Millisecond
)

// Player decodes packets in their order into a device's queue. See the package
// comment for who may call what.
type Player struct {
	cfg    PlayerConfig
	device atomic.Pointer[deviceRef] // nil: none
	count  struct{ played, concealed, fec, dropped, underruns, corrupt atomic.Uint64 }

	// Owned by the pushing goroutine.
	used    *deviceRef    // the device of the last packet
	frame   int           // samples per channel of the last packet
	pcm     []int16       // one packet
	silence []int16       // zeros
	cutter  cutter        // shortens the queue
	lowest  time.Duration // the shortest queue since watched was reset
	watched time.Duration // sound queued meanwhile
}

// deviceRef tells a new device from the one before.
type deviceRef struct{ Device }

// NewPlayer checks cfg and returns a player.
func NewPlayer(cfg PlayerConfig) (*Player, error) {
	if cfg.Decoder == nil {
		return nil, errors.New("audio player: a decoder is needed")
	}
	if cfg.Target == 0 {
		cfg.Target = defaultTarget
	}
	if cfg.Max == 0 {
		cfg.Max = max(defaultMax, 2*cfg.Target)
	}
	if cfg.Target < cutLength || cfg.Max < cfg.Target+cutLength {
		return nil, errors.New("audio player: want a target of 5 ms at least and a maximum above it")
	}
	if cfg.OnLost == nil {
		cfg.OnLost = func(error) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	p := &Player{cfg: cfg, frame: samples(cutLength)}
	p.pcm = make([]int16, samples(longestPacket)*Channels)
	p.silence = make([]int16, samples(cfg.Target)*Channels)
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
		Dropped: c.dropped.Load(), Underruns: c.underruns.Load(), Corrupt: c.corrupt.Load(),
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
		p.refill(d)
	case d.Queued() == 0:
		p.count.underruns.Add(1)
		p.refill(d)
	}
	p.used = d
}

// refill puts silence before the packet that comes, so that with it the queue
// holds the target.
func (p *Player) refill(d *deviceRef) {
	p.lowest, p.watched, p.cutter.holding = p.cfg.Max, 0, false
	if n := samples(p.cfg.Target) - p.frame; n > 0 {
		p.write(d, p.silence[:n*Channels])
	}
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

// queue gives pcm to the device, shorter where the queue is too long, and says
// whether any of it will be heard.
func (p *Player) queue(pcm []int16) bool {
	d := p.used
	if d == nil {
		p.count.dropped.Add(1)
		return false
	}
	length := duration(len(pcm) / Channels)
	queued := d.Queued()
	if p.tooLong(queued, length) {
		p.cutter.wanted = true
	}
	if queued+length > p.cfg.Max {
		p.count.dropped.Add(1)
		return false
	}
	out, cut := p.cutter.cut(pcm)
	if cut {
		p.count.dropped.Add(1)
	}
	return len(out) == 0 || p.write(d, out)
}

// tooLong says, four times a second, whether the queue held more than it needs
// all the time: after a burst, or because the host's clock is the faster one.
func (p *Player) tooLong(queued, length time.Duration) bool {
	p.lowest = min(p.lowest, queued)
	p.watched += length
	if p.watched < cutPatience {
		return false
	}
	long := p.lowest > p.cfg.Target
	p.lowest, p.watched = p.cfg.Max, 0
	return long
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
