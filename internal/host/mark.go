package host

import (
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
)

// markTime is how long a marker is shown: long enough for any screen to have
// a picture meanwhile.
const markTime = 200 * time.Millisecond

// markAge is how old a marker may be when its first picture is taken.
const markAge = time.Second

// mark is a marker that the terminal asked for.
type mark struct {
	id uint16
	at time.Time // when its input was applied
}

// marker draws the newest mark into the pictures of one screen. The source's
// own picture may be one that its decoder still reads, so it is copied.
type marker struct {
	mark  *mark
	until time.Time    // zero: not shown yet
	own   *media.Frame // nil until needed
}

// draw returns f with the mark in it: f itself if that is ours or if there is
// nothing to draw, else a copy. Pictures taken before the mark came have none.
func (m *marker) draw(newest *mark, f *media.Frame, ours bool) *media.Frame {
	if newest == nil {
		return f
	}
	taken := f.Timing.Captured
	if newest != m.mark && !taken.Before(newest.at) {
		m.mark, m.until = newest, taken.Add(markTime)
		if taken.Sub(newest.at) > markAge {
			m.until = taken // the screen was away
		}
	}
	if m.mark == nil || !taken.Before(m.until) {
		return f
	}
	if !ours {
		f = m.copy(f)
	}
	// A picture too small for a marker goes without.
	_ = barcode.DrawMarker(f, m.mark.id)
	return f
}

// copy returns a copy of f in memory of our own.
func (m *marker) copy(f *media.Frame) *media.Frame {
	if m.own == nil || m.own.Width != f.Width || m.own.Height != f.Height {
		m.own = media.AllocFrame(media.I420, f.Width, f.Height)
	}
	to := m.own
	for i := range to.Planes {
		rows, bytes := f.Height, f.Width
		if i > 0 {
			rows, bytes = (rows+1)/2, (bytes+1)/2
		}
		for y := range rows {
			copy(to.Planes[i][y*to.Stride[i]:][:bytes], f.Planes[i][y*f.Stride[i]:])
		}
	}
	copyDetails(to, f)
	return to
}

// copyDetails makes what is known of a picture that of another.
func copyDetails(to, from *media.Frame) {
	to.Screen, to.FrameID, to.Timing = from.Screen, from.FrameID, from.Timing
	to.Color, to.FullRange = from.Color, from.FullRange
}
