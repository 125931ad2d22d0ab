package ui

import (
	"fmt"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// weight chooses between the two fonts.
type weight uint8

const (
	regular weight = iota
	medium
)

// faceKey names a font at a size in pixels.
type faceKey struct {
	weight weight
	px     int
}

// fonts scales the Go fonts and keeps what it scaled.
type fonts struct {
	parsed [2]*opentype.Font
	faces  map[faceKey]font.Face
}

func newFonts() (*fonts, error) {
	f := &fonts{faces: make(map[faceKey]font.Face)}
	for i, ttf := range [][]byte{goregular.TTF, gomedium.TTF} {
		parsed, err := opentype.Parse(ttf)
		if err != nil {
			return nil, fmt.Errorf("parse font %d: %w", i, err)
		}
		f.parsed[i] = parsed
	}
	return f, nil
}

// maxFaces bounds what a window that is dragged through many sizes can leave.
const maxFaces = 24

// face returns a font whose em square is px pixels high.
func (f *fonts) face(w weight, px int) font.Face {
	key := faceKey{w, max(px, 6)}
	if face, ok := f.faces[key]; ok {
		return face
	}
	if len(f.faces) >= maxFaces {
		clear(f.faces)
	}
	// At 72 dpi a point is a pixel. These options cannot fail.
	face, err := opentype.NewFace(f.parsed[w], &opentype.FaceOptions{Size: float64(key.px), DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		panic("internal error: scale font: " + err.Error())
	}
	f.faces[key] = face
	return face
}

// width returns how many pixels s takes.
func width(face font.Face, s string) int { return font.MeasureString(face, s).Ceil() }

// lineHeight returns the distance of two base lines.
func lineHeight(face font.Face) int { return face.Metrics().Height.Ceil() }

// baseline returns the base line of a line of text whose top is at y.
func baseline(face font.Face, y int) fixed.Int26_6 {
	return fixed.I(y) + face.Metrics().Ascent
}
