package vmtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lockTree waits until no other machine of this source tree runs, or ctx ends.
// The lock ends when the file is closed, or with the process.
func lockTree(ctx context.Context, path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fmt.Errorf("another virtual terminal runs: %w", ctx.Err())
		case <-again.C:
		}
	}
}

// remember notes a machine's folder in the lock's file and removes the folder
// that stands there: its machine's process had no time to.
func remember(lock *os.File, dir string) error {
	noted := make([]byte, 4096)
	n, err := lock.ReadAt(noted, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if before := string(noted[:n]); strings.HasPrefix(filepath.Base(before), folderPrefix) {
		if err := os.RemoveAll(before); err != nil {
			return err
		}
	}
	if err := lock.Truncate(0); err != nil {
		return err
	}
	_, err = lock.WriteAt([]byte(dir), 0)
	return err
}

// folderPrefix begins the names of machines' folders.
const folderPrefix = "shadow-vm-"

// once is a listener for a single connection.
type once struct{ listener *net.UnixListener }

func listenOnce(ctx context.Context, path string) (once, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return once{}, err
	}
	return once{listener.(*net.UnixListener)}, nil
}

func (o once) accept(ctx context.Context) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = o.listener.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn, err := o.listener.Accept()
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return conn, err
}

func (o once) close() { _ = o.listener.Close() }
