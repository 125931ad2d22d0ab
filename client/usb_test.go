package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// fakePorts are a host's: a device that is plugged in sends back what it gets.
type fakePorts struct {
	missing error

	mu      sync.Mutex
	plugged map[string]context.CancelFunc // by name
	ends    []string
}

func (f *fakePorts) Available() error { return f.missing }

func (f *fakePorts) Attach(parent context.Context, o wire.USBOffer, ch io.ReadWriteCloser) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	f.mu.Lock()
	f.plugged[o.Name] = cancel
	f.mu.Unlock()
	stop := context.AfterFunc(ctx, func() { _ = ch.Close() })
	defer stop()
	_, err := io.CopyBuffer(ch, struct{ io.Reader }{ch}, make([]byte, 64<<10))
	_ = ch.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.plugged, o.Name)
	f.ends = append(f.ends, o.Name)
	if parent.Err() != nil {
		return nil
	}
	return err
}

func (f *fakePorts) has(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plugged[name] != nil
}

func (f *fakePorts) pull(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plugged[name]()
}

// startUSB runs a session with a host that takes USB devices.
func startUSB(t *testing.T, ports host.USB) (*terminal, *hosttest.Host) {
	t.Helper()
	h := hosttest.Start(t, hosttest.Config{Change: func(c *host.Config) { c.USB = ports }})
	r := start(t, h.URL, nil)
	hosttest.Within(t, r.pictures, "the first picture")
	hosttest.Until(t, "the host was greeted", func() bool { return r.RTT() > 0 })
	return r, h
}

func echoed(t *testing.T, ch io.ReadWriter, n int) {
	t.Helper()
	sent := bytes.Repeat([]byte("USB device!"), n/11+1)[:n]
	go func() {
		for b := sent; len(b) > 0; b = b[min(len(b), 16<<10):] {
			if _, err := ch.Write(b[:min(len(b), 16<<10)]); err != nil {
				t.Errorf("write to a device's stream: %v", err)
				return
			}
		}
	}()
	got, buf := make([]byte, 0, n), make([]byte, 64<<10)
	for len(got) < n {
		k, err := ch.Read(buf)
		if err != nil {
			t.Fatalf("read from a device's stream: %v", err)
		}
		got = append(got, buf[:k]...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back changed", n)
	}
}

// TestUSB proves that devices travel on a connection of their own, side by
// side, and end alone: from here, from the host, and with the session.
func TestUSB(t *testing.T) {
	ports := &fakePorts{plugged: map[string]context.CancelFunc{}}
	r, _ := startUSB(t, ports)
	offer := func(name string) io.ReadWriteCloser {
		t.Helper()
		ch, err := r.OfferUSB(t.Context(), wire.USBOffer{Vendor: 0x1234, Product: 1, Speed: 3, DevID: 1<<16 | 2, Name: name})
		if err != nil {
			t.Fatalf("OfferUSB(%s) = %v", name, err)
		}
		return ch
	}
	if err := r.TakesUSB(t.Context()); err != nil {
		t.Errorf("TakesUSB() = %v", err)
	}
	stick, printer, key := offer("stick"), offer("printer"), offer("key")
	echoed(t, stick, 3<<20)
	echoed(t, printer, 100)
	if err := stick.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	hosttest.Until(t, "the stick is unplugged there", func() bool { return !ports.has("stick") })
	echoed(t, printer, 70<<10)
	ports.pull("printer")
	if n, err := printer.Read(make([]byte, 64<<10)); err == nil {
		t.Errorf("a stream that the host ended gave %d bytes; want an error", n)
	}
	again := offer("stick")
	echoed(t, again, 1000)
	r.cancel()
	_ = r.end()
	for _, ch := range []io.ReadWriteCloser{again, key} {
		if _, err := ch.Read(make([]byte, 64<<10)); err == nil {
			t.Error("a stream outlived its session")
		}
	}
	hosttest.Until(t, "nothing is plugged in there", func() bool { return !ports.has("stick") && !ports.has("key") })
	if _, err := r.OfferUSB(t.Context(), wire.USBOffer{}); err == nil {
		t.Error("OfferUSB() after the session = nil; want an error")
	}
}

// TestUSBRefused proves that a host that takes none says so at once, and that
// the person's patience ends the question.
func TestUSBRefused(t *testing.T) {
	for name, ports := range map[string]host.USB{
		"none":      nil,
		"no module": &fakePorts{missing: errors.New("no module")},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			r, h := startUSB(t, ports)
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			if _, err := r.OfferUSB(ctx, wire.USBOffer{DevID: 1<<16 | 2, Speed: 3}); !errors.Is(err, client.ErrUSBRefused) {
				t.Errorf("OfferUSB() = %v; want ErrUSBRefused", err)
			}
			if err := r.TakesUSB(ctx); !errors.Is(err, client.ErrUSBRefused) {
				t.Errorf("TakesUSB() = %v; want ErrUSBRefused", err)
			}
			resp, err := http.Post(h.URL+"/nothing/usb", "application/sdp", strings.NewReader("v=0\r\n"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("POST to a session that is none = %s; want 404", resp.Status)
			}
		})
	}
}

// BenchmarkUSB is what a stick's connection carries on this machine, both ways
// at once, encrypted.
func BenchmarkUSB(b *testing.B) {
	ports := &fakePorts{plugged: map[string]context.CancelFunc{}}
	h := hosttest.Start(b, hosttest.Config{Change: func(c *host.Config) { c.USB = ports }})
	ready := make(chan struct{}, 1)
	s, err := client.New(client.Config{URL: h.URL, Screens: 1, Codecs: []media.Codec{media.CodecH264}, Name: "bench", OnAccessUnit: (*media.AccessUnit).Release, OnStage: func(st client.Stage) {
		if st == client.StageLive {
			ready <- struct{}{}
		}
	}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() { cancel(); <-done }()
	hosttest.Within(b, ready, "a live session")
	hosttest.Until(b, "the host was greeted", func() bool { return s.RTT() > 0 })
	ch, err := s.OfferUSB(b.Context(), wire.USBOffer{Speed: 3, DevID: 1<<16 | 2, Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, 16<<10)
	b.SetBytes(int64(len(block)))
	b.ResetTimer()
	go func() {
		for range b.N {
			if _, err := ch.Write(block); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for got := 0; got < b.N*len(block); {
		n, err := ch.Read(buf)
		if err != nil {
			b.Fatal(err)
		}
		got += n
	}
}
