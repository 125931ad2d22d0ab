package selftest

import (
	"context"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/media"
)

// Parts of the package that tests call by themselves.
var (
	Survey      = survey
	DisplayWith = testDisplay
	Expected    = expected
	PSNR        = psnr
)

type (
	Screenful = screenful
	Plan      = plan
)

const LeastPSNR = leastPSNR

// PlanParts are the callbacks and modes that a display is opened with.
func PlanParts(p Plan) (shown func(*media.Frame), told func([]display.Output), modes map[string]mode.Mode) {
	return p.config.OnShown, p.config.OnOutputs, p.Modes
}

// Source is where Play reads.
type Source = source

// PlayWith is Play with other parts.
func PlayWith(ctx context.Context, cfg PlayConfig, src Source, show func(Plan) (Screenful, error), open func(media.Codec) (decode.Backend, error)) (*PlayReport, error) {
	return play(ctx, cfg, playParts{
		open: func(string) (source, error) { return src, nil },
		show: show,
		decoder: func(string, screenful, Common) (func(media.Codec) (decode.Backend, error), func() error) {
			return open, func() error { return nil }
		},
	})
}

// DrawPictures returns how to draw the test picture again and again.
func DrawPictures(screen, width, height int) (draw func(n uint32) (*media.Frame, error)) {
	p := newTestPicture(screen, width, height)
	return func(n uint32) (*media.Frame, error) {
		f := <-p.frames
		return f, p.draw(f, n)
	}
}
