package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/uevent"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

// How USB devices without a route of their own are given to the host.
const (
	USBAsk   = "ask"   // the person is asked about each
	USBNever = "never" // they stay here
)

const (
	usbBus      = 3                      // BUS_USB, linux/input.h
	usbLook     = 500 * time.Millisecond // from a device that came to looking at it: its parts come one by one
	usbAgain    = 2 * time.Second        // after a device that ended by itself
	usbDeadline = 10 * time.Second       // for what an agent before us left
	usbSoon     = 10 * time.Second       // a device that ends sooner is of no use
	usbTries    = 3                      // and is given away so often
)

// redirector is what usb.Redirector can do.
type redirector interface {
	List() ([]usb.Listed, error)
	Share(ctx context.Context, busID string, open usb.Open) error
	GiveBack(ctx context.Context) error
}

// usbDevices gives USB devices to the host: those that have no other way there,
// while there is a session, if the person agrees.
type usbDevices struct {
	a          *Agent
	redirector redirector
	news       chan struct{} // capacity 1: look again

	mu      sync.Mutex      // guards below
	refused map[string]bool // by port and number: the person said no
	sharing map[string]bool // by port
	idle    bool            // nothing uses the Bluetooth adapter
	failed  map[string]int  // in a row, soon after they were given; by port and number
}

// openUSB makes what gives devices away; nil: they stay.
func (a *Agent) openUSB() {
	_, card := a.display.(console)
	if a.cfg.USB == USBNever || a.cfg.USB == "" && !card {
		return
	}
	u := &usbDevices{a: a, news: make(chan struct{}, 1), refused: map[string]bool{}, sharing: map[string]bool{}, failed: map[string]int{}}
	open := a.parts.openUSB
	if open == nil {
		open = func(c usb.Config) redirector { return usb.New(c) }
	}
	u.redirector = open(usb.Config{
		Consent: u, Surroundings: u.surroundings, Logger: a.log.With("component", "usb"),
	})
	a.usb = u
}

// surroundings tells of keyboards that are not on USB.
func (u *usbDevices) surroundings() (s usb.Surroundings) {
	u.mu.Lock()
	s.BluetoothIdle = u.idle
	u.mu.Unlock()
	if u.a.devices == nil {
		return s
	}
	for _, d := range u.a.devices.List() {
		if d.Kind == "keyboard" && d.Bus != usbBus {
			s.OtherKeyboards++
		}
	}
	return s
}

// setBluetoothIdle takes whether nothing uses the Bluetooth adapter, so that it
// may be given away, too.
func (u *usbDevices) setBluetoothIdle(idle bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.idle = idle
}

// AllowUSB asks the person.
func (u *usbDevices) AllowUSB(ctx context.Context, d usb.Device) (usb.Answer, error) {
	n, err := u.a.ask(ctx, "Let the PC use this device?", fmt.Sprintf("%s (%04x:%04x)", d.Label(), d.Vendor, d.Product), "Yes", "No, it stays here")
	if err != nil && !errors.Is(err, errUnanswered) {
		return usb.Answer{}, err
	}
	yes := err == nil && n == 0
	if !yes {
		u.mu.Lock()
		u.refused[usbKey(&d)] = true
		u.mu.Unlock()
	}
	return usb.Answer{Allow: yes, Remember: yes}, nil
}

func usbKey(d *usb.Device) string { return fmt.Sprintf("%s %d", d.BusID, d.DevID()) }

// run hears the kernel until ctx ends. What an agent before this one had given
// away comes back first.
func (u *usbDevices) run(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, usbDeadline)
	if err := u.redirector.GiveBack(bounded); err != nil {
		u.a.log.Warn("USB devices of an earlier run are not given back", "err", err)
	}
	cancel()
	l, err := uevent.Listen()
	if err != nil {
		u.a.log.Warn("USB devices that are plugged in later are not noticed", "err", err)
		return
	}
	err = l.Run(ctx, func(e uevent.Event, lost bool) {
		if lost || e.Subsystem == "usb" || e.Subsystem == "block" {
			u.nudge()
		}
	})
	if err != nil {
		u.a.log.Warn("USB devices that are plugged in later are not noticed", "err", err)
	}
}

func (u *usbDevices) nudge() {
	select {
	case u.news <- struct{}{}:
	default:
	}
}

// serve gives devices to the session's host until ctx ends; all are back when it
// returns.
func (u *usbDevices) serve(ctx context.Context, at *attempt) {
	if u == nil {
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	select {
	case <-at.shown:
	case <-ctx.Done():
		return
	}
	asked := false // whether the host takes any
	for {
		if todo := u.todo(); len(todo) > 0 {
			if !asked {
				if err := at.TakesUSB(ctx); err != nil {
					u.a.log.Info("USB devices stay here", "devices", len(todo), "err", err)
					return
				}
				asked = true
			}
			for _, d := range todo {
				running.Go(func() { u.share(ctx, at, d) })
			}
		}
		select {
		case <-u.news:
			wait(ctx, usbLook)
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// todo are the devices that want a host and have none, marked as shared.
func (u *usbDevices) todo() (todo []usb.Device) {
	all, err := u.redirector.List()
	if err != nil {
		u.a.log.Debug("USB devices", "err", err)
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	there := make(map[string]bool, len(all))
	for i := range all {
		l := &all[i]
		key := usbKey(&l.Device)
		there[key] = true
		if l.Decision.Route != usb.RouteRedirect || l.Given || u.refused[key] || u.sharing[l.Device.BusID] {
			continue
		}
		u.sharing[l.Device.BusID] = true
		todo = append(todo, l.Device)
	}
	// Whoever plugs one in again may think otherwise.
	gone := func(key string) bool { return !there[key] }
	maps.DeleteFunc(u.refused, func(key string, _ bool) bool { return gone(key) })
	maps.DeleteFunc(u.failed, func(key string, _ int) bool { return gone(key) })
	return todo
}

// mayAgain notes that a device came back after so long, and reports whether it
// is given away again: the host may want it, or its path be back.
func (u *usbDevices) mayAgain(d *usb.Device, after time.Duration) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := usbKey(d)
	if after >= usbSoon {
		delete(u.failed, key)
		return true
	}
	u.failed[key]++
	if u.failed[key] < usbTries {
		return true
	}
	u.refused[key] = true
	return false
}

// share gives one device away until it ends.
func (u *usbDevices) share(ctx context.Context, at *attempt, d usb.Device) {
	log := u.a.log.With("device", d.Label(), "port", d.BusID)
	begun := time.Now()
	err := u.redirector.Share(ctx, d.BusID, func(ctx context.Context, d usb.Device) (io.ReadWriteCloser, error) {
		return at.OfferUSB(ctx, d.Offer(0))
	})
	again := false
	switch {
	case err == nil, ctx.Err() != nil:
	case errors.Is(err, usb.ErrRefused):
		log.Info("USB device stays here", "err", err)
	case errors.Is(err, client.ErrUSBRefused), errors.Is(err, errors.ErrUnsupported):
		log.Warn("USB device cannot be given to the host", "err", err)
		u.mu.Lock()
		u.refused[usbKey(&d)] = true
		u.mu.Unlock()
	default:
		again = u.mayAgain(&d, time.Since(begun))
		log.Warn("USB device came back", "err", err, "again", again)
	}
	if again {
		wait(ctx, usbAgain) // the host may want it again; nothing is asked twice
	}
	u.mu.Lock()
	delete(u.sharing, d.BusID)
	u.mu.Unlock()
	if again {
		u.nudge()
	}
}
