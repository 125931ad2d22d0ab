package bluetooth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// adapter looks an adapter up; "" is the first that is on, or else the first.
func (m *Manager) adapter(id ID) (dbus.ObjectPath, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store == nil {
		return "", errNone()
	}
	if id != "" {
		if m.store.adapters[dbus.ObjectPath(id)] == nil {
			return "", ErrUnknown
		}
		return dbus.ObjectPath(id), nil
	}
	all := m.store.state().Adapters
	if len(all) == 0 {
		return "", fmt.Errorf("no Bluetooth adapter: %w: it needs one built in or at a USB socket", errors.ErrUnsupported)
	}
	i := slices.IndexFunc(all, func(a Adapter) bool { return a.Powered })
	return dbus.ObjectPath(all[max(i, 0)].ID), nil
}

// SetPower switches an adapter; "": the only one.
func (m *Manager) SetPower(ctx context.Context, adapter ID, on bool) error {
	path, err := m.adapter(adapter)
	if err == nil {
		err = m.set(ctx, path, ifaceAdapter, "Powered", on)
	}
	if err != nil {
		return fmt.Errorf("switch Bluetooth: %w", err)
	}
	return nil
}

// search is a Search under way.
type search struct {
	stop context.CancelFunc
	done chan struct{}
}

// Search has an adapter ("": the first that is on) look for devices for limit,
// at most MaxSearch, and returns nil when the time is over or a device is
// being paired. It fails when ctx ends before, or the adapter goes or is
// switched off.
func (m *Manager) Search(ctx context.Context, adapter ID, limit time.Duration) error {
	path, err := m.adapter(adapter)
	if err == nil {
		err = m.search(ctx, path, limit)
	}
	if err != nil {
		return fmt.Errorf("search for devices: %w", err)
	}
	return nil
}

func (m *Manager) search(ctx context.Context, adapter dbus.ObjectPath, limit time.Duration) error {
	if limit <= 0 || limit > MaxSearch {
		limit = MaxSearch
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	s := &search{stop: cancel, done: make(chan struct{})}
	m.mu.Lock()
	if m.searches[adapter] != nil {
		m.mu.Unlock()
		return ErrBusy
	}
	m.searches[adapter] = s
	epoch := m.epoch
	m.mu.Unlock()
	defer func() {
		m.mu.Lock()
		delete(m.searches, adapter)
		m.mu.Unlock()
		close(s.done)
	}()
	filter := map[string]dbus.Variant{"Transport": dbus.MakeVariant("auto")}
	if err := m.call(ctx, callTime, adapter, ifaceAdapter+".SetDiscoveryFilter", []any{filter}); err != nil {
		m.cfg.Logger.Debug("searching without a filter", "err", err)
	}
	// Not with ctx: without the answer it would not be known whether to stop.
	if err := m.call(context.WithoutCancel(ctx), callTime, adapter, ifaceAdapter+".StartDiscovery", nil); err != nil {
		return err
	}
	err := m.searching(limited, adapter, epoch)
	if e := m.call(context.WithoutCancel(ctx), callTime, adapter, ifaceAdapter+".StopDiscovery", nil); e != nil {
		m.cfg.Logger.Debug("the search was over", "err", e)
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// searching waits until ctx ends, or fails when there is nothing to wait for.
func (m *Manager) searching(ctx context.Context, adapter dbus.ObjectPath, epoch int) error {
	on := false // said so; what is kept may be behind BlueZ, which has begun
	for {
		m.mu.Lock()
		changed, gone := m.changed, m.store == nil || m.epoch != epoch
		var there, powered bool
		if !gone {
			if a := m.store.adapters[adapter]; a != nil {
				there, powered = true, a.Powered
			}
		}
		m.mu.Unlock()
		switch {
		case gone:
			return ErrGone
		case !there:
			return ErrUnknown
		case on && !powered:
			return ReasonOff
		}
		on = powered
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
}

// find looks a device up.
func (m *Manager) find(device ID) (dbus.ObjectPath, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	path, _, err := m.device(device)
	return path, err
}

// Connect connects to a device that is paired.
func (m *Manager) Connect(ctx context.Context, device ID) error {
	path, err := m.find(device)
	if err == nil {
		err = m.connect(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

func (m *Manager) connect(ctx context.Context, path dbus.ObjectPath) error {
	err := m.call(ctx, linkTime, path, ifaceDevice+".Connect", nil)
	if is(err, errorConnected) {
		return nil
	}
	if err != nil && (ctx.Err() != nil || errors.Is(err, ReasonTime)) {
		// This ends the attempt, too.
		_ = m.call(context.WithoutCancel(ctx), callTime, path, ifaceDevice+".Disconnect", nil)
	}
	return err
}

// Disconnect ends the connection with a device. It may connect again by itself
// when the person uses it.
func (m *Manager) Disconnect(ctx context.Context, device ID) error {
	path, err := m.find(device)
	if err == nil {
		err = m.call(ctx, linkTime, path, ifaceDevice+".Disconnect", nil)
	}
	if err != nil && !is(err, errorNotLinked) {
		return fmt.Errorf("disconnect: %w", err)
	}
	return nil
}

// SetTrusted says whether a device may connect by itself.
func (m *Manager) SetTrusted(ctx context.Context, device ID, yes bool) error {
	path, err := m.find(device)
	if err == nil {
		err = m.set(ctx, path, ifaceDevice, "Trusted", yes)
	}
	if err != nil {
		return fmt.Errorf("trust: %w", err)
	}
	return nil
}

// Forget ends the connection with a device and removes its keys. It is gone
// when this returns, even if the signals that say so are still on their way.
func (m *Manager) Forget(ctx context.Context, device ID) error {
	m.mu.Lock()
	path, adapter, err := m.device(device)
	epoch := m.epoch
	m.mu.Unlock()
	if err == nil {
		err = m.call(ctx, callTime, adapter, ifaceAdapter+".RemoveDevice", []any{path})
	}
	if err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.store != nil && m.epoch == epoch {
		m.store.remove(path, []string{ifaceDevice})
		m.touched()
	}
	return nil
}
