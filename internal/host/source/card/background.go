package card

import (
	"fmt"
	"image"
	imagecolor "image/color"
	"image/draw"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"

	"github.com/blade-shadow/terminal/internal/media"
)

// Colours of the card's furniture.
const (
	rgbGround  = 0x10151d
	rgbGrid    = 0x18202b
	rgbPanel   = 0x19212d
	rgbOutline = 0x35425a
	rgbText    = 0xf2f5f9
	rgbDim     = 0x9aa7ba
)

func rgb(v uint32) imagecolor.RGBA {
	return imagecolor.RGBA{R: byte(v >> 16), G: byte(v >> 8), B: byte(v), A: 255}
}

// accent returns the colour that tells screens apart.
func accent(screen int) imagecolor.RGBA {
	return rgb([...]uint32{0x2ec4b6, 0xff9f43, 0xa78bfa, 0xf472b6}[screen%4])
}

// canvas is the background while it is drawn.
type canvas struct {
	*image.RGBA
	grid
	faces
}

// drawBackground renders everything that does not move.
func drawBackground(cfg Config, g grid) (*media.Frame, error) {
	f, err := newFaces(g)
	if err != nil {
		return nil, err
	}
	c := canvas{image.NewRGBA(image.Rect(0, 0, cfg.Width, cfg.Height)), g, f}
	c.ground(cfg)
	c.header(cfg)
	c.bars()
	c.greys()
	c.track()
	c.face(cfg)
	c.panel(g.boxArea())
	c.feedback(cfg)
	c.flash()
	return fromImage(c.RGBA), nil
}

func (c canvas) rectangle(r image.Rectangle, fill imagecolor.RGBA) {
	draw.Draw(c.RGBA, r, image.NewUniform(fill), image.Point{}, draw.Src)
}

// outline draws a frame of the given width inside r.
func (c canvas) outline(r image.Rectangle, width int, fill imagecolor.RGBA) {
	c.rectangle(image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+width), fill)
	c.rectangle(image.Rect(r.Min.X, r.Max.Y-width, r.Max.X, r.Max.Y), fill)
	c.rectangle(image.Rect(r.Min.X, r.Min.Y, r.Min.X+width, r.Max.Y), fill)
	c.rectangle(image.Rect(r.Max.X-width, r.Min.Y, r.Max.X, r.Max.Y), fill)
}

