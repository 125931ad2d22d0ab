package manager_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/blade-shadow/terminal/internal/sysbus"
)

// Names of the fake, spelt out so that a wrong one in the package shows.
const (
	nm       = "org.freedesktop.NetworkManager"
	nmPath   = dbus.ObjectPath("/org/freedesktop/NetworkManager")
	wlan     = nmPath + "/Devices/3"
	eth      = nmPath + "/Devices/2"
	objects  = "org.freedesktop.DBus.ObjectManager"
	settings = nm + ".Settings.Connection"
)

type (
	props   = map[string]dbus.Variant
	profile = map[string]map[string]dbus.Variant
)

func variant(v any) dbus.Variant { return dbus.MakeVariant(v) }

// air is a Wi-Fi network of the fake.
type air struct {
	psk    string // "": open
	hidden bool
	fails  uint32 // the device's reason, whatever the password
}

// fakeNM is a NetworkManager with a cable and a Wi-Fi device.
type fakeNM struct {
	t    *testing.T
	conn *dbus.Conn
	ctx  context.Context
	wg   sync.WaitGroup

	mu       sync.Mutex // guards the rest
	objects  map[dbus.ObjectPath]map[string]props
	profiles map[dbus.ObjectPath]profile // with secrets
	networks map[string]air
	agent    dbus.Sender
	number   int
	asked    []string // what was called
	silent   bool     // no activation ends
	latest   dbus.ObjectPath
	running  map[dbus.ObjectPath]context.CancelFunc // activations
}

// newFake puts a NetworkManager on the bus.
func newFake(t *testing.T, dial sysbus.Dialer) *fakeNM {
	t.Helper()
	conn, err := dial()
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	f := &fakeNM{
		t: t, conn: conn, ctx: ctx,
		profiles: map[dbus.ObjectPath]profile{}, networks: map[string]air{}, running: map[dbus.ObjectPath]context.CancelFunc{},
		objects: map[dbus.ObjectPath]map[string]props{
			nmPath: {nm: {
				"Version": variant("1.42.4"), "Connectivity": variant(uint32(4)), "PrimaryConnection": variant(dbus.ObjectPath("/")),
				"WirelessEnabled": variant(true), "WirelessHardwareEnabled": variant(true), "WwanEnabled": variant(true),
				"WwanHardwareEnabled": variant(true), "ConnectivityCheckUri": variant("http://check.example/"),
			}},
			eth: {
				nm + ".Device":            {"Interface": variant("eth0"), "DeviceType": variant(uint32(1)), "State": variant(uint32(20)), "Driver": variant("r8169"), "ActiveConnection": variant(dbus.ObjectPath("/"))},
				nm + ".Device.Wired":      {"Carrier": variant(false), "Speed": variant(uint32(0))},
				nm + ".Device.Statistics": {"RxBytes": variant(uint64(1))},
			},
			wlan: {
				nm + ".Device":          {"Interface": variant("wlan0"), "DeviceType": variant(uint32(2)), "State": variant(uint32(30)), "Driver": variant("mt7921u"), "ActiveConnection": variant(dbus.ObjectPath("/"))},
				nm + ".Device.Wireless": {"LastScan": variant(int64(-1)), "Bitrate": variant(uint32(0)), "ActiveAccessPoint": variant(dbus.ObjectPath("/"))},
			},
		},
	}
	f.export(nmPath, nm, map[string]any{
		"AddAndActivateConnection2": f.addAndActivate, "ActivateConnection": f.activateProfile, "DeactivateConnection": f.deactivate,
		"CheckConnectivity": func() (uint32, *dbus.Error) { f.did("check"); return f.connectivity(), nil },
	})
	f.export(nmPath, "org.freedesktop.DBus.Properties", map[string]any{"Set": func(iface, name string, v dbus.Variant) *dbus.Error {
		f.did(fmt.Sprintf("set %s %v", name, v.Value()))
		f.set(nmPath, iface, name, v.Value())
		return nil
	}})
	f.export(nmPath+"/AgentManager", nm+".AgentManager", map[string]any{"Register": func(sender dbus.Sender, id string) *dbus.Error {
		f.mu.Lock()
		f.agent = sender
		f.mu.Unlock()
		f.did("register " + id)
		return nil
	}})
	f.export("/org/freedesktop", objects, map[string]any{"GetManagedObjects": func() (map[dbus.ObjectPath]map[string]props, *dbus.Error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		return clone(f.objects), nil
	}})
	for _, d := range []dbus.ObjectPath{eth, wlan} {
		f.export(d, nm+".Device", map[string]any{"Disconnect": func() *dbus.Error { f.did("disconnect"); return nil }})
	}
	f.export(wlan, nm+".Device.Wireless", map[string]any{"RequestScan": f.scan})
	_, err = conn.RequestName(nm, dbus.NameFlagDoNotQueue)
	ok(t, err)
	t.Cleanup(func() {
		cancel()
		_ = conn.Close()
		f.wg.Wait()
	})
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

func (f *fakeNM) export(path dbus.ObjectPath, iface string, methods map[string]any) {
	f.t.Helper()
	ok(f.t, f.conn.ExportMethodTable(methods, path, iface))
}

func (f *fakeNM) did(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

func (f *fakeNM) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fakeNM) connectivity() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.objects[nmPath][nm]["Connectivity"].Value().(uint32)
}

