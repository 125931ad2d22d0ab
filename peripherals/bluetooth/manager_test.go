package bluetooth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// Without BlueZ everything says what it needs; it is found when it comes.
func TestNoBlueZ(t *testing.T) {
	b := quiet(t)
	ctx := t.Context()
	for name, err := range map[string]error{
		"Pair": b.Pair(ctx, "/x"), "Search": b.Search(ctx, "", time.Second), "SetPower": b.SetPower(ctx, "", true),
		"Connect": b.Connect(ctx, "/x"), "Disconnect": b.Disconnect(ctx, "/x"), "Forget": b.Forget(ctx, "/x"), "SetTrusted": b.SetTrusted(ctx, "/x", true),
	} {
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "it needs") {
			t.Errorf("%s() without BlueZ = %v; want %v and what it needs", name, err, errors.ErrUnsupported)
		}
	}
	b.bz = newFake(t, b.dial)
	b.until("BlueZ", func(s bluetooth.State) bool { return s.Service && len(s.Adapters) == 1 })
	b.bz.remove(hci0, bluez+".Adapter1")
	b.until("no adapter", func(s bluetooth.State) bool { return s.Service && len(s.Adapters) == 0 })
	if err := b.Search(ctx, "", time.Second); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "USB") {
		t.Errorf("Search() without an adapter = %v; want %v", err, errors.ErrUnsupported)
	}
	if err := b.SetPower(ctx, bluetooth.ID(hci0), true); !errors.Is(err, bluetooth.ErrUnknown) {
		t.Errorf("SetPower() of what has gone = %v; want %v", err, bluetooth.ErrUnknown)
	}
}

// After a restart of bluetoothd the agent is registered again and the state is
// the new one's; what was under way has failed, and its question is withdrawn.
func TestRestart(t *testing.T) {
	b := start(t)
	b.person.waits()
	pad := b.bz.device("pad", nil, func(ctx context.Context, a *remoteAgent) *dbus.Error {
		a.call(ctx, "RequestConfirmation", nil, uint32(1))
		return nil
	})
	b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
	ended := b.pair(t.Context(), pad)
	b.until("the question", func(bluetooth.State) bool { return len(b.person.asked()) == 1 })
	searching := make(chan error, 1)
	go func() { searching <- b.Search(t.Context(), "", 0) }()
	b.until("the search", func(s bluetooth.State) bool { return s.Adapters[0].Discovering })
	ok(t, b.bz.conn.Close())
	if err := b.await("Pair", ended); !errors.Is(err, bluetooth.ErrGone) {
		t.Errorf("Pair() = %v; want %v", err, bluetooth.ErrGone)
	}
	if err := b.await("Search", searching); !errors.Is(err, bluetooth.ErrGone) {
		t.Errorf("Search() = %v; want %v", err, bluetooth.ErrGone)
	}
	b.until("its end", func(s bluetooth.State) bool { return !s.Service && len(s.Devices) == 0 && b.person.left() == 1 })

	b.bz = newFake(t, b.dial)
	pad = b.bz.device("pad", nil, justWorks)
	b.until("the other", func(s bluetooth.State) bool { return s.Service && len(s.Devices) == 1 })
	if !b.bz.used("register KeyboardDisplay") || !b.bz.used("default") {
		t.Errorf("BlueZ was asked %q; want the agent registered", b.bz.said())
	}
	ok(t, b.await("Pair", b.pair(t.Context(), pad)))
}

