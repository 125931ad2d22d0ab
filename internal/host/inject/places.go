package inject

import "sync/atomic"

// places is where the screens are on the desktop. They move when a terminal
// arranges them, so any goroutine may set them.
type places struct{ now atomic.Pointer[placing] }

// placing is one state of places; it never changes.
type placing struct {
	regions []Region // by screen
	desktop Region   // around all of them
}

// SetRegions says where the screens are from now on, as DeviceConfig.Regions
// does. Any goroutine may call it; the caller must not change the list.
func (p *places) SetRegions(regions []Region) {
	p.now.Store(&placing{regions, around(regions)})
}

// region returns where a screen is, and false where there is none.
func (p *placing) region(screen uint8) (Region, bool) {
	if int(screen) >= len(p.regions) {
		return Region{}, false
	}
	return p.regions[screen], true
}
