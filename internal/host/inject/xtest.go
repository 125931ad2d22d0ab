package inject

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
)

// evdevOffset is what X keycodes are above evdev codes where the server uses
// the evdev rules; the greatest X keycode is 255.
const (
	evdevOffset = 8
	maxKeycode  = 255
)

// detent is what one turn of a wheel counts.
const detent = 120

// Core buttons of X that are wheels or have other numbers than HID's.
const (
	buttonWheelUp    = 4
	buttonWheelDown  = 5
	buttonWheelLeft  = 6
	buttonWheelRight = 7
	buttonSideOffset = 4 // HID 4 is X 8
)

// XTest injects into one X server through its XTEST extension. The methods of
// [Injector] belong to one goroutine. A request that the server refuses, such
// as a button it has not got, is logged; that the server is gone comes with
// the next call.
type XTest struct {
	log  *slog.Logger
	conn *xgb.Conn
	root xproto.Window
	places
	codes   *keycode.Table
	drained chan struct{} // closed when the connection has ended

	wheelV, wheelH int32 // below one detent

	mu  sync.Mutex // guards below
	err error      // that the server is gone
}

// openXTest connects to the display. Beside the goroutines of the X library it
// starts one that reads the server's errors; all end with Close or with the
// server.
func openXTest(cfg DeviceConfig) (*XTest, error) {
	if cfg.Display == "" {
		return nil, fmt.Errorf("open XTEST: no X display is configured: %w", errors.ErrUnsupported)
	}
	codes, err := keycode.New()
	if err != nil {
		return nil, err
	}
	conn, err := xgb.NewConnDisplay(cfg.Display)
	if err != nil {
		return nil, fmt.Errorf("open XTEST: connect to X display %s: %w", cfg.Display, err)
	}
	x := &XTest{log: cfg.Logger, conn: conn, codes: codes, drained: make(chan struct{})}
	if err := x.setUp(cfg.Regions); err != nil {
		conn.Close()
		return nil, fmt.Errorf("open XTEST: X display %s: %w", cfg.Display, err)
	}
	go x.drain()
	return x, nil
}

func (x *XTest) setUp(regions []Region) error {
	if err := xtest.Init(x.conn); err != nil {
		return fmt.Errorf("%w (%w)", err, errors.ErrUnsupported)
	}
	setup := xproto.Setup(x.conn)
	if setup == nil || len(setup.Roots) == 0 {
		return errors.New("the server has no screen")
	}
	screen := setup.DefaultScreen(x.conn)
	x.root = screen.Root
	if len(regions) == 0 {
		regions = []Region{{Width: int(screen.WidthInPixels), Height: int(screen.HeightInPixels)}}
	}
	x.SetRegions(regions)
	return x.checkKeycodes()
}

// checkKeycodes makes sure that the server numbers keys as evdev does. It asks
// for the arrows, which no layout moves.
func (x *XTest) checkKeycodes() error {
	arrows := map[uint16]xproto.Keysym{103: 0xff52, 105: 0xff51, 106: 0xff53, 108: 0xff54} // up, left, right, down
	for code, keysym := range arrows {
		reply, err := xproto.GetKeyboardMapping(x.conn, xproto.Keycode(code+evdevOffset), 1).Reply()
		if err != nil {
			return fmt.Errorf("get keyboard mapping: %w", err)
		}
		if len(reply.Keysyms) == 0 || reply.Keysyms[0] != keysym {
			return fmt.Errorf("the server does not use evdev keycodes (setxkbmap -rules evdev): %w", errors.ErrUnsupported)
		}
	}
	return nil
}

// drain reads what the server sends unasked: errors. It ends with the
// connection.
func (x *XTest) drain() {
	defer close(x.drained)
	for {
		event, err := x.conn.WaitForEvent()
		if event != nil {
			continue
		}
		if err == nil {
			x.gone()
			return
		}
		x.log.Warn("X server refused input", "err", err.Error())
	}
}

