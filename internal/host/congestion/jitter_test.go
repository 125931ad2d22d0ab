package congestion_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

// TestJitter runs a picture that needs less than the path has over paths whose
// delay changes all the time: the target stays above what is needed, however often
// feedback comes.
func TestJitter(t *testing.T) {
	const needed = 8e6
	for _, name := range []string{"wifi-busy", "4g", "wan60", "cable"} {
		for _, every := range []time.Duration{10 * ms, 20 * ms, 50 * ms} {
			t.Run(fmt.Sprintf("%s/%v", name, every), func(t *testing.T) {
				profile, err := netlab.Find(name)
				if err != nil {
					t.Fatal(err)
				}
				var all []float64
				for seed := range uint64(4) {
					w, f := single(t, seed+1, 5e6, profile.Down, 2*profile.Down.Delay)
					f.back.Set(profile.Up)
					f.every = every
					f.limit = func(time.Duration) float64 { return needed }
					f.alg.(ours).SetWanted(needed)
					w.run(30 * time.Second)
					all = append(all, w.targets[0][30:]...)
				}
				slices.Sort(all)
				low, tenth := all[len(all)/100], all[len(all)/10]
				t.Logf("target of %.0f Mb/s: p1 %.1f, p10 %.1f, p50 %.1f", mb(needed), mb(low), mb(tenth), mb(all[len(all)/2]))
				if tenth < 0.8*needed || low < 0.5*needed {
					t.Errorf("target in 3 to 30 s: p1 %.1f, p10 %.1f Mb/s; want 4, 6.4", mb(low), mb(tenth))
				}
			})
		}
	}
}
