package source_test

import (
	"image"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
)

// phased opens a small card of so many pictures a second.
func phased(t *testing.T, fps int) (source.Video, source.Phaser) {
	t.Helper()
	cfg := small(1)
	cfg.FPS = fps
	v := openVideo(t, newTestcard(t, cfg), 0)
	p, ok := v.(source.Phaser)
	if !ok {
		t.Fatal("a test card is no Phaser; want one")
	}
	return v, p
}

// offGrid returns how far t is from the nearest point of a grid.
func offGrid(t, at time.Time, period time.Duration) time.Duration {
	off := t.Sub(at) % period
	if off < 0 {
		off += period
	}
	return min(off, period-off)
}

func TestPhaseIsReachedAndHeld(t *testing.T) {
	const us = time.Microsecond
	for _, tc := range []struct {
		name   string
		fps    int
		ahead  time.Duration // of the first wanted moment
		period time.Duration
		grid   time.Duration // of pictures that are right
	}{
		{"same rate", 60, 5 * time.Millisecond, time.Second / 60, time.Second / 60},
		{"half an interval away", 60, time.Second / 120, time.Second / 60, time.Second / 60},
		{"59.94 for 60", 60, 11111 * us, 16_683_350, 16_683_350},
		{"61 for 60", 60, -3 * time.Millisecond, 16_393_442, 16_393_442},
		{"144 Hz shows 72", 72, 3 * time.Millisecond, time.Second / 144, time.Second / 144},
		{"30 Hz shows 60", 60, 3 * time.Millisecond, time.Second / 30, time.Second / 60},
		{"long ago", 60, -1000 * time.Hour, time.Second / 60, time.Second / 60},
		{"far from now", 60, 1000 * time.Hour, time.Second / 60, time.Second / 60},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, p := phased(t, tc.fps)
				next(t, v)
				at := time.Now().Add(tc.ahead)
				p.SetPhase(at, tc.period)
				interval := time.Second / time.Duration(tc.fps)
				last, number := time.Now(), uint32(1)
				for n := range 2000 {
					f := next(t, v)
					if number++; f.FrameID != number {
						t.Fatalf("picture %d follows %d; want no gap", f.FrameID, number-1)
					}
					now := time.Now()
					step := now.Sub(last)
					if d := (step - interval).Abs(); d > interval*8/100 {
						t.Fatalf("picture %d came after %v; want %v within 8 %%", n, step, interval)
					}
					if d := offGrid(now, at, tc.grid); n > 30 && d > 2*us {
						t.Fatalf("picture %d is %v off the wanted phase; want it held", n, d)
					}
					last = now
				}
				p.SetPhase(time.Time{}, 0)
				next(t, v)
				start := time.Now()
				for range tc.fps {
					next(t, v)
				}
				if d := time.Since(start) - time.Second; d.Abs() > us {
					t.Errorf("%d pictures without a phase took %v; want 1 s", tc.fps, time.Since(start))
				}
			})
		})
	}
}

func TestPhaseFollowsAJump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, p := phased(t, 60)
		const period = time.Second / 60
		at := time.Now()
		for _, jump := range []time.Duration{0, 7 * time.Millisecond, -8 * time.Millisecond, time.Hour + 4*time.Millisecond} {
			at = at.Add(jump)
			p.SetPhase(at, period)
			for range 30 {
				next(t, v)
			}
			if d := offGrid(time.Now(), at, period); d > time.Microsecond {
				t.Errorf("30 pictures after a jump by %v they are %v off; want them there", jump, d)
			}
		}
	})
}

// A caller that needs nearly the whole interval for each picture must not lose
// one because the schedule moves towards it.
func TestPhaseLosesNoPictureOfASlowCaller(t *testing.T) {
	for _, ahead := range []time.Duration{3 * time.Millisecond, -3 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			v, p := phased(t, 60)
			f := next(t, v)
			p.SetPhase(time.Now().Add(ahead), time.Second/60)
			for range 200 {
				number := f.FrameID
				time.Sleep(16_600 * time.Microsecond)
				if f = next(t, v); f.FrameID != number+1 {
					t.Fatalf("picture %d follows %d, phase %v ahead; want no gap", f.FrameID, number, ahead)
				}
			}
		})
	}
}

func TestPhaseThatDoesNotFit(t *testing.T) {
	never := time.Unix(0, math.MaxInt64)
	for _, tc := range []struct {
		name   string
		at     time.Time
		period time.Duration
	}{
		{"a nanosecond", never, 1},
		{"negative", never, -time.Second / 60},
		{"the longest", never, math.MaxInt64},
		{"50 Hz", time.Time{}, 20 * time.Millisecond},
		{"62 Hz", time.Time{}, time.Second / 62},
		{"too many to an interval", time.Time{}, 1_041_666},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v, p := phased(t, 60)
				next(t, v)
				start := time.Now()
				p.SetPhase(tc.at, tc.period)
				for range 60 {
					next(t, v)
				}
				if d := time.Since(start); d != time.Second {
					t.Errorf("60 pictures took %v; want 1 s", d)
				}
			})
		})
	}
}

