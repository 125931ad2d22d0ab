package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/godbus/dbus/v5"
)

// change reads a profile's settings and writes what edit makes of them.
// Secrets are not among those read, and stay as they are unless edit adds
// some.
func (m *Manager) change(ctx context.Context, profile ID, edit func(settings) (settings, error)) error {
	path := dbus.ObjectPath(profile)
	var set settings
	if err := m.call(ctx, path, ifaceProfile+".GetSettings", nil, &set); err != nil {
		return err
	}
	set, err := edit(set)
	if err != nil {
		return err
	}
	return m.call(ctx, path, ifaceProfile+".Update", []any{set})
}

// revise puts what n says, which is set, into the settings of a profile.
func revise(base, set settings, n Network) (settings, error) {
	if a, b := get[string](base[sectionProfile], "type"), get[string](set[sectionProfile], "type"); a != b {
		return nil, fmt.Errorf("the profile is a %.32q, not a %q", a, b)
	}
	out := settings{}
	for name, s := range base {
		switch name {
		case "ipv4", "ipv6", sectionSecurity, sectionLogin, sectionProxy: // what n says of them is all there is
		default:
			out[name] = maps.Clone(s)
		}
	}
	user := get[map[string]string](out[sectionUser], "data")
	delete(user, proxyKey)
	delete(out[sectionWiFi], "band")
	for _, key := range []string{"apn", "auto-config", "username"} {
		delete(out[sectionMobile], key)
	}
	for name, s := range set {
		if out[name] == nil {
			out[name] = props{}
		}
		maps.Copy(out[name], s)
	}
	if id, ok := base[sectionProfile]["id"]; ok && n.Name == "" {
		out[sectionProfile]["id"] = id
	}
	if user != nil {
		maps.Copy(user, get[map[string]string](set[sectionUser], "data"))
		out[sectionUser]["data"] = dbus.MakeVariant(user)
	}
	return out, nil
}

// known finds a profile.
func (m *Manager) known(profile ID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.store == nil:
		return fmt.Errorf("no NetworkManager: %w", errors.ErrUnsupported)
	case m.store.objects[dbus.ObjectPath(profile)][ifaceProfile] == nil:
		return ErrUnknown
	}
	return nil
}

// Forget removes a profile and its secrets, and ends a connection with it.
func (m *Manager) Forget(ctx context.Context, profile ID) error {
	err := m.known(profile)
	if err == nil {
		err = m.remove(ctx, dbus.ObjectPath(profile))
	}
	if err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}

// remove removes a profile. It is gone when this returns, even if the signals
// that say so are still on their way.
func (m *Manager) remove(ctx context.Context, path dbus.ObjectPath) error {
	m.mu.Lock()
	epoch := m.epoch
	m.mu.Unlock()
	if err := m.call(ctx, path, ifaceProfile+".Delete", nil); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store != nil && m.epoch == epoch {
		m.store.forget(path)
		m.touched()
	}
	return nil
}

// Tuning is what can be changed of a profile besides joining; nil stays as it
// is.
type Tuning struct {
	Auto     *bool
	Priority *int
	Metered  *Choice
}

// Tune changes how a profile is used.
func (m *Manager) Tune(ctx context.Context, profile ID, t Tuning) error {
	err := m.known(profile)
	if t.Priority != nil && (*t.Priority < -maxPriority || *t.Priority > maxPriority) {
		err = fmt.Errorf("priority %d: not within %d of 0", *t.Priority, maxPriority)
	}
	if err == nil {
		err = m.change(ctx, profile, func(base settings) (settings, error) {
			c := section(base[sectionProfile])
			if c == nil {
				return nil, errors.New("a profile without a name")
			}
			if t.Auto != nil {
				c.set("autoconnect", *t.Auto)
			}
			if t.Priority != nil {
				c.set("autoconnect-priority", int32(*t.Priority))
			}
			if t.Metered != nil {
				c.set("metered", t.Metered.number())
			}
			return base, nil
		})
	}
	if err != nil {
		return fmt.Errorf("change the profile: %w", err)
	}
	return nil
}