// write draws text with its baseline's left end at (x, y), in pixels.
func (c canvas) write(face font.Face, text string, x, y int, fill imagecolor.RGBA) {
	d := font.Drawer{Dst: c.RGBA, Src: image.NewUniform(fill), Face: face, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// ground is a grid for geometry, and a line around the outermost pixels that
// is incomplete where a screen cuts the picture.
func (c canvas) ground(cfg Config) {
	c.rectangle(c.Bounds(), rgb(rgbGround))
	for u := 5.0; u < 80; u += 5 {
		c.rectangle(image.Rect(c.x(u), 0, c.x(u)+c.line(0.06), cfg.Height), rgb(rgbGrid))
	}
	for u := 5.0; u < 45; u += 5 {
		c.rectangle(image.Rect(0, c.y(u), cfg.Width, c.y(u)+c.line(0.06)), rgb(rgbGrid))
	}
	c.outline(c.Bounds(), c.line(0.12), rgb(rgbText))
	// Marks in the corners and in the middle of the sides.
	for _, x := range []float64{0, 38, 76} {
		c.rectangle(c.rect(x, 0, x+4, 0.4), accent(cfg.Screen))
		c.rectangle(c.rect(x, 44.6, x+4, 45), accent(cfg.Screen))
	}
	for _, y := range []float64{0, 20.5, 41} {
		c.rectangle(c.rect(0, y, 0.4, y+4), accent(cfg.Screen))
		c.rectangle(c.rect(79.6, y, 80, y+4), accent(cfg.Screen))
	}
}

func (c canvas) header(cfg Config) {
	c.rectangle(c.rect(2, 2.1, 2.5, 6.7), accent(cfg.Screen))
	c.write(c.title, cfg.Title, c.x(3.5), c.y(4.3), rgb(rgbText))
	c.write(c.text, fmt.Sprintf("Test card  \u00b7  screen %d of %d  \u00b7  %d \u00d7 %d  \u00b7  %d fps",
		cfg.Screen+1, cfg.Screens, cfg.Width, cfg.Height, cfg.FPS), c.x(3.5), c.y(6.5), rgb(rgbDim))
}

// bars are the seven colours at 75 %, and the row under them that shows blue
// alone, as in SMPTE ECR 1.
func (c canvas) bars() {
	const on = 191 // 75 %
	level := func(set bool) byte {
		if set {
			return on
		}
		return 0
	}
	for i := range 7 {
		v := 7 - i // bits: green, red, blue
		fill := imagecolor.RGBA{R: level(v&2 != 0), G: level(v&4 != 0), B: level(v&1 != 0), A: 255}
		c.rectangle(part(c.barsArea(), i, 7), fill)
		under := imagecolor.RGBA{A: 255}
		if i%2 == 0 {
			v = i + 1 // the same colours from the other end
			under = imagecolor.RGBA{R: level(v&2 != 0), G: level(v&4 != 0), B: level(v&1 != 0), A: 255}
		}
		c.rectangle(part(c.reverseArea(), i, 7), under)
	}
}

// part returns the i-th of n equal columns of r.
func part(r image.Rectangle, i, n int) image.Rectangle {
	return image.Rect(r.Min.X+r.Dx()*i/n, r.Min.Y, r.Min.X+r.Dx()*(i+1)/n, r.Max.Y)
}

// greys are eleven steps from black to white, and all that is between.
func (c canvas) greys() {
	grey := func(i, of int) imagecolor.RGBA {
		v := byte((255*i + of/2) / of)
		return imagecolor.RGBA{R: v, G: v, B: v, A: 255}
	}
	for i := range 11 {
		c.rectangle(part(c.stepsArea(), i, 11), grey(i, 10))
	}
	ramp := c.rampArea()
	for x := ramp.Min.X; x < ramp.Max.X; x++ {
		c.rectangle(image.Rect(x, ramp.Min.Y, x+1, ramp.Max.Y), grey(x-ramp.Min.X, ramp.Dx()-1))
	}
}

// track is the ruler that the scrolling bar runs over.
func (c canvas) track() {
	r := c.trackArea()
	c.rectangle(r, rgb(rgbPanel))
	for i := 0; i <= 76; i++ {
		top := 27.9
		if i%4 == 0 {
			top = 27.4
		}
		x := min(c.x(2+float64(i)), r.Max.X-1)
		c.rectangle(image.Rect(x, c.y(top), x+c.line(0.06), r.Max.Y), rgb(rgbOutline))
	}
}

// face is the clock's: a tick for each sixtieth of a second.
func (c canvas) face(cfg Config) {
	x, y, radius := c.clock()
	c.disc(x, y, radius, rgb(rgbOutline))
	c.disc(x, y, radius-float64(c.line(0.12)), rgb(rgbPanel))
	for i := range 60 {
		length, fill := 0.05, rgb(rgbDim)
		if i%5 == 0 {
			length, fill = 0.12, rgb(rgbText)
		}
		if i == 0 {
			length, fill = 0.2, accent(cfg.Screen)
		}
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / 60)
		from, to := radius*(0.94-length), radius*0.94
		c.stroke(x+from*sin, y-from*cos, x+to*sin, y-to*cos, max(c.size(0.1), 1), fill)
	}
}

// panel is a frame with a dark ground.
func (c canvas) panel(r image.Rectangle) {
	c.rectangle(r, rgb(rgbPanel))
	c.outline(r, c.line(0.08), rgb(rgbOutline))
}

func (c canvas) flash() {
	c.panel(c.flashArea())
	c.write(c.text, "flash and beep, each second", c.x(62.8), c.y(31.4), rgb(rgbDim))
}

// fill paints what path draws, smoothly, inside r.
func (c canvas) fill(r image.Rectangle, paint imagecolor.RGBA, path func(z *vector.Rasterizer, dx, dy float32)) {
	z := vector.NewRasterizer(r.Dx(), r.Dy())
	path(z, float32(-r.Min.X), float32(-r.Min.Y))
	z.ClosePath()
	z.Draw(c.RGBA, r, image.NewUniform(paint), image.Point{})
}

func (c canvas) disc(x, y, radius float64, paint imagecolor.RGBA) {
	c.fill(around(x, y, radius), paint, func(z *vector.Rasterizer, dx, dy float32) {
		const corners = 256
		for i := range corners {
			sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
			lineTo(z, i == 0, float32(x+radius*cos)+dx, float32(y+radius*sin)+dy)
		}
	})
}

// stroke draws a line with square ends.
func (c canvas) stroke(x0, y0, x1, y1, width float64, paint imagecolor.RGBA) {
	length := math.Hypot(x1-x0, y1-y0)
	nx, ny := (y0-y1)/length*width/2, (x1-x0)/length*width/2
	corners := [4][2]float64{{x0 + nx, y0 + ny}, {x1 + nx, y1 + ny}, {x1 - nx, y1 - ny}, {x0 - nx, y0 - ny}}
	r := around(x0, y0, width).Union(around(x1, y1, width))
	c.fill(r, paint, func(z *vector.Rasterizer, dx, dy float32) {
		for i, p := range corners {
			lineTo(z, i == 0, float32(p[0])+dx, float32(p[1])+dy)
		}
	})
}

func lineTo(z *vector.Rasterizer, first bool, x, y float32) {
	if first {
		z.MoveTo(x, y)
	} else {
		z.LineTo(x, y)
	}
}

// around returns the pixels within radius of a point, and one more.
func around(x, y, radius float64) image.Rectangle {
	return image.Rect(int(x-radius)-1, int(y-radius)-1, int(x+radius)+2, int(y+radius)+2)
}
