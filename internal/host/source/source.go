package source

import (
	"context"
	"errors"
	"image"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

// SampleRate and Channels are the sound every Audio gives: interleaved s16.
const (
	SampleRate = 48000
	Channels   = 2
)

// ErrGone is wrapped by Next when what it captured no longer exists: the X
// server ended, the monitor was unplugged. Opening again may succeed.
var ErrGone = errors.New("source is gone")

// Screen describes one of a source's screens.
type Screen struct {
	Index         int             // from 0
	Name          string          // as a person knows it: DP-1, testcard 1, film.mkv
	Width, Height int             // of the pictures, even
	FPS           int             // pictures a second, rounded
	Bounds        image.Rectangle // on the source's desktop, for mapping absolute positions
}

// Video gives the pictures of one screen. One goroutine calls it.
type Video interface {
	// Size returns the size of the pictures in pixels, both even. It changes
	// in mid-session when the captured screen does; compare each Frame.
	Size() (width, height int)
	// Next blocks until the next picture is due and returns it: I420, BT.709,
	// limited range, with Screen, FrameID (from 1) and Timing.Captured set.
	// The frame is the Video's and valid until the next call. A caller that
	// is late gets the newest picture due, and FrameID jumps by what it missed.
	// Errors are final, but for those of ctx.
	Next(ctx context.Context) (*media.Frame, error)
	Close() error
}

// Audio gives sound at [SampleRate] with [Channels]. One goroutine calls it.
type Audio interface {
	// Read blocks until all of pcm is filled and returns when its first
	// sample was captured. len(pcm) is a multiple of Channels.
	Read(ctx context.Context, pcm []int16) (captured time.Time, err error)
	Close() error
}

// Source is where a host's screens and sound come from. Its methods may be
// called from any goroutine; each screen may be opened any number of times.
type Source interface {
	// Name returns the kind and the place, for logs: "testcard", "desktop :0".
	Name() string
	// Screens returns what there is now.
	Screens() []Screen
	OpenVideo(screen int) (Video, error)
	// OpenAudio returns an error wrapping errors.ErrUnsupported where the
	// source has no sound or was told to give none: then send none.
	OpenAudio() (Audio, error)
	// Injector returns who takes the terminal's input instead of the
	// operating system, nil when nobody does.
	Injector() Injector
	// Close frees what the source holds. Close its videos and audios first.
	Close() error
}

// Injector takes decoded input. Its methods may be called from any goroutine.
type Injector interface {
	Key(usage input.Usage, down bool) error
	Motion(dx, dy int32) error
	// Absolute moves the pointer over a screen's picture; x and y are 0..65535.
	Absolute(screen uint8, x, y uint16) error
	// Wheel turns the wheels by 1/120 of a detent: v away from the person, h
	// to the right.
	Wheel(v, h int32) error
	// Sync ends a group of changes that belong together.
	Sync() error
}
