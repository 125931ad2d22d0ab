package flexfec

import (
	"math/rand/v2"
	"testing"
)

// solvable says whether peeling brings all lost packets back.
func solvable(masks []Mask, lost []int, gone map[int]bool) bool {
	left := map[int]bool{}
	for _, i := range lost {
		left[i] = true
	}
	for again := true; again && len(left) > 0; {
		again = false
		for k, m := range masks {
			count, last := 0, 0
			for i := range left {
				if m.Has(i) {
					count, last = count+1, i
				}
			}
			if count == 1 && !gone[k] {
				delete(left, last)
				again = true
			}
		}
	}
	return len(left) == 0
}

func TestMasksCoverAndBalance(t *testing.T) {
	for n := 1; n <= MaxGroup; n++ {
		for r := 1; r <= min(n, MaxRepairs); r++ {
			masks := make([]Mask, r)
			Masks(masks, n)
			for i := range n {
				if !solvable(masks, []int{i}, nil) {
					t.Fatalf("Masks(%d of %d): packet %d alone does not come back", r, n, i)
				}
			}
			for k, m := range masks {
				if m == (Mask{}) || m.last() >= n {
					t.Fatalf("Masks(%d of %d)[%d] = %x", r, n, k, m)
				}
			}
		}
	}
}

// TestMasksRecover holds the choice of masks to what the simulation of it gave.
func TestMasksRecover(t *testing.T) {
	cases := []struct {
		n, r        int
		loss, worst float64 // share of groups that do not come back whole
	}{
		{14, 2, 0.02, 0.016},
		{14, 4, 0.05, 0.022},
		{14, 4, 0.02, 0.003},
		{40, 8, 0.05, 0.04},
		{40, 12, 0.05, 0.011},
		{100, 10, 0.02, 0.02},
		{100, 12, 0.02, 0.011},
	}
	for _, tc := range cases {
		masks := make([]Mask, tc.r)
		Masks(masks, tc.n)
		rng := rand.New(rand.NewPCG(1, uint64(tc.n*tc.r)))
		const groups = 20000
		bad := 0
		for range groups {
			var lost []int
			for i := range tc.n {
				if rng.Float64() < tc.loss {
					lost = append(lost, i)
				}
			}
			gone := map[int]bool{}
			for k := range tc.r {
				gone[k] = rng.Float64() < tc.loss
			}
			if !solvable(masks, lost, gone) {
				bad++
			}
		}
		got := float64(bad) / groups
		t.Logf("%d of %d at %.2f: %.4f of groups do not come back", tc.r, tc.n, tc.loss, got)
		if got > tc.worst {
			t.Errorf("%d of %d at %.2f: %.4f of groups do not come back; want %.4f", tc.r, tc.n, tc.loss, got, tc.worst)
		}
	}
}
