package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source/card"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestcardConfig says what the test card shows. The zero value is one screen
// of 1280x720 at 60 pictures a second, with the beep.
type TestcardConfig struct {
	Screens       int    // 1..4, default 1
	Width, Height int    // of each screen, rounded down to even; default 1280x720
	FPS           int    // default 60, at most 240
	Silent        bool   // no beep: OpenAudio gives errors.ErrUnsupported
	Busy          bool   // a part of it is noise, so that the stream uses its whole bit rate
	Title         string // default "Shadow Terminal"
}

// Testcard is a source that needs no hardware: a test picture with moving
// parts, the time, a barcode ([barcode]) and what the terminal's user does
// with keyboard and mouse, and a beep each second, when the square flashes.
type Testcard struct {
	cfg   TestcardConfig
	epoch time.Time // a full second, before anything was drawn
	input *card.Input
}

// NewTestcard checks cfg and returns the source.
func NewTestcard(cfg TestcardConfig) (*Testcard, error) {
	setDefault(&cfg.Screens, 1)
	setDefault(&cfg.Width, 1280)
	setDefault(&cfg.Height, 720)
	setDefault(&cfg.FPS, defaultFPS)
	if cfg.Title == "" {
		cfg.Title = "Shadow Terminal"
	}
	cfg.Width, cfg.Height = cfg.Width&^1, cfg.Height&^1
	if cfg.Screens < 1 || cfg.Screens > maxTestcards {
		return nil, fmt.Errorf("testcard: %d screens are not possible: use 1 to %d", cfg.Screens, maxTestcards)
	}
	if err := checkSize(cfg.Width, cfg.Height); err != nil {
		return nil, fmt.Errorf("testcard: %w", err)
	}
	if err := checkFPS(cfg.FPS); err != nil {
		return nil, fmt.Errorf("testcard: %w", err)
	}
	return &Testcard{
		cfg:   cfg,
		epoch: fullSecond(time.Now()),
		input: card.NewInput(cfg.Screens, cfg.Width, cfg.Height),
	}, nil
}

// fullSecond returns when the second of t began. Unlike Truncate it keeps the
// monotonic clock, so flash and beep stay together when the time is corrected.
func fullSecond(t time.Time) time.Time { return t.Add(-time.Duration(t.Nanosecond())) }

const (
	maxTestcards = 4
	defaultFPS   = 60
	maxFPS       = 240
	maxSide      = 4096 // what the terminal's decoder takes
)

func setDefault(v *int, value int) {
	if *v == 0 {
		*v = value
	}
}

func checkFPS(fps int) error {
	if fps < 1 || fps > maxFPS {
		return fmt.Errorf("%d pictures a second are not possible: use 1 to %d", fps, maxFPS)
	}
	return nil
}

func checkSize(width, height int) error {
	if width < barcode.MinWidth || height < barcode.MinHeight || width > maxSide || height > maxSide {
		return fmt.Errorf("size %dx%d is not possible: use %dx%d to %dx%d",
			width, height, barcode.MinWidth, barcode.MinHeight, maxSide, maxSide)
	}
	return nil
}

// Name returns "testcard".
func (t *Testcard) Name() string { return "testcard" }

// Screens returns the cards, side by side.
func (t *Testcard) Screens() []Screen {
	screens := make([]Screen, t.cfg.Screens)
	for i := range screens {
		x := i * t.cfg.Width
		screens[i] = Screen{
			Index: i, Name: fmt.Sprintf("testcard %d", i+1),
			Width: t.cfg.Width, Height: t.cfg.Height, FPS: t.cfg.FPS,
			Bounds: image.Rect(x, 0, x+t.cfg.Width, t.cfg.Height),
		}
	}
	return screens
}

// OpenVideo starts the screen's clock.
func (t *Testcard) OpenVideo(screen int) (Video, error) {
	if screen < 0 || screen >= t.cfg.Screens {
		return nil, fmt.Errorf("testcard: %w", noScreen(screen, t.cfg.Screens))
	}
	c, err := card.New(card.Config{
		Screen: screen, Screens: t.cfg.Screens, Width: t.cfg.Width, Height: t.cfg.Height,
		FPS: t.cfg.FPS, Title: t.cfg.Title, Busy: t.cfg.Busy, Input: t.input,
	})
	if err != nil {
		return nil, fmt.Errorf("testcard %d: %w", screen+1, err)
	}
	return &testcardVideo{card: c, epoch: t.epoch, pacer: newPacer(t.cfg.FPS)}, nil
}

func noScreen(screen, have int) error {
	return fmt.Errorf("screen %d does not exist: there are %d, counted from 0", screen, have)
}

// OpenAudio returns the beep.
func (t *Testcard) OpenAudio() (Audio, error) {
	if t.cfg.Silent {
		return nil, fmt.Errorf("testcard: sound is switched off: %w", errors.ErrUnsupported)
	}
	return newBeep(t.epoch), nil
}

// Injector returns the card's feedback area: input is shown, not executed.
func (t *Testcard) Injector() Injector { return t.input }

// Close does nothing: the source holds nothing.
func (t *Testcard) Close() error { return nil }

// testcardVideo is a card on a schedule.
type testcardVideo struct {
	card  *card.Card
	epoch time.Time
	pacer *pacer
}

func (v *testcardVideo) Size() (width, height int) {
	f := v.card.Frame()
	return f.Width, f.Height
}

func (v *testcardVideo) Next(ctx context.Context) (*media.Frame, error) {
	n, due, err := v.pacer.wait(ctx)
	if err != nil {
		return nil, err
	}
	return v.card.Draw(n, due.Sub(v.epoch), time.Now()), nil
}

func (v *testcardVideo) Close() error {
	v.pacer.stop()
	return nil
}
