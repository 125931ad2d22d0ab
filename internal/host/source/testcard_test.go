package source_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
)

// small is a card that costs little to draw.
func small(screens int) source.TestcardConfig {
	return source.TestcardConfig{Screens: screens, Width: 160, Height: 90}
}

func newTestcard(t testing.TB, cfg source.TestcardConfig) *source.Testcard {
	t.Helper()
	s, err := source.NewTestcard(cfg)
	if err != nil {
		t.Fatalf("NewTestcard(%+v) = %v; want no error", cfg, err)
	}
	return s
}

func openVideo(t testing.TB, s source.Source, screen int) source.Video {
	t.Helper()
	v, err := s.OpenVideo(screen)
	if err != nil {
		t.Fatalf("OpenVideo(%d) = %v; want no error", screen, err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Errorf("Close() = %v; want no error", err)
		}
	})
	return v
}

func next(t testing.TB, v source.Video) *media.Frame {
	t.Helper()
	f, err := v.Next(t.Context())
	if err != nil {
		t.Fatalf("Next() = %v; want a picture", err)
	}
	return f
}

func TestTestcardKeepsItsSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := small(1)
		cfg.FPS = 7 // an interval that is no whole number of nanoseconds
		v := openVideo(t, newTestcard(t, cfg), 0)
		time.Sleep(time.Second) // between opening and reading no picture is lost
		start := time.Now()
		for n := uint32(1); n <= 300*7+1; n++ {
			if f := next(t, v); f.FrameID != n {
				t.Fatalf("Next() has FrameID %d; want %d", f.FrameID, n)
			}
		}
		if got := time.Since(start); got != 5*time.Minute {
			t.Errorf("%d pictures took %v; want 5m0s", 300*7+1, got)
		}
	})
}

func TestTestcardSkipsForALateCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := openVideo(t, newTestcard(t, small(1)), 0)
		next(t, v)
		for _, tc := range []struct {
			late time.Duration
			want uint32
		}{
			{0, 2},                      // at 16.7 ms
			{5 * time.Millisecond, 3},   // in time
			{100 * time.Millisecond, 9}, // at 133.3 ms, the one due there
			{0, 10},
			{17 * time.Millisecond, 11}, // less than an interval late: none is lost
			{0, 12},
		} {
			time.Sleep(tc.late)
			f := next(t, v)
			if f.FrameID != tc.want {
				t.Errorf("Next() %v late has FrameID %d; want %d", tc.late, f.FrameID, tc.want)
			}
			p, err := barcode.Read(f)
			if err != nil || p.Frame != f.FrameID || !p.Captured.Equal(f.Timing.Captured) || !p.Captured.Equal(time.Now()) {
				t.Errorf("barcode.Read(picture %d) = %+v, %v; want its number and %v", f.FrameID, p, err, time.Now())
			}
		}
	})
}

func TestTestcardEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := small(1)
		cfg.FPS = 1
		v := openVideo(t, newTestcard(t, cfg), 0)
		next(t, v)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := v.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Millisecond {
			t.Errorf("Next(context of 1 ms) = %v after %v; want its end after 1 ms", err, time.Since(start))
		}
		if f := next(t, v); f.FrameID != 2 {
			t.Errorf("Next() after that has FrameID %d; want 2", f.FrameID)
		}
	})
}

func TestTestcardScreens(t *testing.T) {
	s := newTestcard(t, source.TestcardConfig{Screens: 2, Width: 321, Height: 181, FPS: 30})
	screens := s.Screens()
	if len(screens) != 2 || screens[1].Bounds.Min.X != 320 || screens[1].Width != 320 || screens[1].Height != 180 {
		t.Errorf("Screens() = %+v; want two of 320x180 side by side", screens)
	}
	for i := range screens {
		v := openVideo(t, s, i)
		if w, h := v.Size(); w != 320 || h != 180 {
			t.Errorf("Size() = %d, %d; want 320, 180", w, h)
		}
		f := next(t, v)
		if p, err := barcode.Read(f); err != nil || int(p.Screen) != i || f.Screen != i {
			t.Errorf("picture of screen %d says %d, barcode %+v, %v", i, f.Screen, p, err)
		}
	}
	if _, err := s.OpenVideo(2); err == nil {
		t.Error("OpenVideo(2) of two screens = nil error; want one")
	}
}

func TestNewTestcardRefuses(t *testing.T) {
	for _, cfg := range []source.TestcardConfig{
		{Screens: 5},
		{Screens: -1},
		{FPS: 1000},
		{FPS: -1},
		{Width: 100},
		{Height: 5000},
	} {
		if _, err := source.NewTestcard(cfg); err == nil {
			t.Errorf("NewTestcard(%+v) = nil error; want one", cfg)
		}
	}
}

func TestBeepStartsWithTheFlash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1234567 * time.Nanosecond) // not on a sample's edge
		s := newTestcard(t, small(1))
		time.Sleep(345678 * time.Microsecond)
		a, err := s.OpenAudio()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		onsets := beepOnsets(t, a, 5*time.Second)
		if len(onsets) != 5 {
			t.Fatalf("5 s of sound have beeps at %v; want 5", onsets)
		}
		for _, at := range onsets {
			if d := time.Duration(at.Nanosecond()); d > time.Millisecond {
				t.Errorf("beep at %v; want it within 1 ms after the full second", at)
			}
		}
	})
}

// beepOnsets returns when sound follows at least a quarter of a second of silence.
func beepOnsets(t *testing.T, a source.Audio, length time.Duration) []time.Time {
	t.Helper()
	var onsets []time.Time
	pcm := make([]int16, 240*source.Channels) // 5 ms
	silent := source.SampleRate
	for range length / (5 * time.Millisecond) {
		at, err := a.Read(t.Context(), pcm)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(pcm); i += source.Channels {
			silent++
			if pcm[i] > 100 || pcm[i] < -100 {
				if silent > source.SampleRate/4 {
					onsets = append(onsets, at.Add(time.Duration(i/source.Channels)*time.Second/source.SampleRate))
				}
				silent = 0
			}
		}
	}
	return onsets
}

func TestAudioIsPacedAndSkipsWhenLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := newTestcard(t, small(1)).OpenAudio()
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		pcm := make([]int16, 480*source.Channels)
		start := time.Now()
		for _, tc := range []struct{ late, captured time.Duration }{
			{0, 0},
			{0, 10 * time.Millisecond},
			{100 * time.Millisecond, 20 * time.Millisecond}, // in a burst
			{0, 30 * time.Millisecond},
			{time.Second, 1120 * time.Millisecond}, // the second is lost
		} {
			time.Sleep(tc.late)
			at, err := a.Read(t.Context(), pcm)
			if d := at.Sub(start) - tc.captured; err != nil || d > 50*time.Microsecond || d < -50*time.Microsecond {
				t.Errorf("Read() %v late = %v, %v; want %v", tc.late, at.Sub(start), err, tc.captured)
			}
		}
	})
}

func TestSilentTestcard(t *testing.T) {
	cfg := small(1)
	cfg.Silent = true
	if _, err := newTestcard(t, cfg).OpenAudio(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenAudio() = %v; want errors.ErrUnsupported", err)
	}
}

func TestBeepDoesNotAllocate(t *testing.T) {
	s := newTestcard(t, small(1))
	a, err := s.OpenAudio()
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	pcm := make([]int16, 240*source.Channels)
	if n := testing.AllocsPerRun(10, func() { _, _ = a.Read(t.Context(), pcm) }); n > 0 {
		t.Errorf("Read() allocates %v times; want 0", n)
	}
}
