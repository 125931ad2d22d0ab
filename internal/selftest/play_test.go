package selftest_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/null"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/selftest"
)

// counting is a display that counts what it uploads: each picture once.
type counting struct{ *null.Display }

func (c counting) Copied(int) (bytes, imports uint64) {
	return c.Stats().Screens[0].Shown * 64 * 48 * 3 / 2, 0
}

func showNull(p selftest.Plan) (selftest.Screenful, error) {
	shown, _, _ := selftest.PlanParts(p)
	d, err := null.New(display.Config{OnShown: shown})
	return counting{d}, err
}

func size64x48(*media.AccessUnit) (int, int) { return 64, 48 }

const step = time.Second / 50

func TestPlay(t *testing.T) {
	tests := []struct {
		name   string
		live   bool
		rate   selftest.Rate
		label  string
		lasts  float64 // seconds
		copies float64
	}{
		{"file", false, selftest.RateAuto, "software", 1.98, 1},
		{"pipe paced", true, selftest.RatePaced, "vaapi-copy", 1.98, 2},
		{"file at once", false, selftest.RateFree, "vaapi", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &fakeSource{n: 100, step: step, live: tt.live}
				b := &decodetest.Backend{Size: size64x48, Label: tt.label}
				cfg := selftest.PlayConfig{Rate: tt.rate, Output: selftest.Output{Display: outputs.Window}}
				r, err := selftest.PlayWith(t.Context(), cfg, src, showNull, opens(b))
				if err != nil {
					t.Fatalf("Play() = %v", err)
				}
				if r.Fed != 100 || r.Decoded != 100 || r.Shown+r.Dropped["pacer"] != 100 || len(r.Failures()) > 0 {
					t.Errorf("Play() = fed %d, decoded %d, shown %d, dropped %v, failed %v; want 100 and none", r.Fed, r.Decoded, r.Shown, r.Dropped, r.Failed)
				}
				if r.DurationS < tt.lasts-0.021 || r.DurationS > tt.lasts+0.01 {
					t.Errorf("Play() took %v s; want %v", r.DurationS, tt.lasts)
				}
				if r.CopiesPerFrame == nil || *r.CopiesPerFrame < tt.copies-0.02 || *r.CopiesPerFrame > tt.copies+0.02 {
					t.Errorf("copies_per_frame = %v; want %v", r.CopiesPerFrame, tt.copies)
				}
				if r.Decoder != tt.label || r.Codec != "H264" || r.Width != 64 || r.Height != 48 || r.Display != "window" {
					t.Errorf("Play() = %s by %s, %dx%d on %s", r.Codec, r.Decoder, r.Width, r.Height, r.Display)
				}
				if !src.closed || b.Outstanding() != 0 {
					t.Errorf("source closed %t, %d pictures are out; want true, 0", src.closed, b.Outstanding())
				}
			})
		})
	}
}

func TestPlayChargesTheDecoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &decodetest.Backend{Size: size64x48, Refuse: func(au *media.AccessUnit) bool { return au.FrameID > 40 }}
		r, err := selftest.PlayWith(t.Context(), selftest.PlayConfig{Output: selftest.Output{Display: outputs.Window}}, &fakeSource{n: 50, step: step}, showNull, opens(b))
		if err != nil {
			t.Fatalf("Play() = %v", err)
		}
		if r.Shown+r.Dropped["pacer"] != 40 || r.Dropped["decoder"] != 10 || r.DecoderDropped["refused"] == 0 {
			t.Errorf("Play() shown %d, dropped %v, by the decoder %v; want 40 and 10 refused", r.Shown, r.Dropped, r.DecoderDropped)
		}
	})
}

func TestPlayFailsWithoutPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := selftest.PlayWith(t.Context(), selftest.PlayConfig{Output: selftest.Output{Display: outputs.Window}}, &fakeSource{}, showNull, opens(&decodetest.Backend{}))
		if err != nil || len(r.Failures()) != 1 || !strings.Contains(r.Failed[0], "nothing was shown") {
			t.Errorf("Play() of nothing = %+v, %v; want one failure", r, err)
		}
	})
}

// TestPlayEndsWithContext ends a live stream of which nothing comes any more.
func TestPlayEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		src := &fakeSource{n: 3, step: step, live: true, stuck: make(chan struct{})}
		r, err := selftest.PlayWith(ctx, selftest.PlayConfig{Output: selftest.Output{Display: outputs.Window}}, src, showNull, opens(&decodetest.Backend{Size: size64x48}))
		if err != nil || r.Fed != 3 || r.Shown == 0 {
			t.Errorf("Play() = %+v, %v; want the report of three pictures", r, err)
		}
	})
}

func TestPlayRefusesAnUnknownDisplay(t *testing.T) {
	_, err := selftest.PlayWith(t.Context(), selftest.PlayConfig{Output: selftest.Output{Display: "wall"}}, &fakeSource{}, showNull, opens(nil))
	if err == nil || !strings.Contains(err.Error(), "wall") {
		t.Errorf("Play(display wall) = %v; want a refusal", err)
	}
}
