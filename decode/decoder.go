package decode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

const (
	// maxFailures in a row rebuild the backend.
	maxFailures = 20
	// askAgain is how long a keyframe may take before it is asked for again:
	// the request or the keyframe may have been lost.
	askAgain = 250 * time.Millisecond
	// maxHung is how many threads may hang at a time before Run gives up.
	maxHung = 4
)

// Config says how to decode.
type Config struct {
	// Open returns a backend for a codec. [Hardware.Open] gives a decoder the
	// whole chain to go down. nil: software through libavcodec.
	Open func(media.Codec) (Backend, error)
	// OnFrame takes ownership of each picture, on the decoding thread. It must
	// not block. Required.
	OnFrame func(*media.Frame)
	// NeedKeyframe is called when nothing can be decoded before a keyframe,
	// with the reason in words, from Submit, Downgrade or a goroutine of Run's.
	// It must not block. nil: nobody is asked.
	NeedKeyframe func(reason string)
	// OnCapabilities is told what can be decoded after a link was left, so that
	// the host can send something else: one for each codec. It is called by a
	// goroutine of Run's and must not block. nil: nobody is told.
	OnCapabilities func([]Capability)
	// HangAfter is how long a call into a backend may take before the backend
	// and its thread are left behind; opening, closing and the first picture
	// five times as long. 0: 3 s, so that a starved processor is no hang.
	HangAfter time.Duration
	// Logger: nil discards.
	Logger *slog.Logger
}

// Decoder decodes the access units of one screen.
type Decoder struct {
	// Constant after New.
	cfg     Config
	log     *slog.Logger
	queue   *queue
	started time.Time // of the clock for deadlines

	ordered atomic.Bool // reset or refused is set

	mu      sync.Mutex // guards what follows
	stats   Stats
	asked   time.Time // when a keyframe was last asked for
	chain   *Hardware // nil before the first backend of one was opened
	floors  floors    // the best links that may be opened
	reset   bool
	refused string // by the display, why
}

