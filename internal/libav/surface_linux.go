package libav

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/blade-shadow/terminal/internal/media"
)

// maxMoves is how often a driver may give a surface other memory before it is
// taken for one whose exports cannot be kept.
const maxMoves = 3

// exports are the surfaces of one pool whose memory is known. One goroutine.
type exports struct {
	pool uint64
	ask  func(id uint32) (*media.Surface, error) // the driver; the descriptors are the caller's
	of   map[uint32]*export
	all  []*media.Surface // also those whose memory was left
}

// export is what is known of one surface's memory.
type export struct {
	surface *media.Surface
	proved  bool // its memory was the same after it was decoded into again
	moves   int
}

func newExports(pool uint64, ask func(uint32) (*media.Surface, error)) exports {
	return exports{pool: pool, ask: ask, of: make(map[uint32]*export, 32)}
}

// surface returns where the picture in a surface is. The surface is exported
// when first seen, and once more when it was decoded into a second time: a
// driver that gives it other memory after all must not be believed.
func (x *exports) surface(id uint32) (*media.Surface, error) {
	e := x.of[id]
	if e != nil && e.proved {
		return e.surface, nil
	}
	s, err := x.ask(id)
	if err != nil {
		return nil, err
	}
	switch {
	case e == nil:
		e = &export{}
		x.of[id] = e
	case sameMemory(e.surface, s):
		e.proved = true
		return e.surface, closeSurface(s)
	case e.moves == maxMoves:
		return nil, errors.Join(exportError(errors.New("the driver moves its surfaces")), closeSurface(s))
	default:
		e.moves++
	}
	s.Pool, s.ID = x.pool, uint32(len(x.all)+1)
	x.all = append(x.all, s)
	e.surface = s
	return s, nil
}

// close closes every descriptor.
func (x *exports) close() error {
	var errs []error
	for _, s := range x.all {
		errs = append(errs, closeSurface(s))
	}
	x.all, x.of = nil, nil
	return errors.Join(errs...)
}

func exportError(err error) error {
	return fmt.Errorf("decode: %w: %w: %w", ErrHardware, ErrExport, err)
}

// sameMemory compares the dma-bufs, not their descriptors: the kernel has one
// inode for each.
func sameMemory(a, b *media.Surface) bool {
	if !slices.Equal(a.Planes, b.Planes) {
		return false
	}
	return slices.EqualFunc(a.Objects, b.Objects, func(x, y media.SurfaceObject) bool {
		var sx, sy syscall.Stat_t
		return x.Modifier == y.Modifier && syscall.Fstat(x.FD, &sx) == nil && syscall.Fstat(y.FD, &sy) == nil &&
			sx.Dev == sy.Dev && sx.Ino == sy.Ino
	})
}

func closeSurface(s *media.Surface) error {
	var errs []error
	for _, o := range s.Objects {
		if err := syscall.Close(o.FD); err != nil {
			errs = append(errs, fmt.Errorf("close dma-buf: %w", err))
		}
	}
	return errors.Join(errs...)
}
