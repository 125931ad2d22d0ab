package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
)

// fileAudio plays a file's sound on the timeline of its pictures. It reads the
// pictures, too, for only they say how long a round is.
type fileAudio struct {
	file  *File
	loop  *loop
	clock *audioClock // made by the first read

	rest  []int16 // what was read and not given; the file's memory
	at    int64   // which sample of the timeline rest begins with
	round int64   // with which sample its round began
}

func newFileAudio(f *File, in *libav.File) *fileAudio {
	return &fileAudio{file: f, loop: newLoop(in, f.screen.FPS)}
}

func (a *fileAudio) Read(ctx context.Context, pcm []int16) (time.Time, error) {
	if a.clock == nil {
		a.clock = newAudioClock(a.file.start())
	}
	first, err := a.clock.wait(ctx, len(pcm)/Channels)
	if err != nil {
		return time.Time{}, err
	}
	if err := a.fill(pcm, first); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", a.file.Name(), err)
	}
	return a.clock.at(first), nil
}

// fill writes the samples from first on: the file's, or silence where it has
// none.
func (a *fileAudio) fill(pcm []int16, first int64) error {
	clear(pcm)
	end := first + int64(len(pcm)/Channels)
	for {
		a.skip(first)
		if len(a.rest) > 0 {
			if a.at >= end {
				return nil
			}
			to := pcm[(a.at-first)*Channels:]
			n := copy(to, a.rest)
			a.rest = a.rest[n:]
			a.at += int64(n / Channels)
			first = a.at
			pcm = to[n:]
			if len(pcm) == 0 {
				return nil
			}
		}
		if len(a.rest) == 0 {
			if err := a.more(); err != nil {
				return err
			}
		}
	}
}

// skip drops what lies before sample first.
func (a *fileAudio) skip(first int64) {
	if n := min((first-a.at)*Channels, int64(len(a.rest))); n > 0 {
		a.rest = a.rest[n:]
		a.at += n / Channels
	}
}

// slack is how far a piece's PTS may be from the end of the one before and
// still belong right behind it: time stamps of files are rounded.
const slack = SampleRate / 50

// more reads the next piece of sound.
func (a *fileAudio) more() error {
	round := a.loop.base
	for rounds := 0; rounds < 2; {
		it, err := a.loop.next()
		if err != nil {
			return err
		}
		if it.Video == nil && len(it.Audio) > 0 {
			a.rest = it.Audio
			a.place(sampleAt(it.at), sampleAt(it.round))
			return nil
		}
		if it.Video != nil {
			it.Video.Release()
		}
		if it.round != round {
			round = it.round
			rounds++
		}
	}
	return errors.New("read file: none of its sound can be decoded")
}

// place puts a piece onto the timeline: behind the last one, unless a new
// round began or the file has a hole.
func (a *fileAudio) place(at, round int64) {
	if d := at - a.at; round != a.round || d > slack || d < -slack {
		a.at = at
	}
	a.round = round
}

func sampleAt(t time.Duration) int64 {
	return int64(t/time.Second)*SampleRate + int64(t%time.Second)*SampleRate/int64(time.Second)
}

func (a *fileAudio) Close() error {
	if a.clock != nil {
		a.clock.stop()
	}
	a.file.release()
	return a.loop.in.Close()
}
