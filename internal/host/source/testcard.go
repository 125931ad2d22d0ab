package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"sync"
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

	mu      sync.Mutex
	screens []cardScreen // guarded by mu; replaced, never changed
}

// cardScreen is a screen and how it was asked for.
type cardScreen struct {
	bounds   image.Rectangle
	milliFPS int
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
		cfg:     cfg,
		epoch:   fullSecond(time.Now()),
		input:   card.NewInput(cfg.Screens, cfg.Width, cfg.Height),
		screens: cfg.sideBySide(),
	}, nil
}

// sideBySide is the screens as they are before anybody arranges them.
func (c TestcardConfig) sideBySide() []cardScreen {
	all := make([]cardScreen, c.Screens)
	for i := range all {
		all[i] = cardScreen{image.Rect(i*c.Width, 0, (i+1)*c.Width, c.Height), c.FPS * 1000}
	}
	return all
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

// known returns the screens as they are now.
func (t *Testcard) known() []cardScreen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screens
}

// Screens returns the cards, side by side unless they were arranged.
func (t *Testcard) Screens() []Screen {
	var screens []Screen
	for i, s := range t.known() {
		screens = append(screens, Screen{
			Index: i, Name: fmt.Sprintf("testcard %d", i+1), Bounds: s.bounds,
			Width: s.bounds.Dx(), Height: s.bounds.Dy(), FPS: rounded(s.milliFPS),
		})
	}
	return screens
}

// rounded is pictures a second of pictures per 1000 s, at least one.
func rounded(milliFPS int) int { return max((milliFPS+500)/1000, 1) }

// Arrange gives the cards the sizes and rates asked for, within what a card
// can be; open videos follow with their next picture.
func (t *Testcard) Arrange(all []Placement) error {
	screens := slices.Clone(t.known())
	if len(all) == 0 {
		screens = t.cfg.sideBySide()
	}
	for _, p := range all {
		if p.Screen >= 0 && p.Screen < len(screens) && p.Connected {
			screens[p.Screen].bounds = cardBounds(p.Bounds)
			if p.MilliFPS > 0 {
				screens[p.Screen].milliFPS = min(max(p.MilliFPS, 1000), maxFPS*1000)
			}
		}
	}
	bounds := make([]image.Rectangle, len(screens))
	for i, s := range screens {
		bounds[i] = s.bounds
	}
	t.mu.Lock()
	t.screens = screens
	t.mu.Unlock()
	t.input.Place(bounds)
	return nil
}

// cardBounds is the nearest that a card can be.
func cardBounds(want image.Rectangle) image.Rectangle {
	width := min(max(want.Dx(), barcode.MinWidth), maxSide) &^ 1
	height := min(max(want.Dy(), barcode.MinHeight), maxSide) &^ 1
	return image.Rectangle{Min: want.Min, Max: want.Min.Add(image.Pt(width, height))}
}

// OpenVideo starts the screen's clock.
func (t *Testcard) OpenVideo(screen int) (Video, error) {
	if screen < 0 || screen >= t.cfg.Screens {
		return nil, fmt.Errorf("testcard: %w", noScreen(screen, t.cfg.Screens))
	}
	v := &testcardVideo{source: t, screen: screen}
	if err := v.renew(t.known()[screen]); err != nil {
		return nil, err
	}
	v.pacer = newPacer(v.is.milliFPS)
	return v, nil
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
	source *Testcard
	screen int
	is     cardScreen // what card was made for
	card   *card.Card
	pacer  *pacer
}

// renew makes the card anew.
func (v *testcardVideo) renew(s cardScreen) error {
	cfg := v.source.cfg
	c, err := card.New(card.Config{
		Screen: v.screen, Screens: cfg.Screens, Width: s.bounds.Dx(), Height: s.bounds.Dy(),
		FPS: rounded(s.milliFPS), Title: cfg.Title, Busy: cfg.Busy, Input: v.source.input,
	})
	if err != nil {
		return fmt.Errorf("testcard %d: %w", v.screen+1, err)
	}
	v.card, v.is = c, s
	return nil
}

// follow takes up what was arranged since the last picture.
func (v *testcardVideo) follow() error {
	now := v.source.known()[v.screen]
	if now.milliFPS == v.is.milliFPS && now.bounds.Size() == v.is.bounds.Size() {
		return nil
	}
	v.pacer.setRate(now.milliFPS)
	return v.renew(now)
}

func (v *testcardVideo) Size() (width, height int) {
	f := v.card.Frame()
	return f.Width, f.Height
}

func (v *testcardVideo) MilliFPS() int { return v.is.milliFPS }

func (v *testcardVideo) SetPhase(at time.Time, period time.Duration) { v.pacer.SetPhase(at, period) }

func (v *testcardVideo) Next(ctx context.Context) (*media.Frame, error) {
	if err := v.follow(); err != nil {
		return nil, err
	}
	n, due, err := v.pacer.wait(ctx)
	if err != nil {
		return nil, err
	}
	return v.card.Draw(n, due.Sub(v.source.epoch), time.Now()), nil
}

func (v *testcardVideo) Close() error {
	v.pacer.stop()
	return nil
}
