package source

import (
	"context"
	"math"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source/card"
)

// The beep: 1 kHz, a quarter of full scale, with edges soft enough not to click.
const (
	beepHz     = 1000
	beepPeriod = SampleRate / beepHz // samples
	beepLevel  = 8192
	beepLen    = SampleRate * int(card.BeepTime/time.Millisecond) / 1000
	beepEdge   = SampleRate * 2 / 1000
)

// beep is the test card's sound, by the clock that the card flashes by.
type beep struct {
	wave  [beepPeriod]int16
	clock *audioClock
}

// newBeep returns a beep at each full second since epoch.
func newBeep(epoch time.Time) *beep {
	b := &beep{clock: newAudioClock(epoch)}
	for i := range b.wave {
		b.wave[i] = int16(beepLevel * math.Sin(2*math.Pi*float64(i)/beepPeriod))
	}
	return b
}

func (b *beep) Read(ctx context.Context, pcm []int16) (time.Time, error) {
	first, err := b.clock.wait(ctx, len(pcm)/Channels)
	if err != nil {
		return time.Time{}, err
	}
	for i := range len(pcm) / Channels {
		v := b.sample(int((first + int64(i)) % SampleRate))
		pcm[Channels*i], pcm[Channels*i+1] = v, v
	}
	return b.clock.at(first), nil
}

// sample returns the n-th sample after the start of a second.
func (b *beep) sample(n int) int16 {
	if n >= beepLen {
		return 0
	}
	edge := min(n, beepLen-1-n, beepEdge)
	return int16(int(b.wave[n%beepPeriod]) * edge / beepEdge)
}

func (b *beep) Close() error {
	b.clock.stop()
	return nil
}
