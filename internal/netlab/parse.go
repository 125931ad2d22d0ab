package netlab

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Settings is what [Conditions.With] understands, for help texts.
const Settings = `loss=0.02        share lost at random, between 0 and 1
burst=0.02/10    share lost in bursts / mean length of a burst in packets
delay=10ms       one way
jitter=5ms       up to this much more
reorder=0.01     share that is overtaken
duplicate=0.01   share that arrives twice
rate=20M         bit/s, with k, M or G; 0: no limit
queue=100ms      length of the queue before the rate limit
down=true        lose everything`

// With returns c with settings such as "loss=0.1" or "delay=10ms" changed.
// The error is one sentence.
func (c Conditions) With(settings ...string) (Conditions, error) {
	for _, s := range settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return c, fmt.Errorf("%q is no setting: it would look like delay=10ms", s)
		}
		var err error
		switch name {
		case "loss":
			c.Loss, err = strconv.ParseFloat(value, 64)
		case "burst":
			c.Burst, err = parseBurst(value)
		case "delay":
			c.Delay, err = time.ParseDuration(value)
		case "jitter":
			c.Jitter, err = time.ParseDuration(value)
		case "reorder":
			c.Reorder, err = strconv.ParseFloat(value, 64)
		case "duplicate":
			c.Duplicate, err = strconv.ParseFloat(value, 64)
		case "rate":
			c.RateBps, err = parseRate(value)
		case "queue":
			c.Queue, err = time.ParseDuration(value)
		case "down":
			c.Down, err = strconv.ParseBool(value)
		default:
			return c, fmt.Errorf("there is no setting %q; there are loss, burst, delay, jitter, reorder, duplicate, rate, queue and down", name)
		}
		if err != nil {
			return c, fmt.Errorf("%q is no value for %s: it would look like %s", value, name, exampleOf(name))
		}
	}
	return c, c.Check()
}

// exampleOf finds a setting's example in Settings.
func exampleOf(name string) string {
	for line := range strings.Lines(Settings) {
		if strings.HasPrefix(line, name+"=") {
			return strings.Fields(line)[0]
		}
	}
	return name + "="
}

func parseBurst(s string) (b Burst, err error) {
	share, length, ok := strings.Cut(s, "/")
	if b.Share, err = strconv.ParseFloat(share, 64); err != nil || !ok {
		return b, err
	}
	b.MeanLen, err = strconv.ParseFloat(length, 64)
	return b, err
}

func parseRate(s string) (int, error) {
	unit := 1.0
	for suffix, u := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			s, unit = rest, u
			break
		}
	}
	rate, err := strconv.ParseFloat(s, 64)
	if err == nil && !(math.Abs(rate*unit) < 1e15) {
		err = strconv.ErrRange
	}
	if err != nil {
		return 0, err
	}
	return int(rate * unit), nil
}
