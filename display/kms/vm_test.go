package kms_test

import (
	"bufio"
	"fmt"
	"image/color"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest"
)

// TestVM runs the tests of real cards in a virtual terminal.
func TestVM(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Config{})
	vm.RunTests(t, "./display/kms", vmtest.TestOptions{Require: []string{"drm", "dmabuf"}, Run: "^TestHardware"})
}

// plugged is a display in a virtual terminal and what it says.
type plugged struct {
	t       *testing.T
	process *vmtest.Process
	lines   chan string // capacity 1024, closed when the process has ended
}

// TestVMHotplug pulls one monitor out and plugs it in again, as another size,
// while the other shows every frame.
func TestVMHotplug(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Config{HotPlug: true})
	p := startPlugged(t, vm)
	p.wait("outputs Virtual-1:0:320 Virtual-2:1:336")
	p.wait("shown 0")
	p.wait("shown 1")
	red, blue := color.NRGBA{R: 255, A: 255}, color.NRGBA{B: 255, A: 255}
	p.screen(vm, 0, red)
	p.screen(vm, 1, blue)
	for round := range 2 {
		if err := vm.Disconnect(1); err != nil {
			t.Fatal(err)
		}
		p.wait("outputs Virtual-1:0:320 Virtual-2:-1:0")
		for range 5 {
			p.wait("shown 0")
		}
		p.screen(vm, 0, red)
		if err := vm.Connect(1, 1024, 768-round*168); err != nil {
			t.Fatal(err)
		}
		p.wait("outputs Virtual-1:0:320 Virtual-2:1:336")
		p.wait("shown 1")
		p.screen(vm, 1, blue)
	}
	if err := p.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	var presented, shown, dropped, longest int
	line := p.wait("final 0 ")
	if _, err := fmt.Sscanf(line, "final 0 presented %d shown %d dropped %d longest %d", &presented, &shown, &dropped, &longest); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	// One picture a second comes. On a starved emulation one may come so late
	// that the next takes its place; two in a row would be the monitor's doing.
	// Before the first is shown, while shaders are compiled, some may be lost.
	if longest > 2900 || shown < 12 || presented-shown > 6 {
		t.Errorf("the other monitor: %s; want no gap", line)
	}
	t.Log(line)
	if err := p.process.Wait(); err != nil {
		t.Errorf("the display: %v", err)
	}
}

func startPlugged(t *testing.T, vm *vmtest.VM) *plugged {
	t.Helper()
	program, err := vmtest.BuildTests(t.Context(), "./display/kms")
	if err != nil {
		t.Fatal(err)
	}
	command, _, err := vm.TestCommand(program, vmtest.TestOptions{
		Require: []string{"drm"}, Run: "^TestHardwarePlugged$", Env: []string{"KMS_TEST_PLUGGED=1"}, Args: []string{"-test.v"},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	command.Stdout = w
	p := &plugged{t: t, lines: make(chan string, 1024)}
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	if p.process, err = vm.Command(t.Context(), command); err != nil {
		t.Fatal(err)
	}
	go func() {
		<-p.process.Ended()
		_ = w.Close() // never fails
	}()
	return p
}

// wait returns the next line that begins so.
func (p *plugged) wait(prefix string) string {
	p.t.Helper()
	end := time.After(time.Minute)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("the display ended before it said %q: %s", prefix, p.process.Stderr())
			}
			if strings.HasPrefix(line, prefix) {
				return line
			}
			if !strings.HasPrefix(line, "shown") && line != "" {
				p.t.Log(line)
			}
		case <-end:
			p.t.Fatalf("the display did not say %q in a minute", prefix)
		}
	}
}

// screen compares the middle of what the machine's monitor shows.
func (p *plugged) screen(vm *vmtest.VM, output int, want color.NRGBA) {
	p.t.Helper()
	img, err := vm.Screenshot(output)
	if err != nil {
		p.t.Fatalf("Screenshot(%d) = %v", output, err)
	}
	got := img.NRGBAAt(img.Rect.Dx()/2, img.Rect.Dy()/2)
	off := func(a, b uint8) bool { return max(int(a)-int(b), int(b)-int(a)) > 2 }
	if off(got.R, want.R) || off(got.G, want.G) || off(got.B, want.B) {
		p.t.Errorf("monitor %d (%v) shows %v; want %v within 2", output, img.Rect.Size(), got, want)
	}
}
