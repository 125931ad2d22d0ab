package selftest_test

import (
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/selftest"
)

// two monitors, one of them at 30 Hz.
func two() []display.Output {
	return []display.Output{
		{Screen: 0, Connector: "DP-1", Connected: true, Width: 320, Height: 180, MilliHz: 60_000},
		{Screen: 1, Connector: "DP-2", Connected: true, Width: 160, Height: 90, MilliHz: 30_000},
		{Screen: -1, Connector: "DP-3"},
	}
}

// setMode is a driver that does what it is asked.
func setMode(o *display.Output, m mode.Mode) {
	o.Width, o.Height, o.MilliHz = int(m.HDisplay), int(m.VDisplay), m.MilliHz()
}

// show runs the test on a fake card.
func show(t *testing.T, c *fakeCard, cfg selftest.DisplayConfig) (*selftest.DisplayReport, error) {
	t.Helper()
	c.outputs = connected(c.outputs)
	cfg.Display, cfg.Span = outputs.Card, 2*time.Second
	return selftest.DisplayWith(t.Context(), cfg, c.open, t.TempDir())
}

func connected(all []display.Output) (list []display.Output) {
	for _, o := range all {
		if o.Connected {
			list = append(list, o)
		}
	}
	return list
}

func TestDisplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeCard{outputs: two(), follow: setMode}
		dir := t.TempDir()
		cfg := selftest.DisplayConfig{Pictures: dir, Rounds: []map[string]mode.Mode{
			nil, {"DP-1": mode.CVT(640, 360, mode.Hz(120), true)},
		}}
		r, err := show(t, c, cfg)
		if err != nil {
			t.Fatalf("Display() = %v", err)
		}
		if len(r.Failures()) > 0 || len(r.Figures) != 4 || r.Card != "/dev/dri/card7" || r.DMABufReason != "it is a fake" {
			t.Fatalf("Display() = %d outputs on %s, failed %v; want 4, none", len(r.Figures), r.Card, r.Failed)
		}
		for i, want := range []struct {
			connector string
			width     int
			shown     uint64
		}{{"DP-1", 320, 120}, {"DP-2", 160, 60}, {"DP-1", 640, 239}, {"DP-2", 160, 60}} {
			o := r.Figures[i]
			if o.Connector != want.connector || o.Width != want.width || o.Shown < want.shown-3 || o.Shown > want.shown+3 {
				t.Errorf("output %d = %s %dx%d, %d shown; want %+v", i, o.Connector, o.Width, o.Height, o.Shown, want)
			}
			if o.PSNR != 99 || o.OnGrid < 0.99 || o.Skipped > 1 || o.Interval.P50 < o.PeriodMS*0.99 || o.Interval.P50 > o.PeriodMS*1.01 {
				t.Errorf("output %d = %.1f dB, %v on the grid, %d skipped, p50 %v of %v ms", i, o.PSNR, o.OnGrid, o.Skipped, o.Interval.P50, o.PeriodMS)
			}
			f, err := os.Open(o.Picture)
			if err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(f)
			if f.Close(); err != nil || img.Bounds().Dx() != o.Width {
				t.Errorf("%s = %v, %v; want a picture of %d", o.Picture, img, err, o.Width)
			}
		}
		if len(c.modes) != 2 || c.modes[0] != nil || len(c.modes[1]) != 1 {
			t.Errorf("opened with modes %v; want none, then one", c.modes)
		}
	})
}

func TestDisplayFailures(t *testing.T) {
	asked := []map[string]mode.Mode{{"DP-1": mode.CVT(640, 360, mode.Hz(60), true)}}
	tests := []struct {
		name  string
		card  *fakeCard
		modes []map[string]mode.Mode
		want  string
	}{
		{"half the rate", &fakeCard{outputs: two()[:1], slow: 2}, nil, "a new picture every 33.3"},
		{"another picture", &fakeCard{outputs: two()[:1], spoil: func(img *image.RGBA) { clear(img.Pix) }}, nil, "another picture than was drawn"},
		{"another mode", &fakeCard{outputs: two()[:1]}, asked, "not in 640x360"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, err := show(t, tt.card, selftest.DisplayConfig{Rounds: tt.modes})
				if err != nil || len(r.Failures()) != 1 || !strings.Contains(r.Failed[0], tt.want) {
					t.Errorf("Display() = %+v, %v; want one failure with %q", r, err, tt.want)
				}
			})
		})
	}
}

func TestDisplayWithoutMonitors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if _, err := show(t, &fakeCard{}, selftest.DisplayConfig{}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Display() without monitors = %v; want ErrUnsupported", err)
		}
	})
}

func TestDisplayNamesADarkMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeCard{outputs: two()[:2]}
		c.outputs[1].Width = 0
		r, err := show(t, c, selftest.DisplayConfig{})
		if err != nil || len(r.Figures) != 1 || len(r.Failures()) != 1 || !strings.Contains(r.Failed[0], "DP-2 did not come on") {
			t.Errorf("Display() = %+v, %v; want one output and a complaint about DP-2", r, err)
		}
	})
}

func TestSweepOfVariableRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &fakeCard{outputs: two()[:1]}
		c.outputs[0].Variable, c.outputs[0].MilliHz, c.outputs[0].VRRMaxMilliHz = true, 144_000, 120_000
		r, err := show(t, c, selftest.DisplayConfig{})
		if err != nil || len(r.Failures()) > 0 || len(r.Sweep) != 10 {
			t.Fatalf("Display() = %+v, %v; want 10 steps from 30 to 120 Hz", r, err)
		}
		for i, s := range r.Sweep {
			if s.Hz != float64(30+10*i) || s.Interval.P50 < s.PeriodMS*0.99 || s.Interval.P50 > s.PeriodMS*1.01 {
				t.Errorf("step %d = %v Hz, p50 %v of %v ms", i, s.Hz, s.Interval.P50, s.PeriodMS)
			}
		}
	})
}

// TestPicturesAreWhole wants what is drawn over older pictures to be what is
// drawn anew.
func TestPicturesAreWhole(t *testing.T) {
	draw := selftest.DrawPictures(1, 322, 182)
	for n := range uint32(50) {
		f, err := draw(n)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := selftest.DrawPictures(1, 322, 182)(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Planes {
			if string(f.Planes[i]) != string(fresh.Planes[i]) {
				t.Fatalf("picture %d differs in plane %d from one drawn anew", n, i)
			}
		}
		f.Release()
	}
}

func TestPSNR(t *testing.T) {
	a, err := selftest.Expected(0, 320, 180, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := selftest.Expected(0, 320, 180, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := selftest.PSNR(a, a); got != 99 {
		t.Errorf("PSNR(a, a) = %v; want 99", got)
	}
	if got := selftest.PSNR(a, b); got >= selftest.LeastPSNR {
		t.Errorf("PSNR of two pictures in a row = %v; want below %d, or a stale picture passes", got, selftest.LeastPSNR)
	}
	if got := selftest.PSNR(a, image.NewRGBA(image.Rect(0, 0, 10, 10))); got != 0 {
		t.Errorf("PSNR of another size = %v; want 0", got)
	}
}

// TestModesOfTheKernel wants the kernel's list before what an EDID says, and the
// person's own mode in it.
func TestModesOfTheKernel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "card7-DP-1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "card7-DP-1", "status"), []byte("connected"), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &fakeCard{outputs: two()[:1]}
		r, err := selftest.DisplayWith(t.Context(), selftest.DisplayConfig{Output: selftest.Output{Display: outputs.Card}, Span: time.Second}, c.open, dir)
		if err != nil || len(r.Monitors) != 1 {
			t.Fatalf("Display() = %+v, %v; want one monitor", r, err)
		}
		m := r.Monitors[0]
		var ranks []int
		for _, c := range m.Modes {
			ranks = append(ranks, c.Rank)
		}
		if m.ModesFrom != "kernel" || !slices.Equal(ranks, []int{1, 0, 2}) {
			t.Errorf("modes from %s with ranks %v; want the kernel's, 1 0 2", m.ModesFrom, ranks)
		}
	})
}

func TestSurvey(t *testing.T) {
	raw := edidSample(t)
	dir := t.TempDir()
	for name, files := range map[string]map[string][]byte{
		"card7-DP-1":        {"status": []byte("connected\n"), "edid": raw},
		"card7-DP-2":        {"status": []byte("disconnected\n"), "edid": nil},
		"card7-HDMI-A-1":    {"status": []byte("connected\n"), "edid": []byte("rubbish")},
		"card7-Writeback-1": {},
		"card8-DP-1":        {"status": []byte("connected\n")},
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		for file, b := range files {
			if err := os.WriteFile(filepath.Join(dir, name, file), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	list, err := selftest.Survey(dir, "card7")
	if err != nil || len(list) != 3 {
		t.Fatalf("survey() = %+v, %v; want three connectors", list, err)
	}
	if m := list[0]; m.Connector != "DP-1" || !m.Connected || m.Identity == "" || m.Link != "DisplayPort" || len(m.Modes) == 0 || m.Modes[0].Hz < 20 || m.Modes[0].PeriodNS == 0 {
		t.Errorf("DP-1 = %+v; want a monitor with modes", m)
	}
	if m := list[1]; m.Connected || m.Connector != "DP-2" {
		t.Errorf("DP-2 = %+v; want nothing plugged in", m)
	}
	if m := list[2]; m.Error == "" || m.Link != "HDMI" || len(m.Modes) == 0 {
		t.Errorf("HDMI-A-1 = %+v; want an error and modes that always work", m)
	}
}
