package usb_test

import (
	"bytes"
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

	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

const stickID = 1<<16 | 5

// Every step, in the order that was measured.
var (
	taking = []string{
		"drivers/usb/unbind 1-2", "drivers/usbip-host/match_busid add 1-2", "drivers/usbip-host/bind 1-2",
		"devices/1-2/usbip_sockfd FD",
	}
	giving = []string{
		"drivers/usbip-host/unbind 1-2", "drivers/usbip-host/match_busid del 1-2", "drivers/usbip-host/rebind 1-2",
	}
)

// yes agrees to all, counts, and may do something while the person thinks.
type yes struct {
	asked    int
	remember bool
	thinking func()
}

func (y *yes) AllowUSB(context.Context, usb.Device) (usb.Answer, error) {
	y.asked++
	if y.thinking != nil {
		y.thinking()
	}
	return usb.Answer{Allow: true, Remember: y.remember}, nil
}

type no struct{}

func (no) AllowUSB(context.Context, usb.Device) (usb.Answer, error) { return usb.Answer{}, nil }

// shared is a device that is being given away.
type shared struct {
	*fake
	host  net.Conn
	ended chan error
}

// share gives away the stick at 1-2 and returns when the host may speak.
func share(ctx context.Context, f *fake) shared {
	host, channel := net.Pipe()
	s := shared{fake: f, host: host, ended: make(chan error, 1)}
	r := usb.NewWriting(usb.Config{Sys: f.sys, Proc: f.proc, Consent: &yes{}}, f.write)
	go func() {
		s.ended <- r.Share(ctx, "1-2", func(context.Context, usb.Device) (io.ReadWriteCloser, error) { return channel, nil })
	}()
	return s
}

// read lets the host read n bytes of the device.
func (s shared) read(t *testing.T, seq, n uint32) {
	t.Helper()
	h := usbip.Header{Command: usbip.CmdSubmit, Seq: seq, DevID: stickID, Direction: usbip.DirIn, Endpoint: 1, Length: n}
	if _, err := s.host.Write(usbip.AppendHeader(nil, h)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, usbip.HeaderSize+int(n))
	if _, err := io.ReadFull(s.host, b); err != nil {
		t.Fatal(err)
	}
	if got := b[usbip.HeaderSize:]; !bytes.Equal(got, bytes.Repeat([]byte{byte(seq)}, int(n))) {
		t.Errorf("transfer %d was changed on the way", seq)
	}
}

// Every kind of end gives the device back, in order.
func TestShareEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(s shared, cancel func())
		want error
		back []string
	}{
		"context":     {func(_ shared, cancel func()) { cancel() }, nil, giving},
		"host closes": {func(s shared, _ func()) { _ = s.host.Close() }, usbip.ErrPeerEnded, giving},
		"unplugged": {
			func(s shared, _ func()) { s.unplug("1-2") }, usbip.ErrKernelEnded,
			[]string{"drivers/usbip-host/match_busid del 1-2"},
		},
		"kernel ends it": {func(s shared, _ func()) {
			_ = os.WriteFile(filepath.Join(s.sys, "bus/usb/devices/1-2/usbip_status"), []byte("1\n"), 0o600)
			s.mu.Lock()
			_ = s.ends["1-2"].Close()
			s.mu.Unlock()
		}, usbip.ErrKernelEnded, giving},
		"hostile host": {func(s shared, _ func()) {
			_, _ = s.host.Write(usbip.AppendHeader(nil, usbip.Header{Command: usbip.CmdSubmit, DevID: stickID + 1}))
		}, usbip.ErrNonsense, giving},
		"in the middle": {func(s shared, _ func()) {
			_, _ = s.host.Write(usbip.AppendHeader(nil, usbip.Header{Command: usbip.CmdSubmit, Seq: 7, DevID: stickID, Endpoint: 2, Length: 99}))
			_ = s.host.Close()
		}, usbip.ErrPeerEnded, giving},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.plug("1-2", 5, "080650")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := share(ctx, f)
			s.read(t, 1, 36)
			s.read(t, 2, 200000)
			c.end(s, cancel)
			if err := <-s.ended; !errors.Is(err, c.want) {
				t.Errorf("Share() = %v; want %v", err, c.want)
			}
			if got, want := f.said(), slices.Concat(taking, c.back); !slices.Equal(got, want) {
				t.Errorf("the kernel was told\n%s; want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if d := f.driver("1-2"); name != "unplugged" && d != "usb" {
				t.Errorf("the device is with %q; want usb", d)
			}
			if _, err := s.host.Read(make([]byte, 1)); err == nil {
				t.Error("the channel is still open")
			}
		})
	}
}

// A step that fails is undone up to there.
func TestShareFails(t *testing.T) {
	undo := giving[1:]
	for name, c := range map[string]struct {
		fail string
		said []string
		with string // the driver in the end
	}{
		"unbind":  {taking[0], []string{taking[0], undo[0]}, "usb"},
		"match":   {taking[1], []string{taking[0], taking[1], undo[0], undo[1]}, "usb"},
		"bind":    {taking[2], slices.Concat(taking[:3], undo), "usb"},
		"socket":  {taking[3], slices.Concat(taking, giving), "usb"},
		"rebind":  {giving[2], slices.Concat(taking, giving, []string{"drivers_probe 1-2"}), "usb"},
		"release": {giving[0], slices.Concat(taking, giving[:2]), "usbip-host"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.plug("1-2", 5, "080650")
			f.fail[c.fail] = syscall.EPERM
			s := share(t.Context(), f)
			if slices.Contains(giving, c.fail) {
				s.read(t, 1, 1)
				_ = s.host.Close()
			}
			err := <-s.ended
			if name != "rebind" && !errors.Is(err, syscall.EPERM) {
				t.Errorf("Share() = %v; want %v", err, syscall.EPERM)
			}
			if got := f.said(); !slices.Equal(got, c.said) {
				t.Errorf("the kernel was told\n%s; want\n%s", strings.Join(got, "\n"), strings.Join(c.said, "\n"))
			}
			if d := f.driver("1-2"); d != c.with {
				t.Errorf("the device is with %q; want %q", d, c.with)
			}
		})
	}
}

