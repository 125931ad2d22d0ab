package card

import (
	"fmt"
	"image"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"github.com/blade-shadow/terminal/internal/media"
)

// Letter heights in units.
const (
	titleSize  = 2.9
	clockSize  = 2.7
	textSize   = 1.15
	numberSize = 3.6
)

// newFace returns a font at a size in pixels.
func newFace(ttf []byte, pixels float64) (font.Face, error) {
	f, err := opentype.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("parse font: %w", err)
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: max(pixels, 4), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return nil, fmt.Errorf("make font of %.1f pixels: %w", pixels, err)
	}
	return face, nil
}

// faces are the fonts of the background.
type faces struct{ title, text, mono, number font.Face }

func newFaces(g grid) (faces, error) {
	var f faces
	for _, want := range []struct {
		face  *font.Face
		ttf   []byte
		units float64
	}{
		{&f.title, gobold.TTF, titleSize},
		{&f.text, goregular.TTF, textSize},
		{&f.mono, gomono.TTF, textSize},
		{&f.number, gobold.TTF, numberSize},
	} {
		var err error
		if *want.face, err = newFace(want.ttf, g.size(want.units)); err != nil {
			return faces{}, err
		}
	}
	return f, nil
}

// fonts are the rasterised fonts of the moving parts. All are monospaced, so
// text that changes does not dance.
type fonts struct{ clock, text atlas }

func newFonts(g grid) (fonts, error) {
	clock, err := newAtlas(gomonobold.TTF, g.size(clockSize))
	if err != nil {
		return fonts{}, err
	}
	text, err := newAtlas(gomono.TTF, g.size(textSize))
	return fonts{clock, text}, err
}

// The letters an atlas holds: ASCII.
const firstLetter, lastLetter = ' ', '~'

// atlas is a monospaced font, one mask of the same size for each letter.
type atlas struct {
	advance, height int
	letters         [lastLetter - firstLetter + 1]mask
}

func newAtlas(ttf []byte, pixels float64) (atlas, error) {
	face, err := newFace(ttf, pixels)
	if err != nil {
		return atlas{}, err
	}
	defer face.Close()
	metrics := face.Metrics()
	advance, _ := face.GlyphAdvance('0')
	a := atlas{advance: advance.Ceil(), height: (metrics.Ascent + metrics.Descent).Ceil()}
	for i := range a.letters {
		img := image.NewAlpha(image.Rect(0, 0, a.advance, a.height))
		d := font.Drawer{Dst: img, Src: image.Opaque, Face: face, Dot: fixed.P(0, metrics.Ascent.Ceil())}
		d.DrawString(string(rune(firstLetter + i)))
		a.letters[i] = mask{a.advance, a.height, img.Pix}
	}
	return a, nil
}

// draw paints text with its upper left corner at (x, y) and returns what it
// covers.
func (a *atlas) draw(f *media.Frame, text []byte, x, y int, grey byte) image.Rectangle {
	for i, c := range text {
		if c < firstLetter || c > lastLetter {
			c = '?'
		}
		blendLuma(f, a.letters[c-firstLetter], x+i*a.advance, y, grey)
	}
	return image.Rect(x, y, x+len(text)*a.advance, y+a.height)
}
