package mode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// Bounds of a [Store].
const (
	maxMonitors = 64       // the one chosen longest ago is forgotten first
	maxIdentity = 256      // bytes
	maxStore    = 64 << 10 // bytes of the file
)

// FileName is a store's in the folder where a terminal keeps its state.
const FileName = "monitors.json"

// storeVersion is of the file's form.
const storeVersion = 1

// Store remembers choices by EDID identity in a JSON file. Its methods are safe
// on any goroutine. Several processes may use one file: each change is made to
// what the file then has, under a lock on its folder, so that nobody's choices
// are lost, and the last word on one monitor counts.
//
// Two monitors that are connected together may have one identity, because their
// maker gave them no serial numbers. What is chosen for one of them is kept
// under [Key], and is found first as long as it stays on that connector.
type Store struct {
	path string

	mu       sync.Mutex
	monitors []monitor   // guarded by mu; the one chosen last is first
	seen     fs.FileInfo // guarded by mu: of the file as it was read or written last; nil: none
}

// Monitor is one that is connected.
type Monitor struct {
	Connector string // "DP-1"
	Identity  string // "" where it has no EDID that can be read
}

// Key is what a choice for m is kept under while these monitors are connected:
// its identity or, where that is not its alone, "identity@DP-1". A monitor
// without identity is known by its connector, "@DP-1".
func Key(m Monitor, connected []Monitor) string {
	twin := slices.ContainsFunc(connected, func(o Monitor) bool {
		return o.Identity == m.Identity && o.Connector != m.Connector
	})
	if m.Identity == "" || twin {
		return m.local()
	}
	return m.Identity
}

// local is the key of m where it is plugged in.
func (m Monitor) local() string { return m.Identity + "@" + m.Connector }

// monitor is one entry of the file.
type monitor struct {
	Identity string `json:"identity"`
	Choice   Choice `json:"choice"`
}

// storeFile is the whole file.
type storeFile struct {
	Version  int       `json:"version"`
	Monitors []monitor `json:"monitors"`
}

// NewStore returns an empty store of the file at path, which [Store.Reload] reads.
func NewStore(path string) *Store { return &Store{path: path} }

// OpenStore reads the file at path; where there is none the store is empty. The
// store that it returns always works. An error beside it says why earlier
// choices are gone: the file could not be read, or was damaged, and is then kept
// as path.bad.
func OpenStore(path string) (*Store, error) {
	s := NewStore(path)
	var err error
	if s.monitors, s.seen, err = readStore(path); err == nil {
		return s, nil
	}
	lerr := s.locked(func() error { // another process may be at it
		if s.monitors, s.seen, err = readStore(path); !damaged(err) {
			return nil
		}
		s.seen = nil
		return os.Rename(path, path+".bad")
	})
	return s, errors.Join(err, lerr)
}

// Reload reads the file again where it is not as it was read or written last,
// and says whether any choice is another one now. An error says that it cannot
// be read or is damaged: it is left as it is, the choices stay, and the same
// file is not read again. It takes a system call where nothing happened.
func (s *Store) Reload() (changed bool, err error) {
	now, err := stat(s.path)
	if err != nil {
		return false, fmt.Errorf("read choices: %w", err)
	}
	s.mu.Lock()
	same := sameFile(now, s.seen)
	s.seen = now // so that what cannot be read is tried once
	s.mu.Unlock()
	if same {
		return false, nil
	}
	err = s.locked(func() error {
		monitors, seen, err := readStore(s.path)
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		changed = !slices.Equal(s.monitors, monitors)
		s.monitors, s.seen = monitors, seen
		return nil
	})
	return changed, err
}

// sameFile says whether nobody wrote between two looks at a file, or whether
// there is none both times.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// stat is os.Stat with nil for a file that is not there.
func stat(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

// readStore reads the file; without one there are no choices. seen is what was
// read, also where it was damaged.
func readStore(path string) (monitors []monitor, seen fs.FileInfo, err error) {
	data, seen, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err == nil {
		monitors, err = decodeStore(data)
	}
	if err != nil {
		return nil, seen, fmt.Errorf("read choices %s: %w", path, err)
	}
	return monitors, seen, nil
}

// damaged says whether a file was read and makes no sense.
func damaged(err error) bool {
	_, unread := errors.AsType[*fs.PathError](err)
	return err != nil && !unread
}

// readBounded reads a file of no more than maxStore bytes.
func readBounded(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxStore+1))
	if err == nil && len(data) > maxStore {
		err = fmt.Errorf("more than %d bytes", maxStore)
	}
	return data, info, err
}

// decodeStore reads what write writes. Keys that it does not know are a later
// version's and are passed over.
func decodeStore(data []byte) ([]monitor, error) {
	var f storeFile
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&f); err != nil {
		return nil, err
	}
	if f.Version != storeVersion {
		return nil, fmt.Errorf("version %d: want %d", f.Version, storeVersion)
	}
	if len(f.Monitors) > maxMonitors {
		return nil, fmt.Errorf("%d monitors: want %d at most", len(f.Monitors), maxMonitors)
	}
	for i, m := range f.Monitors {
		if err := checkEntry(m); err != nil {
			return nil, err
		}
		if slices.IndexFunc(f.Monitors, func(o monitor) bool { return o.Identity == m.Identity }) != i {
			return nil, fmt.Errorf("monitor %q is there twice", m.Identity)
		}
	}
	return f.Monitors, nil
}

