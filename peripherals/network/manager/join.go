package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/godbus/dbus/v5"
)

// ErrUnknown is the error for a device or profile that NetworkManager does not
// know, or not any more.
var ErrUnknown = errors.New("no such device or profile")

// Join connects a device with the network that n says and returns its profile
// when it is connected, which may take a question or two. A profile of that
// network is changed, keeping its secrets where n has none; otherwise one is
// made, which is removed again if the network cannot be joined or ctx ends.
// Why it could not be is a [Reason] in the error.
func (m *Manager) Join(ctx context.Context, device ID, n Network) (ID, error) {
	fail := func(err error) (ID, error) { return "", fmt.Errorf("join %s: %w", n.label(), err) }
	set, err := Settings(n)
	if err != nil {
		return fail(err)
	}
	mark, old, err := m.prepare(device, n)
	if err != nil {
		return fail(err)
	}
	if old != "" {
		if err := m.change(ctx, old, func(base settings) (settings, error) { return revise(base, set, n) }); err != nil {
			return fail(err)
		}
		if err := m.activate(ctx, mark, old); err != nil {
			return fail(err)
		}
		return old, nil
	}
	var profile, active dbus.ObjectPath
	var result map[string]dbus.Variant
	options := map[string]dbus.Variant{"persist": dbus.MakeVariant("disk")}
	// Not with ctx: without the answer the profile could not be removed.
	err = m.call(context.WithoutCancel(ctx), managerPath, ifaceManager+".AddAndActivateConnection2", []any{set, mark.device, noPath, options}, &profile, &active, &result)
	if err == nil {
		err = m.await(ctx, mark, active)
	}
	if err != nil {
		if profile != "" && !errors.Is(err, ErrGone) {
			// Without the profile there is no connection either.
			if e := m.remove(context.WithoutCancel(ctx), profile); e != nil {
				m.cfg.Logger.Debug("a profile of no use is kept", "err", e)
			}
		}
		return fail(err)
	}
	return ID(profile), nil
}

// label is the network in an error.
func (n Network) label() string {
	if n.Kind == KindWiFi {
		return fmt.Sprintf("%q", n.SSID.String())
	}
	return string(n.Kind)
}

// mark is where a device and NetworkManager stood when something began.
type mark struct {
	device        dbus.ObjectPath
	epoch, failed int
}

// prepare finds the device and the profile to change, "": a new one.
func (m *Manager) prepare(device ID, n Network) (mk mark, profile ID, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mk, err = m.mark(device)
	if err != nil {
		return mk, "", err
	}
	s := m.store
	if n.Profile != "" {
		p, ok := s.profiles[dbus.ObjectPath(n.Profile)]
		if !ok {
			return mk, "", ErrUnknown
		}
		if p.Kind != n.Kind && (p.Kind != KindCable || n.Kind != KindPhone) {
			return mk, "", fmt.Errorf("the profile is of %s, not %s", p.Kind, n.Kind)
		}
		return mk, n.Profile, nil
	}
	if n.Kind == KindWiFi {
		all := make([]Profile, 0, len(s.profiles))
		for _, p := range s.profiles {
			all = append(all, p)
		}
		p, _ := fitting(all, n.SSID, n.Security)
		return mk, p.ID, nil
	}
	active := s.objects[get[dbus.ObjectPath](s.objects[mk.device][ifaceDevice], "ActiveConnection")][ifaceActive]
	p := s.profiles[get[dbus.ObjectPath](active, "Connection")]
	if p.Kind == n.Kind || p.Kind == KindCable && n.Kind == KindPhone {
		profile = p.ID
	}
	return mk, profile, nil
}

// mark looks a device up. m.mu is held.
func (m *Manager) mark(device ID) (mark, error) {
	if m.store == nil {
		return mark{}, fmt.Errorf("no NetworkManager: %w", errors.ErrUnsupported)
	}
	path := dbus.ObjectPath(device)
	if m.store.objects[path][ifaceDevice] == nil {
		return mark{}, ErrUnknown
	}
	return mark{device: path, epoch: m.epoch, failed: m.store.failed}, nil
}

// Activate connects a device with a profile as it is, and returns when it is
// connected; see [Manager.Join].
func (m *Manager) Activate(ctx context.Context, device, profile ID) error {
	m.mu.Lock()
	mk, err := m.mark(device)
	if err == nil && m.store.objects[dbus.ObjectPath(profile)][ifaceProfile] == nil {
		err = ErrUnknown
	}
	m.mu.Unlock()
	if err == nil {
		err = m.activate(ctx, mk, profile)
	}
	if err != nil {
		return fmt.Errorf("activate: %w", err)
	}
	return nil
}

func (m *Manager) activate(ctx context.Context, mk mark, profile ID) error {
	var active dbus.ObjectPath
	args := []any{dbus.ObjectPath(profile), mk.device, noPath}
	if err := m.call(ctx, managerPath, ifaceManager+".ActivateConnection", args, &active); err != nil {
		return err
	}
	err := m.await(ctx, mk, active)
	if ctx.Err() != nil {
		_ = m.call(context.WithoutCancel(ctx), managerPath, ifaceManager+".DeactivateConnection", []any{active})
	}
	return err
}

// await waits until an activation has succeeded or failed.
func (m *Manager) await(ctx context.Context, mk mark, active dbus.ObjectPath) error {
	ctx, cancel := context.WithTimeout(ctx, JoinTime)
	defer cancel()
	var late <-chan time.Time
	for {
		m.mu.Lock()
		gone, changed := m.epoch != mk.epoch || m.store == nil, m.changed
		var o outcome
		if !gone {
			o = m.store.outcome(active, mk.device, mk.failed)
		}
		m.mu.Unlock()
		switch {
		case gone:
			return ErrGone
		case o.joined:
			return nil
		case o.ended && o.device != "":
			return o.device
		case late == nil && (o.ended || o.device != ""):
			// The two say so one after the other, in no order to count on.
			late = time.After(causeTime)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			if o.device != "" {
				return o.device
			}
			return o.activation
		case <-changed:
		}
	}
}
