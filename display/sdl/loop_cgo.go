//go:build linux && cgo && !nonative

package sdl

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"runtime"
	"time"

	sdl2 "github.com/veandco/go-sdl2/sdl"
	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/libav"
)

// loop is the main thread's side of a display, alive during Run.
type loop struct {
	d       *Display
	windows []*window
	seat    *seat
	scaler  *libav.Scaler
	gpu     gpu    // nil: the CPU draws
	driver  string // SDL's name of the window system
	rest    *rest  // nil: SDL waits for events
	painter *ui.Painter
	arrow   arrow
	copied  string // by us; what others copied since is told
	quit    bool
	awake   bool // the screen saver is held off
}

// errThread is what Run returns on any thread but the first: X11 and SDL
// would work there, Wayland and other systems' windows would not.
var errThread = errors.New("display: run: not on the main OS thread")

func (d *Display) open() (*loop, error) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		return nil, errThread
	}
	painter, err := ui.NewPainter(d.cfg.Title)
	if err != nil {
		return nil, fmt.Errorf("display: run: %w", err)
	}
	driver, err := initSDL()
	if err != nil {
		return nil, err
	}
	l := &loop{d: d, painter: painter, scaler: libav.NewScaler(), driver: driver}
	// X11 gets the pixels as they are and wants them multiplied by alpha; for
	// Wayland SDL does that itself.
	l.arrow.straight = driver == driverWayland
	l.seat = newSeat(d.cfg.Config, l)
	if err := l.openWindows(); err != nil {
		l.close()
		return nil, err
	}
	l.useGPU()
	if driver == driverX11 {
		if l.rest, err = newRest(l.windows[0].win); err != nil {
			l.close()
			return nil, fmt.Errorf("display: run: %w", err)
		}
	}
	return l, nil
}

// startNoBus keeps SDL from starting a session bus, to hold the screen saver off
// with: where there is none libdbus runs dbus-launch, which takes three seconds
// and leaves a daemon behind (D-Bus specification, "autolaunch").
func startNoBus() error {
	const address = "DBUS_SESSION_BUS_ADDRESS"
	if os.Getenv(address) != "" {
		return nil
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		if _, err := os.Stat(filepath.Join(dir, "bus")); err == nil {
			return nil
		}
	}
	return os.Setenv(address, "disabled:")
}

