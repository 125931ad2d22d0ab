package netlab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// hopMTU is that of the interfaces of a hop, in bytes.
const hopMTU = 1500

// Hop joins two nodes by an impaired link that everything passes: TCP, ICMP
// and what nobody listens for too. Each end is a TUN interface (IP without
// Ethernet, so no link that could go down); Run carries packets between them.
type Hop struct {
	Terminal, Host *Interface

	link  *link
	files [2]*os.File // by the side they are on
	lines [2]*line[struct{}]
}

// JoinImpaired lays an impaired link: Up is what the terminal's node sends. The ends
// are called tun0, tun1 and so on, have no addresses and are up.
func (l *Lab) JoinImpaired(terminal, host *Node, seed uint64, p Profile) (*Hop, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	name := fmt.Sprintf("tun%d", l.cables)
	l.cables++
	l.mu.Unlock()
	h := &Hop{Terminal: &Interface{Node: terminal, Name: name}, Host: &Interface{Node: host, Name: name}, link: newLink(seed, p)}
	for i, end := range []*Interface{h.Terminal, h.Host} {
		f, err := on(end.Node, func() (*os.File, error) { return openTUN(name) })
		if err == nil {
			h.files[i] = f
			err = errors.Join(end.Node.ip("link", "set", "dev", name, "mtu", fmt.Sprint(hopMTU), "txqueuelen", "1000"), end.SetUp(true))
		}
		if err != nil {
			return nil, errors.Join(err, h.closeFiles())
		}
	}
	return h, nil
}

// openTUN makes a TUN interface in the namespace of this thread. It is gone
// when the file is closed.
func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("an impaired link needs /dev/net/tun: %w", errors.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make interface %s: %w", name, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

func (h *Hop) closeFiles() error {
	var errs []error
	for _, f := range h.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// Connect gives the ends addresses that reach each other.
func (h *Hop) Connect(terminal, host netip.Prefix) error {
	return errors.Join(h.Terminal.AddAddress(terminal), h.Host.AddAddress(host))
}

// Blackout loses everything in both directions for d from now on; 0 ends it.
func (h *Hop) Blackout(d time.Duration) { h.link.blackout(d) }

// Stats returns what happened in both directions so far; bytes are those of IP packets.
func (h *Hop) Stats() (up, down ModelStats) { return h.link.stats() }

// Run carries packets until ctx ends; then the interfaces are gone. It is
// called once.
func (h *Hop) Run(ctx context.Context) error {
	alarms, err := preciseAlarms()
	if err != nil {
		return errors.Join(fmt.Errorf("run an impaired link: %w", err), h.closeFiles())
	}
	for from, a := range alarms {
		to := h.files[1-from]
		h.lines[from] = newLine(h.link.start, a, func(buf []byte, _ struct{}, _ time.Duration) {
			// An interface that is down takes nothing, like a cable that is cut.
			_, _ = to.Write(buf)
			h.lines[from].recycle(buf)
		})
	}
	var lines, readers sync.WaitGroup
	for from := range h.lines {
		lines.Go(h.lines[from].run)
		readers.Go(func() { h.read(side(from)) })
	}
	<-ctx.Done()
	err = h.closeFiles()
	readers.Wait()
	h.lines[viewer].end(true)
	h.lines[host].end(true)
	lines.Wait()
	return err
}

// read carries what a node sends, until the interface is closed.
func (h *Hop) read(from side) {
	buf := make([]byte, maxDatagram)
	for {
		n, err := h.files[from].Read(buf)
		if err != nil {
			if errors.Is(err, os.ErrClosed) || !errors.Is(err, unix.EIO) && !errors.Is(err, unix.EAGAIN) {
				return
			}
			time.Sleep(time.Millisecond) // EIO: the interface is down
			continue
		}
		arrivals, count := h.link.sendWhole(from == viewer, n)
		for _, due := range arrivals[:count] {
			h.lines[from].push(due, buf[:n], struct{}{})
		}
	}
}
