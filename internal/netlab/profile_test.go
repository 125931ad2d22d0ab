package netlab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

func TestProfiles(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range netlab.Profiles() {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
		if p.About == "" || seen[p.Name] {
			t.Errorf("profile %q has no description or is there twice", p.Name)
		}
		seen[p.Name] = true
		if got, err := netlab.Find(p.Name); err != nil || got.Name != p.Name {
			t.Errorf("Find(%q) = %q, %v", p.Name, got.Name, err)
		}
	}
	for _, name := range strings.Fields("fibre cable adsl wifi-busy 4g 4g-handover transatlantic clean rtt20 loss2 loss10 burst2 wan60") {
		if !seen[name] {
			t.Errorf("no profile %s", name)
		}
	}
	if _, err := netlab.Find("5g"); err == nil || !strings.Contains(err.Error(), "wifi-busy") {
		t.Errorf("Find(5g) = %v; want an error that lists what there is", err)
	}
}

func TestProfileSchedule(t *testing.T) {
	p, err := netlab.Find("4g-handover")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		at   time.Duration
		dark bool
		rate int
	}{
		{0, false, 25_000_000},
		{5*time.Second - 1, false, 25_000_000},
		{5 * time.Second, true, 25_000_000},
		{5100 * time.Millisecond, false, 6_250_000},
		{7 * time.Second, false, 25_000_000},
		{15400 * time.Millisecond, true, 25_000_000},
		{25 * time.Second, true, 25_000_000}, // it starts again after 20 s
		{27 * time.Second, false, 25_000_000},
	} {
		up, down := p.At(want.at)
		if down.Down != want.dark || up.Down != want.dark || down.RateBps != want.rate {
			t.Errorf("At(%v): down %v, %d b/s; want %v, %d b/s", want.at, down.Down, down.RateBps, want.dark, want.rate)
		}
	}
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	nan := 0.0
	nan /= nan
	for _, c := range []struct {
		c    netlab.Conditions
		want string
	}{
		{netlab.Conditions{Loss: 1.1}, "loss"},
		{netlab.Conditions{Loss: nan}, "loss"},
		{netlab.Conditions{Burst: netlab.Burst{Share: 0.95}}, "burst"},
		{netlab.Conditions{Burst: netlab.Burst{Share: 0.1, MeanLen: 0.5}}, "burst length"},
		{netlab.Conditions{Delay: -1}, "delay"},
		{netlab.Conditions{Jitter: time.Hour}, "jitter"},
		{netlab.Conditions{RateBps: -1}, "rate"},
		{netlab.Conditions{Queue: -1}, "queue"},
	} {
		if err := c.c.Check(); err == nil || !strings.HasPrefix(err.Error(), c.want+" ") {
			t.Errorf("Check(%+v) = %v; want an error about %s", c.c, err, c.want)
		}
	}
	late := netlab.Profile{Name: "x", Steps: []netlab.Step{{At: 2}, {At: 1}}}
	if late.Check() == nil {
		t.Error("steps out of order passed")
	}
}

func TestPath(t *testing.T) {
	p := netlab.NewPath(1, netlab.Profile{Up: netlab.Conditions{Delay: time.Second}, Down: netlab.Conditions{Delay: 2 * time.Second}})
	arrives := func(name string, f func(time.Duration, int) ([2]time.Duration, int), at, want time.Duration) {
		t.Helper()
		got, n := f(at, 100)
		if want == 0 && n == 0 {
			return
		}
		if n != 1 || got[0] != want {
			t.Errorf("%s at %v = %v, %d; want %v", name, at, got[0], n, want)
		}
	}
	arrives("up", p.Up, 0, time.Second)
	arrives("down", p.Down, 0, 2*time.Second)
	p.Blackout(time.Second, time.Second)
	arrives("up", p.Up, 1500*time.Millisecond, 0)
	arrives("down", p.Down, 1999*time.Millisecond, 0)
	arrives("up", p.Up, 2*time.Second, 3*time.Second)
	p.SetProfile(10*time.Second, netlab.Profile{Steps: []netlab.Step{{At: time.Second, Up: netlab.Conditions{Down: true}}}})
	arrives("up", p.Up, 10*time.Second, 10*time.Second)
	arrives("up", p.Up, 11*time.Second, 0)
	arrives("down", p.Down, 11*time.Second, 11*time.Second)
	if up, down := p.Stats(); up.LostDown != 2 || down.LostDown != 1 {
		t.Errorf("Stats() = %+v, %+v", up, down)
	}
	if netlab.NewPath(1, netlab.Profile{}).Profile().Name != "" {
		t.Error("Profile() is not what was given")
	}
}
