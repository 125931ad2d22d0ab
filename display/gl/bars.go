package gl

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// bars is the picture that proves an import, as Y', Cb, Cr: white, yellow,
// cyan, green, magenta, red, blue and nearly black in BT.709, limited range,
// left to right in the upper half and right to left in the lower, so that a wrong
// order of rows, columns or planes is seen, as is a wrong pitch or offset.
var bars = [8][3]uint8{
	{235, 128, 128},
	{219, 16, 138},
	{188, 154, 16},
	{173, 42, 26},
	{78, 214, 230},
	{63, 102, 240},
	{32, 240, 118},
	{20, 128, 128},
}

// barAt returns the bar of a chroma sample.
func barAt(cx, cy, chromaWidth, chromaHeight int) int {
	bar := cx * len(bars) / chromaWidth
	if cy >= chromaHeight/2 {
		bar = len(bars) - 1 - bar
	}
	return bar
}

// FillBars writes the picture that [Renderer.ProveImport] expects into the
// memory of an NV12 surface of width x height pixels, at least 32 x 8, whose rows are the given
// number of bytes apart. uv is y's continuation or memory of its own.
func FillBars(y, uv []byte, yPitch, uvPitch, width, height int) {
	cw, ch := (width+1)/2, (height+1)/2
	for line := range height {
		row := y[line*yPitch:][:width]
		for x := range row {
			row[x] = bars[barAt(x/2, line/2, cw, ch)][0]
		}
	}
	for line := range ch {
		row := uv[line*uvPitch:][:2*cw]
		for x := range cw {
			bar := bars[barAt(x, line, cw, ch)]
			row[2*x], row[2*x+1] = bar[1], bar[2]
		}
	}
}

// Tolerance is how many steps of 255 a colour may be off in a proof.
const Tolerance = 2

// CheckBars compares a BGRX picture with the bars, and says where and by how
// much it is off the most, where that is more than [Tolerance]. Pixels whose
// chroma is mixed from two bars do not count.
func CheckBars(f *media.Frame) error {
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	c := convert(media.BT709, false)
	worst, where, got, want := 0, [2]int{}, [3]uint8{}, [3]uint8{}
	for y := range f.Height {
		for x := range f.Width {
			bar := barAt(x/2, y/2, cw, ch)
			if mixed(x/2, y/2, cw, ch, bar) {
				continue
			}
			rgb := c.rgb(bars[bar][0], bars[bar][1], bars[bar][2])
			pixel := f.Planes[0][y*f.Stride[0]+x*4:]
			seen := [3]uint8{pixel[2], pixel[1], pixel[0]}
			if d := difference(seen, rgb); d > worst {
				worst, where, got, want = d, [2]int{x, y}, seen, rgb
			}
		}
	}
	if worst > Tolerance {
		return fmt.Errorf("pixel (%d, %d) of the bars is %v; want %v, at most %d off", where[0], where[1], got, want, Tolerance)
	}
	return nil
}

// mixed reports whether a neighbour of a chroma sample has another colour.
func mixed(cx, cy, cw, ch, bar int) bool {
	left, right := max(cx-1, 0), min(cx+1, cw-1)
	above, below := max(cy-1, 0), min(cy+1, ch-1)
	return barAt(left, above, cw, ch) != bar || barAt(right, above, cw, ch) != bar ||
		barAt(left, below, cw, ch) != bar || barAt(right, below, cw, ch) != bar
}

// difference returns the largest of the three.
func difference(a, b [3]uint8) int {
	d := 0
	for i := range a {
		d = max(d, int(a[i])-int(b[i]), int(b[i])-int(a[i]))
	}
	return d
}
