//go:build !linux || !cgo || nonative

package sdl

import (
	"context"
	"errors"
	"fmt"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// Display cannot be made in this build.
type Display struct{}

var errBuild = fmt.Errorf("windows need SDL 2: this program was built without cgo: %w", errors.ErrUnsupported)

// New fails with errors.ErrUnsupported.
func New(Config) (*Display, error) { return nil, errBuild }

// Capabilities is nothing.
func (*Display) Capabilities() Capabilities { return Capabilities{Reason: errBuild.Error()} }

// Run fails with errors.ErrUnsupported.
func (*Display) Run(context.Context) error { return errBuild }

// Present releases f.
func (*Display) Present(f *media.Frame) { f.Release() }

// SetStatus does nothing.
func (*Display) SetStatus(int, *ui.Status) {}

// SetOverlay does nothing.
func (*Display) SetOverlay(int, *ui.Stats) {}

// SetCursor does nothing.
func (*Display) SetCursor(int, *Cursor) {}

// Stats returns nothing.
func (*Display) Stats() display.Stats { return display.Stats{} }