// The extreme times of the wire, with a period that fits.
func TestPhaseAtTheEndsOfTime(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, math.MaxInt64), time.Unix(0, math.MinInt64), time.Unix(0, -1)} {
		synctest.Test(t, func(t *testing.T) {
			v, p := phased(t, 60)
			f := next(t, v)
			p.SetPhase(at, time.Second/60)
			for range 600 {
				last, start := f.FrameID, time.Now()
				if f = next(t, v); f.FrameID != last+1 || time.Since(start) > 18*time.Millisecond {
					t.Fatalf("phase at %v: picture %d after %d and %v; want the next in time", at, f.FrameID, last, time.Since(start))
				}
			}
		})
	}
}

func TestPhaseDoesNotAllocate(t *testing.T) {
	cfg := small(1)
	cfg.FPS = 240
	v := openVideo(t, newTestcard(t, cfg), 0)
	v.(source.Phaser).SetPhase(time.Now(), time.Second/240)
	next(t, v)
	if n := testing.AllocsPerRun(20, func() { next(t, v) }); n > 0 {
		t.Errorf("Next() with a phase allocates %v times; want 0", n)
	}
}

func FuzzPhase(f *testing.F) {
	f.Add(int64(0), int64(16_666_667), uint8(60))
	f.Add(int64(math.MinInt64), int64(1), uint8(240))
	f.Add(int64(math.MaxInt64), int64(math.MaxInt64), uint8(1))
	f.Add(int64(5e6), int64(4_166_667), uint8(240))
	f.Fuzz(func(t *testing.T, ahead, period int64, fps uint8) {
		synctest.Test(t, func(t *testing.T) {
			rate := min(max(int(fps), 1), 240)
			v, p := phased(t, rate)
			last := next(t, v).FrameID
			p.SetPhase(time.Now().Add(time.Duration(ahead)), time.Duration(period))
			interval := time.Second / time.Duration(rate)
			for range 20 {
				start := time.Now()
				f := next(t, v)
				if f.FrameID != last+1 || (time.Since(start)-interval).Abs() > interval*8/100 {
					t.Fatalf("picture %d follows %d after %v; want the next after %v", f.FrameID, last, time.Since(start), interval)
				}
				last = f.FrameID
			}
		})
	})
}

func TestTestcardArrange(t *testing.T) {
	s := newTestcard(t, small(2))
	before := s.Screens()
	a, b := openVideo(t, s, 0), openVideo(t, s, 1)
	next(t, a)
	next(t, b)
	err := s.Arrange([]source.Placement{
		{Screen: 0, Connected: true, Bounds: image.Rect(320, 0, 641, 181), MilliFPS: 59_940},
		{Screen: 1, Connected: true, Bounds: image.Rect(0, 10, 10000, 20), MilliFPS: 1e9},
		{Screen: 2, Connected: true, Bounds: image.Rect(0, 0, 320, 180), MilliFPS: 1},
		{Screen: -1, Connected: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	expectVideo(t, a, 320, 180, 59_940)
	expectVideo(t, b, 4096, barcode.MinHeight, 240_000)
	if sc := s.Screens(); sc[0].Bounds != image.Rect(320, 0, 640, 180) || sc[1].Bounds != image.Rect(0, 10, 4096, 100) || sc[0].FPS != 60 {
		t.Errorf("Screens() = %+v; want them where they were put", sc)
	}
	if err := s.Arrange([]source.Placement{{Screen: 1}}); err != nil {
		t.Fatal(err)
	}
	expectVideo(t, b, 4096, barcode.MinHeight, 240_000) // not connected: as it was
	if err := s.Arrange(nil); err != nil {
		t.Fatal(err)
	}
	for i, v := range []source.Video{a, b} {
		expectVideo(t, v, 160, 90, 60_000)
		if got := s.Screens()[i]; got != before[i] {
			t.Errorf("Screens()[%d] = %+v; want %+v as before", i, got, before[i])
		}
	}
}

// expectVideo takes a picture and looks at it.
func expectVideo(t *testing.T, v source.Video, width, height, milliFPS int) *media.Frame {
	t.Helper()
	f := next(t, v)
	rate := v.(source.Rated).MilliFPS()
	if w, h := v.Size(); f.Width != width || f.Height != height || w != width || h != height || rate != milliFPS {
		t.Errorf("picture %dx%d, Size() %dx%d at %d; want %dx%d at %d", f.Width, f.Height, w, h, rate, width, height, milliFPS)
	}
	if p, err := barcode.Read(f); err != nil || p.Frame != f.FrameID {
		t.Errorf("barcode.Read() = %+v, %v; want picture %d", p, err, f.FrameID)
	}
	return f
}
