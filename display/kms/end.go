package kms

import (
	"errors"
	"fmt"
	"image"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/display"
)

// captured is the answer to a wish for what is on the screen.
type captured struct {
	image *image.RGBA
	err   error
}

// capture draws the present scene once more, into a buffer that nobody sees,
// and reads it.
func (o *output) capture() captured {
	if !o.lit || o.canvas == nil {
		return captured{err: fmt.Errorf("capture %s: nothing is shown", o.name)}
	}
	if err := o.canvas.Draw(&o.scene); err != nil {
		return captured{err: fmt.Errorf("capture %s: %w", o.name, err)}
	}
	img := image.NewRGBA(image.Rectangle{Max: o.size})
	if err := o.canvas.Read(img); err != nil {
		return captured{err: fmt.Errorf("capture %s: %w", o.name, err)}
	}
	return captured{image: img}
}

// finish waits for the last flip, hands the connector back and frees all.
func (o *output) finish() {
	o.drain()
	if o.unplugged.Load() {
		o.disable()
	}
	close(o.parked)
	if !o.unplugged.Load() {
		<-o.d.restored // until then the card scans out our buffers
	}
	if o.last != nil {
		o.last.Release()
		o.last = nil
	}
	if o.canvas != nil {
		o.complainIf("close canvas", o.canvas.Close())
	}
	o.pointer.close()
	for _, id := range [...]uint32{o.blob, o.oldBlob} {
		if id != 0 {
			o.complainIf("destroy mode", o.d.dev.DestroyBlob(id))
		}
	}
	if o.screen != nil {
		o.screen.setPhase(display.Phase{})
		o.screen.figures.Pause()
	}
}

// drain ends the commit in flight.
func (o *output) drain() {
	if o.pending {
		o.timer.Reset(endPatience)
		select {
		case f := <-o.flips:
			o.flipped(f, time.Now())
		case <-o.timer.C:
		}
	}
	if f := o.flight.frame; f != nil {
		o.screen.box.left()
		f.Release()
	}
	closeFence(&o.flight.buf)
	o.flight, o.pending, o.ready = flight{}, false, false
}

// disable takes the connector off its CRTC and turns both off.
func (o *output) disable() {
	if o.d.away.Load() {
		return
	}
	r := &o.request
	r.reset()
	r.set(o.connector, "CRTC_ID", 0)
	r.set(o.crtc, "ACTIVE", 0)
	r.set(o.crtc, "MODE_ID", 0)
	o.primary.hide(r)
	o.pointer.hide(r)
	// The card may be another's by now: then there is nothing to turn off.
	if err := o.d.dev.Commit(r, flagModeset); err != nil && !denied(err) {
		o.complain("turn connector off", err)
	}
}

// denied reports that the card is another program's at the moment.
func denied(err error) bool {
	return errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
}
