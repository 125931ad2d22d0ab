package kms

import (
	"context"
	"errors"
	"image"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/internal/media"
)

// output drives one monitor. Its state:
//
//	dark --mode set--> pending --flip--> lit --commit--> pending --flip--> lit
//	  ^                                   |
//	  +---- power off, console away, mode change, GPU reset, refusal ----+
type output struct {
	d    *Display
	name string
	pipe pipe
	log  *slog.Logger

	wakeup   chan struct{}        // capacity 1, never closed: full means that run will look anyway
	flips    chan flip            // capacity 4, never closed; at most one is on its way
	captures chan chan<- captured // unbuffered, never closed; run answers into what it is given
	rested   chan struct{}        // capacity 1, never closed: nothing is in flight while the console is away
	parked   chan struct{}        // closed by run when it commits nothing any more
	ended    chan struct{}        // closed by run as the last thing

	want      atomic.Pointer[screen] // that it shows; nil: none
	found     atomic.Pointer[head]   // on its connector, by the manager
	unplugged atomic.Bool            // run turns the connector off when it ends

	telling sync.Mutex
	told    state // guarded by telling

	// All below belongs to run.

	screen *screen
	head   *head
	stream *stream
	canvas canvas
	size   image.Point
	sight  *image.RGBA // what was read last for who watches

	copied, imported uint64 // by the canvas, as counted last

	timer *time.Timer

	connector *object
	crtc      *object
	primary   *layer
	pointer   pointer
	request   request

	mode     mode.Mode
	refused  []mode.Mode // before mode was taken
	blob     uint32      // of mode
	oldBlob  uint32      // until the mode set's flip
	variable bool
	lit      bool
	retry    time.Time // of a mode set that failed
	patience time.Duration

	gpu     time.Duration // that it drew on after the last frame's commit
	pending bool          // a commit is in flight
	ready   bool          // a picture is drawn and the kernel was too busy for it
	flight  flight
	shown   buffer // that the card scans out
	hasShown,
	stale bool // what is on the screen has to be drawn again
	last    *media.Frame // on the screen, kept to draw it again; may be nil
	panel   *panel       // as drawn
	fresh   time.Time    // when the last new frame was committed
	pool    uint64       // whose import failed last
	scene   gl.Scene
	words   words
	pacer   *pace.Pacer
	arrived func(time.Time) // pacer.Arrived
	counted pace.Counts
	ledger  pace.Ledger
	lock    pace.Lock
	gridded bool // the period was told

	complaint  string // logged last
	complained time.Time
}

// flight is one commit and what it brings to the screen.
type flight struct {
	buf     buffer
	drawn   bool         // buf is one
	frame   *media.Frame // new on the screen with it, else nil
	seen    *image.RGBA  // of frame, for who watches
	began   time.Time    // drawing
	first   time.Time    // when the kernel was asked first
	sent    time.Time    // when the kernel was asked the time that it accepted
	took    time.Time    // when it had accepted
	waiting int          // frames that waited behind when drawing began
	modeset bool
	repeat  bool
	cursor  bool // the cursor plane is part of it
}

const (
	// flipPatience is how long a flip may take before it is given up. The
	// slowest panel takes 1/24 s, a virtual machine much longer.
	flipPatience = 3 * time.Second
	// endPatience is that at the end and for a monitor that is gone.
	endPatience = 500 * time.Millisecond
	// blankLength is about that of a vertical blank.
	blankLength = 2 * time.Millisecond
	// busyPause is between two tries of a commit that met another one,
	// busyPatience how long it is tried.
	busyPause    = time.Millisecond
	busyPatience = time.Second
	// firstRetry doubles up to lastRetry while a mode set fails.
	firstRetry = 250 * time.Millisecond
	lastRetry  = 5 * time.Second
	// panelPatience is how long new figures wait for a frame to be drawn with,
	// cursorPatience how long a moved pointer does: a commit of its own would
	// keep the next frame from this blank.
	panelPatience  = 100 * time.Millisecond
	cursorPatience = 50 * time.Millisecond
)

func newOutput(d *Display, h *head, p pipe) (*output, error) {
	painter, err := d.newPainter()
	if err != nil {
		return nil, err
	}
	o := &output{
		d: d, name: h.Name, pipe: p, log: d.cfg.Logger.With("component", "display", "connector", h.Name),
		wakeup: make(chan struct{}, 1), flips: make(chan flip, 4), captures: make(chan chan<- captured),
		rested: make(chan struct{}, 1), parked: make(chan struct{}), ended: make(chan struct{}),
		words: words{painter: painter, versions: &d.versions},
		scene: gl.Scene{Layers: make([]gl.Layer, numPlaces)},
		pacer: pace.New(pace.Config{}),
	}
	o.arrived = o.pacer.Arrived
	o.found.Store(h)
	if o.connector, err = readObject(d.dev, kindConnector, h.ID); err != nil {
		return nil, err
	}
	if o.crtc, err = readObject(d.dev, kindCRTC, p.crtc); err != nil {
		return nil, err
	}
	if o.primary, err = readLayer(d.dev, p.primary); err != nil {
		return nil, err
	}
	return o, o.pointer.open(d.dev, p.cursor)
}

