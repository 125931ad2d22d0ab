// Package chord hears the keys that must always work, below everything that
// could hang: Ctrl+Alt+Shift+Esc, or Select+Start+Guide on a pad, held for two
// seconds opens a menu; held on, the terminal offers to restart the session,
// then itself, then to power off, and does what it offers when the keys are
// let go, so that it works blind. A key that mutes the microphone is heard
// here as well.
//
// [Watcher.Key] is called by whoever reads the devices, on any goroutine; it
// takes one lock that nobody holds over anything but a few assignments. Run
// owns the times. What is to be done and shown is called on goroutines of its
// own, each: one that never returns costs nobody else. It reads no device.
package chord

import (
	"context"
	"sync"
	"time"
)

// Action is what a person can have done.
type Action uint8

// The actions, in the order in which they come while the chord is held.
const (
	None Action = iota
	OpenMenu
	RestartSession
	RestartAgent
	PowerOff
)

// String returns the action for people.
func (a Action) String() string {
	switch a {
	case OpenMenu:
		return "menu"
	case RestartSession:
		return "restart the session"
	case RestartAgent:
		return "restart the terminal's program"
	case PowerOff:
		return "power off"
	}
	return "nothing"
}

// When an action is reached, since the chord was pressed.
const (
	toMenu     = 2 * time.Second
	toSession  = 5 * time.Second
	toAgent    = 8 * time.Second
	toPowerOff = 12 * time.Second
)

// menuPatience is how long a menu stays that nobody touches.
const menuPatience = 30 * time.Second

// showEvery is how often what is shown counts down.
const showEvery = 250 * time.Millisecond

// Show is what the person is to see.
type Show struct {
	// Held: the chord is, and letting go does Now; Next comes after Left.
	Held      bool
	Now, Next Action
	Left      time.Duration
	// Menu is open if it has items; Selected is one of them.
	Menu     []Action // None: go on
	Selected int
}

// Config is what a Watcher needs.
type Config struct {
	// OnAction does something, never OpenMenu; each call is on a goroutine of its
	// own.
	OnAction func(Action)
	// OnShow is given what to show whenever it changes, the newest only, on a
	// goroutine of its own; the zero Show takes it away.
	OnShow func(Show)
	// OnMicMute is called by Key when the key that mutes the microphone is
	// pressed; it returns at once. nil: the key is the host's.
	OnMicMute func()
}

// Keys by their code (linux/input-event-codes.h).
const (
	keyEsc     = 1
	key1       = 2
	key4       = 5
	keyEnter   = 28
	keyKPEnter = 96
	keyUp      = 103
	keyDown    = 108
	keyMicMute = 248
	btnSouth   = 0x130
	btnEast    = 0x131
	btnSelect  = 0x13a
	btnStart   = 0x13b
	btnGuide   = 0x13c
	btnUp      = 0x220 // BTN_DPAD_UP
	btnDown    = 0x221
)

// Parts of the chords; a device has a bit for each that it holds down.
const (
	ctrl = 1 << iota
	alt
	shift
	esc
	sel
	start
	guide

	keyboard = ctrl | alt | shift | esc
	pad      = sel | start | guide
)

// part returns the part that a key is, 0 for others.
func part(code uint16) uint8 {
	switch code {
	case 29, 97:
		return ctrl
	case 56, 100:
		return alt
	case 42, 54:
		return shift
	case keyEsc:
		return esc
	case btnSelect:
		return sel
	case btnStart:
		return start
	case btnGuide:
		return guide
	}
	return 0
}

// MaxDevices bounds the numbers of devices.
const MaxDevices = 64

// Watcher hears the chord. New, then Run.
type Watcher struct {
	cfg  Config
	wake chan struct{} // capacity 1, never closed: look; full means said

	mu     sync.Mutex               // guards all below
	down   [MaxDevices][2]sideState // left and right keys apart, so that one up is not both
	since  time.Time                // when the chord was complete; zero: it is not
	due    Action                   // to be done by Run
	menu   bool                     //
	choice int                      //
	until  time.Time                // the menu stays
	keep   bool                     // keys are kept from the session until all are up
	shows  Show                     // what OnShow was given last
	news   chan Show                // capacity 1
}

// sideState is the parts that a device holds down on one side.
type sideState uint8

// menuItems are what the menu offers, by number.
func menuItems() []Action { return []Action{None, RestartSession, RestartAgent, PowerOff} }

// New returns a watcher. It starts nothing.
func New(cfg Config) *Watcher {
	if cfg.OnAction == nil {
		cfg.OnAction = func(Action) {}
	}
	if cfg.OnShow == nil {
		cfg.OnShow = func(Show) {}
	}
	return &Watcher{cfg: cfg, wake: make(chan struct{}, 1), news: make(chan Show, 1)}
}

// side tells right keys from left ones.
func side(code uint16) int {
	switch code {
	case 97, 100, 54:
		return 1
	}
	return 0
}

