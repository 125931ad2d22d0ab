//go:build !nonative

package source_test

import (
	"bufio"
	"image"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

const testDisplay = ":85"

// xvfb is an X server of the test's own.
type xvfb struct {
	process *exec.Cmd
	conn    *xgb.Conn
	root    xproto.Window
}

// startXvfb starts a server with one screen of the given size (WIDTHxHEIGHT)
// and connects to it once it answers.
func startXvfb(t testing.TB, size string, args ...string) *xvfb {
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
	cmd := exec.Command(path, append([]string{
		testDisplay, "-screen", "0", size + "x24", "-displayfd", "3", "-nolisten", "tcp", "-noreset",
	}, args...)...)
	cmd.ExtraFiles = []*os.File{write}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	x := &xvfb{process: cmd}
	t.Cleanup(x.kill)
	_ = write.Close()
	if _, err := bufio.NewReader(ready).ReadString('\n'); err != nil {
		t.Fatalf("Xvfb %s did not start: %v", testDisplay, err)
	}
	x.connect(t)
	return x
}

func (x *xvfb) connect(t testing.TB) {
	t.Helper()
	xgb.Logger.SetOutput(io.Discard)
	conn, err := xgb.NewConnDisplay(testDisplay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	x.conn, x.root = conn, xproto.Setup(conn).DefaultScreen(conn).Root
}

// kill ends the server at once; the second time it does nothing.
func (x *xvfb) kill() {
	_ = x.process.Process.Kill()
	_ = x.process.Wait()
}

// fill paints a part of the root window and waits until it is done.
func (x *xvfb) fill(t *testing.T, r image.Rectangle, rgb uint32) {
	t.Helper()
	gc, err := xproto.NewGcontextId(x.conn)
	if err != nil {
		t.Fatal(err)
	}
	drawable := xproto.Drawable(x.root)
	xproto.CreateGC(x.conn, gc, drawable, xproto.GcForeground, []uint32{rgb})
	xproto.PolyFillRectangle(x.conn, drawable, gc, []xproto.Rectangle{{
		X: int16(r.Min.X), Y: int16(r.Min.Y), Width: uint16(r.Dx()), Height: uint16(r.Dy()),
	}})
	if err := xproto.FreeGCChecked(x.conn, gc).Check(); err != nil {
		t.Fatal(err)
	}
}