// set changes a property and says so.
func (f *fakeNM) set(path dbus.ObjectPath, iface, name string, v any) {
	f.mu.Lock()
	if o := f.objects[path]; o != nil {
		o[iface][name] = variant(v)
	}
	f.mu.Unlock()
	_ = f.conn.Emit(path, "org.freedesktop.DBus.Properties.PropertiesChanged", iface, props{name: variant(v)}, []string{})
}

func (f *fakeNM) add(path dbus.ObjectPath, in map[string]props) {
	f.mu.Lock()
	f.objects[path] = clone(map[dbus.ObjectPath]map[string]props{path: in})[path]
	f.mu.Unlock()
	_ = f.conn.Emit("/org/freedesktop", objects+".InterfacesAdded", path, in)
}

func (f *fakeNM) remove(path dbus.ObjectPath, ifaces ...string) {
	f.mu.Lock()
	delete(f.objects, path)
	f.mu.Unlock()
	_ = f.conn.Emit("/org/freedesktop", objects+".InterfacesRemoved", path, ifaces)
}

func (f *fakeNM) path(kind string) dbus.ObjectPath {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.number++
	return nmPath + dbus.ObjectPath(fmt.Sprintf("/%s/%d", kind, f.number))
}

// point adds an access point.
func (f *fakeNM) point(ssid string, strength byte, frequency, flags, rsn uint32) dbus.ObjectPath {
	path := f.path("AccessPoint")
	f.add(path, map[string]props{nm + ".AccessPoint": {
		"Ssid": variant([]byte(ssid)), "Strength": variant(strength), "Frequency": variant(frequency),
		"Flags": variant(flags), "WpaFlags": variant(uint32(0)), "RsnFlags": variant(rsn), "Mode": variant(uint32(2)),
	}})
	return path
}

func (f *fakeNM) scan(options map[string]dbus.Variant) *dbus.Error {
	text := "scan"
	if v, ok := options["ssids"]; ok {
		text += fmt.Sprintf(" %q", v.Value())
	}
	f.did(text)
	f.set(wlan, nm+".Device.Wireless", "LastScan", int64(1000))
	return nil
}

// keep adds a profile.
func (f *fakeNM) keep(p profile) dbus.ObjectPath {
	path := f.path("Settings")
	f.mu.Lock()
	p["connection"]["uuid"] = variant(fmt.Sprintf("00000000-0000-0000-0000-%012d", f.number))
	f.profiles[path] = p
	f.mu.Unlock()
	f.export(path, settings, map[string]any{
		"GetSettings": func() (profile, *dbus.Error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return public(f.profiles[path]), nil
		},
		"Update": func(p profile) *dbus.Error {
			f.did("update")
			f.mu.Lock()
			if sec := p["802-11-wireless-security"]; sec != nil && sec["psk"] == (dbus.Variant{}) {
				if old, ok := f.profiles[path]["802-11-wireless-security"]["psk"]; ok {
					sec["psk"] = old // secrets stay where the update has none
				}
			}
			f.profiles[path] = p
			f.mu.Unlock()
			_ = f.conn.Emit(path, settings+".Updated")
			return nil
		},
		"Delete": func() *dbus.Error {
			f.did("delete")
			f.mu.Lock()
			delete(f.profiles, path)
			var stop []context.CancelFunc
			for active, cancel := range f.running {
				if f.objects[active][nm+".Connection.Active"]["Connection"].Value() == path {
					stop = append(stop, cancel)
				}
			}
			f.mu.Unlock()
			for _, cancel := range stop {
				cancel()
			}
			f.remove(path, settings)
			return nil
		},
	})
	f.add(path, map[string]props{settings: {"Unsaved": variant(false)}})
	return path
}

// public is a profile without its secrets.
func public(p profile) profile {
	out := profile{}
	for name, s := range p {
		out[name] = maps.Clone(s)
		for _, secret := range []string{"psk", "password", "pin", "private-key-password"} {
			delete(out[name], secret)
		}
	}
	return out
}

func (f *fakeNM) profile(path dbus.ObjectPath) profile {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.profiles[path]
}

func (f *fakeNM) kept() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.profiles)
}
