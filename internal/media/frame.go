package media

import "fmt"

// PixelFormat is the memory layout of a Frame.
type PixelFormat uint8

// Layouts. Strides are in bytes; planes are separate slices.
const (
	I420   PixelFormat = iota + 1 // Y, U, V; chroma halved both ways
	NV12                          // Y, interleaved UV
	BGRX                          // one plane, 4 bytes: blue, green, red, unused
	DMABuf                        // in GPU memory: Frame.Surface says where, Planes are empty
)

// String returns the layout's usual name.
func (p PixelFormat) String() string {
	switch p {
	case I420:
		return "I420"
	case NV12:
		return "NV12"
	case BGRX:
		return "BGRX"
	case DMABuf:
		return "DMA-BUF"
	}
	return fmt.Sprintf("format(%d)", uint8(p))
}

// ColorMatrix is how Y'CbCr is made from R'G'B' (ITU-T H.273, 8.3).
type ColorMatrix uint8

// Matrices. Unspecified is resolved by [Frame.Matrix].
const (
	MatrixUnspecified ColorMatrix = iota
	BT601
	BT709
)

// Frame is one picture in memory.
type Frame struct {
	Screen   int
	FrameID  uint32
	RTPTime  uint32
	Keyframe bool
	Timing   Timing

	Format        PixelFormat
	Width, Height int // visible size in pixels
	Planes        [3][]byte
	Stride        [3]int
	Color         ColorMatrix // as the bitstream said
	FullRange     bool        // luma 0-255 instead of 16-235

	// Surface is where a picture of format DMABuf is, nil for every other. The
	// visible part of it begins at CropX, CropY.
	Surface      *Surface
	CropX, CropY int

	release func(*Frame)
}

// NewFrame returns a frame that gives itself to release; nil is allowed.
func NewFrame(release func(*Frame)) *Frame {
	return &Frame{release: release}
}

// AllocFrame returns a frame of its own memory, rows 64-byte aligned in length.
func AllocFrame(format PixelFormat, width, height int) *Frame {
	f := &Frame{Format: format, Width: width, Height: height}
	align := func(n int) int { return (n + 63) &^ 63 }
	ch := (height + 1) / 2
	switch format {
	case I420:
		f.Stride = [3]int{align(width), align((width + 1) / 2), align((width + 1) / 2)}
		f.Planes = [3][]byte{make([]byte, f.Stride[0]*height), make([]byte, f.Stride[1]*ch), make([]byte, f.Stride[2]*ch)}
	case NV12:
		f.Stride = [3]int{align(width), align((width + 1) &^ 1)}
		f.Planes = [3][]byte{make([]byte, f.Stride[0]*height), make([]byte, f.Stride[1]*ch)}
	case BGRX:
		f.Stride = [3]int{align(width * 4)}
		f.Planes = [3][]byte{make([]byte, f.Stride[0]*height)}
	}
	return f
}

// Release gives the picture's memory back. The caller must not touch f after.
func (f *Frame) Release() {
	if f.release != nil {
		f.release(f)
	}
}

// Matrix returns the matrix to convert with: what the bitstream said, or,
// where it said nothing, BT.709 for high definition and BT.601 below.
func (f *Frame) Matrix() ColorMatrix {
	if f.Color != MatrixUnspecified {
		return f.Color
	}
	if f.Height >= 720 || f.Width >= 1280 {
		return BT709
	}
	return BT601
}
