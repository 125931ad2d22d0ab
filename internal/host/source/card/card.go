package card

import (
	"fmt"
	"image"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
)

// BeepTime is how long the sound that goes with the flash lasts, and FlashTime
// the flash: both start with the second.
const (
	BeepTime  = 50 * time.Millisecond
	FlashTime = 100 * time.Millisecond
)

// Config says what a card shows. Nothing has a default.
type Config struct {
	Screen, Screens int // which of how many, from 0
	Width, Height   int // even
	FPS             int
	Title           string
	Busy            bool   // noise behind the box, so that a stream uses its whole rate
	Input           *Input // whose events are shown
}

// Card is one screen's picture.
type Card struct {
	cfg   Config
	grid  grid
	fonts fonts
	box   sprite
	bar   color

	noise      []byte // random luma, longer than the box's area is wide; nil unless Busy
	background *media.Frame
	frame      *media.Frame
	text       []byte            // scratch for formatting
	dirty      []image.Rectangle // what was drawn over the background
}

// New renders what does not move.
func New(cfg Config) (*Card, error) {
	if cfg.Width%2 != 0 || cfg.Height%2 != 0 {
		return nil, fmt.Errorf("internal error: card of %dx%d: size is odd", cfg.Width, cfg.Height)
	}
	g := grid{cfg.Width, cfg.Height}
	fonts, err := newFonts(g)
	if err != nil {
		return nil, err
	}
	background, err := drawBackground(cfg, g)
	if err != nil {
		return nil, err
	}
	box, err := newBox(cfg, g)
	if err != nil {
		return nil, err
	}
	c := &Card{
		cfg: cfg, grid: g, fonts: fonts, box: box, bar: fromRGBA(accent(cfg.Screen)),
		background: background,
		frame:      media.AllocFrame(media.I420, cfg.Width, cfg.Height),
		text:       make([]byte, 0, 256),
		dirty:      make([]image.Rectangle, 0, 32),
	}
	if cfg.Busy {
		c.noise = newNoise(g)
	}
	c.frame.Screen, c.frame.Color = cfg.Screen, media.BT709
	restore(c.frame, background, image.Rect(0, 0, cfg.Width, cfg.Height))
	return c, nil
}

// Frame returns the picture drawn last. It is the card's.
func (c *Card) Frame() *media.Frame { return c.frame }

// Draw draws picture number n. Motion and flash follow clock, the time on the
// card's schedule; captured is what the clock on the wall and the barcode say.
// The frame is the card's and changes with the next call.
func (c *Card) Draw(n uint32, clock time.Duration, captured time.Time) *media.Frame {
	for _, r := range c.dirty {
		restore(c.frame, c.background, r)
	}
	c.dirty = c.dirty[:0]
	c.drawTime(n, captured)
	c.drawFlash(clock)
	c.drawBar(n)
	c.drawNoise(n)
	c.drawBox(n)
	c.drawHand(clock)
	c.drawInput(c.cfg.Input.snapshot())
	// The code comes last: nothing, the pointer least of all, may cover it.
	// The size was checked by whoever opened the screen; a card too small for
	// a code has none.
	_ = barcode.Draw(c.frame, barcode.Payload{Frame: n, Captured: captured, Screen: uint8(c.cfg.Screen)})
	c.frame.FrameID = n
	c.frame.Timing = media.Timing{Captured: captured}
	return c.frame
}

// touch notes that r must be restored before the next picture.
func (c *Card) touch(r image.Rectangle) { c.dirty = append(c.dirty, r) }
