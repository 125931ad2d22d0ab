//go:build linux && cgo && !nonative

package sdl_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jezek/xgb"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/displaytest"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/media"
)

// SDL wants the main thread, so the tests run beside it and queue what has to
// run on it. Unbuffered, never closed.
var onMain = make(chan func())

func init() { runtime.LockOSThread() }

// TestMain sets what Mesa 22.3's llvmpipe needs: its linear rasteriser
// exchanges red and blue of simple shaders, and its usual filter rounds twice.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"LP_PERF": "no_rast_linear", "GALLIVM_PERF": "no_aos_sampling"} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(serve(m))
}

func serve(m *testing.M) int {
	stop, err := startX()
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Println("skipped: the tests of windows need Xvfb, which is not installed")
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "start Xvfb:", err)
		return 1
	}
	defer stop()
	xgb.Logger.SetOutput(io.Discard) // it reports that there is no authority file, again and again
	code := make(chan int)
	go func() { code <- m.Run() }()
	for {
		select {
		case f := <-onMain:
			f()
		case c := <-code:
			return c
		}
	}
}

// startX runs an X server on a number of its own choice and points DISPLAY at it.
func startX() (stop func(), err error) {
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		return nil, err
	}
	number, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "1600x1000x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	// It ends with this thread, the main one, even where Xlib calls exit.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(cmd.Start(), w.Close()); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, cmd.Wait())
	}
	stop = func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	}
	return stop, os.Setenv("DISPLAY", ":"+strings.TrimSpace(line))
}

// start runs d on the main thread.
func start(ctx context.Context, d displaytest.Display) <-chan error {
	result := make(chan error, 1)
	go func() { onMain <- func() { result <- d.Run(ctx) } }()
	return result
}

func TestContract(t *testing.T) {
	everyWay(t, func(t *testing.T, gpu sdl.GPU) {
		displaytest.Run(t, displaytest.Subject{
			New: func(cfg display.Config) (displaytest.Display, error) {
				return sdl.New(sdl.Config{Config: cfg, GPU: gpu})
			},
			Start: start,
		})
	})
}

func TestRunNeedsTheMainThread(t *testing.T) {
	d, err := sdl.New(sdl.Config{})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	result := make(chan error)
	go func() { // it leaves its thread locked, so it must not be the test's
		result <- d.Run(t.Context())
	}()
	if err := <-result; err == nil {
		t.Error("Run() beside the main thread = nil; want an error")
	}
}

// lateEnd is a context that, once armed, ends just before it says that it has
// not ended yet.
type lateEnd struct {
	context.Context
	armed atomic.Bool
	end   func()
}

func (c *lateEnd) Err() error {
	err := c.Context.Err()
	if c.armed.Swap(false) {
		c.end()
	}
	return err
}

// TestEndIsNotMissed ends a display between its look at the context and its
// sleep, when the wake that brought it there still counts as on its way.
func TestEndIsNotMissed(t *testing.T) {
	shown := make(chan struct{}, 1)
	d, err := sdl.New(sdl.Config{Config: display.Config{
		Width: 64, Height: 48, OnShown: func(*media.Frame) { shown <- struct{}{} },
	}})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	inner, cancel := context.WithCancel(t.Context())
	ctx := &lateEnd{Context: inner, end: func() {
		cancel()
		<-time.After(50 * time.Millisecond) // what Run has called then cannot be seen from here
	}}
	result := start(ctx, d)
	for range 50 { // until the new window is at rest
		d.Present(flat(0, 64, 48, yuv{126, 128, 128}))
		<-shown
	}
	ctx.armed.Store(true)
	d.SetOverlay(0, nil)
	select {
	case err := <-result:
		if err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	case <-time.After(patience):
		t.Errorf("Run() sleeps %v after its context ended; want it to return", patience)
		d.SetOverlay(0, nil)
		<-result
	}
}

// TestEndWhileFramesCome ends displays in the middle of everything: a wake
// event on its way to a destroyed window would end the test program.
func TestEndWhileFramesCome(t *testing.T) { everyWay(t, testEndWhileFramesCome) }

func testEndWhileFramesCome(t *testing.T, gpu sdl.GPU) {
	for range 50 {
		d, err := sdl.New(sdl.Config{Config: display.Config{Width: 64, Height: 48}, GPU: gpu})
		if err != nil {
			t.Fatalf("New() = %v; want nil", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		result := start(ctx, d)
		var presenters sync.WaitGroup
		for range 2 {
			presenters.Go(func() {
				for range 200 {
					d.Present(flat(0, 64, 48, yuv{126, 128, 128}))
				}
			})
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		presenters.Wait()
	}
}
