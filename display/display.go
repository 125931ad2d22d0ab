// Package display holds what the ways of showing pictures share: their
// configuration, the commands a person gives to the window instead of to the
// host, the figures they keep, and the mailbox that a picture waits in. It
// shows nothing itself: display/sdl opens windows on a PC, display/null only
// records, and display/ui draws the words.
//
// A [Mailbox] may be used from any goroutine; it starts none and never blocks.
package display

import (
	"fmt"
	"log/slog"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

// MaxScreens is how many screens a display can have.
const MaxScreens = 8

// Config describes a display. The zero value is one screen in a window.
type Config struct {
	Screens int    // how many screens, 0 means 1
	Title   string // of the windows, "" means "Shadow Terminal"
	// Width and Height are the window's size in pixels. Zero: the size of the
	// first picture, or less where that does not fit the desktop.
	Width, Height int
	Fullscreen    bool // start on the full screen, everything grabbed

	// OnInput receives what a person does over a window that has the focus.
	// It is called on the display's thread and must not block.
	OnInput func(input.Event)
	// OnFocus says whether input goes to the host. On false everything that
	// is held down must be let go at the host: no release follows.
	// It is called on the display's thread and must not block.
	OnFocus func(focused bool)
	// OnCommand receives the hot-keys, after the display did its own part.
	// It is called on the display's thread and must not block.
	OnCommand func(Command)
	// OnShown receives every frame that reached the screen, Timing.Shown set:
	// to the time of the flip where the display knows it. The frame is only
	// lent for the call, on the display's thread.
	OnShown func(*media.Frame)
	// OnOutputs is told what monitors there are, when Run begins and whenever
	// one comes, goes or changes its mode; also when the grid of its vertical
	// blanks is first known. The slice is the callee's. May be called from any
	// thread and must not block.
	OnOutputs func([]Output)

	// OnClipboard is told what other programs copied, when the person comes back
	// to a window; nil: nobody reads it. It is called on the display's thread and
	// must not block.
	OnClipboard func(text string)

	Logger *slog.Logger // nil discards
}

// WithDefaults returns c with its zero fields filled in, or says what is wrong.
func (c Config) WithDefaults() (Config, error) {
	if c.Screens == 0 {
		c.Screens = 1
	}
	if c.Title == "" {
		c.Title = "Shadow Terminal"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnInput == nil {
		c.OnInput = func(input.Event) {}
	}
	if c.OnFocus == nil {
		c.OnFocus = func(bool) {}
	}
	if c.OnCommand == nil {
		c.OnCommand = func(Command) {}
	}
	if c.OnShown == nil {
		c.OnShown = func(*media.Frame) {}
	}
	if c.OnOutputs == nil {
		c.OnOutputs = func([]Output) {}
	}
	return c, c.check()
}

func (c Config) check() error {
	if c.Screens < 0 || c.Screens > MaxScreens {
		return fmt.Errorf("display: %d screens: want 1 to %d", c.Screens, MaxScreens)
	}
	if c.Width < 0 || c.Height < 0 || (c.Width == 0) != (c.Height == 0) {
		return fmt.Errorf("display: window of %dx%d: want both sides or neither", c.Width, c.Height)
	}
	return nil
}

// Command is what a person tells the terminal itself, by hot-key or by
// closing a window.
type Command uint8

// The commands. The display has already done those marked so.
const (
	CommandQuit             Command = iota + 1 // Run returns
	CommandToggleStats                         // statistics on or off: for whoever calls SetOverlay
	CommandToggleFullscreen                    // done
	CommandToggleMouse                         // relative or absolute pointer: done
	CommandToggleGrab                          // input to the host or to the desktop: done
)

// String returns the command in words.
func (c Command) String() string {
	names := [...]string{"none", "quit", "toggle-stats", "toggle-fullscreen", "toggle-mouse", "toggle-grab"}
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("command(%d)", uint8(c))
}

// Stats is what became of the frames given to a display.
type Stats struct {
	Screens []ScreenStats
	Stray   uint64 // frames for a screen that does not exist
}

// ScreenStats is what became of one screen's frames.
type ScreenStats struct {
	Shown   uint64
	Dropped [media.NumCauses]uint64 // by media.Cause; only pacer and display occur here
	Left    uint64                  // still waited, or came, when the display ended: nobody's fault
	Late    [media.NumCauses]uint64 // shown, but over a refresh later than usual; only where flips are timed
}
