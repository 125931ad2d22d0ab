package agent

import (
	"image"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
)

// watcher is a display that reads back what it has drawn.
type watcher interface {
	Watch(screen int, area func(width, height int) image.Rectangle, seen func(picture *image.RGBA, t media.Timing)) error
}

// Mark sends an input that makes the host show a marker with this number, of
// 13 bits; Config.OnMarker hears of it when it is seen. Any goroutine. It
// returns false where no session shows pictures.
func (a *Agent) Mark(id uint16) bool {
	at := a.session.Load()
	if at == nil || !at.live.Load() {
		return false
	}
	at.Session.Mark(id)
	return true
}

// Pictured is closed when the first picture ever is on the screen.
func (a *Agent) Pictured() <-chan struct{} { return a.totals.pictured }

// watchMarkers looks for markers where the display can read its own pixels.
func (a *Agent) watchMarkers() error {
	w, ok := a.display.(watcher)
	if !ok || a.cfg.OnMarker == nil {
		return nil
	}
	for i := range a.screens {
		err := w.Watch(i, barcode.MarkerArea, func(picture *image.RGBA, t media.Timing) {
			if id, err := barcode.ReadMarkerImage(picture); err == nil {
				a.cfg.OnMarker(id, t)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lookAt looks for a marker in a frame in memory that a window has shown.
func (a *Agent) lookAt(f *media.Frame) {
	if a.cfg.OnMarker == nil || f.Format == media.DMABuf {
		return
	}
	if _, ok := a.display.(watcher); ok {
		return // which sees the very pixels
	}
	if id, err := barcode.ReadMarker(f); err == nil {
		a.cfg.OnMarker(id, f.Timing)
	}
}
