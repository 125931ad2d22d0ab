package dongle_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/blade-shadow/terminal/peripherals/network/dongle"
)

// codes are the findings as text: F old-kernel, W signal.
func codes(all []dongle.Finding) string {
	var out []string
	for _, f := range all {
		out = append(out, strings.ToUpper(f.Severity.String()[:1])+" "+string(f.Code))
	}
	return strings.Join(out, ", ")
}

func TestAdvise(t *testing.T) {
	const (
		old = "6.1.0-56-amd64"
		lts = "6.12.48+deb13-amd64"
	)
	tests := []struct {
		name string
		in   dongle.Facts
		want string
	}{
		{"nothing is known", dongle.Facts{}, ""},
		{"all is well", dongle.Facts{Interface: "wlan0", Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", Kernel: old, PortMbps: 5000, FrequencyMHz: 5180, SignalDBm: -50, RateMbps: 866, HigherBand: true, Neighbours: 2, Over: time.Hour}, ""},
		{"mt7601u works at 2.4 GHz alone", dongle.Facts{Vendor: 0x148f, Product: 0x7601, Driver: "mt7601u", Kernel: old, PortMbps: 480, FrequencyMHz: 2412, SignalDBm: -40, RateMbps: 72}, "W only-2.4"},
		{"ath9k_htc too", dongle.Facts{Vendor: 0x0cf3, Product: 0x9271, Driver: "ath9k_htc", Kernel: old, FrequencyMHz: 2412}, "W only-2.4"},
		{"rtw88 on 6.1", dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Kernel: old}, "F old-kernel"},
		{"rtw88 on 6.12", dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Kernel: lts}, "F unbound"},
		{"rtw88 that runs", dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Driver: "rtw_8822bu", Kernel: lts, FrequencyMHz: 5500}, ""},
		{"rtl8188fu on 6.1", dongle.Facts{Vendor: 0x0bda, Product: 0xf179, Kernel: old}, "F old-kernel"},
		{"rtl8812au on 6.12", dongle.Facts{Vendor: 0x0bda, Product: 0x8812, Kernel: lts}, "F old-kernel"},
		{"rtw89 on 6.12", dongle.Facts{Vendor: 0x0bda, Product: 0xb832, Kernel: lts}, "F old-kernel"},
		{"rtw89 on 6.17", dongle.Facts{Vendor: 0x0bda, Product: 0xb832, Kernel: "6.17"}, "F unbound"},
		{"rtw89 that no kernel has", dongle.Facts{Vendor: 0x0bda, Product: 0x8912, Kernel: "7.9.1"}, "F no-driver"},
		{"a kernel of another name", dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Kernel: "next"}, "F unbound"},
		{"a disc", dongle.Facts{Vendor: 0x0bda, Product: 0x1a2b, Kernel: lts}, "F disc"},
		{"a vendor's driver", dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Driver: "rtl88x2bu", Kernel: old}, "W vendor-driver"},
		{"another USB device", dongle.Facts{Vendor: 0x046d, Product: 0xc52b, Kernel: old}, ""},
		{"low band", dongle.Facts{FrequencyMHz: 2437, HigherBand: true}, "W low-band"},
		{"low band alone", dongle.Facts{FrequencyMHz: 2437}, "I low-band"},
		{"weak", dongle.Facts{FrequencyMHz: 5180, SignalDBm: -70}, "W signal"},
		{"feeble and slow", dongle.Facts{FrequencyMHz: 5180, SignalDBm: -85, RateMbps: 6}, "F signal, F rate"},
		{"slow", dongle.Facts{RateMbps: 52}, "W rate"},
		{"USB 1", dongle.Facts{Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", PortMbps: 12}, "F full-speed"},
		{"USB 2 of a USB 3 dongle", dongle.Facts{Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", PortMbps: 480, FrequencyMHz: 5180}, "I usb-2"},
		{"USB 2 is right at 2.4 GHz", dongle.Facts{Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", PortMbps: 480, FrequencyMHz: 2412}, "I low-band"},
		{"USB 3 at 2.4 GHz", dongle.Facts{Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", PortMbps: 5000, FrequencyMHz: 2412}, "W usb-3, I low-band"},
		{"USB 3 beside it", dongle.Facts{Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", PortMbps: 480, Neighbours: 1, FrequencyMHz: 2412}, "I low-band, I usb-3"},
		{"a card has no plug", dongle.Facts{Driver: "iwlwifi", Neighbours: 3, FrequencyMHz: 2412, HigherBand: true}, "W low-band"},
		{"roaming", dongle.Facts{Roams: 3, Over: 10 * time.Minute}, "W roaming"},
		{"roaming at times", dongle.Facts{Roams: 3, Over: time.Hour}, ""},
		{"roaming once after the start", dongle.Facts{Roams: 2, Over: time.Minute}, ""},
	}
	for _, tt := range tests {
		all := dongle.Advise(tt.in)
		if got := codes(all); got != tt.want {
			t.Errorf("%s: Advise() = %q; want %q", tt.name, got, tt.want)
		}
		for _, f := range all {
			if f.Text == "" || f.Advice == "" || strings.Contains(f.Text+f.Advice, "%!") {
				t.Errorf("%s: finding %+v has no words", tt.name, f)
			}
		}
	}
	f := dongle.Advise(dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Kernel: old})[0]
	if want := "This kernel (6.1) has no driver for the dongle's RTL8822BU chip; 6.2 is the first that has."; f.Text != want {
		t.Errorf("text = %q; want %q", f.Text, want)
	}
}

// Every dongle of the table has one chip, and is found by its numbers.
func TestChips(t *testing.T) {
	seen := map[string]string{}
	for name, ids := range dongle.Chips() {
		if !strings.HasPrefix(ids, " ") || !strings.HasSuffix(ids, " ") {
			t.Errorf("%s: %q does not stand between spaces", name, ids)
		}
		for _, id := range strings.Fields(ids) {
			if other, ok := seen[id]; ok {
				t.Errorf("%s is %s and %s", id, name, other)
			}
			seen[id] = name
			var vendor, product uint16
			if n, err := fmt.Sscanf(id, "%04x:%04x", &vendor, &product); n != 2 || err != nil || len(id) != 9 {
				t.Errorf("%s: %q is no pair of numbers", name, id)
				continue
			}
			f := dongle.Facts{Vendor: vendor, Product: product, Kernel: "2.4.1"}
			if all := dongle.Advise(f); len(all) != 1 || !strings.Contains(all[0].Text, name) {
				t.Errorf("Advise(%s) = %+v; want that this kernel does not know %s", id, all, name)
			}
		}
	}
}

// sys makes a /sys with a dongle at 1-2 that has an interface, one at 2-1.4
// that has none, a root hub, a hub and a disk at USB 3.
func sys() fstest.MapFS {
	out := fstest.MapFS{}
	file := func(name, text string) { out[name] = &fstest.MapFile{Data: []byte(text + "\n")} }
	link := func(name, target string) {
		out[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
	}
	usb := func(name, vendor, product, speed, class string) {
		dir := "devices/usb/" + name + "/"
		file(dir+"idVendor", vendor)
		file(dir+"idProduct", product)
		file(dir+"speed", speed)
		file(dir+"bDeviceClass", class)
		link("bus/usb/devices/"+name, "../../../devices/usb/"+name)
	}
	usb("usb1", "1d6b", "0002", "480", "09")
	usb("1-2", "0e8d", "7961", "5000", "00")
	usb("2-1", "05e3", "0626", "5000", "09")
	usb("2-1.4", "0bda", "b812", "480", "00")
	usb("2-1.5", "0781", "5581", "5000", "00")
	usb("2-1.6", "046d", "c52b", "1.5", "00")
	file("devices/usb/1-2:1.3/net/wlan0/mtu", "1500")
	link("bus/usb/devices/1-2:1.3", "../../../devices/usb/1-2:1.3")
	file("devices/usb/2-1.4:1.0/bInterfaceClass", "ff")
	link("bus/usb/devices/2-1.4:1.0", "../../../devices/usb/2-1.4:1.0")
	link("devices/usb/1-2:1.3/driver", "../../bus/usb/drivers/mt7921u")
	file("bus/usb/drivers/mt7921u/uevent", "")
	link("class/net/wlan0", "../../devices/usb/1-2:1.3/net/wlan0")
	link("devices/usb/1-2:1.3/net/wlan0/device", "../../../1-2:1.3")
	file("class/net/eth0/mtu", "1500")
	link("class/net/eth0/device", "../../../devices/pci0")
	link("devices/pci0/driver", "../../bus/pci/drivers/r8169")
	return out
}

func TestRead(t *testing.T) {
	s := dongle.Source{Sys: sys(), Kernel: "6.1.0"}
	got, err := s.Read("wlan0")
	want := dongle.Facts{Interface: "wlan0", Vendor: 0x0e8d, Product: 0x7961, Driver: "mt7921u", Kernel: "6.1.0", PortMbps: 5000, Neighbours: 1}
	if err != nil || got != want {
		t.Errorf("Read(wlan0) = %+v, %v; want %+v", got, err, want)
	}
	got, err = s.Read("eth0")
	want = dongle.Facts{Interface: "eth0", Driver: "r8169", Kernel: "6.1.0"}
	if err != nil || got != want {
		t.Errorf("Read(eth0) = %+v, %v; want %+v", got, err, want)
	}
	for _, name := range []string{"", ".", "..", "a/b", "wlan9"} {
		if f, err := s.Read(name); err == nil {
			t.Errorf("Read(%q) = %+v; want an error", name, f)
		}
	}
	if _, err := s.Read("wlan9"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Read(wlan9) = %v; want %v", err, fs.ErrNotExist)
	}
}

func TestWithout(t *testing.T) {
	all := dongle.Source{Sys: sys(), Kernel: "6.1.0"}.Without()
	want := dongle.Facts{Vendor: 0x0bda, Product: 0xb812, Kernel: "6.1.0", PortMbps: 480, Neighbours: 2}
	if len(all) != 1 || all[0] != want {
		t.Errorf("Without() = %+v; want %+v alone", all, want)
	}
	if got := codes(dongle.Advise(all[0])); got != "F old-kernel" {
		t.Errorf("Advise() = %q; want that the kernel is too old", got)
	}
	if got := (dongle.Source{Sys: fstest.MapFS{}}).Without(); got != nil {
		t.Errorf("Without() on a machine without USB = %+v; want none", got)
	}
}

// TestThisMachine reads what is there, and a loopback is no dongle.
func TestThisMachine(t *testing.T) {
	f, err := dongle.Source{}.Read("lo")
	if err != nil {
		t.Skip(err)
	}
	if f.Vendor != 0 || f.Driver != "" || f.Kernel == "" || len(dongle.Advise(f)) != 0 {
		t.Errorf("Read(lo) = %+v; want no dongle, and the kernel's release", f)
	}
	dongle.Source{}.Without()
}

// Whatever a device and its files say, nothing is worse than a finding.
func FuzzRead(f *testing.F) {
	f.Add("0bda", "b812", "480", "6.1.0-56-amd64", -70, 2412)
	f.Add("", "zz", "NaN", "6.", 0, 0)
	f.Add("\xff", "-1", "1e400", "99999999999.9", -1<<40, 1<<40)
	f.Fuzz(func(t *testing.T, vendor, product, speed, kernel string, signal, frequency int) {
		m := sys()
		for name, text := range map[string]string{"idVendor": vendor, "idProduct": product, "speed": speed} {
			m["devices/usb/1-2/"+name] = &fstest.MapFile{Data: []byte(text)}
		}
		s := dongle.Source{Sys: m, Kernel: kernel}
		facts, err := s.Read("wlan0")
		if err != nil || facts.PortMbps < 0 {
			t.Fatalf("Read() = %+v, %v", facts, err)
		}
		facts.SignalDBm, facts.FrequencyMHz = signal, frequency
		for _, one := range append(s.Without(), facts) {
			for _, f := range dongle.Advise(one) {
				if text := fmt.Sprintf("%v %s %s", f.Severity, f.Text, f.Advice); strings.Contains(text, "%!") {
					t.Errorf("finding %s", text)
				}
			}
		}
	})
}
