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
)

// Bounds of a [Store].
const (
	maxMonitors = 64       // the one chosen longest ago is forgotten first
	maxIdentity = 256      // bytes
	maxStore    = 64 << 10 // bytes of the file
)

// storeVersion is of the file's form.
const storeVersion = 1

// Store remembers choices by EDID identity in a JSON file. Its methods are safe
// on any goroutine; two processes on one file overwrite each other's choices,
// though never with half a file.
type Store struct {
	path string

	mu       sync.Mutex
	monitors []monitor // guarded by mu; the one chosen last is first
}

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

// OpenStore reads the file at path; where there is none the store is empty. The
// store that it returns always works. An error beside it says why earlier
// choices are gone: the file could not be read, or was damaged, and is then kept
// as path.bad.
func OpenStore(path string) (*Store, error) {
	s := &Store{path: path}
	data, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		s.monitors, err = decodeStore(data)
	}
	if err == nil {
		return s, nil
	}
	err = fmt.Errorf("read choices %s: %w", path, err)
	if _, unread := errors.AsType[*fs.PathError](err); unread {
		return s, err
	}
	return s, errors.Join(err, os.Rename(path, path+".bad"))
}

// readBounded reads a file of no more than maxStore bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxStore+1))
	if err == nil && len(data) > maxStore {
		err = fmt.Errorf("more than %d bytes", maxStore)
	}
	return data, err
}

// decodeStore reads what encode writes. Keys that it does not know are a later
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
	if err := m.Choice.check(); err != nil {
		return fmt.Errorf("monitor %q: %w", m.Identity, err)
	}
	return nil
}

// Choice returns what was chosen for the monitor, zero where nothing was.
func (s *Store) Choice(identity string) Choice {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.monitors {
		if m.Identity == identity {
			return m.Choice
		}
	}
	return Choice{}
}

// Put remembers c for the monitor and forgets it for the zero Choice. It returns
// once the file is on the disk; after an error the store has what it had, and the
// file is whole.
func (s *Store) Put(identity string, c Choice) error {
	entry := monitor{Identity: identity, Choice: c}
	if err := checkEntry(entry); err != nil {
		return fmt.Errorf("remember choice: %w", err)
	}
	// The lock is held over the file's writing: two writers must not cross.
	s.mu.Lock()
	defer s.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(s.monitors), func(m monitor) bool { return m.Identity == identity })
	if c != (Choice{}) {
		next = append([]monitor{entry}, next...)
	}
	next = next[:min(len(next), maxMonitors)]
	data, err := json.MarshalIndent(storeFile{Version: storeVersion, Monitors: next}, "", "\t")
	if err == nil {
		err = replace(s.path, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("remember choice for %q: %w", identity, err)
	}
	s.monitors = next
	return nil
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
