package source

import (
	"context"
	"time"
)

// maxAudioLag is how far a reader of paced sound may fall behind before what
// it missed is skipped; below that it is given in a burst.
const maxAudioLag = 200 * time.Millisecond

// audioClock makes sound that is computed or read from a file arrive as
// captured sound does: when its last sample has been.
type audioClock struct {
	epoch time.Time
	runs  bool
	next  int64 // number of the next sample since epoch
	timer *time.Timer
}

// newAudioClock returns a clock that counts samples from epoch and runs from
// the first wait.
func newAudioClock(epoch time.Time) *audioClock {
	return &audioClock{epoch: epoch, timer: newTimer()}
}

// at returns when sample n is heard. It does not overflow for as long as the
// host runs.
func (c *audioClock) at(n int64) time.Time {
	seconds, rest := n/SampleRate, n%SampleRate
	return c.epoch.Add(time.Duration(seconds)*time.Second + time.Duration(rest)*time.Second/SampleRate)
}

// skipTo lets the clock go on at t.
func (c *audioClock) skipTo(t time.Time) {
	d := t.Sub(c.epoch)
	c.next = int64(d/time.Second)*SampleRate + int64(d%time.Second)*SampleRate/int64(time.Second)
}

// wait blocks until n more samples have passed and returns the number of the
// first. Who is later than maxAudioLag loses what was in between.
func (c *audioClock) wait(ctx context.Context, n int) (first int64, err error) {
	now := time.Now()
	if !c.runs || now.Sub(c.at(c.next+int64(n))) > maxAudioLag {
		c.skipTo(now)
		c.runs = true
	}
	end := c.at(c.next + int64(n))
	if err := sleepUntil(ctx, c.timer, end); err != nil {
		return 0, err
	}
	first = c.next
	c.next += int64(n)
	return first, nil
}

func (c *audioClock) stop() { c.timer.Stop() }
