package host_test

import (
	"math"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	load720p60  = 3600 * 60.0
	load1080p60 = 8160 * 60.0
)

func TestRatesShares(t *testing.T) {
	const configured = 10_000_000
	all := func(bps uint32) wire.SetBitrate { return wire.SetBitrate{Screen: wire.AllScreens, MaxBps: bps} }
	tests := []struct {
		name   string
		loads  []float64
		path   int
		asks   []wire.SetBitrate
		remb   int
		want   []int // within 1 %
		wanted int
	}{
		{"nothing known", []float64{1, 1}, 0, nil, 0, []int{configured, configured}, 20_000_000},
		{"path of equals", []float64{1, 1}, 8_000_000, nil, 0, []int{4_000_000, 4_000_000}, 20_000_000},
		{"the larger gets more", []float64{load1080p60, load720p60}, 8_000_000, nil, 0, []int{5_190_000, 2_810_000}, 20_000_000},
		{"one is paused", []float64{load720p60, 0}, 8_000_000, nil, 0, []int{8_000_000, 4_000_000}, 10_000_000},
		{"what one may not use", []float64{1, 1}, 8_000_000, []wire.SetBitrate{{Screen: 0, MaxBps: 1_000_000}}, 0, []int{1_000_000, 7_000_000}, 11_000_000},
		{"the least bound counts", []float64{1, 1}, 8_000_000, []wire.SetBitrate{all(6_000_000)}, 5_000_000, []int{2_500_000, 2_500_000}, 6_000_000},
		{"never less than this", []float64{1, 1}, 1000, nil, 0, []int{media.MinBitrate, media.MinBitrate}, 20_000_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := host.NewRates(configured, tt.loads...)
			r.Path = tt.path
			for _, a := range tt.asks {
				r.Ask(a)
			}
			if tt.remb > 0 {
				r.REMB(tt.remb)
			}
			for k, want := range tt.want {
				if got := r.Bps(k); math.Abs(float64(got-want)) > float64(want)/100 {
					t.Errorf("rate of screen %d = %d; want %d", k, got, want)
				}
			}
			if r.Wanted != tt.wanted || r.Most != tt.remb {
				t.Errorf("the path was told %d wanted, %d at most; want %d, %d", r.Wanted, r.Most, tt.wanted, tt.remb)
			}
		})
	}
}

// A path that has become slow costs rate and then size, soon but not at once;
// one that is faster again gives them back later.
func TestDegrader(t *testing.T) {
	const without = 10_000_000 // need of 720p60: 1.73 Mb/s
	var d host.Degrader
	now := time.Unix(1000, 0)
	hold := func(dur time.Duration, bps int) (level, changes int) {
		was := d.Follow(now, media.CodecH264, load720p60, bps, without)
		for end := now.Add(dur); now.Before(end); now = now.Add(16 * time.Millisecond) {
			level = d.Follow(now, media.CodecH264, load720p60, bps, without)
			if level != was {
				changes++
			}
			was = level
		}
		return level, changes
	}
	steps := []struct {
		name       string
		dur        time.Duration
		bps        int
		level, chg int
	}{
		{"enough", time.Minute, 2_000_000, 0, 0},
		{"a dip", 400 * time.Millisecond, 1_000_000, 0, 0},
		{"enough again", time.Second, 2_000_000, 0, 0},
		{"too little", 1100 * time.Millisecond, 1_000_000, 2, 1},
		{"much too little, so soon", time.Second, 300_000, 2, 0},
		{"much too little", 2 * time.Second, 300_000, 6, 1},
		{"plenty, so soon", 2 * time.Second, 8_000_000, 6, 0},
		{"plenty", 2 * time.Second, 8_000_000, 0, 1},
		{"a little under", time.Minute, 1_500_000, 0, 0},
	}
	for _, s := range steps {
		if level, changes := hold(s.dur, s.bps); level != s.level || changes != s.chg {
			t.Errorf("%s: level %d after %d changes; want %d after %d", s.name, level, changes, s.level, s.chg)
		}
	}
}

// Who configured a low rate gets the pictures that were configured.
func TestDegraderLeavesConfiguredRates(t *testing.T) {
	var d host.Degrader
	now := time.Unix(1000, 0)
	for range 1000 {
		if now = now.Add(16 * time.Millisecond); d.Follow(now, media.CodecH264, load1080p60, 500_000, 500_000) != 0 {
			t.Fatal("a low rate that was configured makes pictures smaller")
		}
	}
}

// A rate at the border of two levels moves nothing.
func TestDegraderDoesNotSwing(t *testing.T) {
	var d host.Degrader
	now, was, changes := time.Unix(1000, 0), 0, 0
	for i := range 60 * 120 {
		now = now.Add(time.Second / 60)
		bps := 1_400_000 + 300_000*(i/90%2) // 1.4 and 1.7 Mb/s in turns of 1.5 s
		if level := d.Follow(now, media.CodecHEVC, load1080p60, bps, 10_000_000); level != was {
			was, changes = level, changes+1
		}
	}
	if changes > 1 {
		t.Errorf("%d changes in 2 minutes; want 1 at most", changes)
	}
}

func TestDegradedShape(t *testing.T) {
	full := host.Shape{1920, 1080, 60_000}
	w := host.NewWishes(media.CodecH264, full)
	for level := range 9 {
		w.Degrade(0, level)
		got := w.Shape(0)
		if got.Load() > full.Load()*math.Pow(2, -float64(level)/2)*1.001 {
			t.Errorf("level %d: %v has load %.0f; want 2^-%d/2 of %.0f", level, got, got.Load(), level, full.Load())
		}
		if level > 0 && got.MilliFPS != 30_000 {
			t.Errorf("level %d: %v; want 30 pictures a second before they become smaller", level, got)
		}
	}
	if w.Degrade(0, 0); w.Shape(0) != full {
		t.Errorf("level 0: %v; want %v", w.Shape(0), full)
	}
}
