//go:build linux && cgo && !nonative

package libav

// #include "av.h"
import "C"

import (
	"errors"
	"sync/atomic"

	"github.com/blade-shadow/terminal/internal/media"
)

// surfacePool is one pool of hardware surfaces and their exports. The decoder
// and every frame that is out hold it; the last one closes the descriptors.
type surfacePool struct {
	frames *C.AVBufferRef // libavcodec's pool, kept from ending and its address from being used again
	refs   atomic.Int32

	exports exports // owned by the decoder's goroutine, at the end by whoever is last
}

// newSurfacePool takes a reference to libavcodec's pool of f.
func newSurfacePool(f *C.AVFrame) (*surfacePool, error) {
	frames := C.av_buffer_ref(f.hw_frames_ctx)
	if frames == nil {
		return nil, errors.New("reference surfaces: out of memory")
	}
	p := &surfacePool{frames: frames}
	p.exports = newExports(uint64(C.st_surface_pool_id()), p.export)
	p.refs.Store(1)
	return p, nil
}

// has says whether f is of this pool.
func (p *surfacePool) has(f *C.AVFrame) bool {
	return p != nil && p.frames.data == f.hw_frames_ctx.data
}

// export asks the driver for descriptors, which the caller closes.
func (p *surfacePool) export(id uint32) (*media.Surface, error) {
	var desc C.VADRMPRIMESurfaceDescriptor
	if status := C.st_surface_export(p.frames, C.VASurfaceID(id), &desc); status != C.VA_STATUS_SUCCESS {
		return nil, exportError(errors.New(C.GoString(C.vaErrorStr(status))))
	}
	s := newSurface(&desc)
	if err := checkSurface(s); err != nil {
		return nil, errors.Join(exportError(err), closeSurface(s))
	}
	return s, nil
}

// newSurface takes over a driver's description, unchecked but for the lengths
// of its arrays.
func newSurface(d *C.VADRMPRIMESurfaceDescriptor) *media.Surface {
	s := &media.Surface{}
	for i := range min(int(d.num_objects), len(d.objects)) {
		o := &d.objects[i]
		s.Objects = append(s.Objects, media.SurfaceObject{
			FD: int(o.fd), Size: int(o.size), Modifier: uint64(o.drm_format_modifier),
		})
	}
	width, height := int(d.width), int(d.height)
	for i := range min(int(d.num_layers), len(d.layers)) {
		l := &d.layers[i]
		s.Planes = append(s.Planes, media.SurfacePlane{
			FourCC: uint32(l.drm_format), Object: int(l.object_index[0]),
			Offset: int(l.offset[0]), Pitch: int(l.pitch[0]), Width: width, Height: height,
		})
		if i == 0 {
			width, height = (width+1)/2, (height+1)/2
		}
	}
	return s
}

// hold is for a frame that goes out; the caller holds the pool already.
func (p *surfacePool) hold() { p.refs.Add(1) }

// release gives one hold back. Any goroutine; nil is allowed.
func (p *surfacePool) release() {
	if p == nil || p.refs.Add(-1) > 0 {
		return
	}
	_ = p.exports.close() // a frame's release has nobody to tell
	C.av_buffer_unref(&p.frames)
}