// initSDL sets what SDL wants to know before it starts, and starts it. It
// returns the name of the window system.
func initSDL() (driver string, err error) {
	hints := [...][2]string{
		{sdl2.HINT_NO_SIGNAL_HANDLERS, "1"},      // signals are main's business
		{sdl2.HINT_VIDEO_ALLOW_SCREENSAVER, "1"}, // held off by keepAwake only
		{sdl2.HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0"},
		{sdl2.HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0"}, // two full screens lose it to each other
		{sdl2.HINT_GRAB_KEYBOARD, "1"},
		{"SDL_MOUSE_FOCUS_CLICKTHROUGH", "1"}, // the click that brings the focus is meant for the host
		{sdl2.HINT_APP_NAME, "Shadow Terminal"},
	}
	for _, h := range hints {
		sdl2.SetHint(h[0], h[1])
	}
	if err := startNoBus(); err != nil {
		return "", err
	}
	if err := nameWindows(); err != nil {
		return "", err
	}
	if err := sdl2.InitSubSystem(sdl2.INIT_VIDEO | sdl2.INIT_EVENTS); err != nil {
		return "", fmt.Errorf("display: start SDL: a window system (DISPLAY or WAYLAND_DISPLAY) is needed: %w: %w", err, errors.ErrUnsupported)
	}
	// SDL falls back to drivers that show nothing, silently. Only who asks for
	// one by name gets it.
	if driver, err = sdl2.GetCurrentVideoDriver(); err != nil || driver != driverX11 && driver != driverWayland && os.Getenv("SDL_VIDEODRIVER") == "" {
		sdl2.QuitSubSystem(sdl2.INIT_VIDEO | sdl2.INIT_EVENTS)
		return "", fmt.Errorf("display: no window system can be reached: check DISPLAY (%q) or WAYLAND_DISPLAY (%q): %w",
			os.Getenv("DISPLAY"), os.Getenv("WAYLAND_DISPLAY"), errors.ErrUnsupported)
	}
	sdl2.StopTextInput() // an input method would keep keys for itself
	// SDL would put the window's memory through OpenGL: six times the time on a
	// machine without a GPU, a frame of delay on one with. On Wayland SDL 2 knows
	// no other way, and gives no memory where it is forbidden.
	through := "0"
	if driver == driverWayland {
		through = "1"
	}
	sdl2.SetHint(sdl2.HINT_FRAMEBUFFER_ACCELERATION, through)
	return driver, nil
}

// nameWindows sets the windows' class, which SDL takes from the environment only.
func nameWindows() error {
	for _, name := range [...]string{"SDL_VIDEO_X11_WMCLASS", "SDL_VIDEO_WAYLAND_WMCLASS"} {
		if _, ok := os.LookupEnv(name); ok {
			continue
		}
		if err := os.Setenv(name, "shadow-terminal"); err != nil {
			return fmt.Errorf("display: set %s: %w", name, err)
		}
	}
	return nil
}

func (l *loop) openWindows() error {
	for i := range l.d.screens {
		w, err := openWindow(l, i)
		if err != nil {
			return fmt.Errorf("display: open window %d: %w", i, err)
		}
		l.windows = append(l.windows, w)
	}
	return nil
}

// close gives everything back, in the opposite order.
func (l *loop) close() {
	l.d.end() // nothing may wake SDL from here on
	if l.rest != nil {
		l.rest.close()
	}
	l.seat.letGo()
	_ = l.arrow.show(nil) // SDL ends anyway
	for _, w := range l.windows {
		w.close()
	}
	l.endGPU()
	l.scaler.Close()
	sdl2.QuitSubSystem(sdl2.INIT_VIDEO | sdl2.INIT_EVENTS)
}

// serve sleeps until there is an event, a frame or a mark to turn.
func (l *loop) serve(ctx context.Context) error {
	for !l.quit {
		// What is handed over from here on is announced by a new event, the
		// end of ctx too: so it is looked at after this, not before.
		l.d.signalled.Store(false)
		if ctx.Err() != nil {
			return nil
		}
		l.update()
		for e := l.next(); e != nil && !l.quit; e = sdl2.PollEvent() {
			l.handle(e)
		}
	}
	return nil
}

// next returns the next event, nil when there is none and something else to do.
// What was drawn may have read events from the server already, so SDL is
// asked before the loop rests, and after it.
func (l *loop) next() sdl2.Event {
	if l.rest == nil {
		return sdl2.WaitEventTimeout(int(l.patience().Milliseconds()))
	}
	if e := sdl2.PollEvent(); e != nil {
		return e
	}
	l.rest.sleep(l.d.nudge, l.patience())
	return sdl2.PollEvent()
}

// update shows on every window what is new.
func (l *loop) update() {
	streaming := false
	for _, w := range l.windows {
		if err := w.update(time.Now()); err != nil {
			l.d.cfg.Logger.Warn("draw window", "component", "display", "connector", w.index, "err", err)
		}
		streaming = streaming || w.status == nil && w.last != nil
	}
	l.keepAwake(streaming)
	if text := l.d.clipboard.Swap(nil); text != nil {
		l.copied = *text
		if err := sdl2.SetClipboardText(*text); err != nil {
			l.d.cfg.Logger.Warn("clipboard", "component", "display", "err", err)
		}
	}
	l.point()
}

// readClipboard tells what others copied, when the person comes here: what they
// copy elsewhere and do not come here with is not ours. On X11 SDL 2 does not
// hear of what is copied while they are here.
func (l *loop) readClipboard() {
	if l.d.cfg.OnClipboard == nil || sdl2.GetKeyboardFocus() == nil {
		return
	}
	text, err := sdl2.GetClipboardText()
	if err != nil || text == "" || text == l.copied {
		return
	}
	l.copied = text
	l.d.cfg.OnClipboard(text)
}

// keepAwake holds the screen saver off while there is a picture.
func (l *loop) keepAwake(on bool) {
	if on == l.awake {
		return
	}
	l.awake = on
	if on {
		sdl2.DisableScreenSaver()
	} else {
		sdl2.EnableScreenSaver()
	}
}

// patience returns how long the loop may sleep, in whole milliseconds; below 0
// for ever.
func (l *loop) patience() time.Duration {
	var first time.Time
	for _, w := range l.windows {
		if !w.due.IsZero() && (first.IsZero() || w.due.Before(first)) {
			first = w.due
		}
	}
	if first.IsZero() {
		return -time.Millisecond
	}
	return max(time.Until(first).Truncate(time.Millisecond), 0) + time.Millisecond
}

// handle takes one event of SDL. The time is ours: SDL's is in milliseconds.
func (l *loop) handle(e sdl2.Event) {
	now := time.Now()
	switch e := e.(type) {
	case *sdl2.QuitEvent:
		l.command(display.CommandQuit)
	case *sdl2.WindowEvent:
		l.windowEvent(e)
	case *sdl2.KeyboardEvent:
		l.key(e, now)
	case *sdl2.MouseMotionEvent:
		if w := l.window(e.WindowID); w != nil {
			l.seat.motion(w.pointer(e.X, e.Y, e.XRel, e.YRel), now)
			l.point()
		}
	case *sdl2.MouseButtonEvent:
		if w := l.window(e.WindowID); w != nil {
			l.seat.button(usageOfButton(e.Button), e.State == sdl2.PRESSED, w.pointer(e.X, e.Y, 0, 0), now)
		}
	case *sdl2.ClipboardEvent:
		l.readClipboard()
	case *sdl2.MouseWheelEvent:
		l.wheel(e, now)
	}
}

func (l *loop) key(e *sdl2.KeyboardEvent, now time.Time) {
	c := l.seat.key(keyPress{
		symbol: int(e.Keysym.Sym), scancode: int(e.Keysym.Scancode), mod: int(e.Keysym.Mod),
		down: e.State == sdl2.PRESSED, repeat: e.Repeat != 0,
	}, now)
	l.quit = l.quit || c == display.CommandQuit
}

func (l *loop) wheel(e *sdl2.MouseWheelEvent, now time.Time) {
	x, y := float64(e.PreciseX), float64(e.PreciseY)
	if x == 0 && y == 0 { // SDL before 2.0.18
		x, y = float64(e.X), float64(e.Y)
	}
	if e.Direction == sdl2.MOUSEWHEEL_FLIPPED {
		x, y = -x, -y // the host has its own idea of natural scrolling
	}
	l.seat.turn(x, y, now)
}

func (l *loop) windowEvent(e *sdl2.WindowEvent) {
	w := l.window(e.WindowID)
	if w == nil {
		return
	}
	switch e.Event {
	case sdl2.WINDOWEVENT_FOCUS_GAINED:
		l.seat.focus(true)
		l.readClipboard()
	case sdl2.WINDOWEVENT_FOCUS_LOST:
		l.seat.focus(false)
	case sdl2.WINDOWEVENT_CLOSE:
		l.command(display.CommandQuit)
	case sdl2.WINDOWEVENT_RESIZED: // by the person or the window manager
		w.sized = true
		w.stale = true
	case sdl2.WINDOWEVENT_SIZE_CHANGED, sdl2.WINDOWEVENT_EXPOSED, sdl2.WINDOWEVENT_SHOWN, sdl2.WINDOWEVENT_RESTORED:
		w.stale = true
	}
}

// command is for what does not come from the keyboard. Closing the last of
// several windows comes as two events and is one command.
func (l *loop) command(c display.Command) {
	if !l.quit {
		l.quit = c == display.CommandQuit
		l.seat.command(c)
	}
}

func (l *loop) window(id uint32) *window {
	for _, w := range l.windows {
		if w.id == id {
			return w
		}
	}
	return nil
}

// grab implements desk.
func (l *loop) grab(keyboard, relative bool) {
	focus := sdl2.GetKeyboardFocus()
	for _, w := range l.windows {
		w.win.SetKeyboardGrab(keyboard && w.win == focus)
	}
	if sdl2.GetRelativeMouseMode() != relative {
		sdl2.SetRelativeMouseMode(relative)
	}
}

// fullscreen implements desk.
func (l *loop) fullscreen(on bool) {
	flags := uint32(0)
	if on {
		flags = sdl2.WINDOW_FULLSCREEN_DESKTOP
	}
	for _, w := range l.windows {
		if err := w.win.SetFullscreen(flags); err != nil {
			l.d.cfg.Logger.Warn("switch full screen", "component", "display", "connector", w.index, "err", err)
		}
		w.stale = true
	}
}

// pointer says where the mouse is in this window.
func (w *window) pointer(x, y, dx, dy int32) pointer {
	return pointer{screen: w.index, picture: w.picture, at: image.Pt(int(x), int(y)), move: image.Pt(int(dx), int(dy))}
}
