package linktest

import (
	"fmt"
	"time"
)

// Bounds of a test; both ends keep them whatever the other does.
const (
	// Limit is how long a test takes at most, from the request to the end.
	Limit = 25 * time.Second
	// DefaultMax is the highest rate in bits per second where nobody chose.
	DefaultMax = 50_000_000
	// MinMax and MaxMax bound what may be chosen.
	MinMax = 500_000
	MaxMax = 200_000_000
	// StepDuration is how long one rate is sent in one direction, and
	// MaxStepDuration the longest that may be asked for.
	StepDuration    = 1200 * time.Millisecond
	MaxStepDuration = 3 * time.Second
	// Drain is how long a receiver waits after a step for what a queue still
	// holds.
	Drain = 300 * time.Millisecond
	// MaxSteps is how many steps one test has at most, both directions.
	MaxSteps = 24
)

// The traffic is that of a screen: see [Shape].
const (
	FrameRate     = 60
	FrameInterval = time.Second / FrameRate
	// PayloadSize is the largest RTP payload of a test frame, as of a real one.
	PayloadSize = 1200
	// Overhead is what a payload costs on the line beside itself: IPv6 40, UDP
	// 8, RTP 12, SRTP tag 16. With IPv4 it is 20 less; rates count the more.
	Overhead = 40 + 8 + 12 + 16
	// PingInterval is how often the round trip is measured, under load too.
	PingInterval = 20 * time.Millisecond
	// pingShare is what pings and their answers cost of a step's rate, in bits
	// per second: two small packets an interval, in the same direction.
	pingShare = 2 * 8 * (PacketHeader + Overhead) * int(time.Second/PingInterval)
)

// Direction is where a step's traffic goes.
type Direction uint8

// Directions, as the terminal sees them.
const (
	Down Direction = iota + 1 // host to terminal
	Up                        // terminal to host
)

// String returns "down" or "up".
func (d Direction) String() string {
	switch d {
	case Down:
		return "down"
	case Up:
		return "up"
	}
	return "?"
}

// MarshalText writes the direction's name.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the direction's name.
func (d *Direction) UnmarshalText(b []byte) error {
	switch string(b) {
	case "down":
		*d = Down
	case "up":
		*d = Up
	default:
		return fmt.Errorf("direction %.16q is not known", b)
	}
	return nil
}

// Ladder returns the rates that are tried, in bits per second, lowest first: 5,
// 10, 15, 25 and 50 Mb/s, as far as most goes. A most that is no step of its
// own is the last one.
func Ladder(most int) []int {
	var out []int
	for _, r := range [...]int{5_000_000, 10_000_000, 15_000_000, 25_000_000, 50_000_000} {
		if r <= most {
			out = append(out, r)
		}
	}
	if len(out) == 0 || most > out[len(out)-1] {
		out = append(out, most)
	}
	return out
}

// Capacity is how many packets a step of that rate can have at most: a meter
// takes no more.
func Capacity(rateBps int, d time.Duration) int {
	frames := int(d/FrameInterval) + 2
	return int(int64(rateBps)*int64(d/time.Millisecond)/8000)/(PayloadSize+Overhead) + 2*frames
}
