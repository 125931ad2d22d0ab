package bluetooth_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// A device without any means to show a code pairs because the person has
// chosen it, is trusted from then on and connected.
func TestJustWorks(t *testing.T) {
	b := start(t)
	pad := b.bz.device("pad", nil, justWorks)
	b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
	ok(t, b.Pair(t.Context(), pad))
	s := b.until("the pad in use", func(s bluetooth.State) bool {
		d := device(s, pad)
		return d.Paired && d.Trusted && d.Connected
	})
	if s.Pairing != "" || s.Shown != nil || len(b.person.asked()) != 0 {
		t.Errorf("pairing %q, shown %v, asked %v; want nothing", s.Pairing, s.Shown, b.person.asked())
	}
	if !b.bz.used("set Pairable true") {
		t.Errorf("BlueZ was asked %q; want the adapter pairable", b.bz.said())
	}
	ok(t, b.Pair(t.Context(), pad)) // again: it is
}

// Nobody pairs while nobody is pairing, nor as another than who is.
func TestStrangersAreRefused(t *testing.T) {
	b := start(t)
	b.person.will("1234", "1234", "1234")
	stranger := b.bz.device("stranger", props{"Connected": variant(true)}, nil)
	blocked := b.bz.device("blocked", props{"Blocked": variant(true), "Paired": variant(true)}, nil)
	b.until("the devices", func(s bluetooth.State) bool { return len(s.Devices) == 2 && b.bz.used("default") })
	try := func(when string) {
		t.Helper()
		a := b.bz.caller(dbus.ObjectPath(stranger))
		for method, args := range map[string][]any{
			"RequestConfirmation": {uint32(0)}, "RequestAuthorization": nil, "RequestPinCode": nil, "RequestPasskey": nil,
			"DisplayPasskey": {uint32(1), uint16(0)}, "DisplayPinCode": {"1"}, "AuthorizeService": {hid},
		} {
			if got := a.call(t.Context(), method, nil, args...); got != "Rejected" {
				t.Errorf("%s of a stranger %s = %q; want Rejected", method, when, got)
			}
		}
		if got := b.bz.caller(dbus.ObjectPath(blocked)).call(t.Context(), "AuthorizeService", nil, hid); got != "Rejected" {
			t.Errorf("AuthorizeService of a blocked device %s = %q; want Rejected", when, got)
		}
	}
	try("alone")
	other, err := b.dial()
	ok(t, err)
	defer other.Close()
	pad := b.bz.device("pad", nil, func(ctx context.Context, a *remoteAgent) *dbus.Error {
		try("beside another")
		// Nor does another program on the bus than BlueZ.
		fraud := &remoteAgent{object: other.Object(a.object.Destination(), a.object.Path()), device: a.device}
		for method, args := range map[string][]any{"RequestConfirmation": {uint32(0)}, "RequestPinCode": nil, "DisplayPasskey": {uint32(1), uint16(0)}, "DisplayPinCode": {"1"}} {
			if got := fraud.call(ctx, method, nil, args...); got != "Rejected" {
				t.Errorf("%s of another program = %q; want Rejected", method, got)
			}
		}
		if s := b.State(); s.Shown != nil {
			t.Errorf("another program shows %v", s.Shown)
		}
		return justWorks(ctx, a)
	})
	b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 3 })
	ok(t, b.Pair(t.Context(), pad))
	try("after another")
	if s := b.State(); s.Shown != nil || len(b.person.asked()) != 0 {
		t.Errorf("shown %v, asked %v; want nothing", s.Shown, b.person.asked())
	}
}

