package ui

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"time"

	"golang.org/x/image/font"
)

// Painter draws. See the package comment for who may use it when.
type Painter struct {
	fonts   *fonts
	product string
}

// NewPainter returns a painter that signs its pages with the product's name.
func NewPainter(product string) (*Painter, error) {
	f, err := newFonts()
	if err != nil {
		return nil, fmt.Errorf("user interface: %w", err)
	}
	return &Painter{fonts: f, product: product}, nil
}

// Drawn says what a Status call left in the image.
type Drawn struct {
	Area    image.Rectangle // everything that was drawn; opaque but for the card's corners
	Spinner image.Rectangle // where the turning mark is, empty when it is not busy
	page    bool
}

// A message is laid out as blocks from top to bottom in one column.
type block struct {
	face   font.Face
	lines  []string
	color  color.Color
	gap    int // pixels above it
	height int // of what is not text: the mark, the bar
	kind   blockKind
}

type blockKind uint8

const (
	blockText blockKind = iota
	blockSpinner
	blockBar
)

func (b *block) size() int {
	if b.kind != blockText {
		return b.height
	}
	return len(b.lines) * lineHeight(b.face)
}

// scale returns how many times larger than on 1280x720 things are drawn.
func scale(b image.Rectangle) float64 {
	return math.Min(float64(b.Dx())/1280, float64(b.Dy())/720)
}

func px(n int, s float64) int { return max(1, int(math.Round(float64(n)*s))) }

// Page draws s over all of dst, whatever was there.
func (p *Painter) Page(dst *image.RGBA, s *Status, now time.Time) Drawn {
	b := dst.Bounds()
	gradient(dst, b)
	k := scale(b)
	margin := px(56, k)
	top := p.header(dst, margin, k)
	room := image.Rect(b.Min.X+margin, top, b.Max.X-margin, b.Max.Y-margin)
	column := min(room.Dx(), px(800, k))
	blocks := p.fitBlocks(s, now, column, room.Dy(), k)
	x := room.Min.X + (room.Dx()-column)/2
	y := room.Min.Y + max(0, (room.Dy()-total(blocks))*2/5)
	d := Drawn{Area: b, page: true}
	d.Spinner = p.column(dst.SubImage(room).(*image.RGBA), blocks, image.Rect(x, y, x+column, room.Max.Y), s.Progress)
	p.Spin(dst, d, now)
	return d
}

// header draws the product's mark and name and returns where it ends.
func (p *Painter) header(dst *image.RGBA, margin int, k float64) int {
	b := dst.Bounds()
	face := p.fonts.face(medium, px(20, k))
	x, y := b.Min.X+margin, b.Min.Y+margin*2/3
	size := lineHeight(face) * 3 / 4
	mark := image.Rect(x, y, x+size, y+size).Add(image.Pt(0, (lineHeight(face)-size)/2))
	disc(dst, mark, colorAccent)
	// A second disc, off centre in the background's colour, leaves a crescent.
	shade := mark.Add(image.Pt(size*3/10, -size/10))
	disc(dst, shade, colorTop)
	name := cut(face, p.product, b.Dx()-2*margin-2*size)
	text(dst, face, x+size*3/2, y, name, colorText)
	return y + lineHeight(face)
}

// Notice draws s on a card in the middle of dst, which is for the rest left
// as it is.
func (p *Painter) Notice(dst *image.RGBA, s *Status, now time.Time) Drawn {
	b := dst.Bounds()
	k := scale(b)
	pad := px(36, k)
	column := max(1, min(b.Dx()-4*pad, px(600, k)))
	blocks := p.fitBlocks(s, now, column, b.Dy()-4*pad, k*0.72)
	size := image.Pt(column+2*pad, min(total(blocks)+2*pad, b.Dy()))
	at := b.Min.Add(image.Pt((b.Dx()-size.X)/2, (b.Dy()-size.Y)/2))
	card := image.Rectangle{at, at.Add(size)}.Intersect(b)
	roundRect(dst, card, float32(px(14, k)), colorEdge)
	roundRect(dst, card.Inset(px(1, k)), float32(px(13, k)), colorCard)
	d := Drawn{Area: card}
	d.Spinner = p.column(dst.SubImage(card).(*image.RGBA), blocks, card.Inset(pad), s.Progress)
	p.Spin(dst, d, now)
	return d
}

