package decode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

const (
	// maxFailures in a row rebuild the backend.
	maxFailures = 20
	// askAgain is how long a keyframe may take before it is asked for again:
	// the request or the keyframe may have been lost.
	askAgain = 250 * time.Millisecond
)

// Config says how to decode.
type Config struct {
	// Open returns a backend for a codec. nil: software through libavcodec.
	Open func(media.Codec) (Backend, error)
	// OnFrame takes ownership of each picture, on Run's thread. It must not
	// block. Required.
	OnFrame func(*media.Frame)
	// NeedKeyframe is called when nothing can be decoded before a keyframe,
	// with the reason in words, from Run or Submit. It must not block. nil:
	// nobody is asked.
	NeedKeyframe func(reason string)
	// Logger: nil discards.
	Logger *slog.Logger
}

// Decoder decodes the access units of one screen.
type Decoder struct {
	// Constant after New.
	cfg   Config
	log   *slog.Logger
	queue *queue

	// Owned by Run.
	backend  Backend
	codec    media.Codec
	waiting  bool // drop until a keyframe, do not feed
	hide     bool // feed, but do not show before a keyframe
	failures int  // refused in a row

	mu    sync.Mutex // guards what follows
	stats Stats
	asked time.Time // when a keyframe was last asked for
}

// New checks cfg and returns a decoder that decodes nothing before Run.
func New(cfg Config) (*Decoder, error) {
	if cfg.OnFrame == nil {
		return nil, errors.New("new decoder: OnFrame is required")
	}
	if cfg.Open == nil {
		cfg.Open = openBackend
	}
	if cfg.NeedKeyframe == nil {
		cfg.NeedKeyframe = func(string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	log := cfg.Logger.With("component", "decode")
	return &Decoder{cfg: cfg, log: log, queue: newQueue(), waiting: true}, nil
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

// Stats returns the figures so far. Any goroutine.
func (d *Decoder) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Run decodes until ctx ends, then returns nil, or until no backend can be
// opened. It keeps its OS thread and runs once. Access units submitted after
// it are released.
func (d *Decoder) Run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := d.loop(ctx)
	d.drop(DropShutdown, d.queue.close())
	if cerr := d.closeBackend(); err == nil {
		err = cerr
	}
	return err
}

func (d *Decoder) loop(ctx context.Context) error {
	for ctx.Err() == nil {
		au := d.queue.get()
		if au == nil {
			select {
			case <-ctx.Done():
			case <-d.queue.wake:
			}
			continue
		}
		err := d.handle(au)
		au.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// handle decodes one access unit or drops it. An error ends Run.
func (d *Decoder) handle(au *media.AccessUnit) error {
	if err := d.admit(au); err != nil {
		d.drop(DropRefused, 1)
		return err
	}
	if d.waiting {
		d.drop(DropWaiting, 1)
		d.ask("waiting for a keyframe")
		return nil
	}
	pictures, err := d.decode(au)
	switch {
	case err != nil:
		d.log.Debug("access unit refused", "codec", au.Codec, "err", err)
		d.drop(DropRefused, 1)
	case pictures == 0:
		d.drop(DropNoPicture, 1)
	default:
		d.failures = 0
		return nil
	}
	return d.fail()
}

// admit decides whether au can be decoded and opens a backend when a keyframe
// needs one.
func (d *Decoder) admit(au *media.AccessUnit) error {
	switch {
	case au.Keyframe:
		return d.start(au.Codec)
	case au.Discontinuity || au.Codec != d.codec:
		d.waiting = true
	}
	return nil
}

// start makes the backend ready for a keyframe.
func (d *Decoder) start(codec media.Codec) error {
	if d.backend == nil || d.codec != codec {
		if err := d.reopen(codec); err != nil {
			return err
		}
	} else if d.waiting {
		d.backend.Flush()
	}
	d.waiting, d.hide = false, false
	return nil
}

// reopen closes the backend, if any, and opens one for codec.
func (d *Decoder) reopen(codec media.Codec) error {
	if err := d.closeBackend(); err != nil {
		d.log.Warn("closing a backend failed", "err", err)
	}
	b, err := d.cfg.Open(codec)
	if err != nil {
		return fmt.Errorf("open %v decoder: %w", codec, err)
	}
	d.backend, d.codec, d.failures = b, codec, 0
	d.mu.Lock()
	d.stats.Backend, d.stats.Codec = b.Name(), codec
	d.mu.Unlock()
	d.log.Info("decoder opened", "codec", codec, "backend", b.Name())
	return nil
}

func (d *Decoder) closeBackend() error {
	if d.backend == nil {
		return nil
	}
	b := d.backend
	d.backend = nil
	return b.Close()
}

// decode sends au and hands on every picture that is ready.
func (d *Decoder) decode(au *media.AccessUnit) (pictures int, err error) {
	err = d.backend.Send(au)
	if errors.Is(err, libav.ErrAgain) {
		if pictures, err = d.receive(); err == nil {
			err = d.backend.Send(au)
		}
	}
	if err != nil {
		return pictures, err
	}
	more, err := d.receive()
	return pictures + more, err
}

// receive hands on pictures until there are none.
func (d *Decoder) receive() (pictures int, err error) {
	for {
		f, err := d.backend.Receive()
		if errors.Is(err, libav.ErrAgain) {
			return pictures, nil
		}
		if err != nil {
			return pictures, err
		}
		pictures++
		d.show(f)
	}
}

// show gives a picture away, unless it refers to one that was refused.
func (d *Decoder) show(f *media.Frame) {
	if d.hide {
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

// fail follows an access unit that gave no picture: what comes before the next
// keyframe refers to it. The backend is still fed, to learn whether it works.
func (d *Decoder) fail() error {
	d.hide = true
	d.failures++
	d.ask("the decoder refused a picture")
	if d.failures < maxFailures {
		return nil
	}
	d.log.Warn("rebuilding the decoder", "codec", d.codec, "attempt", d.failures)
	d.mu.Lock()
	d.stats.Rebuilds++
	d.mu.Unlock()
	d.waiting = true
	return d.reopen(d.codec)
}

func (d *Decoder) drop(why Reason, n int) {
	d.mu.Lock()
	d.stats.Dropped[why] += uint64(n)
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
