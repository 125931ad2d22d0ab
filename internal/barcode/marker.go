package barcode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"

	"github.com/blade-shadow/terminal/internal/media"
)

// ErrNoMarker is returned by the readers of markers, wrapped with what was seen.
var ErrNoMarker = errors.New("no marker in the picture")

// The marker's grid, in the units of the barcode's: 8x5 cells of two units,
// with a black border of one unit, in the corner that the barcode leaves free.
// Its bits, as the barcode's, are u8 mark 0x4D, u16 id, u16 CRC.
const (
	markerLeft, markerTop  = 2, 34
	markerCols, markerRows = 8, 5
	markerCell             = 2 // units
	markerMark             = 0x4d
	markerSize             = markerCols * markerRows / 8
)

// markerCanvas is a picture's size, in which markers are placed.
type markerCanvas struct{ width, height int }

func (c markerCanvas) x(unit int) int { return edge(unit, c.width, unitsX) }
func (c markerCanvas) y(unit int) int { return edge(unit, c.height, unitsY) }

func (c markerCanvas) rect(x0, y0, x1, y1 int) image.Rectangle {
	return image.Rect(c.x(x0), c.y(y0), c.x(x1), c.y(y1))
}

// cell returns the pixels of the i-th cell.
func (c markerCanvas) cell(i int) image.Rectangle {
	x, y := markerLeft+i%markerCols*markerCell, markerTop+i/markerCols*markerCell
	return c.rect(x, y, x+markerCell, y+markerCell)
}

// MarkerArea returns where a marker is in a picture of the given size, border
// included. It never touches [Area].
func MarkerArea(width, height int) image.Rectangle {
	return markerCanvas{width, height}.rect(markerLeft-1, markerTop-1,
		markerLeft+markerCols*markerCell+1, markerTop+markerRows*markerCell+1)
}

func encodeMarker(id uint16) (b [markerSize]byte) {
	b[0] = markerMark
	binary.BigEndian.PutUint16(b[1:], id)
	binary.BigEndian.PutUint16(b[3:], crc16(b[:3]))
	return b
}

// DrawMarker writes a marker into f, which is I420 and at least MinWidth x
// MinHeight. Any of the 2^16 numbers may be drawn.
func DrawMarker(f *media.Frame, id uint16) error {
	if f.Format != media.I420 {
		return fmt.Errorf("draw marker: %v is not supported: use I420", f.Format)
	}
	if f.Width < MinWidth || f.Height < MinHeight {
		return fmt.Errorf("draw marker: %dx%d is too small: use at least %dx%d", f.Width, f.Height, MinWidth, MinHeight)
	}
	canvas := markerCanvas{f.Width, f.Height}
	area := MarkerArea(f.Width, f.Height)
	fillArea(f, 0, area, black)
	bits := encodeMarker(id)
	for i := range markerCols * markerRows {
		if bits[i/8]>>(7-i%8)&1 == 1 {
			fillArea(f, 0, canvas.cell(i), white)
		}
	}
	chroma := image.Rect(area.Min.X/2, area.Min.Y/2, (area.Max.X+1)/2, (area.Max.Y+1)/2)
	fillArea(f, 1, chroma, neutral)
	fillArea(f, 2, chroma, neutral)
	return nil
}

// fillArea fills a part of a plane, in the plane's own samples.
func fillArea(f *media.Frame, plane int, r image.Rectangle, v byte) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		fill(f.Planes[plane][y*f.Stride[plane]+r.Min.X:][:r.Dx()], v)
	}
}

// ReadMarker reads a marker from a frame of any format in memory, at any size
// down to MinWidth x MinHeight. The error wraps ErrNoMarker.
func ReadMarker(f *media.Frame) (id uint16, err error) {
	p, err := ofFrame(f)
	if err != nil {
		return 0, fmt.Errorf("read marker: %w: %w", ErrNoMarker, err)
	}
	return p.readMarker()
}

// ReadMarkerImage is ReadMarker for an image, all of which is the picture.
func ReadMarkerImage(img image.Image) (id uint16, err error) {
	p := ofImage(img)
	return p.readMarker()
}

func (p *picture) readMarker() (uint16, error) {
	if p.width < MinWidth || p.height < MinHeight {
		return 0, fmt.Errorf("read marker: %w: %dx%d is too small", ErrNoMarker, p.width, p.height)
	}
	var cells [markerCols * markerRows]int
	canvas := markerCanvas{p.width, p.height}
	lo, hi := 255, 0
	for i := range cells {
		cells[i] = p.mean(middleOf(canvas.cell(i)))
		lo, hi = min(lo, cells[i]), max(hi, cells[i])
	}
	if hi-lo < minContrast {
		return 0, fmt.Errorf("read marker: %w: contrast %d", ErrNoMarker, hi-lo)
	}
	var b [markerSize]byte
	for i, v := range cells {
		if v > (lo+hi)/2 {
			b[i/8] |= 1 << (7 - i%8)
		}
	}
	id := binary.BigEndian.Uint16(b[1:])
	if b != encodeMarker(id) {
		return 0, fmt.Errorf("read marker: %w: %x is not one", ErrNoMarker, b)
	}
	return id, nil
}

// middleOf returns the middle half of a cell, both ways; it has two pixels each
// way at least.
func middleOf(r image.Rectangle) image.Rectangle {
	return image.Rect(r.Min.X+r.Dx()/4, r.Min.Y+r.Dy()/4, r.Max.X-r.Dx()/4, r.Max.Y-r.Dy()/4)
}
