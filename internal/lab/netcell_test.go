package lab

import (
	"strings"
	"testing"
	"time"
)

// seenAt is a list of sightings: frame numbers, each so many ms after base, each
// captured 30 ms before.
func seenAt(base time.Time, pairs ...int) (seen []sighting) {
	for i := 0; i < len(pairs); i += 2 {
		at := base.Add(time.Duration(pairs[i+1]) * time.Millisecond)
		seen = append(seen, sighting{frame: uint32(pairs[i]), at: at, captured: at.Add(-30 * time.Millisecond)})
	}
	return seen
}

// Frames 10 to 19 fall into the window; 13 to 15 were never seen, which took
// 150 ms, and after 19 nothing came for 110 ms.
func TestViewedCount(t *testing.T) {
	base := time.Unix(1000, 0)
	seen := seenAt(base, 9, -10, 10, 20, 11, 40, 12, 60, 16, 210, 17, 230, 18, 250, 19, 290, 20, 401)
	var v viewed
	v.count(seen, base, base.Add(400*time.Millisecond))
	if v.sent != 24 || v.shown != 7 {
		t.Errorf("%d of %d were seen; want 7 of the 24 of 400 ms", v.shown, v.sent)
	}
	if v.freezes != 2 || v.freezeTotal != 260 || v.freezeLongest != 150 {
		t.Errorf("%d freezes, %v ms in all, the longest %v; want 2, 260 and 150", v.freezes, v.freezeTotal, v.freezeLongest)
	}
	if got := v.latency.at(0.99); got != 30 {
		t.Errorf("latency p99 = %v ms; want 30", got)
	}
	var none viewed
	none.count(seen, base.Add(time.Hour), base.Add(time.Hour+time.Second))
	if none.share() != 0 || none.sent != 60 || none.freezeTotal != 1000 {
		t.Errorf("a second without a picture is %v %% of %d, frozen for %v ms; want 0 of 60 and all of it", none.share(), none.sent, none.freezeTotal)
	}
}

// What was on its way when the blackout began does not end it.
func TestViewedRecovered(t *testing.T) {
	base := time.Unix(1000, 0)
	began, ended := base, base.Add(time.Second)
	seen := seenAt(base, 1, 10, 2, 1080)
	seen = append(seen, seenAt(base, 3, 1111)...)
	seen[1].captured = began.Add(-time.Millisecond) // late, not new
	var v viewed
	v.recovered(seen, began, ended)
	v.recovered(seen[:2], began, ended)
	if want := float64(cellRecover.Milliseconds()); len(v.recovery) != 2 || v.recovery[0] != 111 || v.recovery[1] != want {
		t.Errorf("recovery = %v; want 111 ms, and %v where nothing new was seen", v.recovery, want)
	}
}

// A curve ends at the share that was seen at all.
func TestCurve(t *testing.T) {
	points := curve(&viewed{sent: 4, latency: distribution{10, 20, 900}})
	if last := points[len(points)-1]; last.X != plotTo || last.Y != 50 {
		t.Errorf("the curve ends at %+v; want half of the pictures", last)
	}
}

func TestNetworkNames(t *testing.T) {
	for _, tt := range []struct {
		cfg  NetworkConfig
		want string // "": no error
	}{
		{NetworkConfig{Profiles: []string{"loss2"}, Viewers: []string{"chromium"}}, ""},
		{NetworkConfig{Profiles: []string{"loss3"}}, "loss3"},
		{NetworkConfig{Viewers: []string{"firefox"}}, "gstreamer"},
	} {
		if err := tt.cfg.check(); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("check(%+v) = %v; want %q in it", tt.cfg, err, tt.want)
		}
	}
}
