package agent_test

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/peripherals/evdev"
)

// Codes of the keys that the tests press.
const (
	codeEsc   = 1
	codeQ     = 16
	codeCtrl  = 29
	codeA     = 30
	codeShift = 42
	codeAlt   = 56
	codeUp    = 103
	codeDown  = 108
	codeEnter = 28
)

// monitors is a display that owns its monitors, and hangs if it is told to.
type monitors struct {
	*null.Display
	hang    chan struct{} // closed at the end of the test
	stuck   atomic.Bool   // its methods never return
	runs    bool          // Run never does
	overlay atomic.Pointer[ui.Stats]
}

func (m *monitors) wait() {
	if m.stuck.Load() {
		<-m.hang
	}
}

func (m *monitors) Run(ctx context.Context) error {
	err := m.Display.Run(ctx)
	if m.runs {
		<-m.hang
	}
	return err
}

func (m *monitors) Present(f *media.Frame)              { m.wait(); m.Display.Present(f) }
func (m *monitors) SetStatus(screen int, st *ui.Status) { m.wait(); m.Display.SetStatus(screen, st) }
func (m *monitors) SetStream(int, int, int, mode.Rate)  { m.wait() }
func (m *monitors) Phase(int) (display.Phase, bool)     { return display.Phase{}, false }
func (m *monitors) Figures(int) (display.Figures, bool) { return display.Figures{}, false }
func (m *monitors) SetOverlay(screen int, st *ui.Stats) {
	m.wait()
	if screen == 0 {
		m.overlay.Store(st)
	}
}

// terminal is a running terminal with monitors and one keyboard.
type terminal struct {
	*monitors
	agent    *agent.Agent
	t        *testing.T
	keyboard *os.File
	did      chan string // what a person had done
	ended    chan error
}

// newTerminal runs one until the test ends.
func newTerminal(t *testing.T, url string, decoder func(media.Codec) (decode.Backend, error)) *terminal {
	t.Helper()
	return newTerminalWith(t, url, &stick{}, decoder)
}

// newTerminalWith runs one with a USB device.
func newTerminalWith(t *testing.T, url string, usb *stick, decoder func(media.Codec) (decode.Backend, error)) *terminal {
	t.Helper()
	return newTerminalOf(t, agent.Config{URL: url, Mute: true}, usb, decoder)
}

func newTerminalOf(t *testing.T, cfg agent.Config, usb *stick, decoder func(media.Codec) (decode.Backend, error)) *terminal {
	t.Helper()
	m := &monitors{hang: make(chan struct{})}
	s := &terminal{monitors: m, t: t, did: make(chan string, 8), ended: make(chan error, 1)}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "event0"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan struct{})
	cfg.Screens, cfg.InputDir = 1, dir
	cfg.Restart = func() { s.did <- "restart" }
	cfg.PowerOff = func() error { s.did <- "power off"; return nil }
	a, err := agent.BuildTerminal(cfg, usb.open, func(c display.Config) (_ outputs.Display, err error) {
		m.Display, err = null.New(c)
		return m, err
	}, decoder, func(path string) (*evdev.Device, error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		s.keyboard = w
		close(opened)
		i := evdev.Info{Path: path, Name: "keyboard", Phys: "usb-1/input0"}
		i.Caps.Keys.Add(248) // mutes the microphone
		for code := range uint16(128) {
			i.Caps.Keys.Add(code)
		}
		return evdev.FromFile(r, i)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.agent = a
	ctx, cancel := context.WithCancel(t.Context())
	go func() { s.ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		close(m.hang)
		hosttest.Within(t, s.ended, "Run to end")
	})
	hosttest.Within(t, opened, "the keyboard to be opened")
	return s
}

// keys presses keys in turn, or lets them go.
func (s *terminal) keys(down bool, codes ...uint16) {
	s.t.Helper()
	var b []byte
	for _, c := range codes {
		value := uint32(0)
		if down {
			value = 1
		}
		for _, e := range [2][2]uint16{{evdev.Key, c}, {evdev.Syn, 0}} {
			b = append(b, make([]byte, 16)...)
			b = binary.NativeEndian.AppendUint16(b, e[0])
			b = binary.NativeEndian.AppendUint16(b, e[1])
			b = binary.NativeEndian.AppendUint32(b, value)
			value = 0
		}
	}
	if _, err := s.keyboard.Write(b); err != nil {
		s.t.Fatal(err)
	}
}

func (s *terminal) summary() *agent.Summary {
	s.t.Helper()
	sum, err := s.agent.Summary()
	if err != nil {
		s.t.Fatal(err)
	}
	return sum
}

// chord holds the panic chord for d.
func (s *terminal) chord(d time.Duration) {
	s.keys(true, codeCtrl, codeAlt, codeShift, codeEsc)
	time.Sleep(d) // as a person does
	s.keys(false, codeEsc, codeShift, codeAlt, codeCtrl)
}

func decoders() func(media.Codec) (decode.Backend, error) { return backend(nil) }

