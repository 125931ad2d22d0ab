package netlab_test

import (
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
)

func TestConditionsWith(t *testing.T) {
	base := netlab.Conditions{Delay: time.Second, Loss: 0.5}
	got, err := base.With(strings.Fields("loss=0.1 burst=0.02/10 jitter=5ms reorder=.01 duplicate=1e-2 rate=2.5M queue=80ms down=true")...)
	want := netlab.Conditions{
		Delay: time.Second, Loss: 0.1, Burst: netlab.Burst{Share: 0.02, MeanLen: 10}, Jitter: 5 * time.Millisecond,
		Reorder: 0.01, Duplicate: 0.01, RateBps: 2_500_000, Queue: 80 * time.Millisecond, Down: true,
	}
	if err != nil || got != want {
		t.Errorf("With = %+v, %v; want %+v", got, err, want)
	}
	for setting, want := range map[string]string{
		"loss": "no setting", "lag=1ms": "there is no setting", "loss=much": "loss=0.02", "delay=10": "delay=10ms",
		"loss=2": "between 0 and 1", "rate=fast": "rate=20M", "rate=1e300": "rate=20M", "burst=1/x": "burst=0.02/10", "down=maybe": "down=true",
		"rate=-1": "rate is between",
	} {
		if _, err := base.With(setting); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("With(%q) = %v; want an error with %q", setting, err, want)
		}
	}
	// Every example in the help is right.
	for line := range strings.Lines(netlab.Settings) {
		if _, err := base.With(strings.Fields(line)[0]); err != nil {
			t.Errorf("With(%q) = %v; want nil", strings.Fields(line)[0], err)
		}
	}
}

func FuzzConditionsWith(f *testing.F) {
	f.Add("loss=0.1 delay=10ms")
	f.Add("rate=1G burst=NaN/Inf")
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := (netlab.Conditions{}).With(strings.Fields(s)...); err == nil && c.Check() != nil {
			t.Errorf("With(%q) = %+v, which does not pass its own check", s, c)
		}
	})
}
