package netlab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/blade-shadow/terminal/internal/rtpdump"
)

const (
	replayHistory = 8192 // packets of one source that can be repeated, as hosts keep them
	replaySources = 64   // synchronization sources of one recording
)

// Repair says how lost packets of one source are repeated.
type Repair struct {
	SSRC        uint32 // of the retransmissions (RFC 4588); 0: the packet itself is repeated
	PayloadType uint8  // of the retransmissions
}

// ReplayConfig describes a [Replay].
type ReplayConfig struct {
	Seed    uint64
	Profile Profile
	// Repairs holds, by the SSRC of the media, what NACKs can ask for.
	// Recorded packets on an SSRC of a Repair are left out: the replay makes
	// its own.
	Repairs map[uint32]Repair
	// Again is the least time between two repeats of one packet; 0: 3/4 of the
	// profile's delays, 3 ms at least, as PROTOCOL.md wants of hosts.
	Again time.Duration

	// Deliver gets every RTP packet that arrives and does not keep it.
	Deliver func(at time.Duration, ssrc uint32, packet []byte)
	// Tick, if set, is called when the time that it returned last has passed,
	// with 0 first, and after every delivery: it returns how long until it wants to be
	// called again.
	Tick func(at time.Duration) (next time.Duration)
	// Drain is how long time goes on after the last packet; 0: 1 s.
	Drain time.Duration
}

// ReplayStats counts what a replay did.
type ReplayStats struct {
	Sent     uint64 // recorded packets
	Repairs  uint64 // repeats of them that NACKs brought about
	NACKs    uint64 // requests, one for each call of NACK
	Unknown  uint64 // packets asked for that the recording or the history does not have
	Up, Down ModelStats
}

// Replay sends a recording through an impaired link in virtual time and
// answers requests for what is lost, which pass the link too: the receiver's
// figures depend on nothing but the recording, the profile and the seed.
//
// What a recording cannot do: a keyframe that is asked for, or another rate. It
// belongs to one goroutine, which calls Run; NACK is called from within
// Deliver and Tick.
type Replay struct {
	cfg   ReplayConfig
	path  *Path
	now   time.Duration
	queue schedule
	stats ReplayStats

	sources map[uint32]*source
	repairs map[uint32]bool // SSRCs of repairs
}

// source is what a replay keeps of one SSRC to repeat it.
type source struct {
	repair Repair
	seq    uint16 // of the next repair
	ring   [replayHistory]struct {
		packet []byte // empty: never filled
		seq    uint16
		asked  bool
		again  time.Duration // when it was repeated last
	}
}

// NewReplay returns a replay at time 0 of its profile.
func NewReplay(cfg ReplayConfig) (*Replay, error) {
	if err := cfg.Profile.Check(); err != nil {
		return nil, err
	}
	if cfg.Deliver == nil {
		return nil, errors.New("replay: nobody to deliver to")
	}
	if len(cfg.Repairs) > replaySources {
		return nil, fmt.Errorf("replay: %d sources to repair; at most %d", len(cfg.Repairs), replaySources)
	}
	if cfg.Again == 0 {
		cfg.Again = max(3*time.Millisecond, (cfg.Profile.Up.Delay+cfg.Profile.Down.Delay)*3/4)
	}
	if cfg.Drain == 0 {
		cfg.Drain = time.Second
	}
	r := &Replay{
		cfg: cfg, path: NewPath(cfg.Seed, cfg.Profile),
		sources: map[uint32]*source{}, repairs: map[uint32]bool{},
	}
	for media, repair := range cfg.Repairs {
		r.sources[media] = &source{repair: repair}
		if repair.SSRC != 0 {
			r.repairs[repair.SSRC] = true
		}
	}
	return r, nil
}

// Now is the virtual time: since the beginning of the recording.
func (r *Replay) Now() time.Duration { return r.now }

// RTT is the round trip of the profile now, without jitter and queue.
func (r *Replay) RTT() time.Duration {
	up, down := r.path.conditions(r.now)
	return up.Delay + down.Delay
}

// Stats returns the counts so far.
func (r *Replay) Stats() ReplayStats {
	s := r.stats
	s.Up, s.Down = r.path.Stats()
	return s
}

