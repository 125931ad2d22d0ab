package bluetooth_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// Names of the fake, spelt out so that a wrong one in the package shows.
const (
	bluez     = "org.bluez"
	hci0      = dbus.ObjectPath("/org/bluez/hci0")
	objects   = "org.freedesktop.DBus.ObjectManager"
	propsName = "org.freedesktop.DBus.Properties"
	hid       = "00001124-0000-1000-8000-00805f9b34fb"
	obex      = "00001105-0000-1000-8000-00805f9b34fb"
)

type props = map[string]dbus.Variant

func variant(v any) dbus.Variant { return dbus.MakeVariant(v) }

func failed(name string) *dbus.Error { return dbus.NewError(bluez+".Error."+name, []any{"fake"}) }

// how a device pairs: what it has the agent do.
type how func(ctx context.Context, agent *remoteAgent) *dbus.Error

// fakeBlueZ is a bluetoothd.
type fakeBlueZ struct {
	t    *testing.T
	conn *dbus.Conn

	mu      sync.Mutex // guards the rest
	objects map[dbus.ObjectPath]map[string]props
	pairs   map[dbus.ObjectPath]how
	links   map[dbus.ObjectPath]*dbus.Error // what Connect answers
	pairing map[dbus.ObjectPath]context.CancelFunc
	agent   dbus.Sender
	path    dbus.ObjectPath // of the agent
	asked   []string        // what was called
}

// newFake puts a BlueZ with an adapter on the bus.
func newFake(t *testing.T, dial sysbus.Dialer) *fakeBlueZ {
	t.Helper()
	conn, err := dial()
	ok(t, err)
	f := &fakeBlueZ{
		t: t, conn: conn, objects: map[dbus.ObjectPath]map[string]props{}, pairs: map[dbus.ObjectPath]how{},
		links: map[dbus.ObjectPath]*dbus.Error{}, pairing: map[dbus.ObjectPath]context.CancelFunc{},
	}
	f.export("/", objects, map[string]any{"GetManagedObjects": func() (map[dbus.ObjectPath]map[string]props, *dbus.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return clone(f.objects), nil
	}})
	f.export("/org/bluez", bluez+".AgentManager1", map[string]any{
		"RegisterAgent": func(sender dbus.Sender, path dbus.ObjectPath, capability string) *dbus.Error {
			f.mu.Lock()
			f.agent, f.path = sender, path
			f.mu.Unlock()
			f.did("register " + capability)
			return nil
		},
		"RequestDefaultAgent": func(dbus.ObjectPath) *dbus.Error { f.did("default"); return nil },
	})
	f.adapter(hci0)
	_, err = conn.RequestName(bluez, dbus.NameFlagDoNotQueue)
	ok(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return f
}

func clone(all map[dbus.ObjectPath]map[string]props) map[dbus.ObjectPath]map[string]props {
	out := maps.Clone(all)
	for path, o := range out {
		out[path] = maps.Clone(o)
		for iface, p := range o {
			out[path][iface] = maps.Clone(p)
		}
	}
	return out
}

func (f *fakeBlueZ) export(path dbus.ObjectPath, iface string, methods map[string]any) {
	f.t.Helper()
	ok(f.t, f.conn.ExportMethodTable(methods, path, iface))
}

func (f *fakeBlueZ) did(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

func (f *fakeBlueZ) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fakeBlueZ) used(what string) bool { return slices.Contains(f.said(), what) }

// set changes a property and says so.
func (f *fakeBlueZ) set(path dbus.ObjectPath, iface, name string, v any) {
	f.mu.Lock()
	if o := f.objects[path]; o != nil && o[iface] != nil {
		o[iface][name] = variant(v)
	}
	f.mu.Unlock()
	_ = f.conn.Emit(path, propsName+".PropertiesChanged", iface, props{name: variant(v)}, []string{})
}

func (f *fakeBlueZ) get(path dbus.ObjectPath, iface, name string) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[path][iface][name].Value()
}

func (f *fakeBlueZ) add(path dbus.ObjectPath, in map[string]props) {
	f.mu.Lock()
	f.objects[path] = clone(map[dbus.ObjectPath]map[string]props{path: in})[path]
	f.mu.Unlock()
	_ = f.conn.Emit("/", objects+".InterfacesAdded", path, in)
}

func (f *fakeBlueZ) remove(path dbus.ObjectPath, ifaces ...string) {
	f.mu.Lock()
	delete(f.objects, path)
	f.mu.Unlock()
	f.export(path, bluez+".Device1", nil)
	_ = f.conn.Emit("/", objects+".InterfacesRemoved", path, ifaces)
}

// properties lets those of an object be read and set.
func (f *fakeBlueZ) properties(path dbus.ObjectPath) {
	f.export(path, propsName, map[string]any{
		"Set": func(iface, name string, v dbus.Variant) *dbus.Error {
			f.did(fmt.Sprintf("set %s %v", name, v.Value()))
			f.set(path, iface, name, v.Value())
			return nil
		},
		"GetAll": func(iface string) (props, *dbus.Error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			p, ok := f.objects[path][iface]
			if !ok {
				return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", nil)
			}
			return maps.Clone(p), nil
		},
	})
}

