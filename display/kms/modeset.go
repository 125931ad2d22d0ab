package kms

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"syscall"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
)

// light turns the output on in the best mode that the driver accepts.
func (o *output) light(now time.Time) time.Time {
	if now.Before(o.retry) {
		return o.retry
	}
	err := o.modeset(now)
	switch {
	case err == nil:
		o.patience = 0
		return o.flight.took.Add(flipPatience)
	case errors.Is(err, syscall.EBUSY):
		o.count(func(c *display.Counts) { c.Busy++ })
		return time.Now().Add(busyPause)
	case denied(err) && !o.d.away.Load() && o.d.dev.TakeMaster() == nil: // whoever had it let go
		return time.Now()
	}
	o.complain("set mode", err)
	return o.later(now)
}

// modeset tries the modes until one is taken.
func (o *output) modeset(now time.Time) error {
	list := o.head.candidates(&o.d.cfg, o.stream)
	var refused []error
	for i, m := range list {
		err := o.try(m, now)
		if err == nil {
			o.refused = list[:i]
			return nil
		}
		if !refusal(err) {
			return err
		}
		o.log.Info("mode refused", "mode", title(m), "err", err)
		refused = append(refused, fmt.Errorf("%s: %w", title(m), err))
	}
	if len(refused) == 0 {
		return fmt.Errorf("monitor offers no mode: %w", errors.ErrUnsupported)
	}
	return errors.Join(refused...)
}

// best is the first mode that was not refused when the present one was set.
func (o *output) best(list []mode.Mode) (m mode.Mode, ok bool) {
	i := slices.IndexFunc(list, func(m mode.Mode) bool {
		return !slices.ContainsFunc(o.refused, func(r mode.Mode) bool { return sameTiming(m, r) })
	})
	if i < 0 {
		return mode.Mode{}, false
	}
	return list[i], true
}

