package host_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestMarkerIsDrawnIntoACopy(t *testing.T) {
	const ms = time.Millisecond
	var m host.Marker
	start := time.Now()
	f := media.AllocFrame(media.I420, 322, 182)
	f.FrameID, f.Screen, f.Color = 7, 1, media.BT709
	blank := bytes.Clone(f.Planes[0])
	at := func(d time.Duration) *media.Frame {
		f.Timing.Captured = start.Add(d)
		return m.Draw(f, false)
	}
	none := func(d time.Duration) {
		t.Helper()
		if got := at(d); got != f {
			t.Errorf("picture of %v is a copy; want the source's own", d)
		}
	}
	some := func(d time.Duration, want uint16) {
		t.Helper()
		got := at(d)
		id, err := barcode.ReadMarker(got)
		if err != nil || id != want || got == f {
			t.Errorf("picture of %v shows %d, %v; want %d in a copy", d, id, err, want)
		}
		if got.FrameID != 7 || got.Screen != 1 || got.Color != media.BT709 || !got.Timing.Captured.Equal(f.Timing.Captured) {
			t.Errorf("the copy is %+v; want what is known of the source's", got)
		}
	}
	none(0)
	m.Mark(5, start.Add(10*ms))
	none(9 * ms) // captured before
	some(15*ms, 5)
	some(100*ms, 5)
	m.Mark(6, start.Add(110*ms))
	some(109*ms, 5)
	some(120*ms, 6)
	if n := testing.AllocsPerRun(20, func() { at(130 * ms) }); n > 0 {
		t.Errorf("drawing allocates %v times; want 0", n)
	}
	some(319*ms, 6)
	none(320 * ms)
	m.Mark(7, start.Add(400*ms))
	none(1500 * ms) // the screen was away: nobody waits for it any more
	none(1501 * ms)
	if !bytes.Equal(f.Planes[0], blank) {
		t.Error("the source's picture was changed; want it left alone")
	}
	m.Mark(8, start.Add(2000*ms))
	f.Timing.Captured = start.Add(2001 * ms)
	if got := m.Draw(f, true); got != f {
		t.Error("a picture of ours was copied; want it drawn into")
	}
	if id, err := barcode.ReadMarker(f); err != nil || id != 8 {
		t.Errorf("a picture of ours shows %d, %v; want 8", id, err)
	}
	small := media.AllocFrame(media.I420, 64, 64)
	small.Timing.Captured = start.Add(2002 * ms)
	if got := m.Draw(small, true); got != small || bytes.Contains(got.Planes[0], []byte{235}) {
		t.Error("a picture too small for a marker was changed; want it as it is")
	}
}