// Disconnect ends what a device is connected with. It stays so until a network
// is joined.
func (m *Manager) Disconnect(ctx context.Context, device ID) error {
	m.mu.Lock()
	mk, err := m.mark(device)
	m.mu.Unlock()
	if err == nil {
		err = m.call(ctx, mk.device, ifaceDevice+".Disconnect", nil)
	}
	if err != nil {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

// SetWiFi switches all Wi-Fi radios.
func (m *Manager) SetWiFi(ctx context.Context, on bool) error {
	return m.set(ctx, "WirelessEnabled", on)
}

// SetMobile switches all mobile radios.
func (m *Manager) SetMobile(ctx context.Context, on bool) error { return m.set(ctx, "WwanEnabled", on) }

func (m *Manager) set(ctx context.Context, property string, value bool) error {
	if err := m.call(ctx, managerPath, ifaceProps+".Set", []any{ifaceManager, property, dbus.MakeVariant(value)}); err != nil {
		return fmt.Errorf("%s: %w", property, err)
	}
	return nil
}

// CheckConnectivity has NetworkManager look now how far the network leads, as
// after the login of a captive portal.
func (m *Manager) CheckConnectivity(ctx context.Context) (Connectivity, error) {
	var n uint32
	if err := m.call(ctx, managerPath, ifaceManager+".CheckConnectivity", nil, &n); err != nil {
		return ConnectivityUnknown, err
	}
	return connectivityOf(n), nil
}

// maxHidden is how many names a scan asks for.
const maxHidden = 4

// Scan looks for networks with all Wi-Fi devices, asking for those that hide
// their names, too, and returns when all have looked. A device that has been
// asked within ScanPause is not asked again: a radio that scans hears nothing
// else.
func (m *Manager) Scan(ctx context.Context, names ...SSID) error {
	ctx, cancel := context.WithTimeout(ctx, ScanTime)
	defer cancel()
	waits, err := m.scanners(time.Now())
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	options := map[string]dbus.Variant{}
	if len(names) > 0 {
		var list [][]byte
		for _, n := range names[:min(len(names), maxHidden)] {
			if !n.blank() && len(n) <= maxSSID {
				list = append(list, []byte(n))
			}
		}
		options["ssids"] = dbus.MakeVariant(list)
	}
	for device := range waits {
		err := m.call(ctx, device, ifaceWireless+".RequestScan", []any{options})
		var answer dbus.Error
		if errors.As(err, &answer) && answer.Name == errorNotNow {
			delete(waits, device) // it is scanning, or switched off
			continue
		}
		if err != nil {
			return fmt.Errorf("scan: %w", err)
		}
	}
	for {
		m.mu.Lock()
		changed := m.changed
		done := m.store == nil
		if !done {
			for device, last := range waits {
				if w := m.store.objects[device][ifaceWireless]; w == nil || get[int64](w, "LastScan") != last {
					delete(waits, device)
				}
			}
		}
		m.mu.Unlock()
		switch {
		case done:
			return fmt.Errorf("scan: %w", ErrGone)
		case len(waits) == 0:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("scan: %w", ctx.Err())
		case <-changed:
		}
	}
}

// scanners returns the devices that may scan, with the times of their last
// scans, and notes that they are asked.
func (m *Manager) scanners(now time.Time) (map[dbus.ObjectPath]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return nil, fmt.Errorf("no NetworkManager: %w", errors.ErrUnsupported)
	}
	all, any := map[dbus.ObjectPath]int64{}, false
	for path, o := range m.store.objects {
		w := o[ifaceWireless]
		if w == nil || get[uint32](o[ifaceDevice], "State") < deviceDisconnected {
			continue
		}
		any = true
		if last, ok := m.scans[path]; !ok || now.Sub(last) >= ScanPause {
			m.scans[path] = now
			all[path] = get[int64](w, "LastScan")
		}
	}
	if !any {
		return nil, fmt.Errorf("no Wi-Fi device is on: %w", errors.ErrUnsupported)
	}
	return all, nil
}