// gone makes every later call fail.
func (x *XTest) gone() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.err = errors.New("XTEST: the X server closed the connection")
}

// Key presses or releases a key or a button. A key over X's 255 is ignored.
func (x *XTest) Key(u input.Usage, down bool) error {
	press, release := byte(xproto.KeyPress), byte(xproto.KeyRelease)
	detail := int(x.codes.Code(u)) + evdevOffset
	if u.Page() == input.PageButton {
		press, release = xproto.ButtonPress, xproto.ButtonRelease
		detail = xButton(u)
	}
	if detail <= evdevOffset && u.Page() != input.PageButton || detail > maxKeycode {
		return nil
	}
	if down {
		return x.fake(press, byte(detail), 0, 0)
	}
	return x.fake(release, byte(detail), 0, 0)
}

// xButton returns the X number of a HID button.
func xButton(u input.Usage) int {
	switch u {
	case input.ButtonLeft:
		return 1
	case input.ButtonMiddle:
		return 2
	case input.ButtonRight:
		return 3
	}
	return int(u.ID()) + buttonSideOffset
}

// Motion moves the pointer by so many pixels.
func (x *XTest) Motion(dx, dy int32) error {
	const relative = 1
	for {
		stepX, stepY := clamp16(dx), clamp16(dy)
		if err := x.fake(xproto.MotionNotify, relative, stepX, stepY); err != nil {
			return err
		}
		dx, dy = dx-int32(stepX), dy-int32(stepY)
		if dx|dy == 0 {
			return nil
		}
	}
}

// clamp16 returns v, or the nearest that X can say.
func clamp16(v int32) int16 { return int16(min(max(v, -32767), 32767)) }

// Absolute puts the pointer over a screen.
func (x *XTest) Absolute(screen uint8, px, py uint16) error {
	r, ok := x.now.Load().region(screen)
	if !ok {
		return nil
	}
	return x.fake(xproto.MotionNotify, 0, clamp16(int32(span(px, r.X, r.Width))), clamp16(int32(span(py, r.Y, r.Height))))
}

// Wheel adds up until a whole detent is turned, which is all that core X knows.
func (x *XTest) Wheel(v, h int32) error {
	x.wheelV += v
	x.wheelH += h
	if err := x.turn(&x.wheelV, buttonWheelUp, buttonWheelDown); err != nil {
		return err
	}
	return x.turn(&x.wheelH, buttonWheelRight, buttonWheelLeft)
}

// maxTurn bounds how many detents one call makes of a broken total.
const maxTurn = 100

func (x *XTest) turn(sum *int32, forward, back byte) error {
	n := *sum / detent
	*sum -= n * detent
	button := forward
	if n < 0 {
		n, button = -n, back
	}
	for range min(n, maxTurn) {
		if err := x.fake(xproto.ButtonPress, button, 0, 0); err != nil {
			return err
		}
		if err := x.fake(xproto.ButtonRelease, button, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// fake sends one XTEST request; it has been written when fake returns.
func (x *XTest) fake(kind, detail byte, px, py int16) error {
	const now = 0
	root := xproto.Window(0)
	if kind == xproto.MotionNotify && detail == 0 {
		root = x.root
	}
	xtest.FakeInput(x.conn, kind, detail, now, root, px, py, 0)
	return x.Sync()
}

// Sync reports whether the server is gone; requests are never held back.
func (x *XTest) Sync() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.err
}

// closeTimeout bounds how long Close waits for a server that hangs.
const closeTimeout = time.Second

// Close ends the connection, after what was sent has reached the server. A
// server that hangs is left with the connection's goroutines.
func (x *XTest) Close() error {
	x.conn.Close()
	select {
	case <-x.drained:
		return nil
	case <-time.After(closeTimeout):
		return fmt.Errorf("close XTEST: the X server has not answered for %v", closeTimeout)
	}
}

// Name returns "xtest".
func (x *XTest) Name() string { return string(ModeXTest) }
