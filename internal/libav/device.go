package libav

import (
	"cmp"
	"path/filepath"
	"slices"
)

// DeviceProfiles is what a device decodes of one codec, all of it 8-bit 4:2:0.
type DeviceProfiles struct {
	ConstrainedBaseline bool // H.264
	Main                bool // H.264, HEVC
	High                bool // H.264

	// MaxWidth and MaxHeight bound the coded size in pixels; 0: the driver does
	// not say.
	MaxWidth, MaxHeight int
}

// Any says whether anything of the codec is decoded.
func (p DeviceProfiles) Any() bool { return p.ConstrainedBaseline || p.Main || p.High }

// Devices lists the machine's DRM render nodes, the lowest number first. That
// a node is there does not mean that it decodes.
func Devices() []string { return renderNodes("/dev/dri") }

func renderNodes(dir string) []string {
	nodes, _ := filepath.Glob(filepath.Join(dir, "renderD*")) // the pattern is well formed
	slices.SortFunc(nodes, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return nodes
}
