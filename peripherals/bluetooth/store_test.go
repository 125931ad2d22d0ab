package bluetooth

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/godbus/dbus/v5"
)

func signal(path dbus.ObjectPath, name string, body ...any) *dbus.Signal {
	return &dbus.Signal{Path: path, Name: name, Body: body}
}

func object(iface string, pairs ...any) interfaces {
	p := props{}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i].(string)] = dbus.MakeVariant(pairs[i+1])
	}
	return interfaces{iface: p}
}

func TestBounds(t *testing.T) {
	s := newStore()
	path := func(kind string, i int) dbus.ObjectPath {
		return dbus.ObjectPath(fmt.Sprint("/org/bluez/hci0/", kind, i))
	}
	for i := range 2 * maxAdapters {
		s.add(dbus.ObjectPath(fmt.Sprint("/org/bluez/hci", i)), object(ifaceAdapter, "Powered", true))
	}
	if len(s.adapters) != maxAdapters {
		t.Errorf("%d adapters; want %d", len(s.adapters), maxAdapters)
	}
	for i := range 2 * maxDevices {
		s.add(path("stranger", i), object(ifaceDevice, "RSSI", int16(i-2*maxDevices)))
	}
	if len(s.devices) != maxDevices || s.devices[path("stranger", 0)] != nil || s.devices[path("stranger", 2*maxDevices-1)] == nil {
		t.Errorf("%d devices; want the %d strongest", len(s.devices), maxDevices)
	}
	for i := range 2 * maxKnown {
		s.add(path("paired", i), object(ifaceDevice, "Paired", true, "UUIDs", make([]string, 1000)))
	}
	if len(s.devices) != maxKnown || s.devices[path("paired", 0)] == nil {
		t.Errorf("%d devices; want the first %d known", len(s.devices), maxKnown)
	}
	if n := len(s.devices[path("paired", 0)].services); n != maxUUIDs {
		t.Errorf("%d services; want %d", n, maxUUIDs)
	}
	s.add(dbus.ObjectPath("/"+strings.Repeat("x", maxPath)), object(ifaceAdapter))
	s.add("no path", object(ifaceDevice, "Paired", true))
	if len(s.adapters) != maxAdapters || s.devices["no path"] != nil {
		t.Error("an object of no sensible path is kept")
	}
}

// Signals and properties of another shape than documented say nothing.
func TestOddSignals(t *testing.T) {
	s := newStore()
	const hci, dev = "/org/bluez/hci0", "/org/bluez/hci0/dev_1"
	s.add(hci, object(ifaceAdapter, "Powered", "x", "Address", 7, "Alias", []string{"x"}, "PowerState", true))
	s.add(dev, object(ifaceDevice, "Paired", 1, "RSSI", "x", "Class", int64(1), "Address", "0011:2233:445566", "Adapter", "x", "UUIDs", "x"))
	s.add(dev, interfaces{ifaceBattery: {"Percentage": dbus.MakeVariant(byte(101))}})
	st := s.state()
	if d := st.Devices[0]; d != (Device{ID: dev, Adapter: hci, Name: "dev_1", Kind: KindOther, Battery: -1}) {
		t.Errorf("device = %+v; want nothing but its name", d)
	}
	if a := st.Adapters[0]; a != (Adapter{ID: hci, Name: "hci0"}) {
		t.Errorf("adapter = %+v; want nothing but its name", a)
	}
	before := fmt.Sprintf("%+v", st)
	for _, name := range []string{signalAdded, signalRemoved, signalChanged, "x"} {
		for _, body := range [][]any{nil, {1}, {"x", "y", "z"}, {dbus.ObjectPath(dev)}, {ifaceDevice, props{}}, {dbus.ObjectPath(dev), []string{"x"}}, {ifaceDevice, props{"RSSI": dbus.MakeVariant(1)}, 7}} {
			for _, path := range []dbus.ObjectPath{dev, hci, "/nobody", ""} {
				s.signal(signal(path, name, body...))
			}
		}
	}
	if after := fmt.Sprintf("%+v", s.state()); before != after {
		t.Errorf("state = %s; want %s", after, before)
	}
}

func TestKindOf(t *testing.T) {
	tests := []struct {
		icon       string
		class      uint32
		appearance uint16
		services   []string
		want       Kind
	}{
		{"input-gaming", 0, 0, nil, KindPad},
		{"input-keyboard", 0x2508, 0, nil, KindKeyboard}, // the icon has seen more
		{"input-tablet", 0, 0, nil, KindTablet},
		{"phone", 0x5a020c, 0, nil, KindOther},
		{"", 0x002508, 0, nil, KindPad},
		{"", 0x002540, 0, nil, KindKeyboard},
		{"", 0x0025c0, 0, nil, KindKeyboard},
		{"", 0x002580, 0, nil, KindMouse},
		{"", 0x002594, 0, nil, KindTablet},
		{"", 0x240404, 0, nil, KindHeadset},
		{"", 0x240418, 0, nil, KindHeadset},
		{"", 0x24043c, 0, nil, KindOther}, // a screen with loudspeakers
		{"", 0, 0x03c1, nil, KindKeyboard},
		{"", 0, 0x03c4, nil, KindPad},
		{"", 0, 0x0941, nil, KindHeadset},
		{"", 0, 0x0040, nil, KindOther},
		{"", 0, 0, []string{"0000110B-0000-1000-8000-00805F9B34FB"}, KindHeadset},
		{"", 0, 0, []string{"x", ""}, KindOther},
	}
	for _, tt := range tests {
		if got := kindOf(tt.icon, tt.class, tt.appearance, tt.services); got != tt.want {
			t.Errorf("kindOf(%q, %#x, %#x, %v) = %s; want %s", tt.icon, tt.class, tt.appearance, tt.services, got, tt.want)
		}
	}
}

