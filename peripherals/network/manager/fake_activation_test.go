package manager_test

import (
	"context"
	"slices"

	"github.com/godbus/dbus/v5"
)

func (f *fakeNM) addAndActivate(p profile, device, _ dbus.ObjectPath, options map[string]dbus.Variant) (path, active dbus.ObjectPath, result map[string]dbus.Variant, err *dbus.Error) {
	f.did("add " + options["persist"].Value().(string))
	path = f.keep(p)
	return path, f.activate(path, device), map[string]dbus.Variant{}, nil
}

func (f *fakeNM) activateProfile(path, device, _ dbus.ObjectPath) (dbus.ObjectPath, *dbus.Error) {
	f.did("activate")
	return f.activate(path, device), nil
}

func (f *fakeNM) deactivate(active dbus.ObjectPath) *dbus.Error {
	f.did("deactivate")
	f.mu.Lock()
	cancel := f.running[active]
	f.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	return nil
}

// activate begins an activation, which goes on by itself.
func (f *fakeNM) activate(path, device dbus.ObjectPath) dbus.ObjectPath {
	active := f.path("ActiveConnection")
	f.add(active, map[string]props{nm + ".Connection.Active": {
		"Connection": variant(path), "Devices": variant([]dbus.ObjectPath{device}), "State": variant(uint32(1)),
	}})
	f.set(device, nm+".Device", "ActiveConnection", active)
	ctx, cancel := context.WithCancel(f.ctx)
	f.mu.Lock()
	f.running[active], f.latest = cancel, active
	f.mu.Unlock()
	f.wg.Go(func() {
		defer cancel()
		f.move(device, 40, 0)
		why := f.connect(ctx, path, device)
		switch {
		case ctx.Err() != nil:
			f.end(active, device, 39)
		case why != 0:
			f.end(active, device, why)
		default:
			f.move(device, 100, 0)
			f.set(active, nm+".Connection.Active", "State", uint32(2))
			_ = f.conn.Emit(active, nm+".Connection.Active.StateChanged", uint32(2), uint32(1))
			f.set(nmPath, nm, "PrimaryConnection", active)
		}
	})
	return active
}

// move changes a device's state.
func (f *fakeNM) move(device dbus.ObjectPath, state, reason uint32) {
	f.mu.Lock()
	old := f.objects[device][nm+".Device"]["State"].Value().(uint32)
	f.mu.Unlock()
	f.set(device, nm+".Device", "State", state)
	_ = f.conn.Emit(device, nm+".Device.StateChanged", state, old, reason)
}

// end ends an activation: the activation first, as it may be.
func (f *fakeNM) end(active, device dbus.ObjectPath, reason uint32) {
	f.set(active, nm+".Connection.Active", "State", uint32(4))
	_ = f.conn.Emit(active, nm+".Connection.Active.StateChanged", uint32(4), uint32(3))
	f.remove(active, nm+".Connection.Active")
	if reason != 39 {
		f.move(device, 120, reason)
	}
	f.set(device, nm+".Device", "ActiveConnection", dbus.ObjectPath("/"))
	f.move(device, 30, 0)
}

// connect is what happens on the air; it returns the reason of a failure.
func (f *fakeNM) connect(ctx context.Context, path, device dbus.ObjectPath) uint32 {
	f.mu.Lock()
	p, silent := f.profiles[path], f.silent
	ssid, wifi := p["802-11-wireless"]["ssid"].Value().([]byte)
	network, there := f.networks[string(ssid)]
	f.mu.Unlock()
	if silent {
		<-ctx.Done()
		return 39
	}
	if !wifi {
		return 0
	}
	if hidden, _ := p["802-11-wireless"]["hidden"].Value().(bool); !there || network.hidden && !hidden {
		return 53
	}
	if network.fails != 0 {
		return network.fails
	}
	if network.psk == "" {
		return 0
	}
	psk, _ := p["802-11-wireless-security"]["psk"].Value().(string)
	for range 3 {
		if psk == network.psk {
			return 0
		}
		f.move(device, 60, 0)
		flags := uint32(1 | 4)
		if psk != "" {
			flags |= 2
		}
		f.mu.Lock()
		agent := f.agent
		f.mu.Unlock()
		var out profile
		const section = "802-11-wireless-security"
		call := f.conn.Object(string(agent), "/org/freedesktop/NetworkManager/SecretAgent").
			CallWithContext(ctx, nm+".SecretAgent.GetSecrets", 0, public(p), path, section, []string{}, flags)
		if err := call.Store(&out); err != nil {
			f.did("no secrets: " + err.Error())
			return 7
		}
		psk, _ = out[section]["psk"].Value().(string)
		f.did("answer " + psk)
		f.mu.Lock()
		p = public(p)
		p[section]["psk"] = variant(psk)
		if f.profiles[path] != nil {
			f.profiles[path] = p
		}
		f.mu.Unlock()
	}
	if psk == network.psk {
		return 0
	}
	return 7
}

// network puts a network on the air.
func (f *fakeNM) network(ssid string, n air) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.networks[ssid] = n
}

// used reports whether the fake was asked for something.
func (f *fakeNM) used(what string) bool { return slices.Contains(f.said(), what) }
