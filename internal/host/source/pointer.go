package source

import (
	"context"
	"image"
	"time"
)

// Times between two looks at a pointer.
const (
	pointerBusy   = 4 * time.Millisecond  // while it moves or may be about to
	pointerIdle   = 16 * time.Millisecond // of a pointer that did not for pointerLinger
	pointerLinger = 500 * time.Millisecond
	stirredLinger = 50 * time.Millisecond // of one that was only stirred
	shapeInterval = 33 * time.Millisecond // between two new shapes
)

// glance is what a look at a pointer finds.
type glance struct {
	screen int         // -1: none
	at     image.Point // pixel of the screen's picture
	size   image.Point // of the picture
	shape  *PointerShape
}

// watcher makes a [Pointer]'s Next of looks.
type watcher struct {
	stirred chan struct{} // capacity 1, never closed; full means that Next will look anyway
	timer   *time.Timer   // nil before the first Next

	last   PointerState
	looked time.Time // zero: never
	given  time.Time // when Next last returned
	busy   time.Time // it is looked for often until then
}

func newWatcher() watcher { return watcher{stirred: make(chan struct{}, 1)} }

// Stir makes Next look soon.
func (w *watcher) Stir() {
	select {
	case w.stirred <- struct{}{}:
	default:
	}
}

// next is [Pointer.Next]; look looks once.
func (w *watcher) next(ctx context.Context, look func() (glance, error)) (PointerState, error) {
	wait := time.Until(w.looked.Add(pointerBusy))
	for {
		stirred, err := w.wait(ctx, wait)
		if err != nil {
			return PointerState{}, err
		}
		g, err := look()
		if err != nil {
			return PointerState{}, err
		}
		now := time.Now()
		first := w.looked.IsZero()
		w.looked = now
		if w.take(g, now) || first || stirred || now.Sub(w.given) >= PointerPeriod {
			w.given = now
			return w.last, nil
		}
		wait = w.pause(now)
	}
}

// wait waits so long, or until somebody stirs the pointer but no less than is
// between any two looks.
func (w *watcher) wait(ctx context.Context, d time.Duration) (stirred bool, err error) {
	if w.timer == nil {
		w.timer = time.NewTimer(d)
	} else {
		w.timer.Reset(d)
	}
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-w.stirred:
			stirred = true
			w.timer.Reset(time.Until(w.looked.Add(pointerBusy)))
		case <-w.timer.C:
			select {
			case <-w.stirred:
				stirred = true
			default:
			}
			if stirred {
				w.stayBusy(time.Now().Add(stirredLinger))
			}
			return stirred, nil
		}
	}
}

// pause is how long to wait with the next look.
func (w *watcher) pause(now time.Time) time.Duration {
	wait := pointerIdle
	if now.Before(w.busy) {
		wait = pointerBusy
	}
	return min(wait, w.given.Add(PointerPeriod).Sub(now))
}

func (w *watcher) stayBusy(until time.Time) {
	if until.After(w.busy) {
		w.busy = until
	}
}

// take makes g the last state and reports whether that changed.
func (w *watcher) take(g glance, now time.Time) bool {
	s := PointerState{Moved: w.last.Moved, Shape: g.shape}
	if g.screen >= 0 {
		s.Screen, s.Visible = g.screen, true
		s.X, s.Y = along(g.at.X, g.size.X), along(g.at.Y, g.size.Y)
	}
	if w.last.Moved.IsZero() || s.Screen != w.last.Screen || s.Visible != w.last.Visible || s.X != w.last.X || s.Y != w.last.Y {
		s.Moved = now
		w.stayBusy(now.Add(pointerLinger))
	}
	changed := s != w.last
	w.last = s
	return changed
}

// along returns the middle of pixel p of n as 0..65535: whoever maps it to n
// pixels has p again.
func along(p, n int) uint16 {
	if n <= 0 {
		return 0
	}
	p = min(max(p, 0), n-1)
	return uint16((2*p + 1) << 15 / n)
}

// empty reports whether nothing of pix is to be seen.
func empty(pix []byte) bool {
	for i := 3; i < len(pix); i += 4 {
		if pix[i] != 0 {
			return false
		}
	}
	return true
}
