package usb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/internal/wire"
)

// controllerDir is the virtual host controller, below the root of sysfs. All of
// them, if there are more, are told through the first one.
const controllerDir = "devices/platform/vhci_hcd.0"

// Bounds.
const (
	maxStatus      = 64 << 10 // of a status file, in bytes: 128 ports
	maxControllers = 128      // the kernel's most, CONFIG_USBIP_VHCI_NR_HCS
)

// ErrNoPort says that all ports of that speed are taken.
var ErrNoPort = errors.New("no virtual port is free")

// Config is what Ports needs.
type Config struct {
	Sys    string       // where sysfs is; "" for /sys
	Logger *slog.Logger // nil: discard
}

// Ports is the virtual host controller. All methods are for any goroutine.
type Ports struct {
	root  string
	log   *slog.Logger
	write func(name, value string) error // in one write(2)

	mu sync.Mutex // one looks for a free port and takes it
}

// New returns the ports. It starts nothing and touches nothing.
func New(cfg Config) *Ports {
	if cfg.Sys == "" {
		cfg.Sys = "/sys"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Ports{root: cfg.Sys, log: cfg.Logger, write: writeFile}
}

// Available says whether there is a virtual controller: nil, or what is
// missing, wrapping errors.ErrUnsupported.
func (p *Ports) Available() error {
	if _, err := os.Stat(p.path("status")); err != nil {
		return fmt.Errorf("the kernel needs its module vhci-hcd: %w", errors.ErrUnsupported)
	}
	f, err := os.OpenFile(p.path("attach"), os.O_WRONLY, 0)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("plugging in USB devices takes the right to write to the virtual controller: %w", errors.Join(errors.ErrUnsupported, err))
	}
	if err != nil {
		return nil // Attach says it
	}
	return f.Close()
}

// Attach plugs an offered device in and serves it until ctx ends, which returns
// nil, or until it ends otherwise: usbip.ErrPeerEnded, usbip.ErrKernelEnded
// when somebody detached it. It owns and closes the channel, whose Write waits
// while it is full (usbip.Throttle). The port is free when it returns.
func (p *Ports) Attach(ctx context.Context, o wire.USBOffer, channel io.ReadWriteCloser) (err error) {
	defer channel.Close() // Relay has, unless it never began
	defer func() {
		if err != nil {
			err = fmt.Errorf("attach USB device %04x:%04x: %w", o.Vendor, o.Product, err)
		}
	}()
	speed, err := portSpeed(o)
	if err != nil {
		return err
	}
	if err := p.Available(); err != nil {
		return err
	}
	end, n, err := p.attach(o.DevID, speed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.detach(n, o.DevID)) }()
	p.log.Info("USB device attached", "vendor", o.Vendor, "product", o.Product, "port", n)
	carried, err := usbip.Relay(ctx, usbip.RelayConfig{
		Kernel: end, Peer: channel, Session: usbip.NewSession(o.DevID, nil), Host: true,
	})
	p.log.Info("USB device detached", "port", n, "from_terminal", carried.FromPeer, "to_terminal", carried.ToPeer, "err", err)
	return err
}

// Speeds that ports have (enum usb_device_speed, linux/usb/ch9.h).
const (
	speedLow       = 1
	speedFull      = 2
	speedHigh      = 3
	speedSuper     = 5
	speedSuperPlus = 6
)

// portSpeed returns the speed that the kernel is told, or why the offer is
// none.
func portSpeed(o wire.USBOffer) (uint8, error) {
	// A device has a bus and a number, from 1 to 127 (USB 2.0, 9.1.1.4).
	if o.DevID>>16 == 0 || o.DevID&0xffff == 0 || o.DevID&0xffff > 127 {
		return 0, fmt.Errorf("%#x is no device's number: %w", o.DevID, usbip.ErrNonsense)
	}
	switch o.Speed {
	case speedLow, speedFull, speedHigh, speedSuper:
		return o.Speed, nil
	case speedSuperPlus:
		return speedSuper, nil // older kernels know no more
	default:
		return 0, fmt.Errorf("speed %d: %w", o.Speed, usbip.ErrNonsense)
	}
}

// port is one line of a status file.
type port struct {
	number uint64
	super  bool // for speedSuper; the others share the rest
	state  uint64
	devID  uint64
}

// portFree is the state of a port without a device; 5 is one whose device has
// no address yet, 6 one in use, 7 one that failed (enum usbip_device_status,
// uapi/linux/usbip.h).
const portFree = 4

// parsePorts reads a status file. Lines that it does not understand, the head
// among them, are left out.
func parsePorts(b []byte) []port {
	var list []port
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 5 || f[0] != "hs" && f[0] != "ss" {
			continue
		}
		q := port{super: f[0] == "ss"}
		var err [3]error
		q.number, err[0] = strconv.ParseUint(f[1], 10, 32)
		q.state, err[1] = strconv.ParseUint(f[2], 10, 8)
		q.devID, err[2] = strconv.ParseUint(f[4], 16, 32)
		if errors.Join(err[:]...) == nil {
			list = append(list, q)
		}
	}
	return list
}

// ports lists the ports of all controllers.
func (p *Ports) ports() []port {
	list := parsePorts(readFile(p.path("status")))
	for i := 1; i < maxControllers; i++ {
		b := readFile(p.path("status." + strconv.Itoa(i)))
		if b == nil {
			break
		}
		list = append(list, parsePorts(b)...)
	}
	return list
}

// detach frees a port, where it is still that device's: the kernel frees it
// by itself when the stream ends, and others may take it then.
func (p *Ports) detach(n uint64, devID uint32) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.ports() {
		if q.number != n || q.state == portFree || q.devID != uint64(devID) {
			continue
		}
		err := p.put(strconv.FormatUint(n, 10), "detach")
		// It may have been faster than us.
		if err != nil && p.holds(n, devID) {
			return fmt.Errorf("detach port %d: %w", n, err)
		}
	}
	return nil
}

// holds says whether a port has that device.
func (p *Ports) holds(n uint64, devID uint32) bool {
	for _, q := range p.ports() {
		if q.number == n && q.state != portFree && q.devID == uint64(devID) {
			return true
		}
	}
	return false
}

func (p *Ports) path(name string) string { return filepath.Join(p.root, controllerDir, name) }

// put writes to an attribute of the controller.
func (p *Ports) put(value, name string) error {
	if err := p.write(p.path(name), value); err != nil {
		return fmt.Errorf("write %q to %s: %w", value, name, err)
	}
	return nil
}

// writeFile writes an attribute, which must be there.
func writeFile(name, value string) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// readFile reads an attribute; nil where it cannot.
func readFile(name string) []byte {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxStatus))
	if err != nil {
		return nil
	}
	return b
}
