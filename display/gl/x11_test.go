//go:build linux && cgo && !nonative

package gl_test

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// xServer runs an X server for the test and points DISPLAY at it.
func xServer(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("Xvfb")
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	missing(t, "x11", err)
	number, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer number.Close()
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(cmd.Start(), w.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DISPLAY", ":"+strings.TrimSpace(line))
}

// xWindow opens a window without anything around it.
func xWindow(t *testing.T, size image.Point) (*xgb.Conn, xproto.Window) {
	t.Helper()
	c, err := xgb.NewConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	id, err := xproto.NewWindowId(c)
	if err != nil {
		t.Fatal(err)
	}
	screen := xproto.Setup(c).DefaultScreen(c)
	err = errors.Join(
		xproto.CreateWindowChecked(c, screen.RootDepth, id, screen.Root, 0, 0, uint16(size.X), uint16(size.Y), 0,
			xproto.WindowClassInputOutput, screen.RootVisual, 0, nil).Check(),
		xproto.MapWindowChecked(c, id).Check())
	if err != nil {
		t.Fatal(err)
	}
	return c, id
}

// xShown reads what the server shows of a window.
func xShown(t *testing.T, c *xgb.Conn, id xproto.Window, size image.Point) *media.Frame {
	t.Helper()
	m, err := xproto.GetImage(c, xproto.ImageFormatZPixmap, xproto.Drawable(id), 0, 0, uint16(size.X), uint16(size.Y), 0xffffffff).Reply()
	if err != nil {
		t.Fatal(err)
	}
	return &media.Frame{
		Format: media.BGRX, Width: size.X, Height: size.Y,
		Planes: [3][]byte{m.Data}, Stride: [3]int{4 * size.X},
	}
}

// TestWindow draws into an X window, and again after it changed its size.
func TestWindow(t *testing.T) {
	xServer(t)
	d, err := gl.OpenX11()
	missing(t, "x11", err)
	t.Cleanup(func() { closing(t, d) })
	t.Logf("%+v", d.Info())
	size := image.Pt(160, 90)
	c, id := xWindow(t, size)
	r := renderer(t, d, 16, 16)
	if err := r.BindWindow(uintptr(id), size.X, size.Y); err != nil {
		t.Fatalf("BindWindow() = %v; want nil", err)
	}
	t.Cleanup(func() {
		if err := r.Unbind(); err != nil {
			t.Errorf("Unbind() = %v; want nil", err)
		}
	})
	picture := pattern(media.I420, 160, 90)
	want := referenceOf(picture)
	for _, size := range []image.Point{size, image.Pt(200, 90), image.Pt(96, 90)} {
		if err := xproto.ConfigureWindowChecked(c, id, xproto.ConfigWindowWidth, []uint32{uint32(size.X)}).Check(); err != nil {
			t.Fatal(err)
		}
		if err := r.Resize(size.X, size.Y); err != nil {
			t.Fatalf("Resize(%v) = %v; want nil", size, err)
		}
		for range 3 {
			if err := r.Draw(&gl.Scene{Picture: picture}); err != nil {
				t.Fatalf("Draw() = %v; want nil", err)
			}
			if fence, err := r.Swap(); fence != -1 || err != nil {
				t.Fatalf("Swap() = %d, %v; want -1, nil", fence, err)
			}
		}
		if err := r.Finish(); err != nil {
			t.Fatalf("Finish() = %v; want nil", err)
		}
		place := gl.Placement(size, image.Pt(160, 90), gl.Letterbox)
		compare(t, xShown(t, c, id, size), 2, func(x, y int) rgb { return want.color(place, x, y) })
	}
}
