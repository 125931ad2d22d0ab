package audio

import "time"

// OutputConfig describes a device to open.
type OutputConfig struct {
	Device string        // its name as SDL lists it, "" for the system's choice
	Period time.Duration // how much the device takes at a time, 0 means 5 ms
}

func (c OutputConfig) period() int {
	if c.Period == 0 {
		return samples(5 * time.Millisecond)
	}
	return samples(c.Period)
}

// Null is a device that plays into nothing, at the right speed: for machines
// without sound. The zero value is ready; it belongs to one goroutine.
type Null struct {
	end time.Time // when what was written will have been played
}

// Write counts pcm as played one after the other. It never fails.
func (n *Null) Write(pcm []int16) error {
	if now := time.Now(); n.end.Before(now) {
		n.end = now
	}
	n.end = n.end.Add(duration(len(pcm) / Channels))
	return nil
}

// Queued returns what is not yet played.
func (n *Null) Queued() time.Duration { return max(0, time.Until(n.end)) }

// Close does nothing.
func (n *Null) Close() error { return nil }