func (f *fakeBlueZ) adapter(path dbus.ObjectPath) {
	f.properties(path)
	search := func(on bool, what string) func() *dbus.Error {
		return func() *dbus.Error {
			f.did(what)
			if powered, _ := f.get(path, bluez+".Adapter1", "Powered").(bool); !powered {
				return failed("NotReady")
			}
			f.set(path, bluez+".Adapter1", "Discovering", on)
			return nil
		}
	}
	f.export(path, bluez+".Adapter1", map[string]any{
		"SetDiscoveryFilter": func(filter props) *dbus.Error {
			f.did(fmt.Sprint("filter ", filter["Transport"].Value()))
			return nil
		},
		"StartDiscovery": search(true, "search"), "StopDiscovery": search(false, "stop"),
		"RemoveDevice": func(device dbus.ObjectPath) *dbus.Error {
			f.did("remove " + string(device))
			f.mu.Lock()
			_, there := f.objects[device]
			f.mu.Unlock()
			if !there {
				return failed("DoesNotExist")
			}
			f.remove(device, bluez+".Device1")
			return nil
		},
	})
	f.add(path, map[string]props{bluez + ".Adapter1": {
		"Address": variant("00:11:22:33:44:55"), "Alias": variant("desk"), "Powered": variant(true),
		"PowerState": variant("on"), "Discovering": variant(false), "Pairable": variant(false),
	}})
}

// device adds a device, whose name ends its path, that pairs like this.
func (f *fakeBlueZ) device(name string, p props, pairs how) bluetooth.ID {
	path := hci0 + dbus.ObjectPath("/dev_"+name)
	full := props{"Address": variant("AA:BB:CC:DD:EE:FF"), "Alias": variant(name), "Paired": variant(false), "Trusted": variant(false), "Connected": variant(false), "Adapter": variant(hci0)}
	maps.Copy(full, p)
	f.mu.Lock()
	f.pairs[path] = pairs
	f.mu.Unlock()
	f.properties(path)
	f.export(path, bluez+".Device1", map[string]any{
		"Pair":          func() *dbus.Error { return f.pair(path) },
		"CancelPairing": func() *dbus.Error { return f.cancel(path) },
		"Connect": func() *dbus.Error {
			f.did("connect " + name)
			f.mu.Lock()
			answer := f.links[path]
			f.mu.Unlock()
			if answer == nil {
				f.set(path, bluez+".Device1", "Connected", true)
			}
			return answer
		},
		"Disconnect": func() *dbus.Error {
			f.did("disconnect " + name)
			f.set(path, bluez+".Device1", "Connected", false)
			return nil
		},
	})
	f.add(path, map[string]props{bluez + ".Device1": full})
	return bluetooth.ID(path)
}

func (f *fakeBlueZ) pair(path dbus.ObjectPath) *dbus.Error {
	f.did("pair")
	if f.get(path, bluez+".Device1", "Paired") == true {
		return failed("AlreadyExists")
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	defer cancel()
	f.mu.Lock()
	f.pairing[path] = cancel
	pairs := f.pairs[path]
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.pairing, path)
		f.mu.Unlock()
	}()
	refusal := pairs(ctx, f.caller(path))
	switch {
	case ctx.Err() != nil:
		return failed("AuthenticationCanceled")
	case refusal != nil:
		return refusal
	}
	f.set(path, bluez+".Device1", "Paired", true)
	return nil
}

func (f *fakeBlueZ) cancel(path dbus.ObjectPath) *dbus.Error {
	f.did("cancel")
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel := f.pairing[path]; cancel != nil {
		cancel()
		return nil
	}
	return failed("DoesNotExist")
}

// remoteAgent is the terminal's agent as BlueZ sees it, for one device.
type remoteAgent struct {
	object dbus.BusObject
	device dbus.ObjectPath
}

func (f *fakeBlueZ) caller(device dbus.ObjectPath) *remoteAgent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &remoteAgent{object: f.conn.Object(string(f.agent), f.path), device: device}
}

// call has the agent do something, and cancels that when ctx ends. It returns
// the name of the agent's error, "": none.
func (a *remoteAgent) call(ctx context.Context, method string, result any, args ...any) string {
	c := a.object.Go("org.bluez.Agent1."+method, 0, make(chan *dbus.Call, 1), append([]any{a.device}, args...)...)
	select {
	case <-ctx.Done():
		a.object.Go("org.bluez.Agent1.Cancel", dbus.FlagNoReplyExpected, nil)
		<-c.Done
	case <-c.Done:
	}
	if c.Err != nil {
		if answer, ok := c.Err.(dbus.Error); ok { //nolint:errorlint // godbus gives it as it is
			return strings.TrimPrefix(answer.Name, bluez+".Error.")
		}
		return c.Err.Error()
	}
	if result != nil {
		if err := c.Store(result); err != nil {
			return err.Error()
		}
	}
	return ""
}

// justWorks pairs without a code.
func justWorks(ctx context.Context, a *remoteAgent) *dbus.Error {
	if refused := a.call(ctx, "RequestConfirmation", nil, uint32(0)); refused != "" {
		return failed("AuthenticationRejected")
	}
	return nil
}
