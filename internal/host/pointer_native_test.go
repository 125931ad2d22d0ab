//go:build !nonative

package host_test

import (
	"bufio"
	"context"
	"image"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

// xserver starts an X server of 640x360 and returns its name and a connection.
func xserver(t *testing.T) (string, *xgb.Conn) {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Skip("Xvfb is not installed")
	}
	ready, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	cmd := exec.Command(path, "-screen", "0", "640x360x24", "-displayfd", "3", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_ = write.Close()
	number, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb did not start: %v", err)
	}
	name := ":" + strings.TrimSpace(number)
	conn, err := xgb.NewConnDisplay(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return name, conn
}

// observer notes what a terminal is told of the pointer.
type observer struct {
	mu     sync.Mutex // guards all
	cursor *client.Cursor
	at     image.Point // pixel of 640x360
	seen   time.Time   // when that came; zero: not visible
}

func (o *observer) look(c *client.Cursor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cursor = c
}

func (o *observer) move(_ int, x, y uint16, visible bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at, o.seen = image.Pt(int(x)*640>>16, int(y)*360>>16), time.Now()
	if !visible {
		o.seen = time.Time{}
	}
}

func (o *observer) now() (*client.Cursor, image.Point, time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cursor, o.at, o.seen
}

// reach waits until the pointer was seen at p and returns when.
func (o *observer) reach(t *testing.T, p image.Point) (seen time.Time) {
	t.Helper()
	hosttest.Until(t, "the pointer is seen at "+p.String(), func() bool {
		_, at, when := o.now()
		seen = when
		return at == p && !when.IsZero()
	})
	return seen
}

// TestDesktopPointerAtTheTerminal goes the whole way: an X server's pointer,
// moved by its own mouse and by the terminal's, through the data channels.
func TestDesktopPointerAtTheTerminal(t *testing.T) {
	name, conn := xserver(t)
	if err := xfixes.Init(conn); err != nil {
		t.Fatal(err)
	}
	if err := xtest.Init(conn); err != nil {
		t.Fatal(err)
	}
	if _, err := xfixes.QueryVersion(conn, 4, 0).Reply(); err != nil {
		t.Fatal(err)
	}
	root := xproto.Setup(conn).DefaultScreen(conn).Root
	setFontCursor(t, conn, root, 68) // left_ptr
	desktop, err := source.NewDesktop(source.DesktopConfig{Display: name, Audio: source.AudioNone})
	if err != nil {
		t.Fatal(err)
	}
	device, err := inject.Open(inject.DeviceConfig{Mode: inject.ModeXTest, Display: name, Regions: []inject.Region{{Width: 640, Height: 360}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	r := newRig(t, 1, func(c *host.Config) {
		c.Source = desktop
		c.OpenAudioEncoder = nil
		c.OpenInput = func(ch host.InputChannel) (host.Input, error) {
			return inject.New(inject.Config{Injector: device, Write: ch.Reply, Mark: ch.Mark})
		}
	})
	var o observer
	s, err := client.New(client.Config{
		URL: r.url, Screens: 1, Codecs: []media.Codec{media.CodecH264},
		OnAccessUnit: func(au *media.AccessUnit) { au.Release() },
		OnCursor:     o.look, OnPointer: o.move,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })

	hosttest.Until(t, "shape and place came", func() bool { c, _, at := o.now(); return c != nil && !at.IsZero() })
	expectX(t, conn, &o)
	setFontCursor(t, conn, root, 30) // cross: another hot-spot
	changed := time.Now()
	before, _, _ := o.now()
	hosttest.Until(t, "another shape came", func() bool { c, _, _ := o.now(); return c != before })
	took := time.Since(changed)
	expectX(t, conn, &o)

	var worst [2]time.Duration
	for i := range 20 {
		p := image.Pt(17*i+3, 359-11*i)
		start := time.Now()
		if i%2 == 0 { // somebody at the PC
			err := xtest.FakeInputChecked(conn, xproto.MotionNotify, 0, 0, root, int16(p.X), int16(p.Y), 0).Check()
			if err != nil {
				t.Fatal(err)
			}
		} else {
			s.Handle(input.Event{Kind: input.KindAbsolute, X: uint16((2*p.X + 1) << 15 / 640), Y: uint16((2*p.Y + 1) << 15 / 360)})
		}
		worst[i%2] = max(worst[i%2], o.reach(t, p).Sub(start))
	}
	t.Logf("another shape came after %v; motion at the PC after %v at most, of the terminal after %v", took, worst[0], worst[1])
	if took > 100*time.Millisecond || max(worst[0], worst[1]) > 100*time.Millisecond {
		t.Errorf("a shape took %v, motion %v; want at most 100 ms", took, worst)
	}
	st := s.Stats().Pointer
	if st.Shapes < 2 || st.Shapes > 3 || st.Places < 20 {
		t.Errorf("Stats().Pointer = %+v; want two shapes and 20 places", st)
	}
}

// setFontCursor gives the root window one of X's oldest cursors.
func setFontCursor(t *testing.T, conn *xgb.Conn, root xproto.Window, glyph uint16) {
	t.Helper()
	font, err := xproto.NewFontId(conn)
	if err != nil {
		t.Fatal(err)
	}
	cursor, err := xproto.NewCursorId(conn)
	if err != nil {
		t.Fatal(err)
	}
	xproto.OpenFont(conn, font, 6, "cursor")
	xproto.CreateGlyphCursor(conn, cursor, font, font, glyph, glyph+1, 0, 0, 0, 0xffff, 0xffff, 0xffff)
	if err := xproto.ChangeWindowAttributesChecked(conn, root, xproto.CwCursor, []uint32{uint32(cursor)}).Check(); err != nil {
		t.Fatal(err)
	}
}

// expectX compares what the terminal has with what the X server shows.
func expectX(t *testing.T, conn *xgb.Conn, o *observer) {
	t.Helper()
	want, err := xfixes.GetCursorImage(conn).Reply()
	if err != nil {
		t.Fatal(err)
	}
	c, _, _ := o.now()
	if c.Image == nil || c.Image.Rect != image.Rect(0, 0, int(want.Width), int(want.Height)) || c.Hot != image.Pt(int(want.Xhot), int(want.Yhot)) {
		t.Fatalf("shape = %+v; want %dx%d, hot %d,%d", c, want.Width, want.Height, want.Xhot, want.Yhot)
	}
	for i, v := range want.CursorImage {
		if p := c.Image.Pix[4*i:]; p[0] != byte(v>>16) || p[1] != byte(v>>8) || p[2] != byte(v) || p[3] != byte(v>>24) {
			t.Fatalf("pixel %d of the shape = %v; want ARGB %08x", i, p[:4], v)
		}
	}
}
