package kms

import (
	"fmt"
	"image"

	"github.com/blade-shadow/terminal/display/gl"
)

// pointer shows the host's pointer: on the card's cursor plane where picture
// and output have the same scale and the image fits, else drawn with the
// picture. It belongs to the output's goroutine.
type pointer struct {
	dev    card
	plane  *layer // nil: none, or it was refused
	limit  image.Point
	images [2]*planeImage // one on show, one to write into
	turn   int            // of images, that was written last

	source  *image.RGBA // in images[turn]
	drawn   gl.Cursor   // for the pass over the GPU
	number  uint64      // versions of drawn
	version uint64      // of the screen's cursor, as laid
	wish    spot
	sent    spot // by the last commit
}

// spot is the state of the cursor plane. Zero is off.
type spot struct {
	fb  uint32
	at  image.Point
	hot image.Point
}

// open prepares the plane; id 0 is none.
func (p *pointer) open(dev card, id uint32) error {
	p.dev, p.limit = dev, dev.CursorSize()
	if id == 0 || p.limit == (image.Point{}) {
		return nil
	}
	var err error
	p.plane, err = readLayer(dev, id)
	return err
}

func (p *pointer) close() {
	for i, m := range p.images {
		if m != nil {
			m.free()
			p.images[i] = nil
		}
	}
}

// off shows no pointer.
func (p *pointer) off(scene *gl.Scene) {
	scene.Cursor, p.wish, p.version = nil, spot{}, 0
}

// lay decides how the pointer is shown over the scene's picture.
func (p *pointer) lay(scene *gl.Scene, c Cursor, version uint64, output image.Point) {
	p.off(scene)
	p.version = version
	if c.Image == nil || c.Image.Rect.Empty() || scene.Picture == nil {
		return
	}
	place := gl.Placement(output, point(scene.Picture), scene.Fit)
	if place.Size() == point(scene.Picture) && p.fits(c.Image) && p.upload(c.Image) == nil {
		p.wish = spot{fb: p.images[p.turn].FB, at: place.Min.Add(c.At).Sub(c.Hot), hot: c.Hot}
		return
	}
	if p.drawn.Image != c.Image {
		p.number++
	}
	p.drawn = gl.Cursor{Image: c.Image, Hot: c.Hot, At: c.At, Scaled: true, Version: p.number}
	scene.Cursor = &p.drawn
}

func (p *pointer) fits(m *image.RGBA) bool {
	return p.plane != nil && m.Rect.Dx() <= p.limit.X && m.Rect.Dy() <= p.limit.Y
}

// upload writes the image where the card is not reading.
func (p *pointer) upload(m *image.RGBA) error {
	if p.source == m {
		return nil
	}
	other := 1 - p.turn
	if p.images[other] == nil {
		made, err := p.dev.NewImage(p.limit)
		if err != nil {
			return fmt.Errorf("make cursor: %w", err)
		}
		p.images[other] = made
	}
	p.images[other].fill(m)
	p.turn, p.source = other, m
	return nil
}

// fill copies m into the top left corner and clears the rest.
func (t *planeImage) fill(m *image.RGBA) {
	clear(t.Pix)
	for y := range m.Rect.Dy() {
		src := m.Pix[y*m.Stride : y*m.Stride+4*m.Rect.Dx()]
		dst := t.Pix[y*t.Stride:]
		for x := 0; x < len(src); x += 4 {
			dst[x], dst[x+1], dst[x+2], dst[x+3] = src[x+2], src[x+1], src[x], src[x+3]
		}
	}
}

// moved reports whether the next commit changes the plane.
func (p *pointer) moved() bool { return p.plane != nil && p.wish != p.sent }

// set adds what changes to a commit.
func (p *pointer) set(r *request, crtc uint32) {
	if !p.moved() {
		return
	}
	if p.wish.fb == 0 {
		p.plane.hide(r)
		return
	}
	p.plane.show(r, crtc, p.wish.fb, p.wish.at.X, p.wish.at.Y, p.limit.X, p.limit.Y)
	if p.plane.hotX != 0 && p.plane.hotY != 0 { // virtual machines want to know
		r.add(p.plane.id, p.plane.hotX, uint64(p.wish.hot.X))
		r.add(p.plane.id, p.plane.hotY, uint64(p.wish.hot.Y))
	}
}

// hidden notes that the plane is off, so that the next commit says it all.
func (p *pointer) hidden() { p.sent, p.version = spot{}, 0 }

func (p *pointer) hide(r *request) {
	if p.plane != nil {
		p.plane.hide(r)
	}
}

// accepted notes that a commit with what set added went through.
func (p *pointer) accepted() {
	if p.plane != nil {
		p.sent = p.wish
	}
}

// refused gives the plane up and reports whether there was one to give up. What
// it shows is taken off with the next commit; where that is refused too, it stays.
func (p *pointer) refused() bool {
	if p.plane == nil {
		return false
	}
	if p.wish.fb == 0 {
		p.plane, p.sent = nil, spot{}
		return true
	}
	p.limit, p.wish, p.source = image.Point{}, spot{}, nil
	return true
}
