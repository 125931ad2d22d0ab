package ui

import (
	"image"

	"golang.org/x/image/font"
)

// Stats draws the panel of figures into the top left corner of dst, the rest
// of which it leaves as it is, and returns where it drew. Rows that do not fit
// are left out from the end.
func (p *Painter) Stats(dst *image.RGBA, s *Stats) image.Rectangle {
	b := dst.Bounds()
	l := p.statsLayout(b, s)
	if l.panel.Empty() {
		return image.Rectangle{}
	}
	roundRect(dst, l.panel, float32(l.pad)*2/3, colorPanel)
	y := l.panel.Min.Y + l.pad
	if s.Title != "" {
		text(dst, l.bold, l.left, y, cut(l.bold, s.Title, l.right-l.left), colorTitle)
		y += l.titleHeight
	}
	for _, row := range s.Rows[:l.rows] {
		l.row(dst, y, row)
		y += lineHeight(l.face)
	}
	if l.graph > 0 {
		l.drawGraph(dst, image.Rect(l.left, l.panel.Max.Y-l.pad-l.graph, l.right, l.panel.Max.Y-l.pad), s)
	}
	return l.panel
}

// statsLayout is where the parts of the panel go.
type statsLayout struct {
	face, bold  font.Face
	panel       image.Rectangle
	pad         int
	left, right int // of the text
	titleHeight int
	rows        int // how many fit
	graph       int // the graph's height with its label, 0 for none
}

func (p *Painter) statsLayout(b image.Rectangle, s *Stats) statsLayout {
	k := max(scale(b), 0.6)
	l := statsLayout{face: p.fonts.face(regular, px(16, k)), bold: p.fonts.face(medium, px(17, k)), pad: px(14, k)}
	edge := px(16, k)
	if b.Dx() <= 2*(edge+l.pad) || b.Dy() <= 2*(edge+l.pad) {
		return statsLayout{} // no room for a letter
	}
	room := image.Rect(b.Min.X+edge, b.Min.Y+edge, b.Max.X-edge, b.Max.Y-edge)
	if s.Title != "" {
		l.titleHeight = lineHeight(l.bold) + px(4, k)
	}
	if len(s.Graph) > 0 {
		l.graph = px(64, k) + lineHeight(l.face)
	}
	inside := room.Dy() - 2*l.pad - l.titleHeight
	if l.graph > 0 && inside < l.graph+l.pad+len(s.Rows)*lineHeight(l.face) {
		l.graph = 0
	}
	l.rows = min(len(s.Rows), inside/lineHeight(l.face))
	if l.rows < 0 || (l.rows == 0 && len(s.Rows) > 0) {
		return statsLayout{}
	}
	height := 2*l.pad + l.titleHeight + l.rows*lineHeight(l.face)
	if l.graph > 0 {
		height += l.pad + l.graph
	}
	w := min(room.Dx(), l.contentWidth(s, px(24, k))+2*l.pad)
	l.panel = image.Rect(room.Min.X, room.Min.Y, room.Min.X+w, room.Min.Y+height)
	l.left, l.right = l.panel.Min.X+l.pad, l.panel.Max.X-l.pad
	return l
}

// contentWidth is what the widest row wants, in steps so that the panel does
// not breathe with every digit.
func (l *statsLayout) contentWidth(s *Stats, gap int) int {
	w := width(l.bold, s.Title)
	for _, row := range s.Rows {
		w = max(w, width(l.face, row.Label)+gap+width(l.face, row.Value))
	}
	return (w + gap - 1) / gap * gap
}

func (l *statsLayout) row(dst *image.RGBA, y int, row Row) {
	value := cut(l.face, row.Value, l.right-l.left)
	at := l.right - width(l.face, value)
	text(dst, l.face, at, y, value, colorTitle)
	text(dst, l.face, l.left, y, cut(l.face, row.Label, at-l.left-l.pad/2), colorText)
}

// drawGraph draws one bar for each value, the newest at the right edge.
func (l *statsLayout) drawGraph(dst *image.RGBA, r image.Rectangle, s *Stats) {
	text(dst, l.face, r.Min.X, r.Min.Y, cut(l.face, s.GraphLabel, r.Dx()), colorText)
	r.Min.Y += lineHeight(l.face)
	roundRect(dst, r, 2, colorGrid)
	step := max(2, r.Dx()/max(len(s.Graph), 1))
	values := s.Graph[max(0, len(s.Graph)-r.Dx()/step):]
	top := 0.0
	for _, v := range values {
		top = max(top, v)
	}
	for i, v := range values {
		if top <= 0 || v <= 0 {
			continue
		}
		h := max(1, int(v/top*float64(r.Dy())))
		x := r.Max.X - (len(values)-i)*step
		roundRect(dst, image.Rect(x, r.Max.Y-h, x+step-1, r.Max.Y), 0, colorBars)
	}
}
