package decodetest

import (
	"errors"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// Subject is what the contract is about: decode.Backend and a leak counter.
type Subject interface {
	Name() string
	Send(*media.AccessUnit) error
	Receive() (*media.Frame, error)
	Flush()
	Outstanding() int
	Close() error
}

// Contract checks what decode.Backend promises. unit returns access units of
// a stream in order, the first one a keyframe, as often as it is called.
func Contract(t *testing.T, open func() Subject, unit func(i int) *media.AccessUnit) {
	t.Helper()
	t.Run("one in, one out", func(t *testing.T) { contractOneOut(t, open(), unit) })
	t.Run("flush", func(t *testing.T) { contractFlush(t, open(), unit) })
	t.Run("close", func(t *testing.T) { contractClose(t, open(), unit) })
}

func contractOneOut(t *testing.T, b Subject, unit func(int) *media.AccessUnit) {
	defer closeIt(t, b)
	if b.Name() == "" {
		t.Error("Name() is empty")
	}
	for i := range 30 {
		au := unit(i)
		au.Screen, au.Timing.Received = 1, time.Unix(int64(i), 0)
		f := decodeOne(t, b, au)
		if f.FrameID != au.FrameID || f.RTPTime != au.RTPTime || f.Screen != 1 || f.Timing != au.Timing {
			t.Fatalf("picture %d = id %d, rtp %d, screen %d; want %d, %d, 1", i, f.FrameID, f.RTPTime, f.Screen, au.FrameID, au.RTPTime)
		}
		if f.Keyframe != au.Keyframe || !f.Timing.Decoded.IsZero() || f.Width == 0 {
			t.Fatalf("picture %d = keyframe %v, decoded %v, width %d", i, f.Keyframe, f.Timing.Decoded, f.Width)
		}
		if got := b.Outstanding(); got != 1 {
			t.Fatalf("Outstanding() = %d; want 1", got)
		}
		f.Release()
		au.Release()
	}
	if got := b.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d after every release; want 0", got)
	}
}

func contractFlush(t *testing.T, b Subject, unit func(int) *media.AccessUnit) {
	defer closeIt(t, b)
	decodeOne(t, b, unit(0)).Release()
	b.Flush()
	if _, err := b.Receive(); !errors.Is(err, libav.ErrAgain) {
		t.Errorf("Receive() after Flush = %v; want ErrAgain", err)
	}
	decodeOne(t, b, unit(0)).Release()
}

func contractClose(t *testing.T, b Subject, unit func(int) *media.AccessUnit) {
	f := decodeOne(t, b, unit(0))
	closeIt(t, b)
	closeIt(t, b)
	if err := b.Send(unit(0)); err == nil || errors.Is(err, libav.ErrAgain) {
		t.Errorf("Send() after Close = %v; want an error", err)
	}
	if _, err := b.Receive(); err == nil || errors.Is(err, libav.ErrAgain) {
		t.Errorf("Receive() after Close = %v; want an error", err)
	}
	for _, p := range f.Planes { // memory is still there
		if len(p) > 0 { // NV12 has two planes, a picture in hardware none
			_ = p[len(p)-1]
		}
	}
	f.Release()
	if got := b.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d after the last release; want 0", got)
	}
}

func decodeOne(t *testing.T, b Subject, au *media.AccessUnit) *media.Frame {
	t.Helper()
	if err := b.Send(au); err != nil {
		t.Fatalf("Send(unit %d) = %v; want nil", au.FrameID, err)
	}
	f, err := b.Receive()
	if err != nil {
		t.Fatalf("Receive() after unit %d = %v; want its picture", au.FrameID, err)
	}
	if _, err := b.Receive(); !errors.Is(err, libav.ErrAgain) {
		t.Fatalf("second Receive() = %v; want ErrAgain", err)
	}
	return f
}

func closeIt(t *testing.T, b Subject) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("Close() = %v; want nil", err)
	}
}
