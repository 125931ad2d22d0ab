package bluetooth

import (
	"context"
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
)

// pairing is what Pair is busy with.
type pairing struct {
	device dbus.ObjectPath
	ctx    context.Context // of its questions
	cancel context.CancelFunc
	shown  *Shown // replaced, never changed
	serial uint32 // of the message that said so last; 0: none
}

// newer says whether a message was sent after another. Serials are never 0 and
// begin anew after 2^32.
func newer(serial, than uint32) bool { return than == 0 || int32(serial-than) > 0 }

// Pair pairs with a device, which may take a question or two or a code on
// State.Shown, trusts it from then on, so that it may connect by itself, and
// connects to it. A search of its adapter ends. While Pair lasts, a device
// that can neither show nor ask for a code is taken without a question, since
// the person has chosen it. When ctx ends, pairing is canceled.
//
// An error after the device has paired, such as that it could not be connected
// to, leaves it paired: the State says so.
func (m *Manager) Pair(ctx context.Context, device ID) error {
	path, err := m.beginPairing(ctx, device)
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	err = m.pair(ctx, path)
	m.endPairing()
	if err == nil {
		err = m.connect(ctx, path)
	}
	if err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	return nil
}

func (m *Manager) beginPairing(ctx context.Context, device ID) (dbus.ObjectPath, error) {
	m.mu.Lock()
	path, adapter, err := m.device(device)
	if err == nil && m.pairing != nil {
		err = ErrBusy
	}
	if err != nil {
		m.mu.Unlock()
		return "", err
	}
	p := &pairing{device: path}
	p.ctx, p.cancel = context.WithTimeout(ctx, PairTime)
	m.pairing = p
	s := m.searches[adapter]
	m.touched()
	m.mu.Unlock()
	if s != nil {
		s.stop()
		select {
		case <-s.done:
		case <-p.ctx.Done():
		}
	}
	return path, nil
}

func (m *Manager) endPairing() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pairing.cancel()
	m.pairing = nil
	m.touched()
}

func (m *Manager) pair(ctx context.Context, path dbus.ObjectPath) error {
	// Without this a Low Energy device is forgotten when it disconnects. The
	// agent refuses everybody else.
	if err := m.set(ctx, parent(path), ifaceAdapter, "Pairable", true); err != nil {
		m.cfg.Logger.Debug("pairing anyway", "err", err)
	}
	err := m.call(ctx, PairTime, path, ifaceDevice+".Pair", nil)
	if is(err, errorExists) {
		err = nil // paired it is
	}
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, ReasonTime) {
			if e := m.call(context.WithoutCancel(ctx), callTime, path, ifaceDevice+".CancelPairing", nil); e != nil {
				m.cfg.Logger.Debug("pairing was not canceled", "err", e)
			}
		}
		return err
	}
	return m.set(ctx, path, ifaceDevice, "Trusted", true)
}

// device looks a device up. m.mu is held.
func (m *Manager) device(id ID) (path, adapter dbus.ObjectPath, err error) {
	if m.store == nil {
		return "", "", errNone()
	}
	d := m.store.devices[dbus.ObjectPath(id)]
	if d == nil {
		return "", "", ErrUnknown
	}
	return dbus.ObjectPath(d.ID), dbus.ObjectPath(d.Adapter), nil
}

// questions returns the context of questions of a device, nil where Pair is
// not busy with it.
func (m *Manager) questions(device dbus.ObjectPath) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pairing == nil || m.pairing.device != device {
		return nil
	}
	return m.pairing.ctx
}

// show shows a code of the device that is pairing, nil: none any more. Calls
// of an agent come in any order, so that the serial decides; device "" is
// whichever is pairing. ok is false where it is not.
func (m *Manager) show(device dbus.ObjectPath, serial uint32, shown *Shown) (ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.pairing
	if p == nil || device != "" && p.device != device {
		return false
	}
	if newer(serial, p.serial) {
		p.shown, p.serial = shown, serial
		m.touched()
	}
	return true
}
