package x11

import (
	"errors"
	"fmt"

	"github.com/jezek/xgb/shm"
	"golang.org/x/sys/unix"
)

// segment is memory that the server writes pictures into (MIT-SHM).
type segment struct {
	d    *Display
	id   shm.Seg
	data []byte
}

// newSegment shares size bytes with the server. It fails on a server that is
// somewhere else, in another container, or runs as another user.
func newSegment(d *Display, size int) (*segment, error) {
	key, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil, fmt.Errorf("get %d bytes of shared memory: %w", size, err)
	}
	data, err := unix.SysvShmAttach(key, 0, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attach shared memory: %w", err), removeSegment(key))
	}
	s := &segment{d: d, data: data}
	err = s.attach(key)
	// Once both have it, its name goes, so that it cannot outlive a crash.
	if err = errors.Join(err, removeSegment(key)); err != nil {
		return nil, errors.Join(err, unix.SysvShmDetach(data))
	}
	return s, nil
}

func (s *segment) attach(key int) error {
	id, err := shm.NewSegId(s.d.conn)
	if err != nil {
		return fmt.Errorf("name shared memory: %w", replyError(err))
	}
	if err := shm.AttachChecked(s.d.conn, id, uint32(key), false).Check(); err != nil {
		return fmt.Errorf("attach the X server to shared memory: %w", replyError(err))
	}
	s.id = id
	return nil
}

func removeSegment(key int) error {
	if _, err := unix.SysvShmCtl(key, unix.IPC_RMID, nil); err != nil {
		return fmt.Errorf("remove shared memory: %w", err)
	}
	return nil
}

// close gives the memory back. The server's side goes with the connection,
// too, so its answer does not matter.
func (s *segment) close() error {
	shm.Detach(s.d.conn, s.id)
	if err := unix.SysvShmDetach(s.data); err != nil {
		return fmt.Errorf("detach shared memory: %w", err)
	}
	return nil
}