// signal makes run look at everything.
func (o *output) signal() {
	select {
	case o.wakeup <- struct{}{}:
	default:
	}
}

// run serves the output until ctx ends.
func (o *output) run(ctx context.Context) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(o.ended)
	o.timer = time.NewTimer(time.Hour)
	defer o.timer.Stop()
	for ctx.Err() == nil {
		o.arm(o.step(time.Now()))
		select {
		case <-ctx.Done():
		case <-o.wakeup:
		case f := <-o.flips:
			o.flipped(f, time.Now())
		case <-o.timer.C:
		case answer := <-o.captures:
			answer <- o.capture()
		}
	}
	o.finish()
}

// arm wakes run at the time at; zero is never.
func (o *output) arm(at time.Time) {
	if at.IsZero() {
		o.timer.Stop()
		return
	}
	o.timer.Reset(max(0, time.Until(at)))
}

// step does the next thing there is to do and returns when there will be
// something without any event, zero for never.
func (o *output) step(now time.Time) time.Time {
	if o.pending {
		return o.waitForFlip(now)
	}
	if o.ready && o.d.away.Load() {
		o.recall(true)
	}
	if o.ready {
		return o.send(now)
	}
	o.follow()
	switch {
	case o.d.away.Load():
		o.darken()
		o.retry, o.patience = time.Time{}, 0
		offer(o.rested)
		return time.Time{}
	case o.screen != nil && o.screen.off.Load():
		return o.powerOff(now)
	case !o.lit:
		return o.light(now)
	}
	return o.show(now)
}

// follow takes over which screen it shows, what monitor there is and what the
// stream is, and decides whether that wants another mode.
func (o *output) follow() {
	if s := o.want.Load(); s != o.screen {
		o.leave()
		o.screen, o.stale = s, true
		if s != nil {
			s.setSize(o.size)
		}
	}
	var st *stream
	if o.screen != nil {
		st = o.screen.stream.Load()
	}
	h := o.found.Load()
	if h == o.head && st == o.stream {
		return
	}
	if h != o.head {
		o.refused = nil // of another monitor, or for another wish
	}
	o.head, o.stream = h, st
	o.scene.Fit, o.stale = h.fit(), true
	best, ok := o.best(h.candidates(&o.d.cfg, st))
	if !ok || !o.lit || h.linkBad || !sameTiming(best, o.mode) || h.variable(&o.d.cfg) != o.variable {
		o.darken()
		o.retry, o.patience = time.Time{}, 0
	}
}

// leave gives back what is of the screen shown so far.
func (o *output) leave() {
	if o.last != nil {
		o.last.Release()
		o.last = nil
	}
	o.words.clear(&o.scene)
	o.scene.Picture, o.scene.Cursor, o.scene.Layers[placePanel] = nil, nil, gl.Layer{}
	o.panel = nil
	if o.screen != nil {
		o.screen.setPhase(display.Phase{})
		o.screen.figures.Pause()
	}
}

// darken makes the next commit a mode set.
func (o *output) darken() {
	if !o.lit {
		return
	}
	o.lit = false
	o.tell()
	if o.screen != nil {
		o.screen.setPhase(display.Phase{})
		o.screen.figures.Pause()
	}
}

// waitForFlip gives a commit up whose flip does not come: the driver lost it,
// or the monitor is gone.
func (o *output) waitForFlip(now time.Time) time.Time {
	if end := o.flight.took.Add(flipPatience); now.Before(end) {
		return end
	}
	o.log.Warn("no flip came", "crtc", o.pipe.crtc, "dur", flipPatience)
	o.count(func(c *display.Counts) { c.Lost++ })
	o.flipped(flip{CRTC: o.pipe.crtc}, now)
	o.darken()
	return now
}

// count changes the figures of the screen on show.
func (o *output) count(change func(*display.Counts)) {
	if o.screen != nil {
		o.screen.figures.Count(change)
	}
}

// powerOff turns the monitor off, which keeps its mode and buffers.
func (o *output) powerOff(now time.Time) time.Time {
	if !o.lit {
		return time.Time{}
	}
	o.request.reset()
	o.request.set(o.crtc, "ACTIVE", 0)
	switch err := o.d.dev.Commit(&o.request, flagModeset); {
	case errors.Is(err, syscall.EBUSY):
		return now.Add(busyPause)
	case err != nil:
		o.complain("turn output off", err)
		return now.Add(lastRetry)
	}
	o.darken()
	return time.Time{}
}

// complain logs an error, the same one at most once a second.
func (o *output) complain(what string, err error) {
	now := time.Now()
	if text := err.Error(); text != o.complaint || now.Sub(o.complained) >= time.Second {
		o.complaint, o.complained = text, now
		o.log.Warn(what, "err", err)
	}
}

func (o *output) complainIf(what string, err error) {
	if err != nil {
		o.complain(what, err)
	}
}