// refusal reports that another mode may be accepted where this was not.
func refusal(err error) bool {
	for _, e := range [...]syscall.Errno{syscall.EINVAL, syscall.ENOSPC, syscall.ERANGE, syscall.EDOM, syscall.ENOMEM, syscall.EIO, syscall.EDEADLK} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// try draws what is on show at the mode's size and sets the mode with it:
// drivers refuse an output without a picture.
func (o *output) try(m mode.Mode, now time.Time) error {
	if err := o.fit(image.Pt(int(m.HDisplay), int(m.VDisplay))); err != nil {
		return err
	}
	if st, page := o.message(0); st != nil {
		o.layWords(st, page, now)
	} else {
		o.words.clear(&o.scene)
		o.layStream(o.last)
	}
	o.stale = false
	b, err := o.render(&flight{})
	if errors.Is(err, gl.ErrImport) && o.last != nil {
		o.last.Release() // the picture before the mode set is not worth more
		o.last = nil
		return o.try(m, now)
	}
	if err != nil {
		o.dropCanvas()
		return fmt.Errorf("draw: %w", err)
	}
	if err := o.enter(m, b, now); err != nil {
		closeFence(&b)
		o.canvas.Release(b)
		return err
	}
	return nil
}

// dropCanvas has a new one made next time.
func (o *output) dropCanvas() {
	o.complainIf("close canvas", o.canvas.Close())
	o.canvas, o.hasShown, o.shown = nil, false, buffer{}
}

// fit gives the canvas the mode's size.
func (o *output) fit(size image.Point) error {
	if o.canvas == nil {
		c, err := o.d.dev.NewCanvas()
		if err != nil {
			return fmt.Errorf("open canvas: %w", err)
		}
		o.canvas, o.size = c, image.Point{}
	}
	if o.size == size {
		return nil
	}
	if err := o.canvas.Resize(size); err != nil {
		o.dropCanvas() // as after a GPU reset, where nothing works on it any more
		return fmt.Errorf("make buffers of %v: %w", size, err)
	}
	o.size, o.hasShown = size, false
	if o.screen != nil {
		o.screen.setSize(size)
	}
	return nil
}

// enter sets the mode, after the driver said that it would take it.
func (o *output) enter(m mode.Mode, b buffer, now time.Time) error {
	blob, err := o.d.dev.CreateBlob(encodeMode(m))
	if err != nil {
		return err
	}
	variable := o.head.variable(&o.d.cfg)
	took, err := o.commitMode(blob, b, variable)
	if err != nil {
		o.complainIf("destroy mode", o.d.dev.DestroyBlob(blob))
		return err
	}
	if o.oldBlob != 0 { // of a mode set whose flip was given up
		o.complainIf("destroy mode", o.d.dev.DestroyBlob(o.oldBlob))
	}
	o.oldBlob, o.blob = o.blob, blob
	o.mode, o.variable, o.lit = m, variable, true
	o.flight = flight{buf: b, drawn: true, began: now, first: now, sent: took, modeset: true}
	o.accepted()
	o.pointer.hidden()
	o.log.Info("mode set", "mode", title(m), "crtc", o.pipe.crtc, "vrr", variable)
	return nil
}

// commitMode asks the driver about the mode and then for it.
func (o *output) commitMode(blob uint32, b buffer, variable bool) (began time.Time, err error) {
	if err := o.fillMode(blob, b, variable); err != nil {
		return time.Time{}, err
	}
	if err := o.d.dev.Commit(&o.request, flagTestOnly|flagModeset); err != nil {
		return time.Time{}, err
	}
	began = time.Now()
	return began, o.d.dev.Commit(&o.request, flagNonblock|flagEvent|flagModeset)
}

// fillMode makes the request that turns the output on, whatever another
// program left.
func (o *output) fillMode(blob uint32, b buffer, variable bool) error {
	r := &o.request
	r.reset()
	if err := o.evict(r); err != nil {
		return err
	}
	r.set(o.connector, "CRTC_ID", uint64(o.pipe.crtc))
	r.clamped(o.connector, "max bpc", maxBPC)
	r.neutral(o.connector, "HDR_OUTPUT_METADATA", 0)
	r.neutral(o.connector, "Colorspace", 0)
	if o.head.linkBad {
		r.set(o.connector, "link-status", 0)
	}
	r.set(o.crtc, "MODE_ID", uint64(blob))
	r.set(o.crtc, "ACTIVE", 1)
	r.set(o.crtc, "VRR_ENABLED", flag(variable))
	for _, name := range [...]string{"DEGAMMA_LUT", "CTM", "GAMMA_LUT"} {
		r.neutral(o.crtc, name, 0)
	}
	o.primary.show(r, o.pipe.crtc, b.FB, 0, 0, o.size.X, o.size.Y)
	r.neutral(o.primary.object, "rotation", 1)
	r.neutral(o.primary.object, "alpha", 0xffff)
	if b.Fence >= 0 && o.primary.fence != 0 {
		r.add(o.primary.id, o.primary.fence, uint64(b.Fence))
	}
	o.pointer.hide(r) // no mode is refused for its sake
	return nil
}

func flag(on bool) uint64 {
	if on {
		return 1
	}
	return 0
}

// evict takes everybody else off our CRTC, and everything off the CRTC that
// our connector is leaving.
func (o *output) evict(r *request) error {
	t, err := o.d.dev.Topology()
	if err != nil {
		return err
	}
	c, err := readObject(o.d.dev, kindConnector, o.connector.id)
	if err != nil {
		return err
	}
	leaving := uint32(c.value("CRTC_ID"))
	if leaving == o.pipe.crtc {
		leaving = 0
	}
	for _, id := range t.Connectors {
		if id == o.connector.id {
			continue
		}
		other, err := readObject(o.d.dev, kindConnector, id)
		if err != nil {
			continue // it was on a hub that is gone
		}
		switch on := uint32(other.value("CRTC_ID")); {
		case on == o.pipe.crtc:
			r.set(other, "CRTC_ID", 0)
		case on == leaving:
			leaving = 0 // in use
		}
	}
	for _, p := range t.Planes {
		if p.ID == o.pipe.primary || p.ID == o.pipe.cursor {
			continue
		}
		l, err := readLayer(o.d.dev, p.ID)
		if err != nil {
			return err
		}
		if on := uint32(l.value("CRTC_ID")); on != 0 && (on == o.pipe.crtc || on == leaving) {
			l.hide(r)
		}
	}
	if leaving == 0 {
		return nil
	}
	crtc, err := readObject(o.d.dev, kindCRTC, leaving)
	if err != nil {
		return err
	}
	r.set(crtc, "MODE_ID", 0)
	r.set(crtc, "ACTIVE", 0)
	return nil
}

// sameTiming reports whether two modes differ by name and type at most.
func sameTiming(a, b mode.Mode) bool {
	a.Name, a.Type, b.Name, b.Type = "", 0, "", 0
	return a == b
}

// title is a mode as it stands in logs: 1920x1080@59.940.
func title(m mode.Mode) string {
	return fmt.Sprintf("%dx%d@%d.%03d", m.HDisplay, m.VDisplay, m.MilliHz()/1000, m.MilliHz()%1000)
}
