//go:build !(linux && cgo && !nonative)

package gl

import (
	"errors"
	"fmt"
	"image"
	"unsafe"

	"github.com/blade-shadow/terminal/internal/media"
)

var errBuild = fmt.Errorf("drawing needs EGL, OpenGL ES and GBM: "+
	"this program was built without cgo or with the tag nonative: %w", errors.ErrUnsupported)

// Display cannot be opened in this build.
type Display struct{}

// OpenGBM is not supported in this build.
func OpenGBM(int) (*Display, error) { return nil, errBuild }

// OpenSurfaceless is not supported in this build.
func OpenSurfaceless() (*Display, error) { return nil, errBuild }

// OpenX11 is not supported in this build.
func OpenX11() (*Display, error) { return nil, errBuild }

// OpenWayland is not supported in this build.
func OpenWayland(unsafe.Pointer) (*Display, error) { return nil, errBuild }

// Info is empty.
func (*Display) Info() Info { return Info{} }

// NewSurface is not supported in this build.
func (*Display) NewSurface(int, int) (*Surface, error) { return nil, errBuild }

// NewRenderer is not supported in this build.
func (*Display) NewRenderer() (*Renderer, error) { return nil, errBuild }

// ProveDevice is not supported in this build.
func (*Display) ProveDevice() error { return errBuild }

// Close does nothing.
func (*Display) Close() error { return nil }

// Surface cannot be made in this build.
type Surface struct{}

// Size is nothing.
func (*Surface) Size() image.Point { return image.Point{} }

// LockFront is not supported in this build.
func (*Surface) LockFront() (Buffer, error) { return Buffer{}, errBuild }

// Release does nothing.
func (*Surface) Release(Buffer) {}

// Close does nothing.
func (*Surface) Close() error { return nil }

// Renderer cannot be made in this build.
type Renderer struct{}

// MakeCurrent is not supported in this build.
func (*Renderer) MakeCurrent() error { return errBuild }

// BindSurface is not supported in this build.
func (*Renderer) BindSurface(*Surface) error { return errBuild }

// BindWindow is not supported in this build.
func (*Renderer) BindWindow(uintptr, int, int) error { return errBuild }

// BindWayland is not supported in this build.
func (*Renderer) BindWayland(unsafe.Pointer, int, int) error { return errBuild }

// BindOffscreen is not supported in this build.
func (*Renderer) BindOffscreen(int, int) error { return errBuild }

// Resize is not supported in this build.
func (*Renderer) Resize(int, int) error { return errBuild }

// Unbind does nothing.
func (*Renderer) Unbind() error { return nil }

// Size is nothing.
func (*Renderer) Size() image.Point { return image.Point{} }

// Draw is not supported in this build.
func (*Renderer) Draw(*Scene) error { return errBuild }

// Swap is not supported in this build.
func (*Renderer) Swap() (fence int, err error) { return -1, errBuild }

// Finish is not supported in this build.
func (*Renderer) Finish() error { return errBuild }

// Read is not supported in this build.
func (*Renderer) Read(*media.Frame, image.Rectangle) error { return errBuild }

// ProveImport is not supported in this build.
func (*Renderer) ProveImport(*media.Surface) error { return errBuild }

// Forget does nothing.
func (*Renderer) Forget(uint64) {}

// Stats is empty.
func (*Renderer) Stats() Stats { return Stats{} }

// Close does nothing.
func (*Renderer) Close() error { return nil }
