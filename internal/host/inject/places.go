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

// placer turns a place over a screen's picture into one over the desktop, which
// all of our surfaces span; both 0..65535.
type placer struct {
	screen, desktop Region
	same            bool // there is one screen, which is the desktop
}

// placer returns the placer of a screen; false where there is no such screen.
func (p *placing) placer(screen uint8) (placer, bool) {
	r, ok := p.region(screen)
	if !ok {
		return placer{same: true}, len(p.regions) == 0 && screen == 0
	}
	return placer{screen: r, desktop: p.desktop}, true
}

func (p *placer) place(x, y uint16) (dx, dy int32) {
	if p.same {
		return int32(x), int32(y)
	}
	r, all := p.screen, p.desktop
	return int32(axis(span(x, r.X, r.Width)-all.X, all.Width)), int32(axis(span(y, r.Y, r.Height)-all.Y, all.Height))
}