// A keyboard's code is on the state until it has been typed, whatever the
// order in which the calls come through.
func TestShownCode(t *testing.T) {
	b := start(t)
	keys := b.bz.device("keys", nil, func(ctx context.Context, a *remoteAgent) *dbus.Error {
		shows := func(code string, typed int) {
			b.until(code, func(s bluetooth.State) bool {
				return s.Shown != nil && *s.Shown == bluetooth.Shown{Code: code, Typed: typed}
			})
		}
		for typed := range uint16(7) {
			if refused := a.call(ctx, "DisplayPasskey", nil, uint32(42), typed); refused != "" {
				t.Errorf("DisplayPasskey = %q", refused)
			}
			shows("000042", int(typed))
		}
		// A device that says it has typed more than there is to type.
		a.call(ctx, "DisplayPasskey", nil, uint32(42), uint16(60000))
		shows("000042", 6)
		if refused := a.call(ctx, "DisplayPasskey", nil, uint32(1000000), uint16(0)); refused != "Rejected" {
			t.Errorf("DisplayPasskey(1000000) = %q; want Rejected", refused)
		}
		for range 100 { // godbus has each on a goroutine of its own
			var calls []*dbus.Call
			for typed := range uint16(7) {
				calls = append(calls, a.object.Go("org.bluez.Agent1.DisplayPasskey", 0, make(chan *dbus.Call, 1), a.device, uint32(42), typed))
			}
			for _, c := range calls {
				<-c.Done
			}
			if s := b.State().Shown; s.Typed != 6 {
				t.Errorf("typed %d; want what was said last, 6", s.Typed)
				return failed("Failed")
			}
		}
		if refused := a.call(ctx, "DisplayPinCode", nil, "12\x1b3\n45678901234567890"); refused != "" {
			t.Errorf("DisplayPinCode = %q", refused)
		}
		shows("1234567890123456", -1)
		ok(t, a.object.Call("org.bluez.Agent1.Cancel", 0).Err)
		b.until("nothing shown", func(s bluetooth.State) bool { return s.Pairing != "" && s.Shown == nil })
		a.call(ctx, "DisplayPasskey", nil, uint32(7), uint16(0))
		return nil
	})
	b.until("the keyboard", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
	ok(t, b.Pair(t.Context(), keys))
	if s := b.State(); s.Pairing != "" || s.Shown != nil {
		t.Errorf("pairing %q, shown %v after Pair(); want nothing", s.Pairing, s.Shown)
	}
}

// Questions get the person's answers, and no answer that could not be right.
func TestQuestions(t *testing.T) {
	tests := []struct {
		name    string
		answers []string
		pairs   func(ctx context.Context, a *remoteAgent) string // what came back
		want    string
		asked   bluetooth.Question
		times   int
	}{
		{"confirmed", []string{""}, func(ctx context.Context, a *remoteAgent) string {
			return a.call(ctx, "RequestConfirmation", nil, uint32(77))
		}, "", bluetooth.Question{Want: bluetooth.WantConfirm, Code: "000077"}, 1},
		{"not confirmed", nil, func(ctx context.Context, a *remoteAgent) string {
			return a.call(ctx, "RequestConfirmation", nil, uint32(77))
		}, "Rejected", bluetooth.Question{Want: bluetooth.WantConfirm, Code: "000077"}, 1},
		{"passkey", []string{"", "12a", "1234567", "000042"}, func(ctx context.Context, a *remoteAgent) string {
			var n uint32
			if e := a.call(ctx, "RequestPasskey", &n); e != "" || n != 42 {
				return e + " wrong"
			}
			return ""
		}, "", bluetooth.Question{Want: bluetooth.WantPasskey, Again: true}, 4},
		{"PIN", []string{"ü", "0000"}, func(ctx context.Context, a *remoteAgent) string {
			var pin string
			if e := a.call(ctx, "RequestPinCode", &pin); e != "" || pin != "0000" {
				return e + " wrong"
			}
			return ""
		}, "", bluetooth.Question{Want: bluetooth.WantPIN, Again: true}, 2},
		{"no PIN", []string{"", "", "", "", "", "0000"}, func(ctx context.Context, a *remoteAgent) string {
			return a.call(ctx, "RequestPinCode", nil)
		}, "Rejected", bluetooth.Question{Want: bluetooth.WantPIN, Again: true}, 5},
		{"no passkey of six digits", nil, func(ctx context.Context, a *remoteAgent) string {
			return a.call(ctx, "RequestConfirmation", nil, uint32(1000000))
		}, "Rejected", bluetooth.Question{}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := start(t)
			b.person.will(tt.answers...)
			thing := b.bz.device("thing", props{"Alias": variant("thing\n\u202e2")}, func(ctx context.Context, a *remoteAgent) *dbus.Error {
				if got := tt.pairs(ctx, a); got != tt.want {
					t.Errorf("the agent answers %q; want %q", got, tt.want)
				}
				if tt.want != "" {
					return failed("AuthenticationRejected")
				}
				return nil
			})
			b.until("the thing", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
			err := b.Pair(t.Context(), thing)
			if tt.want == "" && err != nil || tt.want != "" && !errors.Is(err, bluetooth.ReasonCode) {
				t.Errorf("Pair() = %v; want it to end as the question", err)
			}
			asked := b.person.asked()
			if len(asked) != tt.times {
				t.Fatalf("asked %d times; want %d", len(asked), tt.times)
			}
			if tt.times == 0 {
				return
			}
			last := asked[len(asked)-1]
			if last.Device.Name != "thing 2" || last.Device.ID != thing {
				t.Errorf("asked about %+v; want thing 2", last.Device)
			}
			last.Device = bluetooth.Device{}
			if last != tt.asked {
				t.Errorf("asked %+v; want %+v", last, tt.asked)
			}
		})
	}
}

// Whoever ends pairing, the question goes, and BlueZ has been told.
func TestCanceled(t *testing.T) {
	t.Run("by the person", func(t *testing.T) {
		b := start(t)
		b.person.waits()
		var refused atomic.Value
		pad := b.bz.device("pad", nil, func(ctx context.Context, a *remoteAgent) *dbus.Error {
			refused.Store(a.call(ctx, "RequestConfirmation", nil, uint32(5)))
			return failed("AuthenticationCanceled")
		})
		b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
		ctx, cancel := context.WithCancel(t.Context())
		ended := b.pair(ctx, pad)
		b.until("the question", func(s bluetooth.State) bool { return len(b.person.asked()) == 1 && s.Pairing == pad })
		if err := b.Pair(t.Context(), pad); !errors.Is(err, bluetooth.ErrBusy) {
			t.Errorf("a second Pair() = %v; want %v", err, bluetooth.ErrBusy)
		}
		cancel()
		if err := b.await("Pair", ended); !errors.Is(err, context.Canceled) {
			t.Errorf("Pair() = %v; want %v", err, context.Canceled)
		}
		b.until("the end of the question", func(bluetooth.State) bool { return b.person.left() == 1 && refused.Load() != nil })
		if got := refused.Load(); got != "Canceled" || !b.bz.used("cancel") {
			t.Errorf("the agent answers %q and BlueZ was asked %q; want Canceled, cancel", got, b.bz.said())
		}
	})
	t.Run("by the device", func(t *testing.T) {
		b := start(t)
		b.person.waits()
		pad := b.bz.device("pad", nil, func(ctx context.Context, a *remoteAgent) *dbus.Error {
			ctx, cancel := context.WithCancel(ctx)
			go func() {
				b.until("the question", func(bluetooth.State) bool { return len(b.person.asked()) == 1 })
				cancel()
			}()
			if got := a.call(ctx, "RequestPasskey", nil); got != "Canceled" {
				t.Errorf("the agent answers %q; want Canceled", got)
			}
			return failed("AuthenticationTimeout")
		})
		b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
		if err := b.await("Pair", b.pair(t.Context(), pad)); !errors.Is(err, bluetooth.ReasonTime) {
			t.Errorf("Pair() = %v; want %v", err, bluetooth.ReasonTime)
		}
		if b.person.left() != 1 {
			t.Error("the question was not withdrawn")
		}
	})
	// A Cancel may be heard before the question that it follows.
	t.Run("at once", func(t *testing.T) {
		b := start(t)
		b.person.waits()
		pad := b.bz.device("pad", nil, func(_ context.Context, a *remoteAgent) *dbus.Error {
			for range 50 {
				c := a.object.Go("org.bluez.Agent1.RequestPasskey", 0, make(chan *dbus.Call, 1), a.device)
				a.object.Go("org.bluez.Agent1.Cancel", dbus.FlagNoReplyExpected, nil)
				<-c.Done
			}
			return nil
		})
		b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 })
		ok(t, b.await("Pair", b.pair(t.Context(), pad)))
	})
}

