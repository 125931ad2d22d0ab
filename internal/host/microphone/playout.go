package microphone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Decoder makes mono sound of packets: *libav.OpusDecoder, for one. Run calls it.
type Decoder interface {
	Decode(dst []int16, packet []byte) (int, error)
	// DecodeFEC restores the packet before next, which was len(dst) long.
	DecodeFEC(dst []int16, next []byte) (int, error)
	Conceal(dst []int16) (int, error)
}

// Sink is where the sound goes: [Source]. Run calls it.
type Sink interface {
	Write(pcm []int16) error
	Taken() bool // somebody records
}

// Config describes a playout.
type Config struct {
	Decoder Decoder // required, of one channel; the caller closes it after Run
	Sink    Sink    // required; the caller closes it after Run
	// OnWanted is told when a program begins to record and when, for a second,
	// none has. Run calls it; it must not block. nil ignores it.
	OnWanted func(bool)
	Logger   *slog.Logger // nil discards
}

// Stats counts.
type Stats struct {
	Played    uint64 `json:"played"`    // packets
	Restored  uint64 `json:"restored"`  // from the copy in the packet that followed
	Concealed uint64 `json:"concealed"` // pieces made up
	Late      uint64 `json:"late"`      // packets that came when their turn was over, or twice
	Dropped   uint64 `json:"dropped"`   // packets thrown away, because too much waited
	Refused   uint64 `json:"refused"`   // packets that are not what was agreed
	TargetMS  uint64 `json:"target_ms"` // what shall wait
}

const (
	tick      = 10 * time.Millisecond
	idleTick  = 100 * time.Millisecond // nobody talks and nobody records
	least     = 10 * time.Millisecond  // of what shall wait before a piece is played
	atFirst   = 20 * time.Millisecond
	most      = 60 * time.Millisecond
	mostWaits = 100 * time.Millisecond
	watch     = 2 * time.Second  // how long too much waits until a packet is left out
	calm      = 10 * time.Second // without a hole until less may wait
	silentFor = 60 * time.Millisecond
	unwanted  = time.Second
)

// Playout plays packets into a sink, in time.
type Playout struct {
	cfg   Config
	mu    sync.Mutex // guards queue; held for copies only
	queue queue
	wake  chan struct{} // capacity 1, never closed: a packet came
	count struct{ played, restored, concealed, late, dropped, refused, target atomic.Uint64 }

	// Owned by Run.
	pcm      []int16 // decoded; out of it a tick's worth is played
	have     int
	packet   packet // the one being decoded, a copy
	talking  bool   // packets come; false: they gather until target
	hole     int    // samples made up since the last packet
	target   int    // samples
	lowest   int    // of what waited, since watched
	watched  time.Time
	calmFrom time.Time
	wanted   bool
	taken    time.Time
}

// New checks cfg and returns a playout.
func New(cfg Config) (*Playout, error) {
	if cfg.Decoder == nil || cfg.Sink == nil {
		return nil, errors.New("microphone: a decoder and a sink are needed")
	}
	if cfg.OnWanted == nil {
		cfg.OnWanted = func(bool) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// 5760: what Opus decoders want to have room for.
	p := &Playout{cfg: cfg, wake: make(chan struct{}, 1), pcm: make([]int16, 5760+longest), target: samples(atFirst)}
	return p, nil
}

// Packet takes an RTP packet of the microphone's section, decrypted. It copies
// and does not block. Any goroutine.
func (p *Playout) Packet(rtp []byte) {
	seq, stamp, payload, err := parseRTP(rtp)
	if err != nil {
		p.count.refused.Add(1)
		return
	}
	p.mu.Lock()
	r := p.queue.put(seq, stamp, payload)
	p.mu.Unlock()
	switch r {
	case late, again:
		p.count.late.Add(1)
		return
	case refused:
		p.count.refused.Add(1)
		return
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counts so far.
func (p *Playout) Stats() Stats {
	c := &p.count
	return Stats{
		Played: c.played.Load(), Restored: c.restored.Load(), Concealed: c.concealed.Load(), Late: c.late.Load(),
		Dropped: c.dropped.Load(), Refused: c.refused.Load(), TargetMS: c.target.Load(),
	}
}

// Run plays until ctx ends or the sink fails.
func (p *Playout) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	silence := make([]int16, samples(tick))
	due := time.Now()
	for {
		idle := !p.talking && !p.wanted
		var wake <-chan struct{}
		if idle {
			wake = p.wake
		}
		select {
		case <-timer.C:
		case <-wake:
			due = time.Now()
		case <-ctx.Done():
			return nil
		}
		out := p.next()
		if out == nil {
			out = silence
		}
		if err := p.cfg.Sink.Write(out); err != nil {
			return fmt.Errorf("play microphone: %w", err)
		}
		p.drop(len(out))
		p.notice()
		step := tick
		if !p.talking && !p.wanted {
			step = idleTick
		}
		if due = due.Add(step); time.Since(due) > mostWaits {
			due = time.Now() // this machine stood still: that time is not made up for
		}
		timer.Reset(time.Until(due))
	}
}

// notice tells when recording begins and ends.
func (p *Playout) notice() {
	now := time.Now()
	if p.cfg.Sink.Taken() {
		p.taken = now
		if !p.wanted {
			p.wanted = true
			p.cfg.OnWanted(true)
		}
	} else if p.wanted && now.Sub(p.taken) > unwanted {
		p.wanted = false
		p.cfg.OnWanted(false)
	}
}

// next returns a tick of sound, nil for silence.
func (p *Playout) next() []int16 {
	want := samples(tick)
	for p.have < want {
		if !p.more() {
			clear(p.pcm[p.have:want]) // the end of what was said
			if p.have == 0 {
				return nil
			}
			p.have = want
		}
	}
	return p.pcm[:want]
}

// drop forgets what was played.
func (p *Playout) drop(n int) {
	if p.have == 0 {
		return
	}
	p.have = copy(p.pcm, p.pcm[n:p.have])
}
