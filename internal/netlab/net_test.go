package netlab_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/vnet"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// virtual returns two networks joined by a router without properties of its
// own, and what stops it.
func virtual(t *testing.T) (a, b transport.Net, stop func()) {
	t.Helper()
	router, err := vnet.NewRouter(&vnet.RouterConfig{
		CIDR:          "192.0.2.0/24",
		LoggerFactory: &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled},
	})
	if err != nil {
		t.Fatal(err)
	}
	add := func(ip string) *vnet.Net {
		n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{ip}})
		if err == nil {
			err = router.AddNet(n)
		}
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	x, y := add("192.0.2.1"), add("192.0.2.2")
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	return x, y, func() { _ = router.Stop() }
}

func listen(t *testing.T, n transport.Net, ip string) transport.UDPConn {
	t.Helper()
	c, err := n.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNetInVirtualTime sends over a virtual network in a bubble, where times
// are exact.
func TestNetInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, stop := virtual(t)
		defer stop()
		p := netlab.Profile{Up: netlab.Conditions{Delay: 30 * time.Millisecond}, Down: netlab.Conditions{Delay: 70 * time.Millisecond}}
		n := netlab.NewNet(a, 1, p)
		terminal, host := listen(t, n, "192.0.2.1"), listen(t, b, "192.0.2.2")
		defer n.Wait()
		defer terminal.Close()
		defer host.Close()

		start := time.Now()
		exchange := func(want time.Duration) {
			t.Helper()
			buf := make([]byte, 100)
			sent := time.Now()
			if _, err := terminal.WriteTo([]byte("there"), host.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			_ = host.SetReadDeadline(time.Now().Add(time.Second))
			_ = terminal.SetReadDeadline(time.Now().Add(time.Second))
			size, from, err := host.ReadFrom(buf)
			if err == nil {
				_, err = host.WriteTo(buf[:size], from)
			}
			if err == nil {
				size, from, err = terminal.ReadFrom(buf)
			}
			switch {
			case want == 0:
				if timeout, ok := errors.AsType[net.Error](err); !ok || !timeout.Timeout() {
					t.Errorf("at %v: %v; want nothing to arrive", time.Since(start), err)
				}
			case err != nil || string(buf[:size]) != "there" || from.String() != host.LocalAddr().String():
				t.Errorf("at %v: got %q from %v, %v", time.Since(start), buf[:size], from, err)
			case time.Since(sent) != want:
				t.Errorf("round trip = %v; want %v", time.Since(sent), want)
			}
		}
		exchange(100 * time.Millisecond)
		n.SetProfile(netlab.Profile{Up: netlab.Conditions{Delay: time.Millisecond}})
		exchange(time.Millisecond)
		n.Blackout(1500 * time.Millisecond)
		exchange(0)
		time.Sleep(600 * time.Millisecond)
		exchange(time.Millisecond)
		if up, down := n.Stats(); up.LostDown != 1 || up.Arrived != 3 || down.Arrived != 3 {
			t.Errorf("Stats() = %+v, %+v", up, down)
		}
	})
}

// TestNetSocketBehaves does what pion does to a socket: deadlines, closing
// under a reader, closing with packets on their way.
func TestNetSocketBehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, stop := virtual(t)
		defer stop()
		n := netlab.NewHostNet(a, 1, netlab.Profile{Down: netlab.Conditions{Delay: time.Second, Duplicate: 1}})
		c, peer := listen(t, n, "192.0.2.1"), listen(t, b, "192.0.2.2")
		defer peer.Close()

		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		start := time.Now()
		if _, _, err := c.ReadFromUDP(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("Read = %v after %v; want a deadline after 1 s", err, time.Since(start))
		}
		_ = c.SetReadDeadline(time.Time{})

		// What a reader's buffer has no room for is cut, as with a socket.
		_, _ = peer.WriteTo([]byte("12345"), c.LocalAddr())
		small := make([]byte, 3)
		if size, _, err := c.ReadFrom(small); err != nil || size != 3 || string(small) != "123" {
			t.Errorf("Read = %d %q, %v; want the first 3 bytes", size, small, err)
		}

		read := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		packet := []byte("goodbye")
		if _, err := c.WriteTo(packet, peer.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		copy(packet, "changed")
		synctest.Wait()
		if err := c.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
		if err := <-read; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read under Close = %v; want net.ErrClosed", err)
		}
		if _, err := c.WriteTo(packet, peer.LocalAddr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close = %v; want net.ErrClosed", err)
		}
		if c.Close() == nil {
			t.Error("second Close = nil; want an error as sockets give")
		}
		for range 2 { // it is duplicated
			buf := make([]byte, 100)
			_ = peer.SetReadDeadline(time.Now().Add(2 * time.Second))
			size, _, err := peer.ReadFrom(buf)
			if err != nil || string(buf[:size]) != "goodbye" {
				t.Errorf("packet written before Close = %q, %v; want it to arrive unchanged", buf[:size], err)
			}
		}
		n.Wait()
	})
}

// TestNetOverTheKernel is the same over real sockets, whose errors it passes on.
func TestNetOverTheKernel(t *testing.T) {
	const delay = 20 * time.Millisecond
	n := netlab.NewNet(nil, 1, netlab.Profile{Up: netlab.Conditions{Delay: delay}})
	echo, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := echo.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = echo.WriteToUDPAddrPort(buf[:size], from)
		}
	}()
	for name, open := range map[string]func() (net.Conn, error){
		"Dial":    func() (net.Conn, error) { return n.Dial("udp4", echo.LocalAddr().String()) },
		"DialUDP": func() (net.Conn, error) { return n.DialUDP("udp4", nil, echo.LocalAddr().(*net.UDPAddr)) },
		"Dialer": func() (net.Conn, error) {
			return n.CreateDialer(&net.Dialer{}).Dial("udp4", echo.LocalAddr().String())
		},
	} {
		c, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		start := time.Now()
		buf := make([]byte, 1500)
		_, _ = c.Write([]byte("x"))
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if size, err := c.Read(buf); err != nil || size != 1 || time.Since(start) < delay {
			t.Errorf("%s: Read = %d, %v after %v; want 1 byte after %v or more", name, size, err, time.Since(start), delay)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: Close = %v", name, err)
		}
	}
	p, err := n.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.WriteTo(nil, &net.TCPAddr{}); err == nil {
		t.Error("WriteTo a TCP address = nil; want an error")
	}
	if _, err := p.(transport.UDPConn).Write([]byte("x")); err == nil {
		t.Error("Write without a peer = nil; want an error")
	}
	_ = p.Close()
	n.Wait()
	if up, _ := n.Stats(); up.Arrived != 3 {
		t.Errorf("Stats() = %+v; want 3 packets up", up)
	}
}