// What BlueZ says of adapters and devices, and what it takes back.
func TestState(t *testing.T) {
	b := start(t)
	keys := b.bz.device("keys", props{"Icon": variant("input-keyboard"), "Paired": variant(true), "UUIDs": variant([]string{hid})}, nil)
	far := b.bz.device("far", props{"RSSI": variant(int16(-90)), "Class": variant(uint32(0x2508)), "Alias": variant("far\x1b]0;x\x07\u202e away")}, nil)
	near := b.bz.device("near", props{"RSSI": variant(int16(-40)), "Appearance": variant(uint16(0x03c2)), "Alias": variant(""), "Name": variant("\u200b")}, nil)
	s := b.until("the devices", func(s bluetooth.State) bool { return len(s.Devices) == 3 })
	want := []bluetooth.Device{
		{ID: keys, Adapter: bluetooth.ID(hci0), Name: "keys", Address: "AA:BB:CC:DD:EE:FF", Kind: bluetooth.KindKeyboard, Paired: true, Battery: -1},
		{ID: near, Adapter: bluetooth.ID(hci0), Name: "AA:BB:CC:DD:EE:FF", Address: "AA:BB:CC:DD:EE:FF", Kind: bluetooth.KindMouse, Battery: -1, SignalDBm: -40},
		{ID: far, Adapter: bluetooth.ID(hci0), Name: "far]0;x away", Address: "AA:BB:CC:DD:EE:FF", Kind: bluetooth.KindPad, Battery: -1, SignalDBm: -90},
	}
	for i, d := range s.Devices {
		if d != want[i] {
			t.Errorf("device %d = %+v; want %+v", i, d, want[i])
		}
	}
	_ = b.bz.conn.Emit("/", objects+".InterfacesAdded", dbus.ObjectPath(keys), map[string]props{bluez + ".Battery1": {"Percentage": variant(byte(71))}})
	b.until("the battery", func(s bluetooth.State) bool { return device(s, keys).Battery == 71 })
	b.bz.set(dbus.ObjectPath(keys), bluez+".Battery1", "Percentage", byte(70))
	b.bz.set(dbus.ObjectPath(keys), bluez+".Device1", "Connected", true)
	b.until("both changes", func(s bluetooth.State) bool { return device(s, keys).Battery == 70 && device(s, keys).Connected })
	_ = b.bz.conn.Emit("/", objects+".InterfacesRemoved", dbus.ObjectPath(keys), []string{bluez + ".Battery1"})
	_ = b.bz.conn.Emit(dbus.ObjectPath(near), propsName+".PropertiesChanged", bluez+".Device1", props{}, []string{"RSSI"})
	b.until("the ends", func(s bluetooth.State) bool { return device(s, keys).Battery == -1 && device(s, near).SignalDBm == 0 })
	b.bz.set(hci0, bluez+".Adapter1", "PowerState", "off-blocked")
	b.until("the switch", func(s bluetooth.State) bool { return s.Adapters[0].Blocked && s.Adapters[0].Name == "desk" })
	b.bz.remove(dbus.ObjectPath(far), bluez+".Device1")
	b.until("the third's end", func(s bluetooth.State) bool { return len(s.Devices) == 2 })
	b.bz.remove(hci0, bluez+".Adapter1")
	b.until("the adapter's end", func(s bluetooth.State) bool { return len(s.Adapters) == 0 && len(s.Devices) == 0 })
	b.until("that OnChange was told", func(bluetooth.State) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.states) > 0 && b.states[len(b.states)-1].Service && len(b.states[len(b.states)-1].Adapters) == 0
	})
}

func TestSearch(t *testing.T) {
	b := start(t)
	// Until its time is over.
	ok(t, b.Search(t.Context(), "", 50*time.Millisecond))
	if got := fmt.Sprint(b.bz.said()[2:]); got != "[filter auto search stop]" {
		t.Errorf("BlueZ was asked %s; want a search that ends", got)
	}
	quiet := func() { b.until("quiet", func(s bluetooth.State) bool { return !s.Adapters[0].Discovering }) }
	quiet()
	// Until the person has seen enough.
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	search := func() { ended <- b.Search(ctx, bluetooth.ID(hci0), 0) }
	go search()
	b.until("the search", func(s bluetooth.State) bool { return s.Adapters[0].Discovering })
	if err := b.Search(t.Context(), "", 0); !errors.Is(err, bluetooth.ErrBusy) {
		t.Errorf("a second Search() = %v; want %v", err, bluetooth.ErrBusy)
	}
	cancel()
	if err := b.await("Search", ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Search() = %v; want %v", err, context.Canceled)
	}
	quiet()
	// Until a device pairs.
	ctx = t.Context()
	pad := b.bz.device("pad", nil, func(ctx context.Context, a *remoteAgent) *dbus.Error {
		if b.bz.get(hci0, bluez+".Adapter1", "Discovering") == true {
			t.Error("the radio searches while it pairs")
		}
		return justWorks(ctx, a)
	})
	go search()
	b.until("the search and the pad", func(s bluetooth.State) bool { return s.Adapters[0].Discovering && len(s.Devices) == 1 })
	ok(t, b.Pair(t.Context(), pad))
	ok(t, b.await("Search", ended))
	quiet()
	// What is known of the adapter may be behind: BlueZ has begun.
	_ = b.bz.conn.Emit(hci0, propsName+".PropertiesChanged", bluez+".Adapter1", props{"Powered": variant(false)}, []string{})
	b.until("a lie", func(s bluetooth.State) bool { return !s.Adapters[0].Powered })
	ok(t, b.Search(t.Context(), "", 50*time.Millisecond))
	b.bz.set(hci0, bluez+".Adapter1", "Powered", true)
	b.until("the truth", func(s bluetooth.State) bool { return s.Adapters[0].Powered && !s.Adapters[0].Discovering })
	// Until the adapter is switched off.
	go search()
	b.until("the search", func(s bluetooth.State) bool { return s.Adapters[0].Discovering })
	ok(t, b.SetPower(t.Context(), "", false))
	if err := b.await("Search", ended); !errors.Is(err, bluetooth.ReasonOff) {
		t.Errorf("Search() = %v; want %v", err, bluetooth.ReasonOff)
	}
	if err := b.Search(t.Context(), "", 0); !errors.Is(err, bluetooth.ReasonOff) {
		t.Errorf("Search() by an adapter that is off = %v; want %v", err, bluetooth.ReasonOff)
	}
}