// New checks cfg and returns a decoder that decodes nothing before Run.
func New(cfg Config) (*Decoder, error) {
	if cfg.OnFrame == nil {
		return nil, errors.New("new decoder: OnFrame is required")
	}
	if cfg.Open == nil {
		cfg.Open = openSoftware
	}
	if cfg.NeedKeyframe == nil {
		cfg.NeedKeyframe = func(string) {}
	}
	if cfg.OnCapabilities == nil {
		cfg.OnCapabilities = func([]Capability) {}
	}
	if cfg.HangAfter <= 0 {
		cfg.HangAfter = 3 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	log := cfg.Logger.With("component", "decode")
	return &Decoder{cfg: cfg, log: log, queue: newQueue(), started: time.Now()}, nil
}

// Submit takes ownership of au and returns at once. Any goroutine; access
// units of one decoder have to come in decoding order.
func (d *Decoder) Submit(au *media.AccessUnit) {
	key := au.Keyframe // au is not ours after put
	if key {
		d.mu.Lock()
		d.asked = time.Time{} // it came: the next trouble is a new one
		d.mu.Unlock()
	}
	dropped, why := d.queue.put(au)
	if dropped == 0 {
		return
	}
	d.drop(why, dropped)
	if why == DropOverflow && !key {
		d.ask("decoder cannot keep up")
	}
}

// Downgrade says that the display cannot use pictures as dma-bufs, and why. The
// decoder goes to the next link, with the next access unit, and asks for a
// keyframe now. Where pictures are no dma-bufs, or no longer, it does nothing:
// pictures that were on their way may be refused too. Any goroutine.
func (d *Decoder) Downgrade(reason string) {
	if reason == "" {
		reason = "no reason given"
	}
	d.mu.Lock()
	exports := d.stats.DMABuf && d.refused == ""
	if exports {
		d.refused = reason
		d.ordered.Store(true)
	}
	d.mu.Unlock()
	if exports {
		d.ask("the display refuses pictures")
	}
}

// Reset is for between two sessions: it allows the best link again, but for
// those that hung, and forgets the stream. Any goroutine.
func (d *Decoder) Reset() {
	d.mu.Lock()
	d.floors, d.reset, d.refused = floors{}, true, ""
	d.ordered.Store(true)
	d.mu.Unlock()
}

// takeOrders returns what Downgrade and Reset have left.
func (d *Decoder) takeOrders() (reset bool, refused string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	reset, refused = d.reset, d.refused
	d.reset, d.refused = false, ""
	d.ordered.Store(false)
	return reset, refused
}

// Stats returns the figures so far. Any goroutine.
func (d *Decoder) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Run decodes until ctx ends, then returns nil, or until no backend can be
// opened. It runs once, starts the goroutine that decodes and returns after it,
// but for one that hangs: that one is left behind and frees what it holds if it
// ever comes back. Access units submitted after Run are released.
func (d *Decoder) Run(ctx context.Context) error {
	w := d.newWorker()
	go w.run(ctx)
	err := d.supervise(ctx, w)
	d.drop(DropShutdown, d.queue.close())
	return err
}

// supervise waits for the worker and replaces one that hangs.
func (d *Decoder) supervise(ctx context.Context, w *worker) error {
	tick := time.NewTicker(d.cfg.HangAfter / 4)
	defer tick.Stop()
	for {
		select {
		case err := <-w.done:
			return err
		case <-tick.C:
		}
		if !w.watch.giveUp(d.now()) {
			continue
		}
		hung := d.abandon(w)
		if ctx.Err() != nil {
			return nil
		}
		if hung >= maxHung {
			return fmt.Errorf("decode: %d threads hang in a decoder", hung)
		}
		w = d.newWorker()
		w.hurry = true
		go w.run(ctx)
	}
}

// abandon takes leave of a worker that hangs in a call. It returns how many do.
func (d *Decoder) abandon(w *worker) int {
	if w.holding && !w.gave {
		d.drop(DropHung, 1)
	}
	d.mu.Lock()
	d.stats.Hangs++
	d.stats.Hanging++
	hanging := d.stats.Hanging
	d.mu.Unlock()
	d.log.Warn("the decoder hangs", "codec", w.codec)
	d.ask("the decoder hangs")
	if w.link == nil {
		return hanging
	}
	const why = "it hung"
	w.link.chain.condemnLink(w.link.at, why)
	if !w.link.last() {
		d.descended(w.link, w.codec, why)
	}
	return hanging
}

// returned is the end of a worker that was abandoned.
func (d *Decoder) returned(w *worker, err error) {
	d.count(func(s *Stats) { s.Hanging-- })
	d.log.Info("a decoder that hung came back", "codec", w.codec, "err", err)
}

// open opens a backend: the best one, or the best below what was left.
func (d *Decoder) open(codec media.Codec) (Backend, error) {
	d.mu.Lock()
	chain, floor := d.chain, d.floors.of(codec)
	d.mu.Unlock()
	if chain == nil || floor == 0 {
		return d.cfg.Open(codec)
	}
	b, err := chain.openFrom(codec, floor)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// opened notes a new backend; link is nil where it is part of no chain.
func (d *Decoder) opened(b Backend, link *linkBackend, codec media.Codec) {
	d.mu.Lock()
	d.stats.Backend, d.stats.Codec, d.stats.DMABuf = b.Name(), codec, link != nil && link.export()
	if link != nil {
		d.chain = link.chain
	}
	d.mu.Unlock()
	d.log.Info("decoder opened", "codec", codec, "backend", b.Name())
	if link != nil && link.above != nil {
		d.settle(link.chain, codec, link.at, link.above.Error())
	}
}

// descended leaves a link for the one below.
func (d *Decoder) descended(link *linkBackend, codec media.Codec, why string) {
	d.log.Warn("decoder link left", "codec", codec, "backend", link.chain.links[link.at].name, "err", why)
	d.settle(link.chain, codec, link.at+1, why)
}

// settle makes a link the best one until Reset and tells what is left.
func (d *Decoder) settle(chain *Hardware, codec media.Codec, at int, why string) {
	d.mu.Lock()
	d.stats.Downgrades++
	d.stats.Reason = why
	d.stats.DMABuf = d.stats.DMABuf && chain.links[at].export
	d.chain = chain
	d.floors.raise(codec, at)
	floors := d.floors
	d.mu.Unlock()
	d.cfg.OnCapabilities(chain.capabilities(floors))
}

// show gives a picture away, unless it refers to one that was refused.
func (d *Decoder) show(f *media.Frame, hide bool) {
	if hide {
		f.Release()
		d.drop(DropWaiting, 1)
		return
	}
	f.Timing.Decoded = time.Now()
	d.mu.Lock()
	d.stats.Decoded++
	d.stats.Width, d.stats.Height = f.Width, f.Height
	d.mu.Unlock()
	d.cfg.OnFrame(f)
}

func (d *Decoder) drop(why Reason, n int) {
	d.mu.Lock()
	d.stats.Dropped[why] += uint64(n)
	d.mu.Unlock()
}

func (d *Decoder) count(change func(*Stats)) {
	d.mu.Lock()
	change(&d.stats)
	d.mu.Unlock()
}

// ask asks for a keyframe, but not again and again within askAgain.
func (d *Decoder) ask(reason string) {
	now := time.Now()
	d.mu.Lock()
	again := !d.asked.IsZero() && now.Sub(d.asked) < askAgain
	if !again {
		d.asked = now
	}
	d.mu.Unlock()
	if !again {
		d.cfg.NeedKeyframe(reason)
	}
}
