package usb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/blade-shadow/terminal/internal/usbip"
)

// ErrRefused is why a device is not given away: a rule, or the person.
var ErrRefused = errors.New("not given away")

// Config is what a Redirector needs.
type Config struct {
	Sys  string // where sysfs is; "" for /sys
	Proc string // where procfs is; "" for /proc
	// Consent asks the person. nil: nobody can be asked, so nothing is given
	// away.
	Consent Consent
	// Surroundings says what matters beyond USB; nil for nothing of it. Any
	// goroutine calls it.
	Surroundings func() Surroundings
	Logger       *slog.Logger // nil: discard
}

// Redirector lists USB devices and gives them away. It has no state but who has
// been given away and what the person agreed to; all methods are for any
// goroutine.
type Redirector struct {
	cfg     Config
	tree    tree
	kernel  kernel
	allowed memory

	mu    sync.Mutex
	given map[string]struct{} // by BusID
}

// New returns a redirector. It starts nothing and touches nothing.
func New(cfg Config) *Redirector {
	if cfg.Sys == "" {
		cfg.Sys = "/sys"
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.Surroundings == nil {
		cfg.Surroundings = func() Surroundings { return Surroundings{} }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	t := tree{cfg.Sys}
	return &Redirector{cfg: cfg, tree: t, kernel: kernel{tree: t, write: writeFile}, given: make(map[string]struct{})}
}

// Listed is a device and its route.
type Listed struct {
	Device   Device
	Decision Decision
	Given    bool // to a host, now
}

// List looks at all USB devices, by port. Where there is no USB it fails with
// errors.ErrUnsupported; a device that goes meanwhile is left out.
func (r *Redirector) List() ([]Listed, error) {
	all, err := r.devices()
	if err != nil {
		return nil, err
	}
	around := r.cfg.Surroundings()
	list := make([]Listed, len(all))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range all {
		list[i] = Listed{Device: all[i], Decision: Decide(&all[i], all, around)}
		_, list[i].Given = r.given[all[i].BusID]
	}
	return list, nil
}

func (r *Redirector) devices() ([]Device, error) {
	ids, err := r.tree.busIDs()
	if err != nil {
		return nil, err
	}
	mounted := readMounts(r.cfg.Proc)
	all := make([]Device, 0, min(len(ids), maxDevices))
	for _, id := range ids[:min(len(ids), maxDevices)] {
		d, err := r.tree.device(id)
		if err != nil {
			r.cfg.Logger.Debug("a USB device cannot be read", "err", err)
			continue
		}
		r.tree.look(&d, mounted)
		all = append(all, d)
	}
	return all, nil
}

// Available says whether this kernel can give devices away: nil, or what is
// missing, wrapping errors.ErrUnsupported.
func (r *Redirector) Available() error { return r.kernel.available() }

// Forget drops what the person agreed to; devices that are given away stay so.
func (r *Redirector) Forget() { r.allowed.forget() }

// Open gets a channel to the host for a device: a data channel of a peer
// connection of its own, whose Write waits while it is full (usbip.Throttle).
// It returns when the host has accepted.
type Open func(ctx context.Context, d Device) (io.ReadWriteCloser, error)

// Share gives the device at that port to the host until ctx ends, which returns
// nil, or until it ends otherwise: usbip.ErrPeerEnded, usbip.ErrKernelEnded
// when it was unplugged, ErrRefused, ErrUnsupported where the kernel lacks
// usbip-host. When Share returns the device is back with its driver, or the
// error says why not.
func (r *Redirector) Share(ctx context.Context, busID string, open Open) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("share USB device %.31q: %w", busID, err)
		}
	}()
	d, err := r.permitted(ctx, busID)
	if err != nil {
		return err
	}
	if !r.claim(busID) {
		return fmt.Errorf("it is shared already: %w", ErrRefused)
	}
	defer r.release(busID)
	endpoints, err := r.endpoints(busID)
	if err != nil {
		return err
	}
	peer, err := open(ctx, d)
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	defer peer.Close() // Relay has, unless it never began
	return r.give(ctx, &d, endpoints, peer)
}

