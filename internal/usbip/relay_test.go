package usbip_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/blade-shadow/terminal/internal/usbip"
)

// ends are the two ends of a device, relayed: the host's kernel at one, the
// device's at the other.
type ends struct {
	host, device   net.Conn
	onHost, onTerm chan error
}

func relayed(ctx context.Context, t testing.TB) ends {
	t.Helper()
	hostKernel, a := net.Pipe()
	deviceKernel, b := net.Pipe()
	p, q := net.Pipe()
	e := ends{host: hostKernel, device: deviceKernel, onHost: make(chan error, 1), onTerm: make(chan error, 1)}
	term := newSession(t)
	go func() {
		_, err := usbip.Relay(ctx, usbip.RelayConfig{Kernel: a, Peer: p, Session: usbip.NewSession(devID, nil), Host: true})
		e.onHost <- err
	}()
	go func() {
		_, err := usbip.Relay(ctx, usbip.RelayConfig{Kernel: b, Peer: q, Session: term})
		e.onTerm <- err
	}()
	return e
}

// transfer reads length bytes of the device, or fails.
func (e ends) transfer(t *testing.T, seq, length uint32) {
	t.Helper()
	answer := bytes.Repeat([]byte{byte(seq)}, int(length))
	go func() {
		h := make([]byte, usbip.HeaderSize)
		if _, err := io.ReadFull(e.device, h); err == nil {
			_, _ = e.device.Write(message(usbip.Header{Command: usbip.RetSubmit, Seq: binary.BigEndian.Uint32(h[4:]), Length: length}, answer...))
		}
	}()
	if _, err := e.host.Write(message(read(seq, length))); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, usbip.HeaderSize+int(length))
	if _, err := io.ReadFull(e.host, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[usbip.HeaderSize:], answer) {
		t.Errorf("transfer %d was changed on the way", seq)
	}
}

func TestRelay(t *testing.T) {
	for name, c := range map[string]struct {
		end            func(e ends, cancel func())
		onHost, onTerm error
	}{
		"context":         {func(_ ends, cancel func()) { cancel() }, nil, nil},
		"host detaches":   {func(e ends, _ func()) { _ = e.host.Close() }, usbip.ErrKernelEnded, usbip.ErrPeerEnded},
		"device unplugs":  {func(e ends, _ func()) { _ = e.device.Close() }, usbip.ErrPeerEnded, usbip.ErrKernelEnded},
		"middle of a one": {func(e ends, _ func()) { _, _ = e.host.Write(make([]byte, 9)); _ = e.host.Close() }, io.ErrUnexpectedEOF, usbip.ErrPeerEnded},
		"hostile device": {func(e ends, _ func()) {
			_, _ = e.device.Write(message(usbip.Header{Command: usbip.RetSubmit, Seq: 99}))
		}, usbip.ErrPeerEnded, usbip.ErrNonsense},
		"hostile host": {func(e ends, _ func()) {
			_, _ = e.host.Write(message(usbip.Header{Command: 77, DevID: devID}))
		}, usbip.ErrNonsense, usbip.ErrPeerEnded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e := relayed(ctx, t)
				e.transfer(t, 1, 18)
				e.transfer(t, 2, 300000)
				c.end(e, cancel)
				if err := <-e.onHost; !errors.Is(err, c.onHost) {
					t.Errorf("the host's relay ended with %v; want %v", err, c.onHost)
				}
				if err := <-e.onTerm; !errors.Is(err, c.onTerm) {
					t.Errorf("the terminal's relay ended with %v; want %v", err, c.onTerm)
				}
				for who, k := range map[string]net.Conn{"host": e.host, "device": e.device} {
					if _, err := k.Read(make([]byte, 1)); err == nil {
						t.Errorf("the %s's kernel still has its socket", who)
					}
				}
			})
		})
	}
}

// A peer that takes nothing holds the kernel up, and no memory.
func TestRelayBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel, a := net.Pipe()
		stuck, peer := net.Pipe()
		s := newSession(t)
		if err := run(s, []step{cmd(message(read(1, usbip.MaxTransfer)))}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := usbip.Relay(ctx, usbip.RelayConfig{Kernel: a, Peer: peer, Session: s})
			ended <- err
		}()
		wrote := make(chan int, 1)
		go func() {
			n, _ := kernel.Write(message(usbip.Header{Command: usbip.RetSubmit, Seq: 1, Length: usbip.MaxTransfer}, make([]byte, usbip.MaxTransfer)...))
			wrote <- n
		}()
		synctest.Wait() // everything waits now
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Relay() = %v; want nil", err)
		}
		if n := <-wrote; n > 128<<10 {
			t.Errorf("%d bytes were taken for a peer that reads nothing", n)
		}
		_ = stuck.Close()
	})
}

// queue is a data channel that lets nothing go.
type queue struct {
	net.Conn
	amount uint64
	low    func()
}

func (q *queue) BufferedAmount() uint64               { return q.amount }
func (q *queue) SetBufferedAmountLowThreshold(uint64) {}
func (q *queue) OnBufferedAmountLow(f func())         { q.low = f }

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		q := &queue{Conn: a, amount: 1 << 20}
		th := usbip.NewThrottle(q, q)
		wrote := make(chan error, 1)
		write := func() { _, err := th.Write([]byte("x")); wrote <- err }
		go write()
		synctest.Wait()
		select {
		case err := <-wrote:
			t.Fatalf("Write() = %v into a full queue; want it to wait", err)
		default:
		}
		q.amount = 0
		q.low()
		if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := <-wrote; err != nil {
			t.Errorf("Write() = %v", err)
		}
		q.amount = 1 << 20
		go write()
		synctest.Wait()
		if err := th.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		if err := <-wrote; !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Write() = %v after Close; want %v", err, io.ErrClosedPipe)
		}
	})
}
