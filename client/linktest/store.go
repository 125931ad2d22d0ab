package linktest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// Store keeps results in a folder, one JSON object a line, the newest
// [linktest.MaxHistory] of them. Several processes may use one folder. The file
// is replaced as a whole, so that after a power cut it has the old results or
// the new ones.
type Store struct{ path string }

// NewStore returns the store of a folder; it reads nothing.
func NewStore(dir string) *Store { return &Store{filepath.Join(dir, linktest.FileName)} }

// Read returns what is kept, oldest first and graded by the present rules, and
// how many lines could not be read. A file that is not there has none.
func (s *Store) Read() (results []linktest.Result, damaged int, err error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read link tests: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, linktest.MaxFile+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read link tests: %w", err)
	}
	if len(b) > linktest.MaxFile {
		return nil, 0, fmt.Errorf("read link tests: %s is over %d bytes: it is not ours", s.path, linktest.MaxFile)
	}
	results, damaged = linktest.ParseHistory(b)
	return results, damaged, nil
}

// Add keeps a result and makes the folder where it is missing. It returns once
// the result is on the disk. Lines that cannot be read are dropped.
func (s *Store) Add(r *linktest.Result) error {
	dir := filepath.Dir(s.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("keep link test: %w", err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("keep link test: %w", err)
	}
	defer lock.Close() // ends the lock
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", dir, err)
	}
	all, _, err := s.Read()
	if err != nil {
		return err
	}
	b, err := linktest.EncodeHistory(append(all, *r))
	if err != nil {
		return fmt.Errorf("keep link test: %w", err)
	}
	if err := replace(s.path, b); err != nil {
		return fmt.Errorf("keep link test: %w", err)
	}
	return lock.Sync() // the name is on the disk as well
}

// replace writes a file beside the old one and gives it the name.
func replace(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