// Services are for those that are paired, and what a terminal is for.
func TestAuthorizeService(t *testing.T) {
	b := start(t)
	headset := b.bz.device("headset", props{"Paired": variant(true)}, nil)
	b.until("the headset", func(s bluetooth.State) bool { return len(s.Devices) == 1 && b.bz.used("default") })
	a := b.bz.caller(dbus.ObjectPath(headset))
	for uuid, want := range map[string]string{
		strings.ToUpper(hid): "", "0000110b-0000-1000-8000-00805f9b34fb": "", obex: "Rejected", "": "Rejected", "00001124": "Rejected",
		"00001124-0000-1000-8000-00805f9b34fc": "Rejected",
	} {
		if got := a.call(t.Context(), "AuthorizeService", nil, uuid); got != want {
			t.Errorf("AuthorizeService(%q) of a paired device = %q; want %q", uuid, got, want)
		}
	}
	if got := b.bz.caller("/org/bluez/hci0/nobody").call(t.Context(), "AuthorizeService", nil, hid); got != "Canceled" {
		t.Errorf("AuthorizeService of nobody = %q; want Canceled", got)
	}
	// A pad at a cable: not paired, not on the air.
	pad := b.bz.device("pad", nil, nil)
	p := b.bz.caller(dbus.ObjectPath(pad))
	if got := p.call(t.Context(), "AuthorizeService", nil, hid); got != "Rejected" {
		t.Errorf("a pad that the person refuses = %q; want Rejected", got)
	}
	b.person.will("")
	if got := p.call(t.Context(), "AuthorizeService", nil, hid); got != "" {
		t.Errorf("a pad that the person allows = %q", got)
	}
	if q := b.person.asked(); len(q) != 2 || q[1].Want != bluetooth.WantAllow || q[1].Device.ID != pad {
		t.Errorf("asked %+v; want permission for the pad, twice", q)
	}
	b.until("the pad's trust", func(s bluetooth.State) bool { return device(s, pad).Trusted })
	if got := p.call(t.Context(), "AuthorizeService", nil, "0000110b-0000-1000-8000-00805f9b34fb"); got != "Rejected" {
		t.Errorf("sound for a pad at a cable = %q; want Rejected", got)
	}
}

