package kms

import (
	"errors"
	"image"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// show draws what is new: a frame, other words, other figures, a moved
// pointer. It returns when there will be something to draw by itself.
func (o *output) show(now time.Time) time.Time {
	waiting := 0
	if o.screen != nil {
		waiting = o.screen.box.waiting(o.arrived)
	}
	if st, page := o.message(waiting); st != nil {
		return o.showWords(st, page, now)
	}
	if o.words.status != nil {
		o.words.clear(&o.scene)
		o.stale = true
	}
	plan := o.pacer.Plan(now, waiting)
	o.screen.box.drop(plan.Drop)
	waiting -= plan.Drop
	due := !plan.At.IsZero() && !now.Before(plan.At)
	switch {
	case due && waiting > 0:
		return o.showFrame(now, waiting-1)
	case due && plan.Repeat && o.last != nil:
		return o.repeat(now)
	}
	if waiting > 0 && !plan.At.IsZero() {
		return plan.At // it takes along what else is new; a commit before it could cost it its blank
	}
	return first(plan.At, o.refresh(now))
}

// message is what is shown instead of the stream: nil shows the stream. Frames
// were counted before the status is looked at, so that a frame which came
// after a status never passes it.
func (o *output) message(waiting int) (st *ui.Status, page bool) {
	if o.screen == nil {
		return o.d.unused, true
	}
	if st := o.screen.status.Load(); st != nil {
		return st, st.Page || o.last == nil
	}
	if o.last == nil && waiting == 0 {
		return o.d.idle, true
	}
	return nil, false
}

// showWords draws a status where it is another than on the screen.
func (o *output) showWords(st *ui.Status, page bool, now time.Time) time.Time {
	if s := &o.words; !o.stale && s.status == st && s.page == page && (s.due.IsZero() || now.Before(s.due)) {
		return s.due
	}
	o.layWords(st, page, now)
	return o.draw(flight{began: now})
}

// layWords makes the scene one of words: on a page, or over the dimmed picture.
func (o *output) layWords(st *ui.Status, page bool, now time.Time) {
	o.words.lay(&o.scene, st, page, o.size, now)
	o.scene.Picture, o.scene.Dim = nil, false
	if !page {
		o.scene.Picture, o.scene.Dim = o.last, true
	}
	o.panel, o.scene.Layers[placePanel] = nil, gl.Layer{}
	o.pointer.off(&o.scene)
}

// layStream makes the scene one of the stream.
func (o *output) layStream(picture *media.Frame) {
	o.scene.Picture, o.scene.Dim = picture, false
	if p := o.screen.panel.Load(); p != o.panel {
		o.panel, o.scene.Layers[placePanel] = p, gl.Layer{}
		if p != nil {
			o.scene.Layers[placePanel] = gl.Layer{Image: p.image, Area: p.area, Version: p.version}
		}
	}
	c, version := o.screen.cursor()
	o.pointer.lay(&o.scene, c, version, o.size)
}

// showFrame draws the oldest frame that waits, others waiting behind it.
func (o *output) showFrame(now time.Time, behind int) time.Time {
	s := o.screen
	f := s.box.take()
	if f == nil {
		return time.Time{}
	}
	if s.status.Load() != nil { // it came between
		s.box.giveBack(f)
		return now
	}
	o.layStream(f)
	return o.draw(flight{began: now, frame: f, waiting: behind})
}

// repeat shows the picture on the screen once more, for a variable panel.
func (o *output) repeat(now time.Time) time.Time {
	o.flight = flight{began: now, first: now, buf: o.shown, repeat: true}
	return o.send(now)
}

// refresh draws the last picture again where something beside it changed, or
// says when it will: figures and pointers wait a while for a frame to be shown
// with.
func (o *output) refresh(now time.Time) time.Time {
	if o.stale {
		return o.redraw(now)
	}
	var wait time.Time
	if o.screen.panel.Load() != o.panel {
		if wait = o.fresh.Add(panelPatience); !now.Before(wait) {
			return o.redraw(now)
		}
	}
	c, version := o.screen.cursor()
	if version == o.pointer.version || o.last == nil {
		return wait
	}
	if at := o.fresh.Add(cursorPatience); now.Before(at) {
		return first(wait, at)
	}
	drew := o.scene.Cursor != nil
	o.pointer.lay(&o.scene, c, version, o.size)
	switch {
	case drew || o.scene.Cursor != nil:
		return o.redraw(now)
	case o.pointer.moved():
		o.flight = flight{began: now, first: now}
		return o.send(now)
	}
	return wait
}

func (o *output) redraw(now time.Time) time.Time {
	o.layStream(o.last)
	return o.draw(flight{began: now})
}

// first is the earlier of two times, zero meaning never.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// draw draws the scene and sends it to the card.
func (o *output) draw(w flight) time.Time {
	b, err := o.render(&w)
	if err != nil {
		return o.undrawn(&w, err)
	}
	o.stale = false
	w.buf, w.drawn, w.first = b, true, time.Now()
	o.flight = w
	return o.send(w.first)
}

func (o *output) render(w *flight) (buffer, error) {
	if err := o.canvas.Draw(&o.scene); err != nil {
		return buffer{}, err
	}
	o.countCopies()
	w.seen = o.look(w.frame)
	return o.canvas.Swap()
}

// undrawn deals with a scene that could not be drawn.
func (o *output) undrawn(w *flight, err error) time.Time {
	o.scene.Picture = o.last
	if errors.Is(err, gl.ErrContextLost) {
		o.contextLost(err)
		if w.frame != nil {
			o.screen.box.giveBack(w.frame)
		}
		return w.began
	}
	o.complain("draw", err)
	if w.frame == nil {
		o.stale = false // the same would fail again
		return time.Time{}
	}
	o.refuse(w.frame, errors.Is(err, gl.ErrImport))
	return time.Now()
}

// contextLost gives up all that was on the GPU; light makes it anew.
func (o *output) contextLost(err error) {
	o.log.Warn("GPU was reset", "err", err)
	o.count(func(c *display.Counts) { c.Resets++ })
	o.dropCanvas()
	o.darken()
}

// refuse gives up a frame that cannot be shown. Whoever decodes is told of a
// dma-buf that cannot be drawn, once for each of its pools.
func (o *output) refuse(f *media.Frame, notImported bool) {
	o.screen.box.charge(media.CauseDisplay)
	told := f.Surface == nil || f.Surface.Pool == o.pool
	if f.Surface != nil {
		o.pool = f.Surface.Pool
	}
	index := o.screen.index
	f.Release()
	if notImported && !told {
		o.d.cfg.OnImportFailed(index)
	}
}

// send asks the kernel to show the flight, without waiting.
func (o *output) send(now time.Time) time.Time {
	w := &o.flight
	r := &o.request
	r.reset()
	if w.drawn || w.repeat {
		r.add(o.primary.id, o.primary.fb, uint64(w.buf.FB))
	}
	if w.drawn && w.buf.Fence >= 0 && o.primary.fence != 0 {
		r.add(o.primary.id, o.primary.fence, uint64(w.buf.Fence))
	}
	w.cursor = o.pointer.moved()
	o.pointer.set(r, o.pipe.crtc)
	w.sent = time.Now()
	if err := o.d.dev.Commit(r, flagNonblock|flagEvent); err != nil {
		return o.unsent(err, now)
	}
	o.accepted()
	return w.took.Add(flipPatience)
}

// accepted notes that the kernel took the flight.
func (o *output) accepted() {
	w := &o.flight
	w.took = time.Now()
	o.pending, o.ready = true, false
	o.pointer.accepted()
	if w.modeset || !w.repeat && w.frame == nil {
		return
	}
	if w.frame != nil {
		o.fresh = w.took
	}
	done := w.took.Add(o.gpu)
	o.pacer.Drawn(done, done.Sub(w.began), w.waiting, w.repeat)
}

// unsent deals with a commit that the kernel refused.
func (o *output) unsent(err error, now time.Time) time.Time {
	w := &o.flight
	switch {
	case errors.Is(err, syscall.EBUSY) && now.Sub(w.first) < busyPatience:
		// Another commit, as a mode set of the other output, holds us up.
		o.count(func(c *display.Counts) { c.Busy++ })
		o.ready = true
		return time.Now().Add(busyPause)
	case denied(err):
		o.recall(true)
		o.darken()
		o.complain("commit", err)
		return o.later(now)
	case w.cursor && refusal(err) && o.pointer.refused():
		o.log.Info("no cursor plane: the pointer is drawn with the picture", "err", err)
		o.ready = w.drawn || w.repeat // the same picture, then one with the pointer drawn
		o.stale = true
		return now
	}
	o.complain("commit", err)
	o.recall(false)
	o.darken() // everything is set anew
	return o.later(now)
}

// recall takes back a flight that was not sent. Its frame waits again, or is
// refused.
func (o *output) recall(again bool) {
	w := o.flight
	o.flight, o.ready = flight{}, false
	closeFence(&w.buf)
	if w.drawn {
		o.canvas.Release(w.buf)
	}
	o.scene.Picture = o.last
	switch {
	case w.frame == nil:
		o.stale = true
	case again:
		o.screen.box.giveBack(w.frame)
	default:
		o.refuse(w.frame, false)
	}
}

// later is when a mode set is tried again.
func (o *output) later(now time.Time) time.Time {
	o.patience = min(max(2*o.patience, firstRetry), lastRetry)
	o.retry = now.Add(o.patience)
	return o.retry
}

// closeFence gives a fence back once nobody needs it.
func closeFence(b *buffer) {
	if b.Fence > 2 { // never the standard descriptors, whatever a zero buffer says
		_ = syscall.Close(b.Fence) // nothing depends on it
	}
	b.Fence = -1
}

// point is the size of a frame.
func point(f *media.Frame) image.Point { return image.Pt(f.Width, f.Height) }
