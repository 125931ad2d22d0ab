package mode

import (
	"cmp"
	"image"
	"slices"
)

// Screen is one output that takes part in a layout, in connector order.
type Screen struct {
	Width, Height int    // of its stream, as the host's screen has them, pixels
	MilliHz       uint32 // of its mode, 1/1000 Hz
	Choice        Choice // the user's
}

// Placed is where a screen lies on the host's desktop. One pixel of the desktop
// is one of the stream: Scale does not change W and H, it tells the host how
// large to draw.
type Placed struct {
	Index      int // into the screens given
	X, Y, W, H int // pixels of the desktop; the smallest X and Y of all are 0
	Scale      int // percent
	Primary    bool
	MilliHz    uint32
}

// Layout is the desktop of several screens, by Index. No two overlap, all hang
// together by edges, and exactly one is primary.
type Layout []Placed

// Arrange places the screens: from left to right in connector order, upper
// edges at one height, but for what the user chose. A screen with a place of
// its own goes to the nearest point where it touches the others and covers
// none; the first that was chosen as primary is, else the first of all. Screens
// without a size are left out.
func Arrange(screens []Screen) Layout {
	var l Layout
	for _, i := range order(screens) {
		s := screens[i]
		at := image.Pt(s.Choice.X, s.Choice.Y)
		if !s.Choice.Placed {
			at = l.right()
		}
		at = l.fit(at, image.Pt(s.Width, s.Height))
		l = append(l, Placed{
			Index: i, X: at.X, Y: at.Y, W: s.Width, H: s.Height,
			Scale: cmp.Or(min(max(s.Choice.Scale, 0), MaxScale), 100), MilliHz: s.MilliHz,
		})
	}
	slices.SortFunc(l, func(a, b Placed) int { return cmp.Compare(a.Index, b.Index) })
	l.normalise()
	l.choosePrimary(screens)
	return l
}

