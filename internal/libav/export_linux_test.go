package libav

import "github.com/blade-shadow/terminal/internal/media"

// Exports is exports, for tests with a driver of their own.
type Exports struct{ x exports }

// NewExports returns those of a pool.
func NewExports(pool uint64, ask func(uint32) (*media.Surface, error)) *Exports {
	return &Exports{newExports(pool, ask)}
}

// Surface returns where a surface's picture is.
func (e *Exports) Surface(id uint32) (*media.Surface, error) { return e.x.surface(id) }

// Close closes every descriptor.
func (e *Exports) Close() error { return e.x.close() }

// MaxMoves is how often a surface may get other memory.
const MaxMoves = maxMoves
