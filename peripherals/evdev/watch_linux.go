package evdev

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/uevent"
)

// Times of a watch.
const (
	rescanEvery = 30 * time.Second      // nothing that was missed is missed for longer
	retryEvery  = 20 * time.Millisecond // while a node may not be opened yet
	retryFor    = time.Second           // udev gives permissions within this
)

// WatchConfig is what Watch needs.
type WatchConfig struct {
	Dir string // "": /dev/input
	// Add is called with the path of each node that is there or comes. If it
	// fails with ENOENT or EACCES it is called again for a second: the node comes
	// before its permissions.
	Add func(path string) error
	// Remove is called with the path of each node that has gone, whether Add
	// succeeded or not. A device that was read may have ended before.
	Remove func(path string)
	Rescan <-chan struct{} // look anew, after the machine slept; nil: never but each 30 s
	Logger *slog.Logger    // nil: discard
}

// Watch calls Add and Remove, on the caller's goroutine, until ctx ends, which
// returns nil. It hears the kernel, or where that is not possible inotify(7);
// where neither is, it looks every 30 s.
func Watch(ctx context.Context, cfg WatchConfig) error {
	if cfg.Dir == "" {
		cfg.Dir = "/dev/input"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	w := watch{cfg: cfg, known: map[string]*plugged{}, changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan struct{})
	hear, err := w.listen() // before the first look, so that nothing falls between
	if err != nil {
		cfg.Logger.Warn("new input devices are noticed every 30 s only", "err", err)
		hear = func(context.Context) error { return nil }
	}
	go func() {
		defer close(heard)
		if err := hear(ctx); err != nil && ctx.Err() == nil {
			cfg.Logger.Warn("new input devices are noticed every 30 s only", "err", err)
		}
	}()
	w.run(ctx)
	cancel()
	<-heard
	return nil
}

// watch is the nodes that are there.
type watch struct {
	cfg     WatchConfig
	known   map[string]*plugged
	changed chan struct{} // capacity 1, never closed: look; full means said
}

// plugged is one node.
type plugged struct {
	id    nodeID
	added bool
	until time.Time // to try it again
}

// nodeID tells a node from another that has its path later.
type nodeID struct{ inode, device uint64 }

// listen returns what has look called whenever something may have changed.
func (w *watch) listen() (func(context.Context) error, error) {
	l, err := uevent.Listen()
	if err == nil {
		return func(ctx context.Context) error {
			return errors.Join(l.Run(ctx, func(e uevent.Event, lost bool) {
				if lost || e.Subsystem == "input" && e.DevName != "" {
					w.look()
				}
			}), l.Close())
		}, nil
	}
	w.cfg.Logger.Debug("the kernel is not heard, the folder is watched", "err", err)
	return w.inotify()
}

// inotify watches the folder itself.
func (w *watch) inotify() (func(context.Context) error, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", w.cfg.Dir, err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, w.cfg.Dir, unix.IN_CREATE|unix.IN_DELETE|unix.IN_ATTRIB|unix.IN_MOVE); err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", w.cfg.Dir, err), f.Close())
	}
	return func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
		defer stop()
		var b [4096]byte
		for {
			if _, err := f.Read(b[:]); err != nil {
				if ctx.Err() != nil {
					err = nil
				}
				return errors.Join(err, f.Close())
			}
			w.look()
		}
	}, nil
}

func (w *watch) look() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// run looks whenever there is a reason.
func (w *watch) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-w.changed:
		case <-w.cfg.Rescan:
		}
		timer.Reset(w.scan(time.Now()))
	}
}

// scan compares what is there with what was, and returns when to do so again.
func (w *watch) scan(now time.Time) (wait time.Duration) {
	there, err := nodes(w.cfg.Dir)
	if err != nil {
		w.cfg.Logger.Debug("look for input devices", "err", err)
		return rescanEvery
	}
	for path, p := range w.known {
		if id, ok := there[path]; !ok || id != p.id {
			delete(w.known, path)
			w.cfg.Remove(path)
		}
	}
	wait = rescanEvery
	for path, id := range there {
		p := w.known[path]
		if p == nil {
			p = &plugged{id: id, until: now.Add(retryFor)}
			w.known[path] = p
		}
		if p.added || p.until.Before(now) {
			continue
		}
		switch err := w.cfg.Add(path); {
		case err == nil:
			p.added = true
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) || !now.Add(retryEvery).Before(p.until):
			w.cfg.Logger.Debug("input device is left out", "err", err)
			p.until = now.Add(-1)
		default:
			wait = retryEvery
		}
	}
	return wait
}

// nodes are the event devices in dir. A folder that is not there has none: the
// kernel makes it with the first.
func nodes(dir string) (map[string]nodeID, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := make(map[string]nodeID, len(entries))
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "event")
		if !ok || number == "" || strings.Trim(number, "0123456789") != "" {
			continue
		}
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if err != nil {
			continue // gone meanwhile
		}
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			all[path] = nodeID{inode: s.Ino, device: uint64(s.Rdev)}
		}
	}
	return all, nil
}
