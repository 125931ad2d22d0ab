package gl

import (
	"errors"
	"image"

	"github.com/blade-shadow/terminal/internal/media"
)

var (
	// ErrContextLost means that the GPU was reset and the renderer's context
	// and all that was in it are gone. Close it and make another.
	ErrContextLost = errors.New("OpenGL context lost")
	// ErrImport means that a dma-buf could not be made into a texture, or that
	// its pixels do not arrive as they are.
	ErrImport = errors.New("dma-buf import")
)

// Info is what an EGL display can do.
type Info struct {
	Platform       string // gbm, surfaceless, x11 or wayland
	EGL            string // EGL's version and vendor
	Vendor         string // GL_VENDOR
	Renderer       string // GL_RENDERER
	Version        string // GL_VERSION
	Device         string // node of the GPU, "" where EGL does not say
	DMABufImport   bool   // EGL offers it: no proof, see ProveImport
	Modifiers      bool   // DRM format modifiers can be told at import
	NativeFence    bool   // Swap returns fences
	Robustness     bool   // resets of the GPU are told
	RowLength      bool   // rows with padding upload in one call
	Software       bool   // the CPU does it all
	MaxTextureSize int    // pixels
}

// Fit is how a picture meets an output of other proportions.
type Fit uint8

// The ways to fit.
const (
	Letterbox Fit = iota // all of it, proportions kept, black beside it
	Stretch              // the whole output
)

// Scene is everything that is on one output. Nothing of it is kept after Draw
// returns, except copies in textures.
type Scene struct {
	Picture *media.Frame // nil is black. Its memory is read until Draw returns, dma-bufs until the buffer is shown
	Fit     Fit
	Dim     bool    // leave a quarter of the picture's light
	Layers  []Layer // drawn in order over the picture, at most MaxLayers
	Cursor  *Cursor // above everything, nil for none
}

// MaxLayers is how many layers a scene can have.
const MaxLayers = 8

// Layer is an image over the picture.
type Layer struct {
	Image *image.RGBA // premultiplied; its coordinates are the output's pixels
	// Area is the part of Image that is drawn, at the same place of the output.
	Area image.Rectangle
	// Version changes with the pixels: the area is uploaded only when the
	// version or the area in this place of Scene.Layers is another than before.
	Version uint64
}

// Cursor is the pointer's image.
type Cursor struct {
	Image *image.RGBA // premultiplied, of any size
	Hot   image.Point // the pixel of Image, from its top left, that points
	At    image.Point // where it points
	// Scaled says that At and the image are in the picture's pixels and are
	// scaled with it. Without, they are the output's pixels.
	Scaled  bool
	Version uint64 // changes with the image, as Layer.Version
}

// Stats counts what a renderer did since it was made. The times are the
// calling thread's, in nanoseconds: what the GPU does after a call is not in them.
type Stats struct {
	Draws       uint64 // scenes
	Imports     uint64 // surfaces whose planes were imported
	Evictions   uint64 // surfaces whose import was let go
	Cached      int    // surfaces imported now
	Uploads     uint64 // planes, layers and cursors copied into textures
	UploadBytes uint64 // in them
	// PictureBytes is the part of pictures' planes in UploadBytes: what the CPU
	// copies of a frame on its way to the screen.
	PictureBytes uint64
	UploadNS     uint64 // copying pictures' planes
	DrawNS       uint64 // in Draw, UploadNS included
	SwapNS       uint64 // in Swap
}

// Buffer is a picture of a [Surface] that was swapped out, for scanout.
type Buffer struct {
	// Slot is the buffer's number in its surface, from 0 and below MaxBuffers:
	// the same memory always has the same, so a frame buffer made of it can be
	// kept until the surface is closed.
	Slot          int
	Handle        uint32 // GEM handle, of the device's descriptor
	Width, Height int    // pixels
	Stride        int    // bytes
	Offset        int    // bytes
	Format        uint32 // DRM fourcc, XR24
	Modifier      uint64 // media.ModifierInvalid where the driver says none
}

// MaxBuffers is how many buffers a surface has at most.
const MaxBuffers = 8
