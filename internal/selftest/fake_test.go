package selftest_test

import (
	"context"
	"encoding/hex"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/kms"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/selftest"
)

// fakeSource is a stream of n pictures with a constant step.
type fakeSource struct {
	n    int
	step time.Duration
	live bool
	// stuck is closed by Interrupt; a stream that ended waits for it, if set.
	stuck  chan struct{}
	once   sync.Once
	next   int
	closed bool
}

func (s *fakeSource) Next() (libav.Packet, error) {
	if s.next == s.n {
		if s.stuck != nil {
			<-s.stuck
		}
		return libav.Packet{}, io.EOF
	}
	s.next++
	return libav.Packet{
		Codec: media.CodecH264, PTS: time.Duration(s.next-1) * s.step, Keyframe: s.next == 1,
		Data: []byte{0, 0, 0, 1, 9, byte(s.next)},
	}, nil
}

func (s *fakeSource) Live() bool { return s.live }

func (s *fakeSource) Interrupt() {
	if s.stuck != nil {
		s.once.Do(func() { close(s.stuck) })
	}
}

func (s *fakeSource) Close() error {
	s.closed = true
	return nil
}

// opens gives every decoder one backend.
func opens(b *decodetest.Backend) func(media.Codec) (decode.Backend, error) {
	return func(media.Codec) (decode.Backend, error) { return b, nil }
}

// fakeCard is a card whose monitors flip on a perfect grid, or on one of the
// arrivals where they are variable.
type fakeCard struct {
	outputs []display.Output
	slow    int                              // it flips on every slow-th blank, 0 is 1
	spoil   func(*image.RGBA)                // what Capture gives
	asked   map[int]mode.Rate                // by SetStream, guarded by mu
	onShown func(*media.Frame)               //
	told    func([]display.Output)           //
	boxes   [8]display.Mailbox               //
	wake    [8]chan struct{}                 //
	figures [8]display.Figures               //
	modes   []map[string]mode.Mode           // that it was opened with
	follow  func(*display.Output, mode.Mode) // takes over a mode
	mu      sync.Mutex
	last    [8]uint32 // guarded by mu
}

func (c *fakeCard) open(p selftest.Plan) (selftest.Screenful, error) {
	shown, told, modes := selftest.PlanParts(p)
	c.onShown, c.told, c.asked = shown, told, make(map[int]mode.Rate)
	c.modes = append(c.modes, modes)
	for i := range c.outputs {
		o := &c.outputs[i]
		if m, ok := modes[o.Connector]; ok && c.follow != nil {
			c.follow(o, m)
		}
		c.boxes[o.Screen] = display.Mailbox{}
		c.wake[o.Screen] = make(chan struct{}, 1)
		c.figures[o.Screen] = display.Figures{
			Wait: &metric.Latency{}, Draw: &metric.Latency{}, Flip: &metric.Latency{}, DecodedToShown: &metric.Latency{}, Interval: &metric.Latency{},
		}
	}
	return c, nil
}

func (c *fakeCard) Run(ctx context.Context) error {
	var g sync.WaitGroup
	for _, o := range c.outputs {
		if o.Width > 0 {
			g.Go(func() { c.flip(ctx, o) })
		}
	}
	c.told(c.outputs)
	g.Wait()
	<-ctx.Done()
	return nil
}

func (c *fakeCard) flip(ctx context.Context, o display.Output) {
	period := mode.FromMilliHz(o.MilliHz).Period()
	<-time.After(period / 2) // between two arrivals
	tick := time.NewTicker(period * time.Duration(max(1, c.slow)))
	defer tick.Stop()
	blank := tick.C
	if o.Variable {
		blank = nil
	}
	for {
		select {
		case <-ctx.Done():
			c.boxes[o.Screen].Close()
			return
		case <-blank:
		case <-c.wake[o.Screen]:
			if !o.Variable {
				continue
			}
		}
		if f := c.boxes[o.Screen].Take(); f != nil {
			f.Timing.Shown = time.Now()
			c.mu.Lock()
			c.last[o.Screen] = f.FrameID
			c.mu.Unlock()
			c.boxes[o.Screen].Shown()
			c.onShown(f)
			f.Release()
		}
	}
}

func (c *fakeCard) Present(f *media.Frame) {
	screen := f.Screen
	c.boxes[screen].Put(f)
	select {
	case c.wake[screen] <- struct{}{}:
	default:
	}
}

func (c *fakeCard) Stats() display.Stats {
	var st display.Stats
	for i := range c.boxes {
		st.Screens = append(st.Screens, c.boxes[i].Stats())
	}
	return st
}

func (c *fakeCard) Capabilities() kms.Capabilities {
	return kms.Capabilities{Card: "/dev/dri/card7", Driver: "fake", GL: gl.Info{Renderer: "none"}, Reason: "it is a fake"}
}

func (c *fakeCard) SetStream(screen, _, _ int, rate mode.Rate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked[screen] = rate
}

func (c *fakeCard) Modes(connector string) (kernel, tried []mode.Mode) {
	if connector != "DP-1" {
		return nil, nil
	}
	a, b := mode.CVT(640, 360, mode.Hz(60), true), mode.CVT(320, 180, mode.Hz(60), true)
	return []mode.Mode{a, b}, []mode.Mode{mode.CVT(640, 360, mode.Hz(120), true), b}
}

func (c *fakeCard) Figures(screen int) (display.Figures, bool) { return c.figures[screen], true }

func (c *fakeCard) Capture(screen int) (*image.RGBA, error) {
	c.mu.Lock()
	id := c.last[screen]
	c.mu.Unlock()
	for _, o := range c.outputs {
		if o.Screen == screen {
			img, err := selftest.Expected(screen, o.Width, o.Height, id)
			if c.spoil != nil && err == nil {
				c.spoil(img)
			}
			return img, err
		}
	}
	return nil, errors.New("no such screen")
}

// edidSample is a real monitor's.
func edidSample(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "display", "edid", "testdata", "samsung.hex"))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
