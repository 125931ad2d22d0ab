package usb_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/usb"
	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/internal/wire"
)

const devID = 2<<16 | 7

// vhci is a controller with two ports of each kind, in a folder.
type vhci struct {
	t    *testing.T
	root string

	mu     sync.Mutex
	state  [4]int
	dev    [4]uint32
	kernel [4]*os.File // its end
	writes []string
	busy   map[string]bool // ports whose attach fails once
	stuck  bool            // detach fails
	taken  chan int
}

func newVHCI(t *testing.T) *vhci {
	v := &vhci{t: t, root: t.TempDir(), state: [4]int{4, 4, 4, 4}, busy: map[string]bool{}, taken: make(chan int, 8)}
	v.show()
	t.Cleanup(func() {
		for _, f := range v.kernel {
			if f != nil {
				_ = f.Close()
			}
		}
	})
	return v
}

// show writes the status files: the second pair of ports is another controller's.
func (v *vhci) show() {
	dir := filepath.Join(v.root, "devices/platform/vhci_hcd.0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		v.t.Error(err)
	}
	for file, ports := range map[string][]int{"status": {0, 1}, "status.1": {2, 3}} {
		text := "hub port sta spd dev      sockfd local_busid\n"
		for _, p := range ports {
			text += fmt.Sprintf("%s  %04d %03d 000 %08x %06d 0-0\n", []string{"hs", "ss"}[p%2], p, v.state[p], v.dev[p], 0)
		}
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			v.t.Error(err)
		}
	}
}

// write is what the kernel does.
func (v *vhci) write(name, value string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	port, err := v.do(name, value)
	v.show()
	if err == nil && filepath.Base(name) == "attach" {
		v.taken <- port
	}
	return err
}

func (v *vhci) do(name, value string) (port int, err error) {
	file := filepath.Base(name)
	var fd, speed int
	var dev uint32
	if file == "detach" {
		if v.stuck {
			return 0, syscall.EPERM
		}
		v.writes = append(v.writes, "detach "+value)
		_, err := fmt.Sscanf(value, "%d", &port)
		v.state[port], v.dev[port] = 4, 0
		return port, err
	}
	if _, err := fmt.Sscanf(value, "%d %d %d %d", &port, &fd, &dev, &speed); err != nil {
		return 0, err
	}
	v.writes = append(v.writes, fmt.Sprintf("attach %d %#x %d", port, dev, speed))
	if v.busy[fmt.Sprint(port)] {
		delete(v.busy, fmt.Sprint(port))
		return 0, &os.PathError{Op: "write", Path: name, Err: syscall.EBUSY}
	}
	own, err := syscall.Dup(fd)
	if err != nil {
		return 0, err
	}
	if err := syscall.SetNonblock(own, true); err != nil {
		return 0, err
	}
	v.state[port], v.dev[port], v.kernel[port] = 6, dev, os.NewFile(uintptr(own), "kernel")
	return port, nil
}

func (v *vhci) said() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.writes)
}

// attached is one device at work.
type attached struct {
	*vhci
	terminal net.Conn
	port     int
	ended    chan error
}

func attach(ctx context.Context, t *testing.T, v *vhci, o wire.USBOffer) attached {
	t.Helper()
	terminal, channel := net.Pipe()
	a := attached{vhci: v, terminal: terminal, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(a.ended)
		a.ended <- usb.NewWriting(usb.Config{Sys: v.root}, v.write).Attach(ctx, o, channel)
	}()
	t.Cleanup(func() {
		cancel()
		for range a.ended { // the folder goes next
		}
	})
	select {
	case a.port = <-v.taken:
	case err := <-a.ended:
		t.Fatalf("Attach() = %v; want it to go on", err)
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was attached")
	}
	return a
}

func offer(speed uint8) wire.USBOffer {
	return wire.USBOffer{ID: 1, Vendor: 0x781, Product: 0x5581, DevID: devID, Speed: speed}
}

// A transfer goes through, and every kind of end frees the port.
func TestAttach(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(a attached, cancel func())
		want error
	}{
		"context":         {func(_ attached, cancel func()) { cancel() }, nil},
		"terminal closes": {func(a attached, _ func()) { _ = a.terminal.Close() }, usbip.ErrPeerEnded},
		"detached":        {func(a attached, _ func()) { _ = a.kernel[a.port].Close() }, usbip.ErrKernelEnded},
		"hostile terminal": {func(a attached, _ func()) {
			_, _ = a.terminal.Write(usbip.AppendHeader(nil, usbip.Header{Command: usbip.RetSubmit, Seq: 99}))
		}, usbip.ErrNonsense},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a := attach(ctx, t, newVHCI(t), offer(5))
			transfer(t, a)
			c.end(a, cancel)
			if err := <-a.ended; !errors.Is(err, c.want) {
				t.Errorf("Attach() = %v; want %v", err, c.want)
			}
			if got, want := a.said(), []string{"attach 1 0x20007 5", "detach 1"}; !slices.Equal(got, want) {
				t.Errorf("the kernel was told %q; want %q", got, want)
			}
			if _, err := a.terminal.Read(make([]byte, 1)); err == nil {
				t.Error("the channel is still open")
			}
			if _, err := a.kernel[a.port].Read(make([]byte, 1)); err == nil {
				t.Error("the kernel's socket is still open")
			}
		})
	}
}

