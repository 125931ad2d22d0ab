package libav

import "testing"

// TestRateTrim models an encoder that gives a part of what it is asked for.
func TestRateTrim(t *testing.T) {
	const fps, bps = 60, 10_000_000
	tests := []struct {
		name  string
		gives float64 // of what is asked for
		want  float64 // factor after ten seconds
	}{
		{"exact", 1, 1},
		{"stays under", 0.88, 1 / 0.88},
		{"far under", 0.5, trimMax},
		{"goes over", 1.2, 1}, // never asks for less than wanted
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRateTrim(fps)
			for range 10 * fps {
				r.add(int(tt.gives*r.factor*bps/fps), bps)
			}
			if r.factor < tt.want-0.02 || r.factor > tt.want+0.02 {
				t.Errorf("factor = %.3f; want %.3f", r.factor, tt.want)
			}
		})
	}
}
