package usb_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/peripherals/usb"
)

func list(t *testing.T, f *fake, s usb.Surroundings) map[string]usb.Listed {
	t.Helper()
	l, err := usb.New(usb.Config{Sys: f.sys, Proc: f.proc, Surroundings: func() usb.Surroundings { return s }}).List()
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]usb.Listed{}
	for _, x := range l {
		m[x.Device.BusID] = x
	}
	return m
}

func TestList(t *testing.T) {
	f := newFake(t)
	f.plug("1-2.4", 5, "080650", "030101")
	got := list(t, f, usb.Surroundings{})["1-2.4"].Device
	if got.DevID() != 1<<16|5 || got.Vendor != 0x781 || got.Product != 0x5581 || got.Speed != 3 || got.Driver != "usb" || len(got.Interfaces) != 2 ||
		got.Label() != "San?[2JDisk Ultra Fit (0781:5581)" || got.Serial != "4C530001" {
		t.Errorf("List() = %+v, %s", got, got.Label())
	}
	o := got.Offer(7)
	if o.ID != 7 || o.DevID != got.DevID() || o.Class != 8 || o.Subclass != 6 || o.Protocol != 0x50 || o.Speed != 3 || o.Name != "San?[2JDisk Ultra Fit" {
		t.Errorf("Offer() = %+v", o)
	}
	if _, err := usb.New(usb.Config{Sys: t.TempDir()}).List(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("List() without USB = %v; want %v", err, errors.ErrUnsupported)
	}
}

// The table of routes, each row a device of its own.
func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		interfaces []string
		make       func(f *fake, intf string)
		around     usb.Surroundings
		route      usb.Route
		may        bool
		reason     string
	}{
		"stick":         {interfaces: []string{"080650"}, route: usb.RouteRedirect, may: true},
		"printer":       {interfaces: []string{"070102"}, route: usb.RouteRedirect, may: true},
		"serial":        {interfaces: []string{"020201", "0a0000"}, route: usb.RouteRedirect, may: true},
		"unknown":       {interfaces: []string{"ff0000"}, route: usb.RouteRedirect, may: true},
		"mouse":         {interfaces: []string{"030102"}, route: usb.RouteInput, may: true},
		"webcam":        {interfaces: []string{"0e0100", "010100"}, route: usb.RouteCamera, may: true},
		"headset":       {interfaces: []string{"010100", "030000"}, route: usb.RouteSound, may: true},
		"card reader":   {interfaces: []string{"0b0000"}, route: usb.RouteRedirect, may: true},
		"hub":           {interfaces: []string{"090000"}, reason: "a hub"},
		"last keyboard": {interfaces: []string{"030101"}, route: usb.RouteInput, reason: "the last keyboard"},
		"not the last":  {interfaces: []string{"030101"}, around: usb.Surroundings{OtherKeyboards: 1}, route: usb.RouteInput, may: true},
		"pad by driver": {interfaces: []string{"ff5d01"}, make: func(f *fake, d string) { f.put(d+"/input/input7/name", "pad") }, route: usb.RouteInput, may: true},
		"security key": {interfaces: []string{"030101", "030000"}, make: func(f *fake, d string) {
			f.put(d+"/0003:1050:0407.0002/report_descriptor", "\x06\xd0\xf1\x09\x01")
		}, route: usb.RouteRedirect, may: true, reason: "security key"},
		"wifi up": {interfaces: []string{"ffffff"}, make: func(f *fake, d string) {
			f.put(d+"/net/wlan1/flags", "0x1003\n")
			f.put(d+"/net/wlan1/operstate", "up\n")
		}, reason: "network adapter wlan1 is in use"},
		"wifi associating": {interfaces: []string{"ffffff"}, make: func(f *fake, d string) {
			f.put(d+"/net/wlan1/flags", "0x1003\n")
			f.put(d+"/net/wlan1/operstate", "dormant\n")
		}, reason: "network adapter"},
		"wifi off": {interfaces: []string{"ffffff"}, make: func(f *fake, d string) {
			f.put(d+"/net/wlan1/flags", "0x1002\n")
			f.put(d+"/net/wlan1/operstate", "down\n")
		}, route: usb.RouteRedirect, may: true},
		"net, says nothing": {interfaces: []string{"ffffff"}, make: func(f *fake, d string) { f.put(d+"/net/wlan1/address", "") }, reason: "network adapter"},
		"bluetooth":         {interfaces: []string{"e00101"}, make: func(f *fake, d string) { f.put(d+"/bluetooth/hci0/x", "") }, reason: "the Bluetooth adapter"},
		"bluetooth idle": {
			interfaces: []string{"e00101"}, make: func(f *fake, d string) { f.put(d+"/bluetooth/hci0/x", "") },
			around: usb.Surroundings{BluetoothIdle: true}, route: usb.RouteRedirect, may: true,
		},
		"root":      {interfaces: []string{"080650"}, make: func(f *fake, d string) { disk(f, d, "8:2", "partition") }, reason: "in use: /"},
		"swap":      {interfaces: []string{"080650"}, make: func(f *fake, d string) { disk(f, d, "9:9", "partition", "sda3") }, reason: "in use: swap"},
		"idle disk": {interfaces: []string{"080650"}, make: func(f *fake, d string) { disk(f, d, "8:17", "partition", "sdb1") }, route: usb.RouteRedirect, may: true},
		"encrypted": {interfaces: []string{"080650"}, make: func(f *fake, d string) {
			disk(f, d, "8:17", "partition", "sdb1")
			f.put(d+"/host0/target0:0:0/0:0:0:0/block/sdz/sdb1/holders/dm-0/x", "")
			f.put("class/block/dm-0/dm/name", "vault")
		}, reason: "in use: /data"},
		"no mounts": {interfaces: []string{"080650"}, make: func(f *fake, d string) {
			disk(f, d, "8:17", "partition", "sdb1")
			_ = os.Remove(filepath.Join(f.proc, "self/mountinfo"))
		}, reason: "may be in use"},
		"endless": {interfaces: []string{"ff0000"}, make: func(f *fake, d string) {
			f.put(d+strings.Repeat("/a", 40)+"/x", "")
		}, reason: "too much below it"},
		"wide": {interfaces: []string{"ff0000"}, make: func(f *fake, d string) {
			for i := range 4200 {
				_ = os.Mkdir(filepath.Join(f.sys, d, fmt.Sprint(i)), 0o755)
			}
		}, reason: "too much below it"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.plug("1-2", 5, c.interfaces...)
			if c.make != nil {
				c.make(f, "bus/usb/devices/1-2/1-2:1.0")
			}
			got := list(t, f, c.around)["1-2"].Decision
			if got.Route != c.route || got.MayRedirect != c.may || !strings.Contains(got.Reason, c.reason) || got.Reason == "" {
				t.Errorf("Decide() = %+v; want %v, %v, %q", got, c.route, c.may, c.reason)
			}
		})
	}
}

