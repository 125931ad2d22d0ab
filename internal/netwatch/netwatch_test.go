package netwatch_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/netwatch"
)

func message(t testing.TB, kind netlink.HeaderType, m rtnetlink.Message) netlink.Message {
	t.Helper()
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return netlink.Message{Header: netlink.Header{Type: kind}, Data: b}
}

const running = unix.IFF_UP | unix.IFF_RUNNING

func link(t testing.TB, index uint32, name string, flags uint32) netlink.Message {
	return message(t, unix.RTM_NEWLINK, &rtnetlink.LinkMessage{Index: index, Flags: flags, Attributes: &rtnetlink.LinkAttributes{Name: name}})
}

func address(t testing.TB, kind netlink.HeaderType, index uint32, a string, flags uint8) netlink.Message {
	ip := netip.MustParseAddr(a)
	family, bits := uint8(unix.AF_INET), uint8(24)
	if ip.Is6() {
		family, bits = unix.AF_INET6, 64
	}
	return message(t, kind, &rtnetlink.AddressMessage{
		Family: family, PrefixLength: bits, Index: index, Flags: flags,
		Attributes: &rtnetlink.AddressAttributes{Address: ip.AsSlice(), Local: ip.AsSlice(), Flags: uint32(flags)},
	})
}

func defaultRoute(t testing.TB, kind netlink.HeaderType, index, metric uint32) netlink.Message {
	return message(t, kind, &rtnetlink.RouteMessage{
		Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{OutIface: index, Priority: metric, Gateway: net.IPv4(10, 0, 0, 254).To4(), Table: unix.RT_TABLE_MAIN},
	})
}

var kinds = map[string]netwatch.Kind{"eth0": netwatch.Cable, "wlan0": netwatch.Wireless, "wwan0": netwatch.Mobile, "br0": netwatch.Virtual}

// both is a cable and a stand-by, both with addresses and default routes.
func both(t testing.TB) []netlink.Message {
	return []netlink.Message{
		link(t, 1, "lo", running|unix.IFF_LOOPBACK), address(t, unix.RTM_NEWADDR, 1, "127.0.0.1", 0),
		link(t, 2, "wwan0", running), address(t, unix.RTM_NEWADDR, 2, "10.1.0.2", 0), defaultRoute(t, unix.RTM_NEWROUTE, 2, 100),
		link(t, 3, "eth0", running), address(t, unix.RTM_NEWADDR, 3, "10.0.0.2", 0), defaultRoute(t, unix.RTM_NEWROUTE, 3, 1024),
	}
}

func names(s netwatch.Snapshot) (all string) {
	for _, i := range s.Interfaces {
		all += i.Name + " "
	}
	return all
}

func TestFold(t *testing.T) {
	tests := []struct {
		name string
		more []netlink.Message
		want string
	}{
		{"cable before mobile", nil, "eth0 wwan0 "},
		{"cable pulled", []netlink.Message{link(t, 3, "eth0", unix.IFF_UP)}, "wwan0 "},
		{"cable pulled and back", []netlink.Message{link(t, 3, "eth0", unix.IFF_UP), link(t, 3, "eth0", running)}, "eth0 wwan0 "},
		{"cable switched off forgets its route", []netlink.Message{link(t, 3, "eth0", 0), link(t, 3, "eth0", running)}, "wwan0 eth0 "},
		{"no default route on the cable", []netlink.Message{defaultRoute(t, unix.RTM_DELROUTE, 3, 1024)}, "wwan0 eth0 "},
		{"address gone", []netlink.Message{address(t, unix.RTM_DELADDR, 3, "10.0.0.2", 0)}, "wwan0 "},
		{"card gone", []netlink.Message{message(t, unix.RTM_DELLINK, &rtnetlink.LinkMessage{Index: 3, Attributes: &rtnetlink.LinkAttributes{Name: "eth0"}})}, "wwan0 "},
		{"address being probed", []netlink.Message{link(t, 4, "wlan0", running), address(t, unix.RTM_NEWADDR, 4, "2001:db8::1", unix.IFA_F_TENTATIVE)}, "eth0 wwan0 "},
		{"address being probed and used", []netlink.Message{link(t, 4, "wlan0", running), address(t, unix.RTM_NEWADDR, 4, "2001:db8::1", unix.IFA_F_TENTATIVE|unix.IFA_F_OPTIMISTIC)}, "eth0 wwan0 wlan0 "},
		{"address of another", []netlink.Message{link(t, 4, "wlan0", running), address(t, unix.RTM_NEWADDR, 4, "2001:db8::1", unix.IFA_F_OPTIMISTIC|unix.IFA_F_DADFAILED)}, "eth0 wwan0 "},
		{"address deprecated", []netlink.Message{address(t, unix.RTM_NEWADDR, 3, "10.0.0.2", unix.IFA_F_DEPRECATED)}, "wwan0 "},
		{"link-local only", []netlink.Message{link(t, 4, "wlan0", running), address(t, unix.RTM_NEWADDR, 4, "fe80::1", 0)}, "eth0 wwan0 "},
		{"IPv6 only", []netlink.Message{link(t, 4, "wlan0", running), address(t, unix.RTM_NEWADDR, 4, "2001:db8::1", 0)}, "eth0 wwan0 wlan0 "},
		{"wireless between", []netlink.Message{
			link(t, 4, "wlan0", running), address(t, unix.RTM_NEWADDR, 4, "10.2.0.2", 0), defaultRoute(t, unix.RTM_NEWROUTE, 4, 1),
		}, "eth0 wlan0 wwan0 "},
		{"address before its link", []netlink.Message{address(t, unix.RTM_NEWADDR, 5, "10.3.0.2", 0)}, "eth0 wwan0 "},
		{"garbage", []netlink.Message{{Header: netlink.Header{Type: unix.RTM_NEWLINK}, Data: []byte{1}}, {Header: netlink.Header{Type: 999}}}, "eth0 wwan0 "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := names(netwatch.Fold(kinds, append(both(t), tt.more...)...)); got != tt.want {
				t.Errorf("interfaces = %q; want %q", got, tt.want)
			}
		})
	}
	if s := netwatch.Fold(kinds, append(both(t), link(t, 3, "eth0", unix.IFF_UP))...); !s.Stale {
		t.Error("Stale = false with a default route over a pulled cable; want true")
	}
	s := netwatch.Fold(kinds, both(t)...)
	if s.Stale {
		t.Error("Stale = true with two good routes; want false")
	}
	if i, ok := s.Of(netip.MustParseAddr("::ffff:10.0.0.2")); !ok || i.Name != "eth0" || !i.Default || i.Metric != 1024 {
		t.Errorf("Of(10.0.0.2) = %+v, %v; want eth0 with its default route", i, ok)
	}
	if i, ok := s.Of(netip.MustParseAddr("10.9.9.9")); ok {
		t.Errorf("Of(foreign address) = %+v; want none", i)
	}
}