// What is typed goes to the host, but for what a menu of ours takes; what was
// held when the menu came is let go.
func TestKeyboardAndMenu(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	s := newTerminal(t, h.URL, decoders())
	hosttest.Until(t, "pictures are shown", func() bool { return len(s.Frames()) > 5 })
	// The session is live a moment before its input channel is open.
	hosttest.Until(t, "a key reaches the host", func() bool {
		s.keys(true, codeA)
		s.keys(false, codeA)
		return len(h.Hands.Keys()) > 0
	})
	before := len(h.Hands.Keys())
	s.keys(true, codeQ) // stays down
	hosttest.Until(t, "Q is down", func() bool {
		return slices.Contains(h.Hands.Keys()[before:], hosttest.Key{Usage: 0x70014, Down: true})
	})
	s.chord(2500 * time.Millisecond)
	hosttest.Until(t, "the menu is shown", func() bool { o := s.overlay.Load(); return o != nil && strings.HasPrefix(o.Title, "Menu") })
	hosttest.Until(t, "Q is let go", func() bool {
		return slices.Contains(h.Hands.Keys()[before:], hosttest.Key{Usage: 0x70014})
	})
	down := 0
	for _, k := range h.Hands.Keys() {
		if k.Down {
			down++
		} else {
			down--
		}
	}
	if down != 0 {
		t.Errorf("%d keys are down at the host under the menu; want none", down)
	}
	during := len(h.Hands.Keys())
	s.keys(true, codeDown)
	s.keys(false, codeDown)
	hosttest.Until(t, "the second item is chosen", func() bool {
		o := s.overlay.Load()
		return o != nil && strings.HasPrefix(o.Rows[1].Label, ">")
	})
	shown := len(s.Frames())
	s.keys(true, codeEnter) // restart the session
	s.keys(false, codeEnter)
	hosttest.Until(t, "the menu is gone", func() bool { return s.overlay.Load() == nil })
	hosttest.Until(t, "another session shows pictures", func() bool { return s.summary().Sessions == 2 && len(s.Frames()) > shown+5 })
	if keys := h.Hands.Keys()[during:]; len(keys) > 0 {
		t.Errorf("the menu's keys reached the host: %v", keys)
	}
	hosttest.Until(t, "a key reaches the host again", func() bool {
		s.keys(true, codeA)
		s.keys(false, codeA)
		return len(h.Hands.Keys()) > during
	})
}

// The chord works whatever hangs: it restarts the session, which does not end
// and so is given up with the program, the program, and powers off.
func TestChordWhateverHangs(t *testing.T) {
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	hangs := map[string]func(t *testing.T) *terminal{
		"decoder": func(t *testing.T) *terminal {
			h := hosttest.Start(t, hosttest.Config{})
			hung := make(chan struct{})
			once := sync.OnceFunc(func() { close(hung) })
			stop := make(chan struct{})
			t.Cleanup(func() { close(stop) })
			s := newTerminal(t, h.URL, func(media.Codec) (decode.Backend, error) {
				return &decodetest.Backend{Refuse: func(*media.AccessUnit) bool { once(); <-stop; return false }}, nil
			})
			hosttest.Within(t, hung, "the decoder to hang")
			return s
		},
		"display": func(t *testing.T) *terminal {
			h := hosttest.Start(t, hosttest.Config{})
			s := newTerminal(t, h.URL, decoders())
			hosttest.Until(t, "pictures are shown", func() bool { return len(s.Frames()) > 5 })
			s.stuck.Store(true)
			return s
		},
		"network": func(t *testing.T) *terminal {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			asked := make(chan net.Conn, 8)
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						close(asked)
						return
					}
					asked <- c // never answered
				}
			}()
			s := newTerminal(t, "http://"+l.Addr().String()+"/whep", decoders())
			conn := hosttest.Within(t, asked, "the terminal to ask")
			t.Cleanup(func() { _ = conn.Close() })
			return s
		},
		"main loop": func(t *testing.T) *terminal {
			h := hosttest.Start(t, hosttest.Config{})
			s := newTerminal(t, h.URL, decoders())
			hosttest.Until(t, "pictures are shown", func() bool { return len(s.Frames()) > 5 })
			s.runs = true
			s.stuck.Store(true)
			return s
		},
	}
	// All at once: a person takes their time.
	all := map[string]*terminal{}
	for name, hang := range hangs {
		all[name] = hang(t)
	}
	press := func(down bool) {
		for _, s := range all {
			s.keys(down, codeCtrl, codeAlt, codeShift, codeEsc)
		}
	}
	did := func(after string, want string) {
		t.Helper()
		for name, s := range all {
			select {
			case did := <-s.did:
				if did != want {
					t.Errorf("%s hangs: after %s it is %s; want %s", name, after, did, want)
				}
			case <-time.After(30 * time.Second):
				t.Errorf("%s hangs: nothing happens after %s; want %s", name, after, want)
			}
		}
	}
	press(true)
	time.Sleep(9500 * time.Millisecond)
	press(false)
	did("9.5 s", "restart")
	press(true)
	did("12 s", "power off")
}

// Keys do not reach the host while the console is another's.
func TestNoFocusNoInput(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	s := newTerminal(t, h.URL, decoders())
	hosttest.Until(t, "a key reaches the host", func() bool {
		s.keys(true, codeA)
		s.keys(false, codeA)
		return len(h.Hands.Keys()) > 0
	})
	s.keys(true, codeQ)
	hosttest.Until(t, "Q is down", func() bool {
		return slices.Contains(h.Hands.Keys(), hosttest.Key{Usage: 0x70014, Down: true})
	})
	s.Focus(false)
	hosttest.Until(t, "Q is let go", func() bool { return slices.Contains(h.Hands.Keys(), hosttest.Key{Usage: 0x70014}) })
	s.keys(false, codeQ)
	before, read := len(h.Hands.Keys()), s.summary().Input.Events
	s.keys(true, codeA)
	s.keys(false, codeA)
	hosttest.Until(t, "the keys were read", func() bool { return s.summary().Input.Events >= read+2 })
	s.Focus(true)
	hosttest.Until(t, "a key reaches the host again", func() bool {
		s.keys(true, codeEnter)
		s.keys(false, codeEnter)
		return len(h.Hands.Keys()) > before
	})
	for _, k := range h.Hands.Keys()[before:] {
		if k.Usage == input.Usage(0x70004) {
			t.Errorf("key %v reached the host without focus", k)
		}
	}
}
