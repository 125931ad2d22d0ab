package mode_test

import (
	"fmt"
	"image"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/mode"
)

// places is a layout as text: index, corner, size, "*" for the primary.
func places(l mode.Layout) string {
	var out []string
	for _, p := range l {
		star := map[bool]string{true: "*"}[p.Primary]
		out = append(out, fmt.Sprintf("%d%s:%d,%d %dx%d", p.Index, star, p.X, p.Y, p.W, p.H))
	}
	return strings.Join(out, "; ")
}

func TestArrange(t *testing.T) {
	screen := func(w, h int, c mode.Choice) mode.Screen {
		return mode.Screen{Width: w, Height: h, MilliHz: 60000, Choice: c}
	}
	none := mode.Choice{}
	put := func(x, y int) mode.Choice { return mode.Choice{Placed: true, X: x, Y: y} }
	tests := []struct {
		name    string
		screens []mode.Screen
		want    string
		size    image.Point
	}{
		{"nothing", nil, "", image.Point{}},
		{"one", []mode.Screen{screen(1920, 1080, none)}, "0*:0,0 1920x1080", image.Pt(1920, 1080)},
		{"left to right", []mode.Screen{screen(1920, 1080, none), screen(3840, 2160, none)}, "0*:0,0 1920x1080; 1:1920,0 3840x2160", image.Pt(5760, 2160)},
		{
			"the other order",
			[]mode.Screen{screen(1920, 1080, mode.Choice{Order: 2}), screen(3840, 2160, mode.Choice{Order: 1})},
			"0*:3840,0 1920x1080; 1:0,0 3840x2160", image.Pt(5760, 2160),
		},
		{
			"one with an order is before those without",
			[]mode.Screen{screen(800, 600, none), screen(640, 480, mode.Choice{Order: 1})},
			"0*:640,0 800x600; 1:0,0 640x480", image.Pt(1440, 600),
		},
		{"primary", []mode.Screen{screen(800, 600, none), screen(640, 480, mode.Choice{Primary: true})}, "0:0,0 800x600; 1*:800,0 640x480", image.Pt(1440, 600)},
		{
			"two primaries: the first",
			[]mode.Screen{screen(800, 600, mode.Choice{Primary: true}), screen(640, 480, mode.Choice{Primary: true})},
			"0*:0,0 800x600; 1:800,0 640x480", image.Pt(1440, 600),
		},
		{"one above the other", []mode.Screen{screen(1920, 1080, put(0, 1080)), screen(1920, 1080, put(0, 0))}, "0*:0,1080 1920x1080; 1:0,0 1920x1080", image.Pt(1920, 2160)},
		{"shifted edge", []mode.Screen{screen(1920, 1080, put(0, 0)), screen(1280, 1024, put(1920, 300))}, "0*:0,0 1920x1080; 1:1920,300 1280x1024", image.Pt(3200, 1324)},
		{"left of the first", []mode.Screen{screen(1920, 1080, put(0, 0)), screen(1280, 720, put(-1280, 0))}, "0*:1280,0 1920x1080; 1:0,0 1280x720", image.Pt(3200, 1080)},
		{"covering: to the nearest edge", []mode.Screen{screen(1920, 1080, put(0, 0)), screen(1920, 1080, put(1800, 10))}, "0*:0,0 1920x1080; 1:1920,10 1920x1080", image.Pt(3840, 1090)},
		{"far away: no gap", []mode.Screen{screen(1920, 1080, put(0, 0)), screen(1280, 720, put(9000, 100))}, "0*:0,0 1920x1080; 1:1920,100 1280x720", image.Pt(3200, 1080)},
		{
			"all on one place",
			[]mode.Screen{screen(100, 100, put(0, 0)), screen(100, 100, put(0, 0)), screen(100, 100, put(0, 0))},
			"0*:100,0 100x100; 1:200,0 100x100; 2:0,0 100x100", image.Pt(300, 100),
		},
		{"one placed, one not", []mode.Screen{screen(100, 100, none), screen(100, 100, put(50, 50))}, "0*:100,0 100x100; 1:0,0 100x100", image.Pt(200, 100)},
		{"no size, no screen", []mode.Screen{screen(0, 0, mode.Choice{Primary: true}), screen(640, 480, none)}, "1*:0,0 640x480", image.Pt(640, 480)},
	}
	for _, tt := range tests {
		got := mode.Arrange(tt.screens)
		if places(got) != tt.want || got.Size() != tt.size {
			t.Errorf("%s: Arrange = %s, size %v; want %s, %v", tt.name, places(got), got.Size(), tt.want, tt.size)
		}
	}
	l := mode.Arrange([]mode.Screen{screen(1920, 1080, none), screen(640, 480, mode.Choice{Scale: 150})})
	if l[0].Scale != 100 || l[1].Scale != 150 || l[1].W != 640 || l[1].MilliHz != 60000 {
		t.Errorf("Arrange = %+v; want scale 100 and 150, sizes as they were", l)
	}
}