func checkEntry(m monitor) error {
	if m.Identity == "" || len(m.Identity) > maxIdentity {
		return fmt.Errorf("identity of %d bytes: want 1 to %d", len(m.Identity), maxIdentity)
	}
	if err := m.Choice.Check(); err != nil {
		return fmt.Errorf("monitor %q: %w", m.Identity, err)
	}
	return nil
}

// Choice returns what is kept under a key, zero where nothing is.
func (s *Store) Choice(key string) Choice {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, _ := find(s.monitors, key)
	return c
}

// For returns what was chosen for a monitor: for it on this connector, else for
// its identity, else nothing.
func (s *Store) For(m Monitor) Choice {
	s.mu.Lock()
	defer s.mu.Unlock()
	return choiceFor(s.monitors, m)
}

func choiceFor(all []monitor, m Monitor) Choice {
	c, ok := find(all, m.local())
	if !ok && m.Identity != "" {
		c, _ = find(all, m.Identity)
	}
	return c
}

func find(all []monitor, key string) (Choice, bool) {
	for _, m := range all {
		if m.Identity == key {
			return m.Choice, true
		}
	}
	return Choice{}, false
}

// Put remembers c under a key and forgets the key for the zero Choice. Where c
// is the primary screen's, no other choice is any more. It returns once the file
// is on the disk; after an error the store has what it had, and the file is
// whole.
func (s *Store) Put(key string, c Choice) error {
	return s.change(key, func(all []monitor) ([]monitor, error) { return put(all, key, c, false) })
}

// Edit changes what was chosen for m while these monitors are connected, m among
// them: edit is given the choice that the file has now, whoever made it, and may
// refuse. Else it is like [Store.Put].
func (s *Store) Edit(m Monitor, connected []Monitor, edit func(Choice) (Choice, error)) error {
	return s.change(m.Connector, func(all []monitor) ([]monitor, error) {
		c, err := edit(choiceFor(all, m))
		if err != nil {
			return nil, err
		}
		key := Key(m, connected)
		if _, own := find(all, m.local()); own {
			key = m.local()
		}
		_, shared := find(all, m.Identity)
		return put(all, key, c, shared && key != m.Identity)
	})
}

// Forget drops what was chosen for m. A choice that it shares with another of
// the connected monitors stays with that one.
func (s *Store) Forget(m Monitor, connected []Monitor) error {
	return s.change(m.Connector, func(all []monitor) ([]monitor, error) {
		shared, ok := find(all, m.Identity)
		for _, o := range connected {
			_, own := find(all, o.local())
			if ok && !own && o.Identity == m.Identity && o.Connector != m.Connector {
				all = append([]monitor{{Identity: o.local(), Choice: shared}}, all...)
			}
		}
		return drop(drop(all, m.local()), m.Identity), nil
	})
}

func drop(all []monitor, key string) []monitor {
	return slices.DeleteFunc(slices.Clone(all), func(m monitor) bool { return m.Identity == key })
}

// put returns the entries with c under key, the newest first. The zero Choice
// has an entry only where it is kept against a shared one.
func put(all []monitor, key string, c Choice, keep bool) ([]monitor, error) {
	entry := monitor{Identity: key, Choice: c}
	if err := checkEntry(entry); err != nil {
		return nil, fmt.Errorf("remember choice: %w", err)
	}
	next := drop(all, key)
	if c == (Choice{}) && !keep {
		return next, nil
	}
	for i := range next {
		next[i].Choice.Primary = next[i].Choice.Primary && !c.Primary
	}
	return append([]monitor{entry}, next...), nil
}

// change makes the file what edit makes of it. An error of edit is returned as
// it is, others with name.
func (s *Store) change(name string, edit func([]monitor) ([]monitor, error)) error {
	var refused error
	err := s.locked(func() error {
		all, seen, err := s.present()
		if err != nil {
			return err
		}
		next, err := edit(all)
		if err != nil {
			refused = err
			return nil
		}
		next = next[:min(len(next), maxMonitors)]
		if seen == nil || !slices.Equal(next, all) {
			if seen, err = s.write(next); err != nil {
				return err
			}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.monitors, s.seen = next, seen
		return nil
	})
	if err != nil {
		return fmt.Errorf("remember choice for %q: %w", name, err)
	}
	return refused
}

// present is what the file has. A damaged one is set aside, and what the store
// remembers takes its place.
func (s *Store) present() ([]monitor, fs.FileInfo, error) {
	all, seen, err := readStore(s.path)
	if !damaged(err) {
		return all, seen, err
	}
	s.mu.Lock()
	all = slices.Clone(s.monitors)
	s.mu.Unlock()
	return all, nil, os.Rename(s.path, s.path+".bad")
}

// locked does work while no other store of this file writes, in this process
// or another one. The lock is on the folder, because the file is replaced.
func (s *Store) locked(work func() error) error {
	dir, err := os.Open(filepath.Dir(s.path))
	if err != nil {
		return err
	}
	defer dir.Close() // ends the lock
	for {
		err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("lock %s: %w", dir.Name(), err)
		}
		return work()
	}
}

// write replaces the file and returns what it is now.
func (s *Store) write(all []monitor) (fs.FileInfo, error) {
	data, err := json.MarshalIndent(storeFile{Version: storeVersion, Monitors: all}, "", "\t")
	if err != nil {
		return nil, err
	}
	if err := replace(s.path, append(data, '\n')); err != nil {
		return nil, err
	}
	return os.Stat(s.path)
}

// replace writes a file so that after a power cut it has either all of the old
// bytes or all of the new.
func replace(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already after the rename
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a rename inside dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
