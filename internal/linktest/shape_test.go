package linktest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// TestShapeNeverExceeds sums every 100 ms of frames at every rate and seed.
func TestShapeNeverExceeds(t *testing.T) {
	const window = int(100 * time.Millisecond / linktest.FrameInterval)
	for _, rate := range append(linktest.Ladder(linktest.MaxMax), linktest.MinMax) {
		for seed := range uint64(5) {
			s := linktest.NewShape(rate, seed)
			const n = 3000
			sizes := make([]int, n)
			total := 0
			for i := range sizes {
				sizes[i] = s.Next()
				total += sizes[i]
			}
			for _, frames := range []int{window, window + 1, linktest.FrameRate} {
				for i := range n - frames {
					sum := 0
					for _, x := range sizes[i : i+frames] {
						sum += x
					}
					if most := rate / 8 * frames / linktest.FrameRate; sum > most+frames {
						t.Fatalf("rate %d seed %d: %d frames from %d have %d bytes; want at most %d", rate, seed, frames, i, sum, most)
					}
				}
			}
			mean := float64(total) * 8 * linktest.FrameRate / n
			if rate >= 5_000_000 && mean < 0.9*float64(rate) {
				t.Errorf("rate %d seed %d: %.0f b/s in the mean; want nearly the rate", rate, seed, mean)
			}
			slices.Sort(sizes)
			if spread := float64(sizes[n*95/100]) / float64(sizes[n*5/100]); spread < 1.8 {
				t.Errorf("rate %d seed %d: the 95th of 100 frames has %.1f times the 5th; want a spread like video's", rate, seed, spread)
			}
		}
	}
}

func TestSplit(t *testing.T) {
	for bytes := range 5000 {
		full, last := linktest.Split(bytes)
		cost := full * (linktest.PayloadSize + linktest.Overhead)
		if last > 0 {
			cost += last + linktest.Overhead
		}
		if cost > bytes || last > linktest.PayloadSize || last != 0 && last < linktest.PacketHeader {
			t.Fatalf("Split(%d) = %d, %d, which costs %d; want no more than there is", bytes, full, last, cost)
		}
	}
}

func TestLadder(t *testing.T) {
	tests := []struct {
		most int
		want []int
	}{
		{50_000_000, []int{5_000_000, 10_000_000, 15_000_000, 25_000_000, 50_000_000}},
		{20_000_000, []int{5_000_000, 10_000_000, 15_000_000, 20_000_000}},
		{3_000_000, []int{3_000_000}},
		{80_000_000, []int{5_000_000, 10_000_000, 15_000_000, 25_000_000, 50_000_000, 80_000_000}},
	}
	for _, tt := range tests {
		if got := linktest.Ladder(tt.most); !slices.Equal(got, tt.want) {
			t.Errorf("Ladder(%d) = %v; want %v", tt.most, got, tt.want)
		}
	}
}