// order is the indices of screens in which they are placed: those with a place
// of their own, then those with an order, then the rest by connector.
func order(screens []Screen) []int {
	var out []int
	for i, s := range screens {
		if s.Width > 0 && s.Height > 0 && s.Width <= maxSide && s.Height <= maxSide {
			out = append(out, i)
		}
	}
	key := func(i int) int {
		c := screens[i].Choice
		switch {
		case c.Placed:
			return 0
		case c.Order > 0:
			return min(c.Order, maxOrder)
		}
		return maxOrder + 1
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
	return out
}

// right is the corner beside the rightmost screen, at its upper edge.
func (l Layout) right() image.Point {
	var at image.Point
	for i, p := range l {
		if r := p.rect(); i == 0 || r.Max.X > at.X {
			at = image.Pt(r.Max.X, r.Min.Y)
		}
	}
	return at
}

// fit is the point nearest to at where a screen of size touches the others by
// an edge and covers none. There is always one: right of all.
func (l Layout) fit(at, size image.Point) image.Point {
	at.X, at.Y = min(max(at.X, -maxPlace), maxPlace), min(max(at.Y, -maxPlace), maxPlace)
	if len(l) == 0 || l.free(at, size) {
		return at
	}
	best, found := l.right(), false
	for _, p := range l {
		for _, c := range l.beside(p.rect(), at, size) {
			if l.free(c, size) && (!found || distance(c, at) < distance(best, at)) {
				best, found = c, true
			}
		}
	}
	return best
}

// beside are the points at the four edges of r nearest to at, and those where
// the edges of another screen stop it from coming as near.
func (l Layout) beside(r image.Rectangle, at, size image.Point) []image.Point {
	xs, ys := []int{at.X}, []int{at.Y}
	for _, p := range l {
		xs = append(xs, p.X, p.X+p.W, p.X-size.X, p.X+p.W-size.X)
		ys = append(ys, p.Y, p.Y+p.H, p.Y-size.Y, p.Y+p.H-size.Y)
	}
	var out []image.Point
	for _, y := range ys {
		y = min(max(y, r.Min.Y-size.Y+1), r.Max.Y-1)
		out = append(out, image.Pt(r.Max.X, y), image.Pt(r.Min.X-size.X, y))
	}
	for _, x := range xs {
		x = min(max(x, r.Min.X-size.X+1), r.Max.X-1)
		out = append(out, image.Pt(x, r.Max.Y), image.Pt(x, r.Min.Y-size.Y))
	}
	return out
}

// free says whether a screen at that point covers none and touches one.
func (l Layout) free(at, size image.Point) bool {
	r := image.Rectangle{at, at.Add(size)}
	touches := false
	for _, p := range l {
		if r.Overlaps(p.rect()) {
			return false
		}
		touches = touches || touch(r, p.rect())
	}
	return touches
}

// touch says whether two rectangles share a piece of edge, not only a corner.
func touch(a, b image.Rectangle) bool {
	side := (a.Max.X == b.Min.X || b.Max.X == a.Min.X) && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
	stack := (a.Max.Y == b.Min.Y || b.Max.Y == a.Min.Y) && a.Min.X < b.Max.X && b.Min.X < a.Max.X
	return side || stack
}

func distance(a, b image.Point) int {
	d := a.Sub(b)
	return d.X*d.X + d.Y*d.Y
}

// normalise moves all so that the smallest X and Y are 0.
func (l Layout) normalise() {
	corner := l.bounds().Min
	for i := range l {
		l[i].X -= corner.X
		l[i].Y -= corner.Y
	}
}

func (l Layout) choosePrimary(screens []Screen) {
	chosen := max(slices.IndexFunc(l, func(p Placed) bool { return screens[p.Index].Choice.Primary }), 0)
	if len(l) > 0 {
		l[chosen].Primary = true
	}
}

func (p Placed) rect() image.Rectangle { return image.Rect(p.X, p.Y, p.X+p.W, p.Y+p.H) }

func (l Layout) bounds() image.Rectangle {
	var r image.Rectangle
	for _, p := range l {
		r = r.Union(p.rect())
	}
	return r
}

// Size is that of the box around all screens, pixels.
func (l Layout) Size() image.Point { return l.bounds().Size() }

// Find returns the Index of the screen at a point of the desktop and the point
// inside it; beside all screens it is the nearest point of any. An empty layout
// has index -1.
func (l Layout) Find(p image.Point) (index int, local image.Point) {
	index = -1
	best := 0
	for _, s := range l {
		at := clamp(p, s.rect())
		if d := distance(at, p); index < 0 || d < best {
			index, local, best = s.Index, at.Sub(s.rect().Min), d
		}
	}
	return index, local
}

// Global is the point of the desktop of a point inside a screen; ok is false
// for a screen that the layout has not.
func (l Layout) Global(index int, local image.Point) (p image.Point, ok bool) {
	for _, s := range l {
		if s.Index == index {
			return clamp(local.Add(s.rect().Min), s.rect()), true
		}
	}
	return image.Point{}, false
}

// Move takes a pointer from a point of the desktop by some pixels and returns
// where it comes to: over an edge into the screen that lies there, else along
// the edge. It never leaves the screens.
func (l Layout) Move(from, by image.Point) image.Point {
	index, local := l.Find(from)
	at, ok := l.Global(index, local)
	if !ok {
		return image.Point{}
	}
	if to := at.Add(by); l.on(to) {
		return to
	}
	at = l.slide(at, image.Pt(by.X, 0))
	return l.slide(at, image.Pt(0, by.Y))
}

// on says whether a screen has the point.
func (l Layout) on(p image.Point) bool {
	return slices.ContainsFunc(l, func(s Placed) bool { return p.In(s.rect()) })
}

// slide is [Layout.Move] along one axis: from screen to screen until one has no
// neighbour.
func (l Layout) slide(at, by image.Point) image.Point {
	to := at.Add(by)
	for range l {
		i := slices.IndexFunc(l, func(s Placed) bool { return at.In(s.rect()) })
		if i < 0 {
			return at
		}
		edge := clamp(to, l[i].rect())
		next := edge.Add(image.Pt(sign(by.X), sign(by.Y)))
		if edge == to || !l.on(next) {
			return edge
		}
		at = next
	}
	return at
}

func sign(n int) int { return cmp.Compare(n, 0) }

// clamp is the point of r nearest to p; r is not empty.
func clamp(p image.Point, r image.Rectangle) image.Point {
	return image.Pt(min(max(p.X, r.Min.X), r.Max.X-1), min(max(p.Y, r.Min.Y), r.Max.Y-1))
}
