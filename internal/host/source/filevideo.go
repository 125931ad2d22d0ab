package source

import (
	"context"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// maxSkip is how many pictures in a row a late caller loses; then it gets one
// that is late, so that a slow machine shows something.
const maxSkip = 30

// fileVideo plays a file's pictures when they are due.
type fileVideo struct {
	file   *File
	loop   *loop
	scaler *libav.Scaler
	scaled *media.Frame // where pictures are converted to
	held   *media.Frame // the decoder's, given to the caller as it is
	timer  *time.Timer
	n      uint32
}

func newFileVideo(f *File, in *libav.File) *fileVideo {
	return &fileVideo{
		file: f, loop: newLoop(in, f.screen.FPS), scaler: libav.NewScaler(),
		scaled: newPicture(0, f.screen.Width, f.screen.Height), timer: newTimer(),
	}
}

func (v *fileVideo) Size() (width, height int) { return v.scaled.Width, v.scaled.Height }

func (v *fileVideo) Next(ctx context.Context) (*media.Frame, error) {
	v.drop()
	picture, due, err := v.pick()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.file.Name(), err)
	}
	if err := sleepUntil(ctx, v.timer, due); err != nil {
		picture.Release()
		return nil, err
	}
	out, err := v.convert(picture)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.file.Name(), err)
	}
	out.Screen, out.FrameID = 0, v.n
	out.Timing = media.Timing{Captured: time.Now()}
	return out, nil
}

// drop gives the last picture back.
func (v *fileVideo) drop() {
	if v.held != nil {
		v.held.Release()
		v.held = nil
	}
}

// pick returns the next picture that is not already too late.
func (v *fileVideo) pick() (picture *media.Frame, due time.Time, err error) {
	start := v.file.start()
	for skipped := 0; ; {
		it, err := v.loop.next()
		if err != nil {
			return nil, time.Time{}, err
		}
		if it.Video == nil {
			continue
		}
		v.n++
		due := start.Add(it.at)
		if skipped == maxSkip || time.Since(due) < v.loop.interval {
			return it.Video, due, nil
		}
		it.Video.Release()
		skipped++
	}
}

// convert takes ownership of picture and returns it, or a converted copy.
func (v *fileVideo) convert(picture *media.Frame) (*media.Frame, error) {
	// Odd last lines are cut, not scaled away.
	if picture.Width == v.scaled.Width+1 {
		picture.Width--
	}
	if picture.Height == v.scaled.Height+1 {
		picture.Height--
	}
	asIs := picture.Width == v.scaled.Width && picture.Height == v.scaled.Height &&
		picture.Format == media.I420 && picture.Matrix() == media.BT709 && !picture.FullRange
	if asIs {
		picture.Color = media.BT709
		v.held = picture
		return picture, nil
	}
	defer picture.Release()
	return v.scaled, v.scaler.Scale(v.scaled, picture)
}

func (v *fileVideo) Close() error {
	v.drop()
	v.timer.Stop()
	v.scaler.Close()
	v.file.release()
	return v.loop.in.Close()
}