func TestReasonOf(t *testing.T) {
	tests := map[string]Reason{
		"AuthenticationFailed": ReasonCode, "AuthenticationTimeout": ReasonTime, "ConnectionAttemptFailed": ReasonNotInRange,
		"Blocked": ReasonBlocked, "NotReady": ReasonOff, "Failed br-connection-page-timeout": ReasonNotInRange,
		"Failed le-connection-refused": ReasonCode, "Failed Operation already in progress": ReasonBusy, "Failed": ReasonOther, "x": ReasonOther,
	}
	for answer, want := range tests {
		name, text, _ := strings.Cut(answer, " ")
		if got := reasonOf(dbus.Error{Name: errorPrefix + name, Body: []any{text}}); got != want {
			t.Errorf("reasonOf(%s) = %q; want %q", answer, got, want)
		}
	}
}

func TestNewer(t *testing.T) {
	for _, x := range []struct {
		serial, than uint32
		want         bool
	}{{1, 0, true}, {1 << 31, 0, true}, {2, 1, true}, {1, 2, false}, {1, 1, false}, {3, 1<<32 - 2, true}, {1<<32 - 2, 3, false}} {
		if got := newer(x.serial, x.than); got != x.want {
			t.Errorf("newer(%d, %d) = %v; want %v", x.serial, x.than, got, x.want)
		}
	}
}

// Whatever devices call themselves, what is shown is one short line.
func FuzzSanitise(f *testing.F) {
	for _, s := range []string{"", "Pad", " a \t\n b ", "\x1b[31m\u202e\u200bx", "e\u0301\u0301\u0301\u0301", "\u0301", "\xff\xfe", strings.Repeat("é ", 300), strings.Repeat("x", 5000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := sanitise(s)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > maxName || strings.ContainsAny(got, "\x00\x1b\n\r\t\u202e\u200b\u2028") || got != strings.TrimSpace(got) {
			t.Errorf("sanitise(%q) = %q; want one short line", s, got)
		}
		if again := sanitise(got); again != got {
			t.Errorf("sanitise(%q) = %q; want it as it is", got, again)
		}
		if a := address(s); a != "" && (len(a) != 17 || !strings.EqualFold(a, s)) {
			t.Errorf("address(%q) = %q", s, a)
		}
		if c := code(s); c != "" && !validPIN(c) {
			t.Errorf("code(%q) = %q; want what a PIN may hold", s, c)
		}
		if u := shortUUID(s); u != "" && len(u) != 8 {
			t.Errorf("shortUUID(%q) = %q", s, u)
		}
	})
}

// Any signal leaves a state within its bounds.
func FuzzSignal(f *testing.F) {
	const dev = dbus.ObjectPath("/org/bluez/hci0/dev_1")
	seed := func(path dbus.ObjectPath, iface, member, signature string, body ...any) {
		m := &dbus.Message{Type: dbus.TypeSignal, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath: dbus.MakeVariant(path), dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member),
			dbus.FieldSignature: dbus.MakeVariant(dbus.ParseSignatureMust(signature)),
		}}
		var b bytes.Buffer
		if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	seed("/", ifaceObjects, "InterfacesAdded", "oa{sa{sv}}", dev, object(ifaceDevice, "Paired", true, "RSSI", int16(-50), "Alias", "Pad", "UUIDs", []string{"x"}))
	seed("/", ifaceObjects, "InterfacesAdded", "oa{sa{sv}}", dbus.ObjectPath("/org/bluez/hci0"), object(ifaceAdapter, "Powered", true))
	seed("/", ifaceObjects, "InterfacesRemoved", "oas", dev, []string{ifaceDevice})
	seed(dev, ifaceProps, "PropertiesChanged", "sa{sv}as", ifaceDevice, props{"Class": dbus.MakeVariant(uint32(0x2508))}, []string{"RSSI"})
	seed(dev, ifaceProps, "PropertiesChanged", "sa{sv}as", ifaceBattery, props{"Percentage": dbus.MakeVariant(byte(200))}, []string{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dbus.DecodeMessage(bytes.NewReader(b))
		if err != nil || m.Type != dbus.TypeSignal {
			return
		}
		path, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
		iface, _ := m.Headers[dbus.FieldInterface].Value().(string)
		member, _ := m.Headers[dbus.FieldMember].Value().(string)
		s := newStore()
		s.add("/org/bluez/hci0", object(ifaceAdapter, "Powered", true))
		s.add(dev, object(ifaceDevice, "Paired", true))
		s.signal(&dbus.Signal{Path: path, Name: iface + "." + member, Body: m.Body})
		st := s.state()
		for _, d := range st.Devices {
			if d.Name == "" || sanitise(d.Name) != d.Name || d.Battery < -1 || d.Battery > 100 {
				t.Errorf("device = %+v", d)
			}
		}
		for _, a := range st.Adapters {
			if a.Name == "" || sanitise(a.Name) != a.Name {
				t.Errorf("adapter = %+v", a)
			}
		}
	})
}