// permitted looks at a device, the rules and the person's will.
func (r *Redirector) permitted(ctx context.Context, busID string) (Device, error) {
	if !validBusID(busID) {
		return Device{}, errors.New("not a port of USB")
	}
	if err := r.kernel.available(); err != nil {
		return Device{}, err
	}
	d, err := r.decided(busID)
	if err != nil {
		return Device{}, err
	}
	if r.allowed.knows(d.identity()) {
		return d, nil
	}
	if r.cfg.Consent == nil {
		return Device{}, fmt.Errorf("nobody can be asked: %w", ErrRefused)
	}
	answer, err := r.cfg.Consent.AllowUSB(ctx, d)
	if err != nil {
		return Device{}, fmt.Errorf("ask: %w", err)
	}
	if !answer.Allow {
		return Device{}, fmt.Errorf("the person said no: %w", ErrRefused)
	}
	// A question takes its time: what was plugged then, and in use, is old.
	now, err := r.decided(busID)
	if err != nil {
		return Device{}, err
	}
	if now.DevID() != d.DevID() || now.identity() != d.identity() {
		return Device{}, fmt.Errorf("it is another one than was asked about: %w", ErrRefused)
	}
	if answer.Remember {
		r.allowed.remember(d.identity())
	}
	return now, nil
}

// decided finds a device that the rules let go.
func (r *Redirector) decided(busID string) (Device, error) {
	all, err := r.devices()
	if err != nil {
		return Device{}, err
	}
	for i := range all {
		d := &all[i]
		if d.BusID != busID {
			continue
		}
		if c := Decide(d, all, r.cfg.Surroundings()); !c.MayRedirect {
			return Device{}, fmt.Errorf("%s: %w", c.Reason, ErrRefused)
		}
		return *d, nil
	}
	return Device{}, fmt.Errorf("nothing is plugged in there: %w", os.ErrNotExist)
}

// endpoints reads what the device says it has.
func (r *Redirector) endpoints(busID string) (*usbip.Endpoints, error) {
	b, err := readFile(r.tree.path(devicesDir, busID, "descriptors"), usbip.MaxDescriptors+1)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	e, err := usbip.ParseDescriptors(b)
	if err != nil {
		return nil, fmt.Errorf("read descriptors: %w", err)
	}
	return &e, nil
}

// give takes the device from its driver, relays, and brings it back, whatever
// happens in between.
func (r *Redirector) give(ctx context.Context, d *Device, e *usbip.Endpoints, peer io.ReadWriteCloser) (err error) {
	log := r.cfg.Logger.With("device", d.Label(), "port", d.BusID)
	defer func() {
		if back := r.kernel.giveBack(context.WithoutCancel(ctx), d.BusID); back != nil {
			log.Warn("a USB device was not given back", "err", back)
			err = errors.Join(err, back)
		}
	}()
	if err := r.kernel.take(d.BusID); err != nil {
		return err
	}
	// The port was bound, not the device: it may have been changed meanwhile.
	if now, err := r.tree.device(d.BusID); err != nil || now.DevID() != d.DevID() {
		return errors.Join(fmt.Errorf("it was unplugged: %w", usbip.ErrKernelEnded), err)
	}
	end, err := r.kernel.connect(d.BusID)
	if err != nil {
		return err
	}
	log.Info("USB device given to the host")
	carried, err := usbip.Relay(ctx, usbip.RelayConfig{Kernel: end, Peer: peer, Session: usbip.NewSession(d.DevID(), e)})
	log.Info("USB device comes back", "to_host", carried.ToPeer, "from_host", carried.FromPeer, "err", err)
	return err
}

// GiveBack returns all devices that usbip-host still has and that are not
// shared now: those of an agent that died. A machine without usbip-host has
// none.
func (r *Redirector) GiveBack(ctx context.Context) error {
	var failed error
	for _, id := range r.kernel.held() {
		if !r.claim(id) {
			continue
		}
		if err := r.kernel.giveBack(ctx, id); err != nil {
			failed = errors.Join(failed, err)
		}
		r.release(id)
	}
	return failed
}

// claim makes a port the caller's; false where another one has it.
func (r *Redirector) claim(busID string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.given[busID]; ok {
		return false
	}
	r.given[busID] = struct{}{}
	return true
}

func (r *Redirector) release(busID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.given, busID)
}
