package card

import "image"

// grid maps the card's layout, 80x45 units, to the pixels of a picture.
type grid struct{ width, height int }

func (g grid) x(units float64) int { return int(units*float64(g.width)/80 + 0.5) }
func (g grid) y(units float64) int { return int(units*float64(g.height)/45 + 0.5) }

// size returns the pixels of a length that has no direction: letters, lines,
// the radius of a circle.
func (g grid) size(units float64) float64 {
	return units * min(float64(g.width)/80, float64(g.height)/45)
}

// line returns the width of a line, at least a pixel.
func (g grid) line(units float64) int { return max(int(g.size(units)+0.5), 1) }

func (g grid) rect(x0, y0, x1, y1 float64) image.Rectangle {
	return image.Rect(g.x(x0), g.y(y0), g.x(x1), g.y(y1))
}

// The layout, in units. The barcode takes (60,33)-(78,43).
func (g grid) barsArea() image.Rectangle     { return g.rect(2, 8, 78, 19) }
func (g grid) reverseArea() image.Rectangle  { return g.rect(2, 19, 78, 20.5) }
func (g grid) stepsArea() image.Rectangle    { return g.rect(2, 21, 78, 23.5) }
func (g grid) rampArea() image.Rectangle     { return g.rect(2, 23.5, 78, 25.5) }
func (g grid) trackArea() image.Rectangle    { return g.rect(2, 26.5, 78, 28.5) }
func (g grid) boxArea() image.Rectangle      { return g.rect(16, 30, 34, 43) }
func (g grid) feedbackArea() image.Rectangle { return g.rect(35, 30, 59, 43) }
func (g grid) flashArea() image.Rectangle    { return g.rect(60, 30, 62, 32) }

// clock returns the middle and the radius of the clock's face.
func (g grid) clock() (x, y, radius float64) {
	return float64(g.x(8.5)), float64(g.y(36.5)), g.size(6.5)
}
