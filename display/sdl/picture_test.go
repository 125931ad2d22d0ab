//go:build linux && cgo && !nonative

package sdl_test

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"
	"time"

	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// yuv is one colour as a bitstream has it.
type yuv struct{ y, u, v uint8 }

// rgb converts with the formulas of ITU-T H.273, 8.3.
func (c yuv) rgb(m media.ColorMatrix, full bool) color.RGBA {
	kr, kb := 0.299, 0.114
	if m == media.BT709 {
		kr, kb = 0.2126, 0.0722
	}
	y, u, v := (float64(c.y)-16)/219, (float64(c.u)-128)/224, (float64(c.v)-128)/224
	if full {
		y, u, v = float64(c.y)/255, (float64(c.u)-128)/255, (float64(c.v)-128)/255
	}
	r, b := y+2*(1-kr)*v, y+2*(1-kb)*u
	g := (y - kr*r - kb*b) / (1 - kr - kb)
	level := func(x float64) uint8 { return uint8(math.Round(min(max(x, 0), 1) * 255)) }
	return color.RGBA{level(r), level(g), level(b), 255}
}

// Eight patches across, none of which leaves R'G'B' by much.
func patches() []yuv {
	return []yuv{{16, 128, 128}, {235, 128, 128}, {126, 128, 128}, {81, 110, 200}, {145, 80, 70}, {60, 200, 118}, {180, 90, 150}, {200, 128, 110}}
}

// patchFrame draws the patches as eight columns.
func patchFrame(format media.PixelFormat, w, h int) *media.Frame {
	f := media.AllocFrame(format, w, h)
	for y := range h {
		for x := range w {
			c := patches()[x*8/w]
			f.Planes[0][y*f.Stride[0]+x] = c.y
			if format == media.NV12 {
				copy(f.Planes[1][y/2*f.Stride[1]+x/2*2:], []byte{c.u, c.v})
				continue
			}
			f.Planes[1][y/2*f.Stride[1]+x/2] = c.u
			f.Planes[2][y/2*f.Stride[2]+x/2] = c.v
		}
	}
	return f
}

// flat is a picture of one colour.
func flat(screen, w, h int, c yuv) *media.Frame {
	f := media.AllocFrame(media.I420, w, h)
	for i, level := range []uint8{c.y, c.u, c.v} {
		for j := range f.Planes[i] {
			f.Planes[i][j] = level
		}
	}
	f.Screen, f.Color = screen, media.BT709
	return f
}

func TestColours(t *testing.T) { everyWay(t, testColours) }

func testColours(t *testing.T, gpu sdl.GPU) {
	for _, format := range []media.PixelFormat{media.I420, media.NV12} {
		for _, m := range []media.ColorMatrix{media.BT601, media.BT709} {
			for _, full := range []bool{false, true} {
				for _, size := range []image.Point{{640, 360}, {320, 180}, {1000, 562}} {
					name := fmt.Sprintf("%v matrix %d full %v from %v", format, m, full, size)
					t.Run(name, func(t *testing.T) { testColour(t, gpu, format, m, full, size) })
				}
			}
		}
	}
}

func testColour(t *testing.T, gpu sdl.GPU, format media.PixelFormat, m media.ColorMatrix, full bool, size image.Point) {
	b := newBench(t, gpu, display.Config{Width: 640, Height: 360})
	f := patchFrame(format, size.X, size.Y)
	f.Color, f.FullRange = m, full
	b.show(f)
	at := b.place(b.windows(1)[0])
	for i, p := range patches() {
		b.wantPixel(fmt.Sprintf("patch %d", i), at.Min.Add(image.Pt((2*i+1)*640/16, 180)), p.rgb(m, full))
	}
}

func TestUnspecifiedMatrixFollowsTheSize(t *testing.T) {
	everyWay(t, testUnspecifiedMatrixFollowsTheSize)
}

func testUnspecifiedMatrixFollowsTheSize(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Width: 640, Height: 360})
	c := yuv{81, 110, 200}
	for _, tt := range []struct {
		size image.Point
		want media.ColorMatrix
	}{{image.Pt(640, 360), media.BT601}, {image.Pt(1280, 720), media.BT709}} {
		f := flat(0, tt.size.X, tt.size.Y, c)
		f.Color = media.MatrixUnspecified
		b.show(f)
		b.wantPixel(fmt.Sprintf("a picture of %v", tt.size), b.place(b.windows(1)[0]).Min.Add(image.Pt(320, 180)), c.rgb(tt.want, false))
	}
}

func TestTwoWindows(t *testing.T) { everyWay(t, testTwoWindows) }

func testTwoWindows(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Screens: 2, Width: 320, Height: 180})
	colours := []yuv{{81, 110, 200}, {145, 80, 70}}
	for i, c := range colours {
		b.show(flat(i, 320, 180, c))
	}
	for i, w := range b.windows(2) {
		b.wantPixel(fmt.Sprintf("window %d", i), b.place(w).Min.Add(image.Pt(160, 90)), colours[i].rgb(media.BT709, false))
	}
}

func TestWindowTakesTheStreamsSize(t *testing.T) { everyWay(t, testWindowTakesTheStreamsSize) }