// Key takes a transition of a device's key or button, and reports whether it
// is kept from the session: it was for a menu, or ends the chord.
func (w *Watcher) Key(device int, code uint16, down bool) (kept bool) {
	if device < 0 || device >= MaxDevices {
		return false
	}
	if code == keyMicMute && w.cfg.OnMicMute != nil {
		if down {
			w.cfg.OnMicMute()
		}
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := part(code); p != 0 {
		w.hold(device, code, sideState(p), down)
	}
	if w.menu {
		if down {
			w.choose(code)
		}
		return true
	}
	return w.keep
}

// Unplugged says that a device holds nothing any more.
func (w *Watcher) Unplugged(device int) {
	if device < 0 || device >= MaxDevices {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down[device] = [2]sideState{}
	w.judge()
}

// Captured reports whether the session is to get no input now.
func (w *Watcher) Captured() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.menu || w.keep
}

func (w *Watcher) hold(device int, code uint16, p sideState, down bool) {
	at := &w.down[device][side(code)]
	if down {
		*at |= p
	} else {
		*at &^= p
	}
	w.judge()
}

// judge sees whether a chord is complete, on all devices together.
func (w *Watcher) judge() {
	var all sideState
	for _, d := range w.down {
		all |= d[0] | d[1]
	}
	complete := all&keyboard == keyboard || all&pad == pad
	now := time.Now()
	switch {
	case complete && w.since.IsZero():
		w.since = now
	case !complete && !w.since.IsZero():
		w.due = reached(now.Sub(w.since))
		w.since = time.Time{}
	case complete:
		return
	}
	if all == 0 {
		w.keep = false
	}
	w.poke()
}

// reached is what a chord held so long does.
func reached(held time.Duration) Action {
	switch {
	case held >= toPowerOff:
		return PowerOff
	case held >= toAgent:
		return RestartAgent
	case held >= toSession:
		return RestartSession
	case held >= toMenu:
		return OpenMenu
	}
	return None
}

// after is when the action after a comes.
func after(a Action) time.Duration {
	switch a {
	case None:
		return toMenu
	case OpenMenu:
		return toSession
	case RestartSession:
		return toAgent
	}
	return toPowerOff
}

// choose is a key for the menu.
func (w *Watcher) choose(code uint16) {
	items := menuItems()
	w.until = time.Now().Add(menuPatience)
	switch {
	case code == keyUp || code == btnUp:
		w.choice = (w.choice + len(items) - 1) % len(items)
	case code == keyDown || code == btnDown:
		w.choice = (w.choice + 1) % len(items)
	case code == keyEnter || code == keyKPEnter || code == btnSouth:
		w.close(items[w.choice])
	case code == keyEsc || code == btnEast:
		w.close(None)
	case code >= key1 && code <= key4:
		w.close(items[code-key1])
	}
	w.poke()
}

// close ends the menu with what was chosen. The key that did it is not the
// session's until it is up.
func (w *Watcher) close(a Action) {
	w.menu, w.due = false, a
}

func (w *Watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run keeps the times until ctx ends; then it returns nil.
func (w *Watcher) Run(ctx context.Context) error {
	go w.show(ctx) // not waited for: what shows may hang
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.wake:
		case <-timer.C:
		}
		action, wait := w.step(time.Now())
		if action != None {
			go w.cfg.OnAction(action)
		}
		timer.Reset(wait)
	}
}

// step sees what time has brought.
func (w *Watcher) step(now time.Time) (do Action, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := time.Duration(0)
	if !w.since.IsZero() {
		held = now.Sub(w.since)
		if held >= toMenu {
			w.keep, w.menu = true, false
		}
		if held >= toPowerOff { // not only when they are let go: who could not stop it has held it long enough
			w.since, w.due = time.Time{}, PowerOff
		}
	}
	switch w.due {
	case None:
	case OpenMenu:
		w.menu, w.choice, w.until = true, 0, now.Add(menuPatience)
	default:
		do = w.due
	}
	w.due = None
	if w.menu && !now.Before(w.until) {
		w.menu = false
	}
	w.tell(held)
	switch {
	case !w.since.IsZero():
		return do, showEvery
	case w.menu:
		return do, w.until.Sub(now)
	}
	return do, time.Hour
}

// tell hands on what to show if that has changed.
func (w *Watcher) tell(held time.Duration) {
	var s Show
	switch {
	case !w.since.IsZero() && held >= toMenu:
		s = Show{Held: true, Now: reached(held)}
		s.Next = s.Now + 1
		s.Left = (after(s.Now) - held).Round(showEvery)
	case w.menu:
		s = Show{Menu: menuItems(), Selected: w.choice}
	}
	if s.same(&w.shows) {
		return
	}
	w.shows = s
	select {
	case <-w.news: // what nobody has looked at yet
	default:
	}
	w.news <- s
}

func (s *Show) same(o *Show) bool {
	return s.Held == o.Held && s.Now == o.Now && s.Left == o.Left && len(s.Menu) == len(o.Menu) && s.Selected == o.Selected
}

func (w *Watcher) show(ctx context.Context) {
	for {
		select {
		case s := <-w.news:
			w.cfg.OnShow(s)
		case <-ctx.Done():
			return
		}
	}
}
