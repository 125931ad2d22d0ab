package netwatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Events come in bursts: an address brings its routes. A burst is over when
// nothing came for settle, and waited for no longer than patience.
const (
	settle   = 3 * time.Millisecond
	patience = 12 * time.Millisecond
	// pollCarrier is how often the carriers of the interfaces in use are looked
	// at: the kernel's own news of a pulled cable may be a second late
	// (net/core/link_watch.c).
	pollCarrier = 50 * time.Millisecond
)

// groups are the kernel's multicast groups that we listen to.
const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE

// Watcher follows the network while Run runs.
type Watcher struct {
	log  *slog.Logger
	open func() (conn, error)
	kind func(name string) Kind
	// lost reports that an interface has no carrier for certain.
	lost func(name string) bool

	mu      sync.Mutex // guards below
	current Snapshot
	changed chan struct{} // closed and replaced with each change
}

// conn is a netlink socket; tests have others.
type conn interface {
	Receive() ([]netlink.Message, error)
	Close() error
	// Dump returns everything there is now, as messages like the events.
	Dump() ([]netlink.Message, error)
}

// New returns a watcher that knows nothing yet. log may be nil.
func New(log *slog.Logger) *Watcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{
		log: log.With("component", "netwatch"), open: openKernel, changed: make(chan struct{}),
		kind: func(name string) Kind { return kindOf("/sys/class/net", name) },
		lost: func(name string) bool { return noCarrier("/sys/class/net", name) },
	}
}

// Classify replaces what sysfs says of interfaces, for those of which it says
// nothing. It is called before Run, and kind on Run's goroutine.
func (w *Watcher) Classify(kind func(name string) Kind) { w.kind = kind }

// Current returns what is known, nothing before Run has asked, and a channel
// that is closed when something else is. Any goroutine may call it.
func (w *Watcher) Current() (s Snapshot, changed <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current, w.changed
}

// Run follows the kernel's events until ctx ends, which is no error.
func (w *Watcher) Run(ctx context.Context) error {
	for {
		err := w.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, unix.ENOBUFS) {
			return fmt.Errorf("follow network changes: %w", err)
		}
		w.log.Debug("events were lost: asking for everything again")
	}
}

// follow listens first and asks for everything then, so that nothing is missed.
func (w *Watcher) follow(ctx context.Context) error {
	c, err := w.open()
	if err != nil {
		return err
	}
	g, inner := errgroup.WithContext(ctx)
	events := make(chan []netlink.Message, 64) // a full one makes the kernel's buffer wait
	g.Go(func() error {
		<-inner.Done()
		return c.Close()
	})
	g.Go(func() error {
		for {
			messages, err := c.Receive()
			if err != nil {
				return err
			}
			select {
			case events <- messages:
			case <-inner.Done():
				return inner.Err()
			}
		}
	})
	g.Go(func() error {
		all, err := c.Dump()
		if err != nil {
			return err
		}
		return w.fold(inner, all, events)
	})
	return g.Wait()
}

// fold adds events to what there was and publishes after each burst.
func (w *Watcher) fold(ctx context.Context, all []netlink.Message, events <-chan []netlink.Message) error {
	s := newState(w.kind)
	for _, m := range all {
		s.take(m)
	}
	w.publish(s.snapshot())
	timer, poll := time.NewTimer(time.Hour), time.NewTicker(pollCarrier)
	defer timer.Stop()
	defer poll.Stop()
	timer.Stop()
	var first time.Time // of the burst; zero: there is none
	for {
		select {
		case messages := <-events:
			for _, m := range messages {
				s.take(m)
			}
			if first.IsZero() {
				first = time.Now()
			}
			timer.Reset(max(0, min(settle, patience-time.Since(first))))
		case <-timer.C:
			first = time.Time{}
			w.publish(s.snapshot())
		case <-poll.C:
			if s.check(w.lost) {
				w.publish(s.snapshot())
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// publish tells of s if it is new.
func (w *Watcher) publish(s Snapshot) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Equal(w.current) {
		return
	}
	w.current = s
	close(w.changed)
	w.changed = make(chan struct{})
	for _, i := range s.Interfaces {
		w.log.Debug("interface", "name", i.Name, "kind", i.Kind, "default", i.Default, "addresses", len(i.Addresses))
	}
}