// No more than a few questions stand at a time; whoever is not BlueZ is not
// heeded.
func TestAgentIsBounded(t *testing.T) {
	b := start(t)
	b.person.waits()
	pad := b.bz.device("pad", nil, nil)
	b.until("the pad", func(s bluetooth.State) bool { return len(s.Devices) == 1 && b.bz.used("default") })
	a := b.bz.caller(dbus.ObjectPath(pad))
	var calls []*dbus.Call
	for range 4 {
		calls = append(calls, a.object.Go("org.bluez.Agent1.AuthorizeService", 0, make(chan *dbus.Call, 1), a.device, hid))
	}
	b.until("the questions", func(bluetooth.State) bool { return len(b.person.asked()) == 4 })
	if got := a.call(t.Context(), "AuthorizeService", nil, hid); got != "Rejected" {
		t.Errorf("the fifth question = %q; want Rejected", got)
	}
	stranger, err := b.dial()
	ok(t, err)
	defer stranger.Close()
	object := stranger.Object(a.object.Destination(), a.object.Path())
	for method, args := range map[string][]any{"AuthorizeService": {a.device, hid}, "RequestPinCode": {a.device}, "DisplayPinCode": {a.device, "1"}} {
		var answer dbus.Error
		if err := object.Call("org.bluez.Agent1."+method, 0, args...).Err; !errors.As(err, &answer) || answer.Name != bluez+".Error.Rejected" {
			t.Errorf("a stranger's %s = %v; want Rejected", method, err)
		}
	}
	ok(t, object.Call("org.bluez.Agent1.Cancel", 0).Err)
	if n := b.person.left(); n != 0 {
		t.Errorf("a stranger's Cancel withdrew %d questions", n)
	}
	ok(t, a.object.Call("org.bluez.Agent1.Cancel", 0).Err)
	for _, c := range calls {
		var answer dbus.Error
		if err := (<-c.Done).Err; !errors.As(err, &answer) || answer.Name != bluez+".Error.Canceled" {
			t.Errorf("a question that was withdrawn = %v; want Canceled", err)
		}
	}
}
