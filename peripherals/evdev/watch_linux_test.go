package evdev

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// plugs is a folder of nodes, and what a watch said of it.
type plugs struct {
	dir string

	mu     sync.Mutex // guards the rest
	said   []string
	refuse map[string]error
}

func (p *plugs) Add(path string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.refuse[filepath.Base(path)]
	if err == nil {
		p.said = append(p.said, "+"+filepath.Base(path))
	}
	return err
}

func (p *plugs) Remove(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, "-"+filepath.Base(path))
}

func (p *plugs) create(t *testing.T, name string) {
	t.Helper()
	ok(t, os.WriteFile(filepath.Join(p.dir, name), nil, 0o600))
}

func (p *plugs) words(names ...string) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Equal(p.said, names)
	}
}

func (p *plugs) until(t *testing.T, names ...string) {
	t.Helper()
	for is, end := p.words(names...), time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the watch said %q; want %q", p.said, names)
		}
	}
}

// The folder tells of nodes that come, go and change places, with inotify,
// which is what a folder that is no kernel's can have.
func TestWatch(t *testing.T) {
	p := &plugs{dir: t.TempDir(), refuse: map[string]error{}}
	p.create(t, "event3")
	p.create(t, "mouse0")
	p.create(t, "event")
	p.create(t, "event4x")
	rescan := make(chan struct{})
	w := watch{cfg: WatchConfig{Dir: p.dir, Add: p.Add, Remove: p.Remove, Rescan: rescan}, known: map[string]*plugged{}, changed: make(chan struct{}, 1)}
	w.cfg.Logger = discard
	hear, err := w.inotify()
	ok(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { ok(t, hear(ctx)) })
	running.Go(func() { w.run(ctx) })
	p.until(t, "+event3")
	p.create(t, "event12")
	p.until(t, "+event3", "+event12")
	ok(t, os.Remove(filepath.Join(p.dir, "event3")))
	p.until(t, "+event3", "+event12", "-event3")
	// Another device at the path of one: the kernel lost both messages.
	p.create(t, "new")
	ok(t, os.Rename(filepath.Join(p.dir, "new"), filepath.Join(p.dir, "event12")))
	rescan <- struct{}{}
	p.until(t, "+event3", "+event12", "-event3", "-event12", "+event12")
	cancel()
	running.Wait()
}

// A node that may not be opened yet is tried for a second, one that is no
// device once.
func TestWatchTriesAgain(t *testing.T) {
	p := &plugs{dir: t.TempDir(), refuse: map[string]error{"event1": unix.EACCES, "event2": unix.ENOTTY}}
	p.create(t, "event1")
	p.create(t, "event2")
	tries := map[string]int{}
	w := watch{cfg: WatchConfig{Dir: p.dir, Remove: p.Remove, Logger: discard, Add: func(path string) error {
		tries[filepath.Base(path)]++
		return p.Add(path)
	}}, known: map[string]*plugged{}}
	now := time.Unix(100, 0)
	for range 200 {
		wait := w.scan(now)
		if wait > retryEvery {
			break
		}
		now = now.Add(wait)
	}
	if tries["event1"] < 40 || tries["event1"] > 60 || tries["event2"] != 1 {
		t.Errorf("tries: %v; want event1 for a second, event2 once", tries)
	}
	p.refuse["event1"] = nil
	w.scan(now)
	if len(p.said) != 0 {
		t.Errorf("after a second without permission the watch said %q; want nothing until it is plugged in again", p.said)
	}
	ok(t, os.Remove(filepath.Join(p.dir, "event1")))
	w.scan(now)
	p.create(t, "event1")
	w.scan(now)
	if want := []string{"-event1", "+event1"}; !slices.Equal(p.said, want) {
		t.Errorf("plugged in again: %q; want %q", p.said, want)
	}
}

// A folder that is not there yet has no devices.
func TestWatchWithoutFolder(t *testing.T) {
	p := &plugs{dir: filepath.Join(t.TempDir(), "input")}
	w := watch{cfg: WatchConfig{Dir: p.dir, Add: p.Add, Remove: p.Remove, Logger: discard}, known: map[string]*plugged{}}
	w.scan(time.Now())
	ok(t, os.Mkdir(p.dir, 0o755))
	p.create(t, "event0")
	w.scan(time.Now())
	if got := fmt.Sprint(p.said); got != "[+event0]" {
		t.Errorf("the watch said %v; want [+event0]", got)
	}
}
