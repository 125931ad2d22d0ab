package libav

// For tests of what needs no C.
var (
	CheckSurface = checkSurface
	RenderNodes  = renderNodes
)

// Bounds of what may be out at a time.
const (
	PoolFrames    = poolFrames
	SurfaceFrames = surfaceFrames
)