// fitBlocks lays the message out in a column, in smaller type and at last
// with fewer lines until it is no higher than room.
func (p *Painter) fitBlocks(s *Status, now time.Time, column, room int, k float64) []block {
	for _, shrink := range []float64{1, 0.85, 0.7, 0.55} {
		if b := p.blocks(s, now, column, k*shrink, 4); total(b) <= room {
			return b
		}
	}
	return p.blocks(s, now, column, k*0.55, 1)
}

func (p *Painter) blocks(s *Status, now time.Time, column int, k float64, maxLines int) []block {
	var out []block
	add := func(w weight, size, gap int, words string, c color.Color) {
		if words == "" {
			return
		}
		face := p.fonts.face(w, px(size, k))
		lines := clampLines(face, wrap(face, words, column), maxLines, column)
		out = append(out, block{face: face, lines: lines, color: c, gap: px(gap, k)})
	}
	if s.Busy {
		out = append(out, block{kind: blockSpinner, height: px(44, k)})
	}
	add(medium, 44, 28, s.Title, colorTitle)
	add(regular, 23, 16, s.Detail, colorText)
	if s.Progress > 0 {
		out = append(out, block{kind: blockBar, height: px(6, k), gap: px(28, k)})
	}
	add(regular, 20, 26, countdown(s.RetryAt, now), colorAccent)
	add(regular, 20, 26, s.Hint, colorFaint)
	return out
}

// countdown says how long until at, rounded up so that it ends with 1.
func countdown(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	left := int(math.Ceil(at.Sub(now).Seconds()))
	if left <= 0 {
		return "Trying again now"
	}
	return fmt.Sprintf("Trying again in %d s", left)
}

func total(blocks []block) int {
	h := 0
	for i := range blocks {
		if i > 0 {
			h += blocks[i].gap
		}
		h += blocks[i].size()
	}
	return h
}

// column draws the blocks from the top of area and returns the mark's place.
// dst is clipped to what may be drawn on.
func (p *Painter) column(dst *image.RGBA, blocks []block, area image.Rectangle, progress float64) (spinner image.Rectangle) {
	y := area.Min.Y
	for i := range blocks {
		b := &blocks[i]
		if i > 0 {
			y += b.gap
		}
		at := image.Rect(area.Min.X, y, area.Max.X, y+b.size())
		switch b.kind {
		case blockSpinner:
			spinner = image.Rect(at.Min.X, y, at.Min.X+b.height, at.Max.Y).Intersect(dst.Bounds())
		case blockBar:
			bar(dst, at, progress)
		case blockText:
			for n, line := range b.lines {
				text(dst, b.face, at.Min.X, y+n*lineHeight(b.face), line, b.color)
			}
		}
		y = at.Max.Y
	}
	return spinner
}

func bar(dst *image.RGBA, r image.Rectangle, share float64) {
	r = r.Intersect(dst.Bounds())
	radius := float32(r.Dy()) / 2
	roundRect(dst, r, radius, colorTrack)
	r.Max.X = r.Min.X + max(r.Dy(), int(float64(r.Dx())*math.Min(share, 1)))
	roundRect(dst, r.Intersect(dst.Bounds()), radius, colorAccent)
}

// Steps of the turning mark: its dots and how long each one leads.
const (
	spinDots = 8
	// SpinStep is how often the turning mark changes.
	SpinStep = 125 * time.Millisecond
)

// Spin draws the turning mark as it is at the time now where d has one, and
// nothing else, so that it can be turned without drawing the page again.
func (p *Painter) Spin(dst *image.RGBA, d Drawn, now time.Time) {
	r := d.Spinner
	if r.Empty() {
		return
	}
	if d.page {
		gradient(dst, r)
	} else {
		fill(dst, r, colorCard)
	}
	lead := int(now.UnixNano()/int64(SpinStep)) % spinDots
	size := max(2, r.Dx()/6)
	for i := range spinDots {
		angle := 2 * math.Pi * float64(i) / spinDots
		reach := float64(r.Dx()-size) / 2
		at := r.Min.Add(image.Pt(int(reach+reach*math.Sin(angle)+0.5), int(reach-reach*math.Cos(angle)+0.5)))
		age := (lead - i + spinDots) % spinDots
		disc(dst, image.Rectangle{at, at.Add(image.Pt(size, size))}.Intersect(r), mix(colorAccent, colorRest, min(age, 5), 5))
	}
}