// Run replays a whole recording. RTCP in it is left out.
func (r *Replay) Run(recording *rtpdump.Reader) error {
	if r.cfg.Tick != nil {
		r.at(0, event{kind: eventTick})
	}
	for {
		rec, err := recording.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		if rec.RTCP || len(rec.Packet) < 12 {
			continue
		}
		ssrc := binary.BigEndian.Uint32(rec.Packet[8:])
		if r.repairs[ssrc] {
			continue
		}
		// A recording may be out of order where packets were.
		r.until(max(rec.At, r.now))
		r.stats.Sent++
		r.remember(ssrc, rec.Packet)
		r.send(ssrc, rec.Packet)
	}
	r.until(r.now + r.cfg.Drain)
	return nil
}

// NACK asks for packets of a source (RFC 4585, 6.2.1), now. The request takes the way up.
func (r *Replay) NACK(ssrc uint32, seqs []uint16) {
	r.stats.NACKs++
	arrivals, n := r.path.Up(r.now, Overhead+12+4*len(seqs))
	for _, at := range arrivals[:n] {
		r.at(at, event{kind: eventNACK, ssrc: ssrc, seqs: append([]uint16(nil), seqs...)})
	}
}

// send puts a packet on the way down.
func (r *Replay) send(ssrc uint32, packet []byte) {
	arrivals, n := r.path.Down(r.now, Overhead+len(packet))
	for _, at := range arrivals[:n] {
		r.at(at, event{kind: eventPacket, ssrc: ssrc, packet: append([]byte(nil), packet...)})
	}
}

// remember keeps a packet for repairs.
func (r *Replay) remember(ssrc uint32, packet []byte) {
	s := r.sources[ssrc]
	if s == nil {
		return
	}
	seq := binary.BigEndian.Uint16(packet[2:])
	slot := &s.ring[seq%replayHistory]
	slot.packet = append(slot.packet[:0], packet...)
	slot.seq, slot.asked = seq, false
}

// repeat answers a NACK that has arrived.
func (r *Replay) repeat(ssrc uint32, seqs []uint16) {
	s := r.sources[ssrc]
	for _, seq := range seqs {
		if s == nil {
			r.stats.Unknown++
			continue
		}
		slot := &s.ring[seq%replayHistory]
		switch {
		case slot.packet == nil || slot.seq != seq:
			r.stats.Unknown++
			continue
		case slot.asked && r.now-slot.again < r.cfg.Again:
			continue
		}
		slot.asked, slot.again = true, r.now
		r.stats.Repairs++
		if s.repair.SSRC == 0 {
			r.send(ssrc, slot.packet)
			continue
		}
		if packet := s.retransmission(slot.packet); packet != nil {
			r.send(s.repair.SSRC, packet)
		}
	}
}

// retransmission returns the packet of RFC 4588, 4, for one; nil if it has no
// whole header.
func (s *source) retransmission(packet []byte) []byte {
	size := 12 + 4*int(packet[0]&0x0f)
	if packet[0]&0x10 != 0 { // header extension (RFC 3550, 5.3.1)
		if len(packet) < size+4 {
			return nil
		}
		size += 4 + 4*int(binary.BigEndian.Uint16(packet[size+2:]))
	}
	if len(packet) < size {
		return nil
	}
	out := make([]byte, 0, len(packet)+2)
	out = append(out, packet[:size]...)
	out = append(out, packet[2], packet[3])
	out = append(out, packet[size:]...)
	out[1] = out[1]&0x80 | s.repair.PayloadType&0x7f
	binary.BigEndian.PutUint16(out[2:], s.seq)
	binary.BigEndian.PutUint32(out[8:], s.repair.SSRC)
	s.seq++
	return out
}

// until lets time pass, with all that happens in it.
func (r *Replay) until(end time.Duration) {
	for r.queue.Len() > 0 && r.queue.events[0].at <= end {
		e := r.queue.take()
		r.now = max(r.now, e.at)
		switch e.kind {
		case eventPacket:
			r.cfg.Deliver(r.now, e.ssrc, e.packet)
			r.tick()
		case eventNACK:
			r.repeat(e.ssrc, e.seqs)
		case eventTick:
			if e.tick == r.queue.tick {
				r.tick()
			}
		}
	}
	r.now = max(r.now, end)
}

// tick calls Tick and sees to it that it is called again in time.
func (r *Replay) tick() {
	if r.cfg.Tick == nil {
		return
	}
	// A receiver that asks for no time at all would stop ours.
	next := max(r.cfg.Tick(r.now), 10*time.Microsecond)
	r.queue.tick++
	r.at(r.now+next, event{kind: eventTick, tick: r.queue.tick})
}

func (r *Replay) at(at time.Duration, e event) {
	e.at = at
	r.queue.put(e)
}