func TestActions(t *testing.T) {
	b := start(t)
	ctx := t.Context()
	mouse := b.bz.device("mouse", props{"Paired": variant(true)}, nil)
	b.until("the mouse", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
	ok(t, b.Connect(ctx, mouse))
	b.until("the connection", func(s bluetooth.State) bool { return device(s, mouse).Connected })
	ok(t, b.SetTrusted(ctx, mouse, true))
	b.until("the trust", func(s bluetooth.State) bool { return device(s, mouse).Trusted })
	ok(t, b.Disconnect(ctx, mouse))
	b.until("the end", func(s bluetooth.State) bool { return !device(s, mouse).Connected })
	for answer, want := range map[string]error{
		"Failed":           bluetooth.ReasonOther,
		"NotAvailable":     bluetooth.ReasonProfile,
		"InProgress":       bluetooth.ReasonBusy,
		"AlreadyConnected": nil,
	} {
		b.bz.mu.Lock()
		b.bz.links[dbus.ObjectPath(mouse)] = failed(answer)
		b.bz.mu.Unlock()
		if err := b.Connect(ctx, mouse); !errors.Is(err, want) {
			t.Errorf("Connect() answered %s = %v; want %v", answer, err, want)
		}
	}
	b.bz.mu.Lock()
	b.bz.links[dbus.ObjectPath(mouse)] = dbus.NewError(bluez+".Error.Failed", []any{"br-connection-page-timeout"})
	b.bz.mu.Unlock()
	if err := b.Connect(ctx, mouse); !errors.Is(err, bluetooth.ReasonNotInRange) {
		t.Errorf("Connect() to what is off = %v; want %v", err, bluetooth.ReasonNotInRange)
	}
	ok(t, b.Forget(ctx, mouse))
	if n := len(b.State().Devices); n != 0 {
		t.Errorf("%d devices after Forget(); want none", n)
	}
	if err := b.Connect(ctx, mouse); !errors.Is(err, bluetooth.ErrUnknown) {
		t.Errorf("Connect() to what is forgotten = %v; want %v", err, bluetooth.ErrUnknown)
	}
}

// A flood of strangers costs no more than its bounds, and hides neither those
// that are known nor those that are near.
func TestFlood(t *testing.T) {
	b := start(t)
	for i := range 2000 {
		_ = b.bz.conn.Emit("/", objects+".InterfacesAdded", hci0+dbus.ObjectPath(fmt.Sprintf("/dev_%04d", i)), map[string]props{
			bluez + ".Device1": {"Alias": variant(strings.Repeat("x", 200)), "RSSI": variant(int16(-50 - i%40))},
		})
	}
	known := b.bz.device("known", props{"Paired": variant(true)}, nil)
	near := b.bz.device("near", props{"RSSI": variant(int16(-20))}, nil)
	s := b.until("the last", func(s bluetooth.State) bool { return device(s, near).ID != "" })
	if s.Devices[0].ID != known || s.Devices[1].ID != near || len(s.Devices) > 256 {
		t.Errorf("%d devices, first %s, %s; want at most 256, known and near first", len(s.Devices), s.Devices[0].ID, s.Devices[1].ID)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := 1; i < len(b.times); i++ {
		if pause := b.times[i].Sub(b.times[i-1]); pause < bluetooth.ChangeTime {
			t.Errorf("OnChange was called again after %v; want %v", pause, bluetooth.ChangeTime)
		}
	}
}

// A device that pairs although it was too weak to be kept is seen.
func TestPairedStranger(t *testing.T) {
	b := start(t)
	for i := range 256 {
		b.bz.add(hci0+dbus.ObjectPath(fmt.Sprintf("/dev_%03d", i)), map[string]props{bluez + ".Device1": {"RSSI": variant(int16(-50))}})
	}
	weak := b.bz.device("weak", props{"RSSI": variant(int16(-99))}, nil)
	b.until("the others", func(s bluetooth.State) bool { return len(s.Devices) == 256 })
	b.bz.set(dbus.ObjectPath(weak), bluez+".Device1", "Paired", true)
	b.until("the weak one", func(s bluetooth.State) bool { return s.Devices[0].ID == weak && len(s.Devices) == 256 })
}
