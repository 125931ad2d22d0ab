package kms

import (
	"image"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/ui"
)

// Places of the layers of a scene. They are fixed, because a layer is uploaded
// again only when its place's version changes.
const (
	placePanel = iota
	placeWords
	placeSpinner // over the words: it alone changes eight times a second
	numPlaces
)

// numbers gives every image another version, so that none is taken for what
// was in its place before.
type numbers struct{ last atomic.Uint64 }

func (n *numbers) next() uint64 { return n.last.Add(1) }

// words draws a status into the layers of a scene. It belongs to one goroutine.
type words struct {
	painter  *ui.Painter
	versions *numbers
	image    *image.RGBA
	status   *ui.Status // as drawn
	page     bool       // as drawn: over everything
	drawn    ui.Drawn
	due      time.Time // when it looks different without any event, zero for never
	seconds  int64     // the countdown as drawn
}

// lay draws st for an output of the size given, if that is not what was drawn,
// or as much of it as time has changed.
func (w *words) lay(scene *gl.Scene, st *ui.Status, page bool, size image.Point, now time.Time) {
	same := w.image != nil && w.status == st && w.page == page && w.image.Rect.Max == size
	if same && !w.due.IsZero() && !now.Before(w.due) {
		if seconds(st, now) != w.seconds || w.drawn.Spinner.Empty() {
			same = false
		} else {
			w.painter.Spin(w.image, w.drawn, now)
			scene.Layers[placeSpinner] = gl.Layer{Image: w.image, Area: w.drawn.Spinner, Version: w.versions.next()}
			w.due = now.Add(ui.SpinStep)
		}
	}
	if same {
		return
	}
	w.status, w.page, w.image = st, page, image.NewRGBA(image.Rectangle{Max: size})
	if page {
		w.drawn = w.painter.Page(w.image, st, now)
	} else {
		w.drawn = w.painter.Notice(w.image, st, now)
	}
	w.seconds, w.due = seconds(st, now), next(st, w.drawn, now)
	scene.Layers[placeWords] = gl.Layer{Image: w.image, Area: w.drawn.Area, Version: w.versions.next()}
	scene.Layers[placeSpinner] = gl.Layer{}
}

// clear takes the words off the scene.
func (w *words) clear(scene *gl.Scene) {
	w.image, w.status, w.due = nil, nil, time.Time{}
	scene.Layers[placeWords], scene.Layers[placeSpinner] = gl.Layer{}, gl.Layer{}
}

// next is when st will look different: at the next second of a countdown, or
// the next step of the mark.
func next(st *ui.Status, d ui.Drawn, now time.Time) time.Time {
	if !d.Spinner.Empty() {
		return now.Add(ui.SpinStep)
	}
	if left := st.RetryAt.Sub(now); left > 0 {
		return now.Add((left-1)%time.Second + 1)
	}
	return time.Time{}
}

// seconds is what a countdown says at the time now, 0 where there is none.
func seconds(st *ui.Status, now time.Time) int64 {
	if st.RetryAt.IsZero() {
		return 0
	}
	return int64((st.RetryAt.Sub(now) + time.Second - 1) / time.Second)
}
