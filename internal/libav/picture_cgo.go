//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"errors"
	"sync"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/media"
)

// slot is one picture of a pool: the C picture and the frame that shows it.
type slot struct {
	pic      *C.st_pic
	frame    *media.Frame
	surfaces *surfacePool // held while a picture in hardware is out
	out      bool         // guarded by framePool.mu
}

// framePool owns a fixed number of pictures. Frames may be released from any
// goroutine, also after close: the last one to come back is freed then.
type framePool struct {
	mu     sync.Mutex
	free   []*slot
	out    int
	closed bool
}

func newFramePool(n int) (*framePool, error) {
	p := &framePool{free: make([]*slot, 0, n)}
	for range n {
		s := &slot{pic: C.st_pic_new()}
		if s.pic == nil {
			p.close()
			return nil, errors.New("allocate frames: out of memory")
		}
		s.frame = media.NewFrame(func(*media.Frame) { p.put(s) })
		p.free = append(p.free, s)
	}
	return p, nil
}

// take returns a free slot, or nil. It is not out until hand is called.
func (p *framePool) take() *slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return nil
	}
	s := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return s
}

// hand fills s's frame from its picture and gives it out.
func (p *framePool) hand(s *slot) *media.Frame {
	f, c := s.frame, s.pic
	f.Format = media.I420
	if c.format == C.ST_PIC_NV12 {
		f.Format = media.NV12
	}
	for i := range planeCount(f.Format) {
		f.Stride[i] = int(c.stride[i])
		f.Planes[i] = unsafe.Slice((*byte)(unsafe.Pointer(c.data[i])), int(c.len[i]))
	}
	return p.give(s)
}

// handSurface is hand for a picture in hardware, which holds its pool.
func (p *framePool) handSurface(s *slot, pool *surfacePool, where *media.Surface) *media.Frame {
	pool.hold()
	s.surfaces = pool
	f := s.frame
	f.Format, f.Surface = media.DMABuf, where
	f.CropX, f.CropY = int(s.pic.crop_x), int(s.pic.crop_y)
	return p.give(s)
}

func (p *framePool) give(s *slot) *media.Frame {
	f, c := s.frame, s.pic
	f.Width, f.Height = int(c.width), int(c.height)
	f.Keyframe, f.FullRange = c.key != 0, c.full != 0
	f.Color = media.ColorMatrix(c.matrix)
	p.mu.Lock()
	s.out = true
	p.out++
	p.mu.Unlock()
	return f
}

// untake gives back a slot that was never handed out.
func (p *framePool) untake(s *slot) {
	p.mu.Lock()
	p.free = append(p.free, s)
	p.mu.Unlock()
}

// put takes a released frame back. A second release is ignored.
func (p *framePool) put(s *slot) {
	p.mu.Lock()
	was := s.out
	s.out = false
	p.mu.Unlock()
	if !was {
		return
	}
	s.clear()
	p.mu.Lock()
	p.out--
	closed := p.closed
	if !closed {
		p.free = append(p.free, s)
	}
	p.mu.Unlock()
	if closed {
		C.st_pic_free(s.pic)
	}
}

// clear gives the picture back to libavcodec, then the pool it was in.
func (s *slot) clear() {
	s.frame.Planes, s.frame.Stride, s.frame.Surface = [3][]byte{}, [3]int{}, nil
	C.st_pic_clear(s.pic)
	s.surfaces.release()
	s.surfaces = nil
}

// outstanding is how many frames are out.
func (p *framePool) outstanding() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}

// close frees every picture that is not out.
func (p *framePool) close() {
	p.mu.Lock()
	free := p.free
	p.free, p.closed = nil, true
	p.mu.Unlock()
	for _, s := range free {
		C.st_pic_free(s.pic)
	}
}
