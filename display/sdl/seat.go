package sdl

import (
	"image"
	"math"
	"slices"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/internal/input"
)

// desk is what the seat does to the window system.
type desk interface {
	grab(keyboard, relative bool) // of the window that has the focus
	fullscreen(on bool)           // of all windows
}

// seat is the person's place: it decides what of the window system's events
// goes to the host. It knows no SDL and belongs to the display's thread.
//
// Input goes to the host while a window has the focus, until the person lets
// go with a hot-key; a click brings it back. The keyboard is grabbed, so that
// the desktop's own keys reach the host too, from the first click on or on
// the full screen.
type seat struct {
	cfg  display.Config
	desk desk

	focused    bool
	released   bool // the person let go by hot-key
	clicked    bool // since the focus came
	relative   bool // mouse mode
	fullscreen bool
	told       bool // what OnFocus heard last

	held    []input.Usage // keys and buttons that are down at the host
	waking  bool          // the press of the click that ends released was swallowed
	outside bool          // the pointer was last seen beside the picture
	wheel   [2]float64    // remainders, in 1/120 of a detent
}

func newSeat(cfg display.Config, d desk) *seat {
	return &seat{cfg: cfg, desk: d, fullscreen: cfg.Fullscreen, held: make([]input.Usage, 0, 32)}
}

// live says that input goes to the host.
func (s *seat) live() bool { return s.focused && !s.released }

// settle makes the grabs and what OnFocus was told follow the state.
func (s *seat) settle() {
	live := s.live()
	if live != s.told {
		s.told = live
		s.cfg.OnFocus(live)
	}
	s.desk.grab(live && (s.clicked || s.fullscreen), live && s.relative)
}

// letGo forgets what is held and has the host release it all.
func (s *seat) letGo() {
	s.held = s.held[:0]
	s.wheel = [2]float64{}
	if s.told {
		s.told = false
		s.cfg.OnFocus(false)
	}
}

// focus is called when one of the windows gets or loses the keyboard.
func (s *seat) focus(on bool) {
	s.letGo()
	s.focused, s.clicked, s.waking = on, false, false
	s.settle()
}

// keyPress is one change of a key as the window system tells it.
type keyPress struct {
	symbol, scancode, mod int
	down, repeat          bool
}

// key handles a key and returns the command that it was, 0 for none.
func (s *seat) key(k keyPress, now time.Time) display.Command {
	if k.repeat {
		return 0 // the host repeats
	}
	if k.down {
		if c := commandOf(k.symbol, k.scancode, k.mod); c != 0 {
			s.command(c)
			return c
		}
	}
	s.change(usageOf(k.scancode), k.down, now)
	return 0
}

// command does the display's part of c and reports it. The modifiers of the
// hot-key are down at the host, so everything is released there first.
func (s *seat) command(c display.Command) {
	s.letGo()
	switch c {
	case display.CommandToggleGrab:
		s.released, s.clicked = !s.released, true
	case display.CommandToggleMouse:
		s.relative = !s.relative
	case display.CommandToggleFullscreen:
		s.fullscreen = !s.fullscreen
		s.desk.fullscreen(s.fullscreen)
	}
	if c != display.CommandQuit {
		s.settle()
	}
	s.cfg.OnCommand(c)
}

// change sends a key or button that went down or up, once.
func (s *seat) change(u input.Usage, down bool, now time.Time) {
	if u == 0 {
		return
	}
	i := slices.Index(s.held, u)
	switch {
	case down && (i >= 0 || !s.live()), !down && i < 0:
		return
	case down:
		s.held = append(s.held, u)
	default:
		s.held = slices.Delete(s.held, i, i+1)
	}
	s.cfg.OnInput(input.Event{Kind: input.KindKey, Usage: u, Down: down, Time: now})
}

// pointer is where the mouse is: over which screen's window, where the
// picture is in it, and how far it moved.
type pointer struct {
	screen  int
	picture image.Rectangle
	at      image.Point
	move    image.Point
}

// motion handles a movement of the mouse.
func (s *seat) motion(p pointer, now time.Time) {
	if !s.live() {
		return
	}
	if s.relative {
		s.cfg.OnInput(input.Event{Kind: input.KindMotion, DX: int32(p.move.X), DY: int32(p.move.Y), Time: now})
		return
	}
	if p.picture.Empty() {
		return
	}
	out := !p.at.In(p.picture)
	if out && s.outside && !s.dragging() {
		return // the edge was sent when the pointer left
	}
	s.outside = out
	s.position(p, now)
}

// position sends where the pointer is over the picture.
func (s *seat) position(p pointer, now time.Time) {
	e := input.Event{Kind: input.KindAbsolute, Screen: uint8(p.screen), Time: now}
	e.X, e.Y = absolute(p.picture, p.at)
	s.cfg.OnInput(e)
}

// dragging says that a mouse button is held down.
func (s *seat) dragging() bool {
	return slices.ContainsFunc(s.held, func(u input.Usage) bool { return u.Page() == input.PageButton })
}

// button handles a mouse button. Releases of what was pressed are always
// delivered, presses only over the picture.
func (s *seat) button(u input.Usage, down bool, p pointer, now time.Time) {
	switch {
	case s.focused && s.released:
		s.wake(down)
	case !down:
		s.change(u, false, now)
	case s.relative:
		s.click()
		s.change(u, true, now)
	case p.at.In(p.picture):
		s.click()
		if s.live() {
			s.position(p, now)
		}
		s.change(u, true, now)
	}
}

// wake ends released by a click, of which the host sees nothing.
func (s *seat) wake(down bool) {
	if down || !s.waking {
		s.waking = down
		return
	}
	s.waking, s.released, s.clicked = false, false, true
	s.settle()
}

func (s *seat) click() {
	if !s.clicked {
		s.clicked = true
		s.settle()
	}
}

// turn handles the wheel: detents to the right and away from the person,
// whole or in parts.
func (s *seat) turn(x, y float64, now time.Time) {
	if !s.live() {
		return
	}
	e := input.Event{Kind: input.KindWheel, Time: now}
	e.DX, s.wheel[0] = units(s.wheel[0] + x*120)
	e.DY, s.wheel[1] = units(s.wheel[1] + y*120)
	if e.DX != 0 || e.DY != 0 {
		s.cfg.OnInput(e)
	}
}

// units splits v into a whole number and what is left.
func units(v float64) (int32, float64) {
	whole := math.Round(v)
	return int32(whole), v - whole
}
