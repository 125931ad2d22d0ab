package host

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/wire"
)

// layoutInterval is the least time between two layouts that are acted on; of
// those that come meanwhile the newest counts.
const layoutInterval = 500 * time.Millisecond

// Bounds of what a layout can ask of a source.
const (
	maxSide        = 4096
	maxOffset      = 1 << 14 // both ways, so that every corner fits X11's 16 bits
	maxMilliFPS    = 240_000
	minOutputWidth = 64 // an output that is smaller is none
)

// arrange makes the source's screens as the terminal's outputs are, until ctx
// ends; then they become what they were.
func (s *session) arrange(ctx context.Context) error {
	arranger, _ := s.srv.cfg.Source.(source.Arranger)
	if s.srv.cfg.FixedScreens {
		arranger = nil
	}
	arranged := false
	pause := time.NewTimer(layoutInterval)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			if arranged {
				s.arranged(arranger.Arrange(nil))
			}
			return nil
		case all := <-s.layouts:
			s.wishes.pause(all)
			if places := placements(all, len(s.screens)); arranger != nil && len(places) > 0 {
				err := arranger.Arrange(places)
				arranged = arranged || err == nil
				s.arranged(err)
			}
			s.wishes.place(all)
			s.srv.totals.layouts.Add(1)
		}
		pause.Reset(layoutInterval)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// arranged says what became of a layout. A source that cannot be arranged is
// scaled to fit, which is no fault.
func (s *session) arranged(err error) {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		s.log.Info("screens stay as they are", "component", "host", "err", err)
	case err != nil:
		s.log.Warn("screens could not be arranged", "component", "host", "err", err)
	default:
		s.log.Info("screens arranged", "component", "host")
		if s.srv.cfg.OnScreens != nil {
			s.srv.cfg.OnScreens(s.srv.cfg.Source.Screens())
		}
	}
}

// offerLayout takes a LAYOUT; one that was not acted on yet is forgotten. Only
// the control channel's goroutine calls it.
func (s *session) offerLayout(all []wire.Placement) {
	for i := range all { // what says nothing is not connected
		p := &all[i]
		p.Connected = p.Connected && p.Width >= minOutputWidth && p.Height >= minOutputWidth
	}
	select {
	case <-s.layouts:
	default:
	}
	s.layouts <- all // has room: arrange only takes
}

// placements is what a source is asked for: the connected outputs of screens
// that there are, each once, within bounds.
func placements(all []wire.Placement, screens int) (out []source.Placement) {
	last := make([]*wire.Placement, screens)
	for i := range all {
		if k := int(all[i].Index); k < screens {
			last[k] = &all[i]
		}
	}
	for k, p := range last {
		if p != nil && p.Connected {
			out = append(out, placement(k, p))
		}
	}
	return out
}

func placement(screen int, p *wire.Placement) source.Placement {
	at := image.Pt(clamp(int(p.X), -maxOffset, maxOffset), clamp(int(p.Y), -maxOffset, maxOffset))
	size := image.Pt(min(int(p.Width), maxSide), min(int(p.Height), maxSide))
	rate := 0
	if p.MilliHz > 0 {
		rate = clamp(int(p.MilliHz), leastMilliFPS, maxMilliFPS)
	}
	return source.Placement{
		Screen: screen, Connected: true, Primary: p.Primary, Bounds: image.Rectangle{Min: at, Max: at.Add(size)},
		MilliFPS: rate, Scale: clamp(int(p.ScalePercent), 0, 500),
	}
}

func clamp(v, least, most int) int { return min(max(v, least), most) }
