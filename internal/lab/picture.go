package lab

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"

	"github.com/jezek/xgb/xproto"
)

// Picture returns what the window shows now, in the size that it has now. It
// must not be covered by another one nor reach over the edge of the display.
func (d *Display) Picture(w Window) (*image.RGBA, error) {
	geometry, err := xproto.GetGeometry(d.conn, xproto.Drawable(w.ID)).Reply()
	if err != nil {
		return nil, fmt.Errorf("take a picture of window %q: %w", w.Title, err)
	}
	width, height := int(geometry.Width), int(geometry.Height)
	reply, err := xproto.GetImage(d.conn, xproto.ImageFormatZPixmap, xproto.Drawable(w.ID),
		0, 0, geometry.Width, geometry.Height, ^uint32(0)).Reply()
	if err != nil {
		return nil, fmt.Errorf("take a picture of window %q: %w", w.Title, err)
	}
	if len(reply.Data) < width*height*4 {
		return nil, fmt.Errorf("take a picture of window %q: %d bytes for %dx%d pixels of 4", w.Title, len(reply.Data), width, height)
	}
	picture := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := 0; i < width*height*4; i += 4 {
		// Depth 24 in a 32-bit unit, least significant byte first: B, G, R, unused.
		picture.Pix[i], picture.Pix[i+1], picture.Pix[i+2], picture.Pix[i+3] = reply.Data[i+2], reply.Data[i+1], reply.Data[i], 0xff
	}
	return picture, nil
}

// SavePNG writes a picture, making its folder.
func SavePNG(path string, picture image.Image) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	return png.Encode(f, picture)
}
