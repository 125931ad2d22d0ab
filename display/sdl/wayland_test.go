//go:build linux && cgo && !nonative

package sdl_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/needs"
)

// compositor runs Weston in a window of the X server and leaves the display
// nothing but Wayland. It skips where there is no Weston.
func compositor(t *testing.T) {
	t.Helper()
	path, err := exec.LookPath("weston")
	if errors.Is(err, exec.ErrNotFound) && !needs.Required("wayland") {
		t.Skipf("skipped: %v: %v", err, errors.ErrUnsupported)
	}
	if err != nil {
		t.Fatal(err)
	}
	folder, err := os.MkdirTemp("", "wayland") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	t.Setenv("XDG_RUNTIME_DIR", folder)
	cmd := exec.Command(path, "--backend=x11-backend.so", "--use-pixman", "--width=1200", "--height=800",
		"--socket=test", "--idle-time=0", "--no-config")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		if _, err := os.Stat(filepath.Join(folder, "test")); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("Weston has no socket after %v", patience)
		}
	}
	t.Setenv("WAYLAND_DISPLAY", "test")
}

// waylandBench is a bench on a compositor. It has no windows that X knows.
func waylandBench(t *testing.T, r *rig, cfg sdl.Config) *bench {
	t.Helper()
	b := &bench{t: t, rig: r, shown: make(chan media.Frame, 64)}
	var err error
	if b.x, err = xgb.NewConn(); err != nil { // before DISPLAY goes
		t.Fatal(err)
	}
	t.Cleanup(b.x.Close)
	b.root = xproto.Setup(b.x).DefaultScreen(b.x).Root
	t.Setenv("DISPLAY", "")
	cfg.OnShown = func(f *media.Frame) { offer(b.shown, *f) }
	if b.d, err = sdl.NewWith(cfg, r.opener); err != nil {
		t.Fatalf("NewWith() = %v; want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := start(ctx, b.d)
	t.Cleanup(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		r.everythingClosed(t)
	})
	return b
}

// wantArea waits until the screen has that many pixels of a colour.
func (b *bench) wantArea(c yuv, pixels int) {
	b.t.Helper()
	want := c.rgb(media.BT709, false)
	b.until(fmt.Sprintf("%d pixels of %v", pixels, want), func() bool {
		n, img := 0, b.shot(image.Rect(0, 0, 1200, 800))
		for y := range 800 {
			for x := range 1200 {
				if near(img.RGBAAt(x, y), want, 3) {
					n++
				}
			}
		}
		return n >= pixels
	})
}

// TestWayland shows pictures through a compositor, every way, and goes from
// OpenGL to the CPU in the middle.
func TestWayland(t *testing.T) {
	compositor(t)
	everyWay(t, func(t *testing.T, gpu sdl.GPU) {
		var broken atomic.Bool
		r := &rig{fail: func(call string) error {
			if call == "draw" && broken.Load() {
				return errBroken
			}
			return nil
		}}
		b := waylandBench(t, r, sdl.Config{GPU: gpu, Config: display.Config{Width: 320, Height: 180}})
		b.show(flat(0, 320, 180, red))
		b.wantArea(red, 320*180/2) // the panel or the pointer may be over it
		if drawn := r.swaps.Load() > 0; drawn != (gpu == sdl.GPUOn) {
			t.Errorf("OpenGL draws = %v with GPU %v", drawn, gpu)
		}
		broken.Store(true)
		b.show(flat(0, 320, 180, green))
		b.wantArea(green, 320*180/2)
	})
}
