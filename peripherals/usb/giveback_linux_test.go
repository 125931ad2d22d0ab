package usb_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

// An agent that died leaves devices behind; the next one returns them.
func TestGiveBack(t *testing.T) {
	f := newFake(t)
	f.plug("1-2", 5, "080650")
	f.plug("1-3", 6, "080650")
	for _, step := range []string{"add 1-2", "add 1-3", "add 1-7"} {
		if err := f.write(filepath.Join(f.sys, "bus/usb/drivers/usbip-host/match_busid"), step); err != nil {
			t.Fatal(err)
		}
	}
	f.bind("1-2", "usbip-host")
	f.bind("1-3", "")
	// Somebody else still has the other end open.
	f.put("bus/usb/devices/1-2/usbip_status", "2\n")
	f.writes = nil
	r := usb.NewWriting(usb.Config{Sys: f.sys, Proc: f.proc}, f.write)
	if err := r.GiveBack(t.Context()); err != nil {
		t.Errorf("GiveBack() = %v", err)
	}
	want := slices.Concat([]string{"devices/1-2/usbip_sockfd -1"}, giving, []string{
		"drivers/usbip-host/match_busid del 1-3", "drivers/usbip-host/rebind 1-3", // bound by nobody yet
		"drivers/usbip-host/match_busid del 1-7", // unplugged
	})
	if got := f.said(); !slices.Equal(got, want) {
		t.Errorf("the kernel was told\n%s; want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	f.writes = nil
	if err := r.GiveBack(t.Context()); err != nil || len(f.said()) != 0 {
		t.Errorf("GiveBack() again = %v, said %q; want nothing to do", err, f.said())
	}
	if err := usb.New(usb.Config{Sys: t.TempDir()}).GiveBack(t.Context()); err != nil {
		t.Errorf("GiveBack() without USB = %v; want nil", err)
	}
}

// GiveBack leaves alone what is shared now, and nobody shares a device twice.
func TestSharedNow(t *testing.T) {
	f := newFake(t)
	f.plug("1-2", 5, "080650")
	host, channel := net.Pipe()
	r := usb.NewWriting(usb.Config{Sys: f.sys, Proc: f.proc, Consent: &yes{}}, f.write)
	open := func(context.Context, usb.Device) (io.ReadWriteCloser, error) { return channel, nil }
	ended := make(chan error, 1)
	go func() { ended <- r.Share(t.Context(), "1-2", open) }()
	s := shared{fake: f, host: host, ended: ended}
	s.read(t, 1, 1)
	if err := r.GiveBack(t.Context()); err != nil || !slices.Equal(f.said(), taking) {
		t.Errorf("GiveBack() = %v, said %q; want nothing more than %q", err, f.said(), taking)
	}
	if err := r.Share(t.Context(), "1-2", open); !errors.Is(err, usb.ErrRefused) {
		t.Errorf("Share() twice = %v; want %v", err, usb.ErrRefused)
	}
	if l, err := r.List(); err != nil || len(l) != 1 || !l[0].Given {
		t.Errorf("List() = %+v, %v; want the stick, given", l, err)
	}
	_ = host.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("Share() goes on without a host")
	}
}

// BenchmarkRelay reads 128 KiB at a time through the socket of the kernel and
// the channel, as a memory stick does.
func BenchmarkRelay(b *testing.B) {
	kernel, end, err := pair()
	if err != nil {
		b.Fatal(err)
	}
	peer, host, err := pair()
	if err != nil {
		b.Fatal(err)
	}
	e, err := usbip.ParseDescriptors(descriptors)
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() {
		_, err := usbip.Relay(b.Context(), usbip.RelayConfig{Kernel: end, Peer: peer, Session: usbip.NewSession(stickID, &e)})
		ended <- err
	}()
	const size = 128 << 10
	cmd := usbip.AppendHeader(nil, usbip.Header{Command: usbip.CmdSubmit, Seq: 1, DevID: stickID, Direction: usbip.DirIn, Endpoint: 1, Length: size})
	ret := append(usbip.AppendHeader(nil, usbip.Header{Command: usbip.RetSubmit, Seq: 1, Length: size}), make([]byte, size)...)
	go func() {
		h := make([]byte, usbip.HeaderSize)
		for {
			if _, err := io.ReadFull(kernel, h); err != nil {
				return
			}
			if _, err := kernel.Write(ret); err != nil {
				return
			}
		}
	}()
	got := make([]byte, len(ret))
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := host.Write(cmd); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(host, got); err != nil {
			b.Fatal(err)
		}
	}
	_ = host.Close()
	<-ended
	_ = kernel.Close()
}

// pair is a pair of sockets, both ends in the poller.
func pair() (a, b *os.File, err error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	return os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b"), err
}
