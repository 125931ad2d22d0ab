package client

import (
	"slices"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// wishInterval is the least time between two writings of wishes; those that
// come meanwhile wait, and of two of one kind the newer stays.
const wishInterval = 100 * time.Millisecond

// wishes are what the terminal wants of the host's pictures and has not said
// yet: the newest of each kind. The control goroutine says them.
type wishes struct {
	wake chan struct{} // capacity 1, never closed; full means that the control goroutine will look anyway

	mu       sync.Mutex // guards below
	decoders []wire.Decoder
	layout   []wire.Placement
	has      struct{ decoders, layout bool }
	limits   []wire.Limit // at most one a screen
	phases   []phaseWish  // at most one a screen
	dark     bool         // the last layout has no connected output
}

// phaseWish is a PHASE by our own clock.
type phaseWish struct {
	screen uint8
	at     time.Time
	period time.Duration
}

func (w *wishes) init() { w.wake = make(chan struct{}, 1) }

// nudge makes the control goroutine look.
func (w *wishes) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// SetDecoders tells the host what can be decoded now, best first, so that it
// sends no more. The list is copied. Like the three that follow it may be
// called from any goroutine, before Run too, and never blocks: the newest word
// is said when the channel is open, not more than ten times a second. A new
// session knows nothing of what was said in another.
func (s *Session) SetDecoders(all []wire.Decoder) {
	w := &s.control.wishes
	w.mu.Lock()
	w.decoders, w.has.decoders = slices.Clone(all), true
	w.mu.Unlock()
	w.nudge()
}

// SetLimit asks for fewer pixels than could be decoded, on one screen or, with
// wire.AllScreens, on each; zero bounds take it back.
func (s *Session) SetLimit(l wire.Limit) {
	if l.Screen >= maxScreens && l.Screen != wire.AllScreens {
		return
	}
	w := &s.control.wishes
	w.mu.Lock()
	w.limits = newest(w.limits, l, func(o wire.Limit) bool { return o.Screen == l.Screen })
	w.mu.Unlock()
	w.nudge()
}

// SetLayout tells the host all outputs of the terminal and where they stand,
// so that it makes its screens to match; the list is copied. A screen that it
// does not name, or names without Connected, is not sent until another layout.
func (s *Session) SetLayout(all []wire.Placement) {
	w := &s.control.wishes
	w.mu.Lock()
	w.layout, w.has.layout = slices.Clone(all), true
	w.dark = !slices.ContainsFunc(all, func(p wire.Placement) bool { return p.Connected })
	w.mu.Unlock()
	w.nudge()
}

// isDark reports whether no picture is to be expected.
func (w *wishes) isDark() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dark
}

// SetPhase asks the host to capture a screen at at, by our clock, and every
// period before and after it: then its pictures arrive just in time. A period
// of 0 lets the host run free. It is said once the host's clock is known. The
// caller says it again while the session lasts, because clocks drift, and
// smooths what it says: the host follows every word.
func (s *Session) SetPhase(screen int, at time.Time, period time.Duration) {
	if screen < 0 || screen >= maxScreens {
		return
	}
	p := phaseWish{uint8(screen), at, period}
	w := &s.control.wishes
	w.mu.Lock()
	w.phases = newest(w.phases, p, func(o phaseWish) bool { return o.screen == p.screen })
	w.mu.Unlock()
	w.nudge()
}

// Mark makes the host show a marker with this number, of 13 bits, in its next
// pictures (internal/barcode reads it). It goes the way of every key, and like
// them nowhere before the channel is open or without the focus.
func (s *Session) Mark(id uint16) {
	ev := input.Event{Kind: input.KindKey, Usage: input.Marker(id), Down: true, Time: time.Now()}
	s.Handle(ev)
	ev.Down = false
	s.Handle(ev)
}

// newest replaces the wish that is for the same as v, or adds v.
func newest[W any](all []W, v W, same func(W) bool) []W {
	if i := slices.IndexFunc(all, same); i >= 0 {
		all[i] = v
		return all
	}
	return append(all, v)
}

// append adds what is to be said to b and forgets it. Phases stay while the
// host's clock is not known; those of a second ago would be no use then, but
// their grid still is.
func (w *wishes) append(b []byte, clock *hostClock) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.has.decoders {
		b = wire.AppendDecoders(b, w.decoders)
	}
	for _, l := range w.limits {
		b = wire.AppendLimit(b, l)
	}
	if w.has.layout {
		b = wire.AppendLayout(b, w.layout)
	}
	w.has.decoders, w.has.layout, w.limits = false, false, w.limits[:0]
	if !clock.Known() {
		return b
	}
	for _, p := range w.phases {
		b = wire.AppendPhase(b, wire.Phase{Screen: p.screen, At: wall(p.at).Add(clock.Offset()), Period: p.period})
	}
	w.phases = w.phases[:0]
	return b
}

// wall is t by the wall clock as it stands now: the clock may have been set
// since t was read, and the offset is of the clock as it is.
func wall(t time.Time) time.Time {
	now := time.Now()
	return now.Round(0).Add(t.Sub(now))
}