// Another device in the port, while the person thinks or while it is bound,
// does not get the consent of the first.
func TestShareChanged(t *testing.T) {
	open := func(context.Context, usb.Device) (io.ReadWriteCloser, error) {
		_, b := net.Pipe()
		return b, nil
	}
	f := newFake(t)
	f.plug("1-2", 5, "080650")
	y := &yes{thinking: func() { f.unplug("1-2"); f.plug("1-2", 6, "080650") }}
	r := usb.NewWriting(usb.Config{Sys: f.sys, Proc: f.proc, Consent: y}, f.write)
	if err := r.Share(t.Context(), "1-2", open); !errors.Is(err, usb.ErrRefused) || len(f.said()) != 0 {
		t.Errorf("Share() = %v after the device changed, said %q; want %v and nothing", err, f.said(), usb.ErrRefused)
	}

	f = newFake(t)
	f.plug("1-2", 5, "080650")
	f.before = func(write string) {
		if write == taking[2] {
			f.unplug("1-2")
			f.plug("1-2", 6, "080650")
		}
	}
	r = usb.NewWriting(usb.Config{Sys: f.sys, Proc: f.proc, Consent: &yes{}}, f.write)
	if err := r.Share(t.Context(), "1-2", open); !errors.Is(err, usbip.ErrKernelEnded) {
		t.Errorf("Share() = %v; want %v", err, usbip.ErrKernelEnded)
	}
	if got, want := f.said(), slices.Concat(taking[:3], giving); !slices.Equal(got, want) {
		t.Errorf("the kernel was told %q; want %q", got, want)
	}
}

// What is refused is refused before anything is touched.
func TestShareRefused(t *testing.T) {
	f := newFake(t)
	f.plug("1-2", 5, "080650")
	f.plug("1-3", 6, "090000")
	f.plug("1-4", 7, "080650")
	f.put("bus/usb/devices/1-4/descriptors", "\x12\x01short")
	opened := 0
	open := func(context.Context, usb.Device) (io.ReadWriteCloser, error) {
		opened++
		return nil, errors.New("no host")
	}
	cfg := usb.Config{Sys: f.sys, Proc: f.proc, Consent: &yes{}}
	for name, c := range map[string]struct {
		port    string
		consent usb.Consent
		want    error
	}{
		"hub": {"1-3", &yes{}, usb.ErrRefused}, "absent": {"1-9", &yes{}, os.ErrNotExist},
		"the person": {"1-2", no{}, usb.ErrRefused}, "nobody": {"1-2", nil, usb.ErrRefused},
	} {
		cfg.Consent = c.consent
		if err := usb.NewWriting(cfg, f.write).Share(t.Context(), c.port, open); !errors.Is(err, c.want) {
			t.Errorf("Share(%s) = %v; want %v", name, err, c.want)
		}
	}
	cfg.Consent = &yes{}
	for _, bad := range []string{"", "usb1", "../1-2", "1-4"} {
		if err := usb.NewWriting(cfg, f.write).Share(t.Context(), bad, open); err == nil {
			t.Errorf("Share(%q) = nil; want an error", bad)
		}
	}
	if opened != 0 {
		t.Errorf("%d channels were opened; want none", opened)
	}
	if err := usb.NewWriting(cfg, f.write).Share(t.Context(), "1-2", open); err == nil || opened != 1 {
		t.Errorf("Share() = %v without a host, %d channels; want an error, 1", err, opened)
	}
	if got := f.said(); len(got) != 0 {
		t.Errorf("the kernel was told %q; want nothing", got)
	}
	if err := os.RemoveAll(filepath.Join(f.sys, "bus/usb/drivers/usbip-host")); err != nil {
		t.Fatal(err)
	}
	err := usb.NewWriting(cfg, f.write).Share(t.Context(), "1-2", open)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "usbip-host") {
		t.Errorf("Share() = %v without the module; want %v that names it", err, errors.ErrUnsupported)
	}
}

// What the person agreed to is remembered where they said so, for that device.
func TestConsent(t *testing.T) {
	f := newFake(t)
	f.plug("1-2", 5, "080650")
	open := func(context.Context, usb.Device) (io.ReadWriteCloser, error) { return nil, errors.New("no host") }
	y := &yes{}
	r := usb.NewWriting(usb.Config{Sys: f.sys, Proc: f.proc, Consent: y}, f.write)
	try := func(what string, want int) {
		t.Helper()
		if _ = r.Share(t.Context(), "1-2", open); y.asked != want {
			t.Errorf("%s: asked %d times; want %d", what, y.asked, want)
		}
	}
	try("first", 1)
	try("not remembered", 2)
	y.remember = true
	try("remembered from now on", 3)
	try("remembered", 3)
	f.unplug("1-2")
	f.plug("1-2", 9, "080650")
	try("plugged in again", 3)
	f.intf("1-2", 1, "030101")
	f.plug("1-3", 10, "030101") // or else it is the last keyboard
	try("with a keyboard", 4)
	r.Forget()
	try("forgotten", 5)
}