// What the kernel would never say takes no memory without end.
func TestFoldIsBounded(t *testing.T) {
	var flood []netlink.Message
	flood = append(flood, link(t, 3, "eth0", running))
	for i := range 200 {
		flood = append(flood, address(t, unix.RTM_NEWADDR, 3, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}).String(), 0))
	}
	for i := range uint32(3000) {
		flood = append(flood, link(t, 10+i, "x", running), address(t, unix.RTM_NEWADDR, 10+i, "10.0.0.9", 0))
	}
	s := netwatch.Fold(kinds, flood...)
	if len(s.Interfaces) > 1024 || len(s.Interfaces) < 1000 {
		t.Errorf("%d interfaces are kept of 3001; want about 1024", len(s.Interfaces))
	}
	if i, _ := s.Of(netip.MustParseAddr("10.0.1.0")); len(i.Addresses) != 64 {
		t.Errorf("%d addresses are kept of 200; want 64", len(i.Addresses))
	}
}

func TestWatcher(t *testing.T) {
	start := both(t)
	gone := []netlink.Message{link(t, 3, "eth0", unix.IFF_UP)}
	burst := [][]netlink.Message{{link(t, 3, "eth0", running)}, {address(t, unix.RTM_NEWADDR, 3, "10.0.0.3", 0)}}
	synctest.Test(t, func(t *testing.T) {
		k := &netwatch.FakeKernel{Now: start, Events: make(chan netwatch.Event), Closed: make(chan struct{})}
		opened := 0
		w := netwatch.NewFake(kinds, func() *netwatch.FakeKernel {
			opened++
			if opened > 1 {
				k = &netwatch.FakeKernel{Now: start, Events: make(chan netwatch.Event), Closed: make(chan struct{})}
			}
			return k
		})
		s, changed := w.Current()
		if len(s.Interfaces) != 0 {
			t.Errorf("Current() before Run = %+v; want nothing", s)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		<-changed
		s, changed = w.Current()
		if got := names(s); got != "eth0 wwan0 " {
			t.Errorf("Current() = %q; want eth0 and wwan0", got)
		}
		begin := time.Now()
		k.Events <- netwatch.Event{Messages: gone}
		<-changed
		if took := time.Since(begin); took > 20*time.Millisecond {
			t.Errorf("a pulled cable was told after %v; want 20 ms at most", took)
		}
		s, changed = w.Current()
		if got := names(s); got != "wwan0 " {
			t.Errorf("Current() = %q; want wwan0", got)
		}
		begin = time.Now()
		for _, m := range burst {
			k.Events <- netwatch.Event{Messages: m}
			time.Sleep(time.Millisecond)
		}
		<-changed
		if took := time.Since(begin); took > 20*time.Millisecond {
			t.Errorf("a new address was told after %v; want 20 ms at most", took)
		}
		s, changed = w.Current()
		if i, ok := s.Of(netip.MustParseAddr("10.0.0.3")); !ok || i.Name != "eth0" {
			t.Errorf("Current() = %+v; want the new address on eth0, told once", s)
		}
		// The same again is no change; lost events are asked for again.
		k.Events <- netwatch.Event{Messages: burst[1]}
		time.Sleep(time.Second)
		select {
		case <-changed:
			t.Error("the same address again was told as a change")
		default:
		}
		k.Events <- netwatch.Event{Err: unix.ENOBUFS}
		<-changed
		if s, _ = w.Current(); opened != 2 || names(s) != "eth0 wwan0 " {
			t.Errorf("after lost events: opened %d times, %q; want 2 and what is there now", opened, names(s))
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
}

// A chatty network cannot put the news off for ever.
func TestWatcherPatience(t *testing.T) {
	start, pulled := both(t), link(t, 3, "eth0", unix.IFF_UP)
	synctest.Test(t, func(t *testing.T) {
		k := &netwatch.FakeKernel{Now: start, Events: make(chan netwatch.Event), Closed: make(chan struct{})}
		w := netwatch.NewFake(kinds, func() *netwatch.FakeKernel { return k })
		_, changed := w.Current()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		<-changed
		_, changed = w.Current()
		begin := time.Now()
		for told := false; !told; {
			select {
			case k.Events <- netwatch.Event{Messages: []netlink.Message{pulled}}:
				time.Sleep(time.Millisecond)
			case <-changed:
				told = true
			}
		}
		if took := time.Since(begin); took > 20*time.Millisecond {
			t.Errorf("news among others came after %v; want 20 ms at most", took)
		}
		cancel()
		<-done
	})
}

// A pulled cable is seen before the kernel says so, and its return is believed.
func TestWatcherPollsCarriers(t *testing.T) {
	start, plugged := both(t), link(t, 3, "eth0", running)
	synctest.Test(t, func(t *testing.T) {
		k := &netwatch.FakeKernel{Now: start, Events: make(chan netwatch.Event), Closed: make(chan struct{})}
		w := netwatch.NewFake(kinds, func() *netwatch.FakeKernel { return k })
		var pulled atomic.Bool
		w.Lose(func(name string) bool { return name == "eth0" && pulled.Load() })
		_, changed := w.Current()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		<-changed
		_, changed = w.Current()
		begin := time.Now()
		pulled.Store(true)
		<-changed
		if took := time.Since(begin); took > 60*time.Millisecond {
			t.Errorf("a pulled cable was told after %v; want 60 ms at most", took)
		}
		s, changed := w.Current()
		if got := names(s); got != "wwan0 " || !s.Stale {
			t.Errorf("Current() = %q, stale %v; want wwan0 and a stale route", got, s.Stale)
		}
		pulled.Store(false)
		k.Events <- netwatch.Event{Messages: []netlink.Message{plugged}}
		<-changed
		if s, _ = w.Current(); names(s) != "eth0 wwan0 " {
			t.Errorf("Current() = %q; want the cable back", names(s))
		}
		cancel()
		<-done
	})
}

func TestKindOf(t *testing.T) {
	class := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		full := filepath.Join(class, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("eth0/device/vendor", "x")
	write("eth0/uevent", "INTERFACE=eth0\nIFINDEX=2\n")
	write("wlan0/device/vendor", "x")
	write("wlan0/wireless/status", "x")
	write("wlp3s0/uevent", "DEVTYPE=wlan\nINTERFACE=wlp3s0\n")
	write("wwan0/uevent", "DEVTYPE=wwan\n")
	write("usb0/device/vendor", "x")
	if err := os.Symlink("/sys/bus/usb/drivers/rndis_host", filepath.Join(class, "usb0/device/driver")); err != nil {
		t.Fatal(err)
	}
	write("br0/uevent", "DEVTYPE=bridge\n")
	for name, want := range map[string]netwatch.Kind{
		"eth0": netwatch.Cable, "wlan0": netwatch.Wireless, "wlp3s0": netwatch.Wireless, "wwan0": netwatch.Mobile,
		"usb0": netwatch.Mobile, "br0": netwatch.Virtual, "absent": netwatch.Virtual, "..": netwatch.Virtual, "": netwatch.Virtual,
	} {
		if got := netwatch.KindOf(class, name); got != want {
			t.Errorf("kindOf(%q) = %v; want %v", name, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, m := range both(f) {
		f.Add(uint16(m.Header.Type), m.Data)
	}
	f.Fuzz(func(t *testing.T, kind uint16, data []byte) {
		s := netwatch.Fold(kinds, append(both(t), netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind)}, Data: data})...)
		for _, i := range s.Interfaces {
			for _, a := range i.Addresses {
				if a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || !a.IsValid() {
					t.Errorf("address %v of %q; want one to send from", a, i.Name)
				}
			}
		}
	})
}
