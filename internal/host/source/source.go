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

// Phaser is a [Video] whose schedule can be moved to when its pictures are
// wanted. A source without it takes pictures when it does.
type Phaser interface {
	// SetPhase asks for pictures at at and one or several periods before and
	// after it; any goroutine may call it. The schedule moves there by a small
	// part of an interval a picture, and no picture is lost or added for it. A
	// period that does not fit the video's rate is ignored; 0 lets it run free.
	SetPhase(at time.Time, period time.Duration)
}

// Rated is a [Video] whose rate can change, or is no whole number.
type Rated interface {
	// MilliFPS returns the pictures per 1000 s of the last one given; the
	// goroutine that calls Next may call it.
	MilliFPS() int
}

// Placement is how one screen should be, because that is how the output of the
// terminal is that shows it.
type Placement struct {
	Screen    int             // from 0
	Connected bool            // false: nobody sees it; the other fields say nothing
	Primary   bool            // where new windows belong
	Bounds    image.Rectangle // on the desktop; its size is at most 4096 both ways
	MilliFPS  int             // pictures per 1000 s, 1000 to 240000; 0: as it is
	Scale     int             // how large the person wants things, in percent; 0: not said
}

// Arranger is a [Source] that can make its screens as a terminal wants them.
type Arranger interface {
	// Arrange makes the screens so, as near as the source can; screens that
	// are not named stay as they are. None at all puts everything back as it
	// was before the first call. It may block on the window system, for a
	// second at most, and returns an error wrapping errors.ErrUnsupported where
	// nothing can be changed: then nothing has been. One goroutine calls it.
	Arrange([]Placement) error
}

// Pointed is a [Source] that knows where its pointer is and what it looks like,
// which its pictures do not show.
type Pointed interface {
	// OpenPointer may be called any number of times. The error wraps
	// errors.ErrUnsupported where the source's system does not tell, and
	// [ErrGone] as those of Next do.
	OpenPointer() (Pointer, error)
}

// Pointer watches the pointer of a source. One goroutine calls Next and Close.
type Pointer interface {
	// Next blocks until the pointer has moved or changed its shape, until
	// somebody stirs it, or for [PointerPeriod], and returns how it is then; it
	// gives no more than one answer in 4 ms and one new shape in 33 ms, the
	// newest. Errors are final, but for those of ctx.
	Next(ctx context.Context) (PointerState, error)
	// Stir says that the pointer may be about to move, so that the next look
	// is soon. Any goroutine may call it; it never blocks.
	Stir()
	Close() error
}

// PointerPeriod is how long Next waits for a pointer that does not move.
const PointerPeriod = 250 * time.Millisecond

// PointerState is where the pointer is and what it looks like.
type PointerState struct {
	Screen  int       // the screen that it is over
	X, Y    uint16    // of its hot-spot, 0..65535 over the screen's picture
	Visible bool      // false: it is over none of the screens
	Moved   time.Time // when it was first seen there
	// Shape is the same as before unless it changed; nil: not known yet.
	Shape *PointerShape
}

// PointerShape is what the pointer looks like. It does not change.
type PointerShape struct {
	Width, Height int         // pixels, at most 256; both 0: there is nothing to see
	Hot           image.Point // the pixel that points
	Pix           []byte      // red, green, blue, alpha, premultiplied; without gaps
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