func testWindowTakesTheStreamsSize(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{})
	b.show(flat(0, 640, 400, yuv{126, 128, 128}))
	b.until("window of 640x400", func() bool { return b.place(b.windows(1)[0]).Size() == image.Pt(640, 400) })
	b.until("picture in it", func() bool { return b.at(b.place(b.windows(1)[0]).Max.Sub(image.Pt(1, 1))).R > 100 })
}

func TestResizeKeepsProportions(t *testing.T) { everyWay(t, testResizeKeepsProportions) }

func testResizeKeepsProportions(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Width: 320, Height: 180})
	c := yuv{145, 80, 70}
	b.show(flat(0, 320, 180, c))
	w := b.windows(1)[0]
	want := c.rgb(media.BT709, false)
	for _, size := range []image.Point{{320, 300}, {700, 180}, {500, 211}, {321, 181}} {
		xproto.ConfigureWindow(b.x, w, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, []uint32{uint32(size.X), uint32(size.Y)})
		picture := fitted(size)
		b.until(fmt.Sprintf("a picture in %v of %v", picture, size), func() bool {
			at := b.place(w)
			if at.Size() != size {
				return false
			}
			return wrong(b.shot(at), picture, want) == 0
		})
	}
}

// fitted is where 16:9 belongs in a window.
func fitted(size image.Point) image.Rectangle {
	w, h := float64(size.X), float64(size.Y)
	k := min(w/16, h/9)
	x, y := (w-16*k)/2, (h-9*k)/2
	return image.Rect(int(x), int(y), int(math.Round(x+16*k)), int(math.Round(y+9*k)))
}

// wrong counts pixels that are clearly inside the picture and not of its
// colour, or clearly outside and not black. The edge may be 4 pixels off.
func wrong(img *image.RGBA, picture image.Rectangle, want color.RGBA) int {
	n := 0
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			p, got := image.Pt(x, y), img.RGBAAt(x, y)
			switch {
			case p.In(picture.Inset(5)) && !near(got, want, 3):
				n++
			case !p.In(picture.Inset(-5)) && !near(got, color.RGBA{}, 0):
				n++
			}
		}
	}
	return n
}

func TestStatusOverPicture(t *testing.T) { everyWay(t, testStatusOverPicture) }

func testStatusOverPicture(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Width: 640, Height: 360})
	c := yuv{200, 128, 128}
	b.show(flat(0, 640, 360, c))
	at := b.place(b.windows(1)[0])
	bright := c.rgb(media.BT709, false)
	corner := at.Min.Add(image.Pt(20, 340))
	steps := []struct {
		name   string
		status *ui.Status
		want   color.RGBA
	}{
		{"dimmed behind a notice", &ui.Status{Title: "Connection lost", Busy: true}, color.RGBA{bright.R / 4, bright.G / 4, bright.B / 4, 255}},
		{"covered by a page", &ui.Status{Title: "Connection lost", Page: true}, color.RGBA{0x0c, 0x0f, 0x15, 255}},
		{"back", nil, bright},
	}
	for _, s := range steps {
		b.d.SetStatus(0, s.status)
		b.until("picture "+s.name, func() bool { return near(b.at(corner), s.want, 4) })
	}
}

func TestSpinnerTurns(t *testing.T) { everyWay(t, testSpinnerTurns) }

func testSpinnerTurns(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Width: 640, Height: 360})
	b.d.SetStatus(0, &ui.Status{Title: "Starting your PC", Busy: true})
	at := b.place(b.windows(1)[0])
	var first *image.RGBA
	b.until("a page", func() bool { first = b.shot(at); return first.RGBAAt(2, 2).R > 8 })
	b.until("another picture of the mark", func() bool { return string(b.shot(at).Pix) != string(first.Pix) })
}

func TestOverlay(t *testing.T) { everyWay(t, testOverlay) }

func testOverlay(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Width: 640, Height: 360})
	b.show(flat(0, 640, 360, yuv{235, 128, 128}))
	b.d.SetOverlay(0, &ui.Stats{Title: "Stream", Rows: []ui.Row{{Label: "Decode", Value: "2.1 ms"}}})
	spot := b.place(b.windows(1)[0]).Min.Add(image.Pt(16, 18))
	b.until("figures", func() bool {
		b.show(flat(0, 640, 360, yuv{235, 128, 128}))
		return b.at(spot).R < 128
	})
	b.d.SetOverlay(0, nil)
	b.until("no figures", func() bool { return b.at(spot).R > 250 })
}

func TestShownIsAfterPresent(t *testing.T) { everyWay(t, testShownIsAfterPresent) }

func testShownIsAfterPresent(t *testing.T, gpu sdl.GPU) {
	b := newBench(t, gpu, display.Config{Width: 320, Height: 180})
	before := time.Now()
	f := b.show(flat(0, 320, 180, yuv{126, 128, 128}))
	if f.Timing.Shown.Before(before) || f.Timing.Shown.After(time.Now()) {
		t.Errorf("Timing.Shown = %v; want between Present %v and now", f.Timing.Shown, before)
	}
}
