package lab

import (
	"context"
	"fmt"
	"image"
	"time"

	"github.com/jezek/xgb/xproto"

	"github.com/blade-shadow/terminal/internal/barcode"
)

// watchEvery is how often a watcher looks: what it sees is known to that. Each
// look takes a copy of the barcode through the X server, so more often would
// disturb what is measured.
const watchEvery = 2 * time.Millisecond

// sighting is when a picture was first seen.
type sighting struct {
	frame    uint32
	at       time.Time
	captured time.Time
}

// watch notes every new picture that appears on the display, whose whole size
// a player fills, until ctx ends.
func (d *Display) watch(ctx context.Context) ([]sighting, error) {
	w, h := d.Size()
	area := barcode.Area(w, h)
	picture := image.NewRGBA(image.Rect(0, 0, w, h))
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var seen []sighting
	last := uint32(0)
	for {
		select {
		case <-ctx.Done():
			return seen, nil
		case <-tick.C:
		}
		reply, err := xproto.GetImage(d.conn, xproto.ImageFormatZPixmap, xproto.Drawable(d.screen.Root),
			int16(area.Min.X), int16(area.Min.Y), uint16(area.Dx()), uint16(area.Dy()), ^uint32(0)).Reply()
		if err != nil {
			return seen, fmt.Errorf("watch %s: %w", d.name, err)
		}
		at := time.Now()
		copyArea(picture, area, reply.Data)
		code, err := barcode.ReadImage(picture)
		if err != nil || code.Frame == last {
			continue // torn, or nothing new
		}
		last = code.Frame
		seen = append(seen, sighting{code.Frame, at, code.Captured})
	}
}

// copyArea puts rows of B, G, R, unused into a picture.
func copyArea(picture *image.RGBA, area image.Rectangle, data []byte) {
	for y := area.Min.Y; y < area.Max.Y && len(data) >= area.Dx()*4; y++ {
		row := picture.Pix[picture.PixOffset(area.Min.X, y):][:area.Dx()*4]
		for i := 0; i < len(row); i += 4 {
			row[i], row[i+1], row[i+2], row[i+3] = data[i+2], data[i+1], data[i], 0xff
		}
		data = data[len(row):]
	}
}