// transfer lets the kernel read 5 bytes of the device.
func transfer(t *testing.T, a attached) {
	t.Helper()
	k := a.kernel[a.port]
	want := usbip.Header{Command: usbip.CmdSubmit, Seq: 3, DevID: devID, Direction: usbip.DirIn, Endpoint: 1, Length: 5, Flags: 0x200}
	if _, err := k.Write(usbip.AppendHeader(nil, want)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, usbip.HeaderSize)
	if _, err := io.ReadFull(a.terminal, b); err != nil {
		t.Fatal(err)
	}
	if got, _ := usbip.ParseHeader(b); got != want {
		t.Errorf("the terminal got %+v; want %+v", got, want)
	}
	if _, err := a.terminal.Write(append(usbip.AppendHeader(nil, usbip.Header{Command: usbip.RetSubmit, Seq: 3, Length: 5}), "hello"...)); err != nil {
		t.Fatal(err)
	}
	b = make([]byte, usbip.HeaderSize+5)
	if _, err := io.ReadFull(k, b); err != nil || string(b[usbip.HeaderSize:]) != "hello" {
		t.Errorf("the kernel got %q, %v; want hello", b[usbip.HeaderSize:], err)
	}
}

// Ports go by speed, those that are taken are left alone, and one that another
// program takes first is not fought for.
func TestPorts(t *testing.T) {
	v := newVHCI(t)
	first := attach(t.Context(), t, v, offer(1))
	second := attach(t.Context(), t, v, offer(3))
	third := attach(t.Context(), t, v, offer(6))
	if first.port != 0 || second.port != 2 || third.port != 1 {
		t.Errorf("ports = %d, %d, %d; want 0, 2, 1", first.port, second.port, third.port)
	}
	p := usb.NewWriting(usb.Config{Sys: v.root}, v.write)
	_, channel := net.Pipe()
	if err := p.Attach(t.Context(), offer(2), channel); !errors.Is(err, usb.ErrNoPort) {
		t.Errorf("Attach() without a free port = %v; want %v", err, usb.ErrNoPort)
	}
	if _, err := channel.Write([]byte{1}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the channel is still open: %v", err)
	}
	v = newVHCI(t)
	v.busy["0"] = true
	if a := attach(t.Context(), t, v, offer(2)); a.port != 2 {
		t.Errorf("port = %d after another program took 0; want 2", a.port)
	}
}

// A port that was freed and taken by another device is not detached.
func TestDetachOther(t *testing.T) {
	v := newVHCI(t)
	a := attach(t.Context(), t, v, offer(3))
	v.mu.Lock()
	v.dev[a.port] = 0x10001
	v.show()
	v.mu.Unlock()
	_ = a.terminal.Close()
	<-a.ended
	if got := v.said(); len(got) != 1 {
		t.Errorf("the kernel was told %q; want no detach", got)
	}
	v = newVHCI(t)
	a = attach(t.Context(), t, v, offer(3))
	v.mu.Lock()
	v.stuck = true
	v.mu.Unlock()
	_ = a.terminal.Close()
	if err := <-a.ended; !errors.Is(err, syscall.EPERM) || !errors.Is(err, usbip.ErrPeerEnded) {
		t.Errorf("Attach() = %v; want both why it ended and what is left", err)
	}
}

// An offer that is none never reaches the kernel.
func TestOffers(t *testing.T) {
	v := newVHCI(t)
	p := usb.NewWriting(usb.Config{Sys: v.root}, v.write)
	for name, change := range map[string]func(*wire.USBOffer){
		"speed 0": func(o *wire.USBOffer) { o.Speed = 0 }, "wireless": func(o *wire.USBOffer) { o.Speed = 4 },
		"speed 7": func(o *wire.USBOffer) { o.Speed = 7 }, "no bus": func(o *wire.USBOffer) { o.DevID = 7 },
		"no number": func(o *wire.USBOffer) { o.DevID = 1 << 16 }, "number 128": func(o *wire.USBOffer) { o.DevID = 1<<16 | 128 },
	} {
		o := offer(3)
		change(&o)
		_, channel := net.Pipe()
		if err := p.Attach(t.Context(), o, channel); !errors.Is(err, usbip.ErrNonsense) {
			t.Errorf("Attach(%s) = %v; want %v", name, err, usbip.ErrNonsense)
		}
	}
	if got := v.said(); len(got) != 0 {
		t.Errorf("the kernel was told %q; want nothing", got)
	}
	_, channel := net.Pipe()
	err := usb.New(usb.Config{Sys: t.TempDir()}).Attach(t.Context(), offer(3), channel)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "vhci-hcd") {
		t.Errorf("Attach() without a controller = %v; want %v that names vhci-hcd", err, errors.ErrUnsupported)
	}
}