// TestArrangeAlways places any screens with any choices.
func TestArrangeAlways(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 5000 {
		screens := make([]mode.Screen, rng.IntN(9))
		for i := range screens {
			screens[i] = mode.Screen{Width: 1 + rng.IntN(4000), Height: 1 + rng.IntN(3000), Choice: mode.Choice{
				Order: rng.IntN(4), Placed: rng.IntN(2) == 0, X: rng.IntN(20000) - 10000, Y: rng.IntN(8000) - 4000,
				Primary: rng.IntN(3) == 0, Scale: rng.IntN(3) * 100,
			}}
		}
		l := mode.Arrange(screens)
		checkLayout(t, screens, l)
		if again := mode.Arrange(screens); !reflect.DeepEqual(l, again) {
			t.Fatalf("Arrange twice = %s and %s; want the same", places(l), places(again))
		}
		for i, p := range l { // what was arranged, put there by the user, stays there
			c := &screens[p.Index].Choice
			c.Placed, c.X, c.Y = true, l[i].X, l[i].Y
		}
		if len(screens) <= 2 && places(mode.Arrange(screens)) != places(l) {
			t.Fatalf("Arrange of its own places = %s; want %s", places(mode.Arrange(screens)), places(l))
		}
		movePointer(t, rng, l)
	}
}

// rect is where a screen lies.
func rect(p mode.Placed) image.Rectangle { return image.Rect(p.X, p.Y, p.X+p.W, p.Y+p.H) }

// checkLayout holds what every layout promises.
func checkLayout(t *testing.T, screens []mode.Screen, l mode.Layout) {
	t.Helper()
	if len(l) != len(screens) {
		t.Fatalf("Arrange(%d screens) = %d; want all", len(screens), len(l))
	}
	primaries, corner := 0, image.Pt(1<<30, 1<<30)
	for i, p := range l {
		if p.Primary {
			primaries++
		}
		corner = image.Pt(min(corner.X, p.X), min(corner.Y, p.Y))
		if p.Index != i || p.W != screens[i].Width || p.H != screens[i].Height {
			t.Fatalf("Arrange = %s; want each screen in its order at its size", places(l))
		}
		for _, o := range l[:i] {
			if rect(p).Overlaps(rect(o)) {
				t.Fatalf("Arrange = %s; want no overlap", places(l))
			}
		}
	}
	if len(l) > 0 && (primaries != 1 || corner != (image.Point{}) || !connected(l)) {
		t.Fatalf("Arrange = %s; want one primary, corner 0,0 and no gap", places(l))
	}
}

// connected says whether all screens hang together by edges.
func connected(l mode.Layout) bool {
	seen := map[int]bool{0: true}
	for range l {
		for i, p := range l {
			for j := range seen {
				r := rect(l[j])
				if rect(p).Overlaps(r.Inset(-1)) && (rect(p).Overlaps(image.Rect(r.Min.X-1, r.Min.Y, r.Max.X+1, r.Max.Y)) ||
					rect(p).Overlaps(image.Rect(r.Min.X, r.Min.Y-1, r.Max.X, r.Max.Y+1))) {
					seen[i] = true
					break
				}
			}
		}
	}
	return len(seen) == len(l)
}

// movePointer moves at random: the pointer stays on a screen, and Find and
// Global undo each other there.
func movePointer(t *testing.T, rng *rand.Rand, l mode.Layout) {
	t.Helper()
	at := image.Point{}
	for range 5 {
		at = l.Move(at, image.Pt(rng.IntN(4000)-2000, rng.IntN(2000)-1000))
		index, local := l.Find(at)
		if len(l) == 0 {
			if index != -1 {
				t.Fatalf("Find in nothing = %d; want -1", index)
			}
			return
		}
		back, ok := l.Global(index, local)
		if !ok || back != at || !at.In(rect(l[index])) {
			t.Fatalf("%s: Find(%v) = %d, %v, and back %v; want the same point", places(l), at, index, local, back)
		}
	}
}

func TestPointer(t *testing.T) {
	l := mode.Arrange([]mode.Screen{{Width: 1000, Height: 500}, {Width: 500, Height: 300}})
	finds := []struct {
		p     image.Point
		index int
		local image.Point
	}{
		{image.Pt(0, 0), 0, image.Pt(0, 0)},
		{image.Pt(999, 499), 0, image.Pt(999, 499)},
		{image.Pt(1000, 0), 1, image.Pt(0, 0)},
		{image.Pt(1499, 299), 1, image.Pt(499, 299)},
		{image.Pt(5000, 100), 1, image.Pt(499, 100)},
		{image.Pt(-5, -5), 0, image.Pt(0, 0)},
		{image.Pt(1010, 480), 0, image.Pt(999, 480)},
	}
	for _, tt := range finds {
		if index, local := l.Find(tt.p); index != tt.index || local != tt.local {
			t.Errorf("Find(%v) = %d, %v; want %d, %v", tt.p, index, local, tt.index, tt.local)
		}
	}
	moves := []struct {
		name           string
		from, by, want image.Point
	}{
		{"inside", image.Pt(10, 10), image.Pt(5, 6), image.Pt(15, 16)},
		{"over the edge", image.Pt(990, 100), image.Pt(20, 0), image.Pt(1010, 100)},
		{"past the last", image.Pt(990, 100), image.Pt(9000, 5), image.Pt(1499, 105)},
		{"no screen below that height", image.Pt(990, 400), image.Pt(100, 0), image.Pt(999, 400)},
		{"along the edge", image.Pt(990, 400), image.Pt(100, 50), image.Pt(999, 450)},
		{"back", image.Pt(1010, 10), image.Pt(-50, 0), image.Pt(960, 10)},
		{"into the upper corner", image.Pt(1200, 50), image.Pt(-3000, -3000), image.Pt(0, 0)},
	}
	for _, tt := range moves {
		if got := l.Move(tt.from, tt.by); got != tt.want {
			t.Errorf("%s: Move(%v, %v) = %v; want %v", tt.name, tt.from, tt.by, got, tt.want)
		}
	}
	if _, ok := l.Global(7, image.Point{}); ok {
		t.Error("Global(7) = ok; want no such screen")
	}
}
