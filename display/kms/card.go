package kms

import (
	"image"
	"time"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
)

// device is a graphics card with its GPU, as the display uses it. Every method
// may be called from any goroutine. Errors of the kernel are or wrap
// syscall.Errno.
type device interface {
	card
	// NewCanvas returns what draws for one output. It and the canvas belong to
	// the OS thread of the caller.
	NewCanvas() (canvas, error)
	// Hotplug calls changed whenever a monitor may have come or gone, until
	// stop is closed. changed must not block.
	Hotplug(stop <-chan struct{}, changed func()) error
	// Console tells when the person switches to another virtual terminal and
	// back, until stop is closed. leave returns when the card may be taken
	// away, enter when it was given back. Without a virtual terminal it waits.
	Console(stop <-chan struct{}, leave, enter func()) error
	Capabilities() Capabilities
	Close() error
}

// card is what the display needs of the kernel's mode setting (drm_mode.h).
type card interface {
	Topology() (topology, error)
	// Connector asks the monitor anew, which may take tens of milliseconds.
	Connector(id uint32) (connector, error)
	Properties(kind objectKind, id uint32) ([]property, error)
	Blob(id uint32) ([]byte, error)
	CreateBlob(data []byte) (id uint32, err error)
	DestroyBlob(id uint32) error
	// Commit sets all that r asks for, or nothing.
	Commit(r *request, flags uint32) error
	// ReadFlips waits for flips and returns how many are in the buffer, 0
	// after Interrupt.
	ReadFlips(into []flip) (int, error)
	Interrupt()
	// FenceTime is when a fence of the GPU was signalled, ok false while it was
	// not or where the kernel does not say.
	FenceTime(fence int) (at time.Time, ok bool)
	// CursorSize is what a cursor plane takes, zero where there is none.
	CursorSize() image.Point
	// NewImage returns memory of the card that a plane can show, ARGB8888.
	NewImage(size image.Point) (*planeImage, error)
	TakeMaster() error
	DropMaster() error
}

// canvas draws one output's pictures. It belongs to one OS thread.
type canvas interface {
	// Resize makes new buffers. Those of before stay valid for the card until
	// Retire, and need no Release.
	Resize(size image.Point) error
	Retire()
	// Draw fails with gl.ErrContextLost or gl.ErrImport among others.
	Draw(s *gl.Scene) error
	// Swap ends what was drawn. The buffer is the caller's until Release.
	Swap() (buffer, error)
	Release(b buffer)
	// Copied counts the bytes of pictures that Draw has copied with the CPU, and
	// the dma-bufs that it has imported.
	Copied() (bytes, imports uint64)
	// Read copies what was drawn since the last Swap.
	Read(into *image.RGBA) error
	Close() error
}

// buffer is a drawn picture that the card can scan out.
type buffer struct {
	FB         uint32 // the kernel's frame buffer
	Fence      int    // readable when the GPU is done with it; -1: none. Whoever commits it closes it
	Slot       int    // the canvas's
	Generation int    // which Resize it comes from
}

// planeImage is memory of the card that the CPU writes and a plane shows.
type planeImage struct {
	FB     uint32
	Pix    []byte // blue, green, red, alpha
	Stride int    // bytes
	free   func()
}

// objectKind is the type of an object of the kernel (DRM_MODE_OBJECT_*).
type objectKind uint32

const (
	kindCRTC      objectKind = 0xcccccccc
	kindConnector objectKind = 0xc0c0c0c0
	kindPlane     objectKind = 0xeeeeeeee
)

// String returns the kind as it stands in logs.
func (k objectKind) String() string {
	switch k {
	case kindCRTC:
		return "crtc"
	case kindConnector:
		return "connector"
	}
	return "plane"
}

// Flags of a commit (drm_mode.h).
const (
	flagEvent    uint32 = 0x01   // DRM_MODE_PAGE_FLIP_EVENT
	flagTestOnly uint32 = 0x0100 // DRM_MODE_ATOMIC_TEST_ONLY
	flagNonblock uint32 = 0x0200 // DRM_MODE_ATOMIC_NONBLOCK
	flagModeset  uint32 = 0x0400 // DRM_MODE_ATOMIC_ALLOW_MODESET
)

// Flags of a property (DRM_MODE_PROP_*).
const (
	propRange     uint32 = 1 << 1
	propImmutable uint32 = 1 << 2
	propBlob      uint32 = 1 << 4
)

// Types of a plane, values of its property "type".
const (
	planePrimary uint64 = 1
	planeCursor  uint64 = 2
)

// topology is what a card consists of. It does not change, but for connectors.
type topology struct {
	CRTCs      []uint32
	Connectors []uint32
	Planes     []plane
}

// plane is a layer of scanout.
type plane struct {
	ID    uint32
	CRTCs uint32 // bit i: works on CRTCs[i]
	Type  uint64
}

// connector is a physical port and the monitor on it.
type connector struct {
	ID        uint32
	Kind      uint32 // DRM_MODE_CONNECTOR_*
	Name      string // "DP-1"
	Connected bool
	CRTCs     uint32 // bit i: can be driven by CRTCs[i]
	CRTC      uint32 // that drives it now, 0 none
	Modes     []mode.Mode
	WidthMM   int
	HeightMM  int
}

// property is one named value of an object.
type property struct {
	ID       uint32
	Name     string
	Flags    uint32
	Value    uint64
	Min, Max uint64 // of a range
}

// flip is the end of one commit on one CRTC.
type flip struct {
	CRTC uint32
	At   time.Time // by the kernel
	Seq  uint32    // vertical blanks, 0 where the driver counts none
}
