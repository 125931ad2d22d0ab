package media

// ModifierInvalid is DRM_FORMAT_MOD_INVALID (drm_fourcc.h): the driver does not
// say how the buffer is tiled, the kernel knows. Whoever imports such a buffer
// leaves the modifier out; 0 would say linear and show noise.
const ModifierInvalid = 1<<56 - 1

// FourCC codes of the planes of a [Surface] (drm_fourcc.h).
const (
	FourCCR8   = 'R' | '8'<<8 | ' '<<16 | ' '<<24 // luma
	FourCCGR88 = 'G' | 'R'<<8 | '8'<<16 | '8'<<24 // chroma, Cb in the first byte
)

// Surface is one picture's memory on a GPU, exported as dma-bufs (Linux
// dma-buf, VA-API's SEPARATE_LAYERS). It belongs to a pool of a decoder and is
// filled again and again; Pool and ID together name the same memory for as long
// as the process lives, so what was made of the descriptors may be kept.
//
// The descriptors belong to the pool. They stay open while any frame of the
// pool is out; whoever keeps one longer duplicates it. Nobody changes a Surface.
type Surface struct {
	Pool uint64 // of all pools of this process, never used twice
	ID   uint32 // inside the pool

	Objects []SurfaceObject // the dma-bufs
	Planes  []SurfacePlane  // R8 and GR88
}

// SurfaceObject is one dma-buf.
type SurfaceObject struct {
	FD       int
	Size     int    // bytes
	Modifier uint64 // DRM format modifier, ModifierInvalid where the driver says none
}

// SurfacePlane is one colour plane inside a dma-buf.
type SurfacePlane struct {
	FourCC        uint32 // drm_fourcc.h
	Object        int    // index into Surface.Objects
	Offset, Pitch int    // bytes
	Width, Height int    // of the plane as allocated, in its own samples
}
