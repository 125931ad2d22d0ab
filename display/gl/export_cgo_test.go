//go:build linux && cgo && !nonative

package gl

import "github.com/blade-shadow/terminal/internal/media"

// LiveObjects is how many objects of GL, EGL and GBM this process has.
func LiveObjects() int { return liveObjects() }

// PretendReset makes the driver say from now on that the GPU was reset.
func (r *Renderer) PretendReset() { r.pretendReset() }

// PretendImport puts copies of two planes where an imported surface would be.
func (r *Renderer) PretendImport(s *media.Surface, y, uv []byte) error {
	return r.pretendImport(s, y, uv)
}

// ProveNode is ProveDevice with memory of a device of the test's choice.
func (d *Display) ProveNode(node string) error { return d.proveNode(node) }
