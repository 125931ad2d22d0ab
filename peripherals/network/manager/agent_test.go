package manager_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/peripherals/network/manager"
)

// A question that is asked anew withdraws the one before; more than a few at a
// time are refused.
func TestQuestionsAtOnce(t *testing.T) {
	b := start(t)
	b.person.mu.Lock()
	b.person.wait = true
	b.person.mu.Unlock()
	b.nm.mu.Lock()
	object := b.nm.conn.Object(string(b.nm.agent), "/org/freedesktop/NetworkManager/SecretAgent")
	b.nm.mu.Unlock()
	p, err := manager.Settings(home(""))
	ok(t, err)
	ask := func(path dbus.ObjectPath) *dbus.Call {
		return object.Go(nm+".SecretAgent.GetSecrets", 0, make(chan *dbus.Call, 1), p, path, "802-11-wireless-security", []string{}, uint32(1))
	}
	first := ask("/x/0")
	b.until("the question", func(manager.State) bool { return len(b.person.asked()) == 1 })
	calls := []*dbus.Call{ask("/x/0")}
	var answer dbus.Error
	if err := (<-first.Done).Err; !errors.As(err, &answer) || !strings.HasSuffix(answer.Name, ".AgentCanceled") {
		t.Errorf("the question before = %v; want AgentCanceled", err)
	}
	for i := range 3 {
		calls = append(calls, ask(dbus.ObjectPath(fmt.Sprint("/y/", i))))
	}
	b.until("the others", func(manager.State) bool { return len(b.person.asked()) == 5 })
	if err := (<-ask("/z").Done).Err; !errors.As(err, &answer) || !strings.HasSuffix(answer.Name, ".NoSecrets") {
		t.Errorf("the fifth question = %v; want NoSecrets", err)
	}
	for i, c := range calls {
		path := dbus.ObjectPath("/x/0")
		if i > 0 {
			path = dbus.ObjectPath(fmt.Sprint("/y/", i-1))
		}
		ok(t, object.Call(nm+".SecretAgent.CancelGetSecrets", 0, path, "802-11-wireless-security").Err)
		if err := (<-c.Done).Err; !errors.As(err, &answer) || !strings.HasSuffix(answer.Name, ".AgentCanceled") {
			t.Errorf("question %d = %v; want AgentCanceled", i, err)
		}
	}
}

// Only NetworkManager gets answers.
func TestAgentHeedsNobodyElse(t *testing.T) {
	b := start(t)
	b.until("the agent", func(manager.State) bool { return b.nm.used("register com.shadow.terminal") })
	stranger, err := b.dial()
	ok(t, err)
	defer stranger.Close()
	b.nm.mu.Lock()
	agent := b.nm.agent
	b.nm.mu.Unlock()
	object := stranger.Object(string(agent), "/org/freedesktop/NetworkManager/SecretAgent")
	b.person.will("correct horse", "correct horse")
	p, err := manager.Settings(home(""))
	ok(t, err)
	call := object.Call(nm+".SecretAgent.GetSecrets", 0, p, dbus.ObjectPath("/x"), "802-11-wireless-security", []string{}, uint32(1))
	var answer dbus.Error
	if !errors.As(call.Err, &answer) || !strings.HasSuffix(answer.Name, ".NoSecrets") {
		t.Errorf("a stranger's GetSecrets = %v, %v; want NoSecrets", call.Body, call.Err)
	}
	flags := uint32(2) // not to be asked for
	ok(t, stranger.Send(&dbus.Message{Type: dbus.TypeSignal, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldDestination: variant(string(agent)), dbus.FieldPath: variant(dbus.ObjectPath("/org/freedesktop")),
		dbus.FieldInterface: variant(objects), dbus.FieldMember: variant("InterfacesRemoved"), dbus.FieldSignature: variant(dbus.ParseSignatureMust("oas")),
	}, Body: []any{wlan, []string{nm + ".Device"}}}, nil).Err)
	ours := b.nm.conn.Object(string(agent), object.Path()).Call(nm+".SecretAgent.GetSecrets", 0, p, dbus.ObjectPath("/x"), "802-11-wireless-security", []string{}, flags)
	if !errors.As(ours.Err, &answer) || !strings.HasSuffix(answer.Name, ".NoSecrets") {
		t.Errorf("GetSecrets that must not ask = %v; want NoSecrets", ours.Err)
	}
	b.nm.set(nmPath, nm, "Version", "1.42.5")
	if s := b.until("the sign", func(s manager.State) bool { return s.Version == "1.42.5" }); device(s, "wlan0").Name == "" {
		t.Error("a stranger's signal removed a device")
	}
	if q := b.person.asked(); len(q) != 0 {
		t.Errorf("asked %v; want nothing", q)
	}
}
