package card

import (
	"image"
	imagecolor "image/color"
	"image/draw"
	"math"
	"strconv"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
)

// Luma of moving text and shapes (limited range).
const (
	greyText = 232
	greyDim  = 160
)

// drawTime writes the time of day and the picture's number, flush right.
func (c *Card) drawTime(n uint32, captured time.Time) {
	c.text = captured.AppendFormat(c.text[:0], "15:04:05.000")
	c.writeRight(&c.fonts.clock, 78, 1.8, greyText)
	c.text = append(c.text[:0], "frame "...)
	c.text = appendPadded(c.text, uint64(n), 8)
	c.writeRight(&c.fonts.text, 78, 5.4, greyDim)
}

func (c *Card) writeRight(a *atlas, rightUnits, topUnits float64, grey byte) {
	x := c.grid.x(rightUnits) - len(c.text)*a.advance
	c.touch(a.draw(c.frame, c.text, x, c.grid.y(topUnits), grey))
}

// appendPadded appends v with zeros in front.
func appendPadded(b []byte, v uint64, digits int) []byte {
	for limit := uint64(10); digits > 1; digits-- {
		if v < limit {
			// One zero for each digit that is missing.
			for range digits - 1 {
				b = append(b, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendUint(b, v, 10)
}

// drawFlash lights the square at the start of each second.
func (c *Card) drawFlash(clock time.Duration) {
	if clock%time.Second >= FlashTime {
		return
	}
	r := c.grid.flashArea()
	fillRect(c.frame, r, color{235, 128, 128})
	c.touch(r)
}

// drawBar moves a bar by the same whole number of pixels in each picture: once
// along the track in about four seconds.
func (c *Card) drawBar(n uint32) {
	track := c.grid.trackArea()
	width := c.grid.x(4)
	step := max((track.Dx()+2*c.cfg.FPS)/(4*c.cfg.FPS), 1)
	x := track.Min.X + int(uint64(n)*uint64(step)%uint64(track.Dx()))
	c.fillTouch(image.Rect(x, track.Min.Y, min(x+width, track.Max.X), track.Max.Y))
	if over := x + width - track.Max.X; over > 0 {
		c.fillTouch(image.Rect(track.Min.X, track.Min.Y, track.Min.X+over, track.Max.Y))
	}
}

func (c *Card) fillTouch(r image.Rectangle) {
	fillRect(c.frame, r, c.bar)
	c.touch(r)
}

// newBox renders the bouncing box: the screen's colour and number.
func newBox(cfg Config, g grid) (sprite, error) {
	f, err := newFaces(g)
	if err != nil {
		return sprite{}, err
	}
	side := int(g.size(5))&^1 + 2
	img := image.NewRGBA(image.Rect(0, 0, side, side))
	c := canvas{img, g, f}
	fill := accent(cfg.Screen)
	draw.Draw(img, img.Bounds(), image.NewUniform(fill), image.Point{}, draw.Src)
	c.outline(img.Bounds(), g.line(0.15), rgb(rgbText))
	number := strconv.Itoa(cfg.Screen + 1)
	width := font.MeasureString(f.number, number)
	d := font.Drawer{Dst: img, Src: image.NewUniform(imagecolor.RGBA{R: 16, G: 21, B: 29, A: 255}), Face: f.number}
	d.Dot = fixed.Point26_6{
		X: (fixed.I(side) - width) / 2,
		Y: (fixed.I(side) + f.number.Metrics().CapHeight) / 2,
	}
	d.DrawString(number)
	return newSprite(img), nil
}

// drawBox bounces the box, also by whole pixels.
func (c *Card) drawBox(n uint32) {
	area := c.grid.boxArea().Inset(c.grid.line(0.08))
	step := max(c.grid.x(10)/c.cfg.FPS, 1)
	x := area.Min.X + bounce(int64(n)*int64(step), area.Dx()-c.box.size.X)
	y := area.Min.Y + bounce(int64(n)*int64(max(step*2/3, 1)), area.Dy()-c.box.size.Y)
	c.box.draw(c.frame, x, y)
	c.touch(image.Rectangle{Max: c.box.size}.Add(image.Pt(x, y)))
}

// bounce folds a path into 0..room.
func bounce(path int64, room int) int {
	if room <= 0 {
		return 0
	}
	p := int(path % int64(2*room))
	if p > room {
		p = 2*room - p
	}
	return p
}

// drawHand turns the clock's hand once a second; it stands up when the square
// flashes.
func (c *Card) drawHand(clock time.Duration) {
	x, y, radius := c.grid.clock()
	sin, cos := math.Sincos(2 * math.Pi * float64(clock%time.Second) / float64(time.Second))
	length, width := radius*0.68, c.grid.size(0.16)
	c.capsule(x, y, x+length*sin, y-length*cos, width)
}

// capsule draws a line with round ends, smoothed by each pixel's distance.
func (c *Card) capsule(x0, y0, x1, y1, width float64) {
	r := around(x0, y0, width).Union(around(x1, y1, width)).Intersect(bounds(c.frame))
	dx, dy := x1-x0, y1-y0
	scale := 1 / (dx*dx + dy*dy)
	far := (width + 1) * (width + 1)
	for py := r.Min.Y; py < r.Max.Y; py++ {
		line := row(c.frame, 0, py, r.Min.X, r.Max.X)
		fy := float64(py) + 0.5 - y0
		for i := range line {
			fx := float64(r.Min.X+i) + 0.5 - x0
			t := min(max((fx*dx+fy*dy)*scale, 0), 1)
			ex, ey := fx-t*dx, fy-t*dy
			if d := ex*ex + ey*ey; d < far {
				cover := min(max(width+0.5-math.Sqrt(d), 0), 1)
				line[i] = mix(line[i], greyText, byte(cover*255))
			}
		}
	}
	c.touch(r)
}