// disk makes a disk with one partition of that number and, maybe, name.
func disk(f *fake, dir, number, mark string, name ...string) {
	part := "sdz1"
	if len(name) > 0 {
		part = name[0]
	}
	d := dir + "/host0/target0:0:0/0:0:0:0/block/sdz"
	f.put(d+"/dev", "8:250\n")
	f.put(d+"/"+part+"/dev", number+"\n")
	f.put(d+"/"+part+"/"+mark, "1\n")
}

// Two keyboards: either may go, but not the second one after the first.
func TestLastKeyboard(t *testing.T) {
	f := newFake(t)
	f.plug("1-2", 5, "030101")
	f.plug("1-3", 6, "030101")
	if l := list(t, f, usb.Surroundings{}); !l["1-2"].Decision.MayRedirect || !l["1-3"].Decision.MayRedirect {
		t.Errorf("List() = %+v; want both to be free to go", l)
	}
	f.bind("1-2", "usbip-host")
	if l := list(t, f, usb.Surroundings{}); l["1-3"].Decision.MayRedirect {
		t.Error("the last keyboard may go after the other one went")
	}
}

// A device of another machine, plugged into this one's virtual controller, is
// none of ours; nor is one that cannot be read.
func TestNotOurs(t *testing.T) {
	f := newFake(t)
	f.plug("3-1", 2, "080650")
	there := filepath.Join(f.sys, "devices/platform/vhci_hcd.0/usb3/3-1")
	if err := os.MkdirAll(filepath.Dir(there), 0o755); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(f.sys, "bus/usb/devices/3-1")
	if err := errors.Join(os.Rename(at, there), os.Symlink("../../../devices/platform/vhci_hcd.0/usb3/3-1", at)); err != nil {
		t.Fatal(err)
	}
	f.plug("1-2", 5, "080650")
	f.put("bus/usb/devices/1-2/idVendor", "vendor")
	if l := list(t, f, usb.Surroundings{}); len(l) != 0 {
		t.Errorf("List() = %+v; want nothing", l)
	}
}

func TestValidBusID(t *testing.T) {
	for s, want := range map[string]bool{
		"1-2": true, "10-2.4.11": true, "": false, "usb1": false, "1-2:1.0": false, "1-": false, "-1": false, "1-2.": false,
		"1-0/..": false, "1-2 3": false, "1-" + strings.Repeat("1.", 20) + "1": false,
	} {
		if got := usb.ValidBusID(s); got != want {
			t.Errorf("ValidBusID(%q) = %v; want %v", s, got, want)
		}
	}
}

func TestWriteFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "bind")
	if err := usb.WriteFile(name, "1-2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("WriteFile(absent) = %v; want %v", err, os.ErrNotExist)
	}
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := usb.WriteFile(name, "1-2"); err != nil {
		t.Errorf("WriteFile() = %v", err)
	}
	if b, err := os.ReadFile(name); string(b) != "1-2" {
		t.Errorf("the file has %q, %v", b, err)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("San\x1b[2JDisk \n\u202e\xff", 20)
	f.Add(strings.Repeat("é ", 50), 7)
	f.Fuzz(func(t *testing.T, s string, most int) {
		most = min(max(most, 0), 300)
		got := usb.Clean(s, most)
		bad := func(r rune) bool { return !unicode.IsPrint(r) }
		if len(got) > most || !utf8.ValidString(got) || strings.ContainsFunc(got, bad) || strings.TrimSpace(got) != got {
			t.Errorf("Clean(%q, %d) = %q", s, most, got)
		}
	})
}

func FuzzFido(f *testing.F) {
	f.Add([]byte{0x06, 0xd0, 0xf1, 0x09, 0x01}, uint8(0))
	f.Add([]byte{0x05, 0x01, 0xfe, 2, 0, 0x06, 0xd0}, uint8(3))
	f.Add([]byte{0xfe, 255, 0}, uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		// More can only add to what was found.
		if usb.Fido(b[:min(int(cut), len(b))]) && !usb.Fido(b) {
			t.Errorf("Fido(%x) is forgotten with more bytes", b)
		}
	})
}
