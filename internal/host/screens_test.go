package host_test

import (
	"context"
	"image"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// terminal is a real client and the pictures that it got.
type terminal struct {
	*client.Session
	mu    sync.Mutex // guards below
	all   []received
	onAU  func(*media.AccessUnit) // may be nil
	close func()
}

// received is what is kept of a picture.
type received struct {
	screen   int
	id       uint32
	keyframe bool
	captured time.Time
}

func newTerminal(t *testing.T, url string, screens int, onAU func(*media.AccessUnit)) *terminal {
	t.Helper()
	r := &terminal{onAU: onAU}
	var err error
	r.Session, err = client.New(client.Config{
		URL: url, Screens: screens, Codecs: []media.Codec{media.CodecH264}, OnAccessUnit: r.take,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.close = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(r.close)
	for k := range screens {
		r.until(t, k, "the first picture", func(p []received) bool { return len(p) > 0 })
	}
	return r
}

func (r *terminal) take(au *media.AccessUnit) {
	defer au.Release()
	if r.onAU != nil {
		r.onAU(au)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, received{au.Screen, au.FrameID, au.Keyframe, au.Timing.Captured})
}

// pictures returns what came of a screen.
func (r *terminal) pictures(screen int) (of []received) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.all {
		if p.screen == screen {
			of = append(of, p)
		}
	}
	return of
}

// until waits until the pictures of a screen are as ok says and returns them.
func (r *terminal) until(t *testing.T, screen int, what string, ok func([]received) bool) (of []received) {
	t.Helper()
	hosttest.Until(t, what, func() bool {
		of = r.pictures(screen)
		return ok(of)
	})
	return of
}

// more waits for n pictures from now on and returns them.
func (r *terminal) more(t *testing.T, screen, n int) []received {
	t.Helper()
	from := len(r.pictures(screen))
	return r.until(t, screen, "more pictures", func(p []received) bool { return len(p) >= from+n })[from:]
}

func opened(h *hosttest.Host, width, height, fps int) bool {
	return slices.ContainsFunc(h.Encoders.Opened(), func(c host.EncoderConfig) bool {
		return c.Width == width && c.Height == height && c.FPS == fps
	})
}

func TestLayoutMakesTheScreens(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	r := newTerminal(t, h.URL, 2, nil)
	before := h.Source.Screens()
	r.SetLayout([]wire.Placement{
		{Index: 1, Connected: true, Width: 480, Height: 270, MilliHz: 20_000},
		{Index: 0, Connected: true, Primary: true, X: 480, Y: -10, Width: 640, Height: 360, MilliHz: 59_940},
	})
	hosttest.Until(t, "both encoders follow", func() bool { return opened(h, 640, 360, 60) && opened(h, 480, 270, 20) })
	if s := h.Source.Screens(); s[0].Bounds != image.Rect(480, -10, 1120, 350) || s[1].Bounds != image.Rect(0, 0, 480, 270) {
		t.Errorf("Screens() = %+v; want them where the layout has them", s)
	}
	hosttest.Until(t, "the terminal is told", func() bool {
		st := h.Summary().Screens
		return st[0].MilliFPS == 59_940 && st[1].Width == 480
	})
	r.more(t, 0, 10)
	r.more(t, 1, 5)
	r.close()
	hosttest.Until(t, "the screens are as before", func() bool { return slices.Equal(h.Source.Screens(), before) })
}

func TestPausedScreen(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	r := newTerminal(t, h.URL, 2, nil)
	both := []wire.Placement{
		{Index: 0, Connected: true, Width: hosttest.Width, Height: hosttest.Height},
		{Index: 1, Connected: true, Width: hosttest.Width, Height: hosttest.Height},
	}
	r.SetLayout(both[:1])
	hosttest.Until(t, "the layout is acted on", func() bool { return h.Summary().Terminal.Layouts == 1 })
	r.more(t, 0, 5) // whatever was on the way has come
	encoded := h.Summary().Screens[1].Encoded
	before := r.pictures(1)
	if r.more(t, 0, 30); len(r.pictures(1)) != len(before) || h.Summary().Screens[1].Encoded != encoded {
		t.Errorf("the paused screen sent %d pictures and encoded %d; want none",
			len(r.pictures(1))-len(before), h.Summary().Screens[1].Encoded-encoded)
	}
	r.SetLayout(both)
	back := r.more(t, 1, 10)
	if !back[0].keyframe || back[0].id != before[len(before)-1].id+1 {
		t.Errorf("first picture of the resumed screen = %+v after %+v; want a keyframe with the next number", back[0], before[len(before)-1])
	}
	// An output without a size shows nothing, whatever its flag says.
	both[1].Width = 0
	r.SetLayout(both)
	hosttest.Until(t, "the layout is acted on", func() bool { return h.Summary().Terminal.Layouts == 3 })
	r.more(t, 0, 5)
	n := len(r.pictures(1))
	if r.more(t, 0, 15); len(r.pictures(1)) != n {
		t.Errorf("a screen of no width sent %d pictures; want none", len(r.pictures(1))-n)
	}
}

// All screens may be off, as when the person is away.
func TestAllScreensPaused(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := newTerminal(t, h.URL, 1, nil)
	r.SetLayout(nil)
	hosttest.Until(t, "the layout is acted on", func() bool { return h.Summary().Terminal.Layouts == 1 })
	r.SetLayout([]wire.Placement{{Connected: true, Width: hosttest.Width, Height: hosttest.Height}})
	if p := r.more(t, 0, 3); !p[0].keyframe && !p[1].keyframe { // one may still have been on the way
		t.Errorf("pictures after the pause = %+v; want a keyframe", p)
	}
}

func TestDecoderOf4K(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Width: 3840, Height: 2160, FPS: 5})
	r := newTerminal(t, h.URL, 1, nil)
	r.SetDecoders([]wire.Decoder{{Codec: media.CodecH264, Hardware: true, MaxWidth: 2048, MaxHeight: 1088, MacroblocksPerSecond: 8160 * 60}})
	hosttest.Until(t, "the encoder makes what can be decoded", func() bool { return opened(h, 1934, 1088, 5) })
	r.more(t, 0, 2)
	sum := h.Summary()
	if d := sum.Terminal.Decoders; len(d) != 1 || d[0].Codec != "H264" || !d[0].Hardware || d[0].MaxWidth != 2048 {
		t.Errorf("summary's decoders = %+v; want what the terminal said", d)
	}
	r.SetDecoders([]wire.Decoder{{Codec: media.CodecH264}}) // better again
	hosttest.Until(t, "the encoder makes all again", func() bool {
		all := h.Encoders.Opened()
		return all[len(all)-1].Width == 3840
	})
}

func TestLimitOfRate(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := newTerminal(t, h.URL, 1, nil)
	r.SetLimit(wire.Limit{Screen: 0, MaxWidth: 160, MaxMilliFPS: 10_000})
	hosttest.Until(t, "the encoder follows", func() bool { return opened(h, 160, 90, 10) })
	p := r.more(t, 0, 15)[5:] // some may have been on the way
	if skipped := p[9].id - p[0].id - 9; skipped > 3 {
		t.Errorf("%d of ten pictures are missing: %+v; want no gap for what was not due", skipped, p)
	}
	if d := p[9].captured.Sub(p[0].captured); d < 800*time.Millisecond {
		t.Errorf("ten pictures in %v; want 10 a second", d)
	}
	limit := host.LimitSummary{MaxWidth: 160, MaxMilliFPS: 10_000}
	if l := h.Summary().Terminal.Limits; len(l) != 1 || l[0] != limit {
		t.Errorf("summary's limits = %+v; want %+v", l, limit)
	}
}

// However fast layouts come, two a second are acted on, and the newest stays.
func TestLayoutsAreFew(t *testing.T) {
	var fake *arrangeable
	r := newRig(t, 1, func(c *host.Config) {
		fake = &arrangeable{Source: c.Source, asked: make(chan []source.Placement, 300)}
		c.Source = fake
	})
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	start := time.Now()
	for i := range 200 {
		b := wire.AppendLayout(nil, []wire.Placement{{Connected: true, Width: uint16(1000 + i), Height: 65535, MilliHz: 1}})
		if err := p.control.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	n := 1
	for ; within(t, fake.asked, "a layout")[0].Bounds.Dx() != 1199; n++ {
	}
	if most := int(time.Since(start)/(500*time.Millisecond)) + 1; n > most {
		t.Errorf("%d layouts acted on in %v; want at most %d", n, time.Since(start), most)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if last := within(t, fake.asked, "the end"); last != nil {
		t.Errorf("Arrange(%v) at the end; want nil, as before", last)
	}
}

// arrangeable is a source that notes what it is asked for.
type arrangeable struct {
	source.Source
	asked chan []source.Placement
}

func (a *arrangeable) Arrange(all []source.Placement) error { a.asked <- all; return nil }

// A source that cannot be arranged is scaled to fit, and one that must not is
// not asked.
func TestFixedScreens(t *testing.T) {
	var fake *arrangeable
	var sizes sync.Map
	r := newRig(t, 1, func(c *host.Config) {
		fake = &arrangeable{Source: c.Source, asked: make(chan []source.Placement, 1)}
		c.Source, c.FixedScreens = fake, true
		c.NewScaler = func() host.Scaler { return hosttest.NearestScaler{} }
		open := c.OpenEncoder
		c.OpenEncoder = func(e host.EncoderConfig) (host.Encoder, error) {
			sizes.Store([3]int{e.Width, e.Height, e.FPS}, true)
			return open(e)
		}
	})
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	if err := p.control.Send(wire.AppendLayout(nil, []wire.Placement{{Connected: true, Width: 640, Height: 480, MilliHz: 30_000}})); err != nil {
		t.Fatal(err)
	}
	hosttest.Until(t, "fewer pictures are sent", func() bool { _, ok := sizes.Load([3]int{64, 64, 30}); return ok })
	if len(fake.asked) != 0 {
		t.Error("the source was arranged; want it left alone")
	}
}

func TestPhaseOfASession(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := newTerminal(t, h.URL, 1, nil)
	const period = time.Second / hosttest.FPS
	for range 2 { // wherever the pictures are now, half a period away
		wanted := r.more(t, 0, 1)[0].captured.Add(period / 2)
		r.SetPhase(0, wanted, period)
		hosttest.Until(t, "pictures are captured as wished", func() bool {
			p := r.pictures(0)
			good := 0
			for _, one := range p[max(len(p)-10, 0):] {
				off := one.captured.Sub(wanted) % period
				if min(off.Abs(), period-off.Abs()) < 2*time.Millisecond {
					good++
				}
			}
			return good >= 8
		})
	}
	sum := h.Summary()
	if sum.Terminal.Phases != 2 || sum.Screens[0].PhaseError.N == 0 {
		t.Errorf("summary has %d phases and %d errors of phase; want both wishes and their pictures", sum.Terminal.Phases, sum.Screens[0].PhaseError.N)
	}
}

// A terminal that changes its mind with every message costs an encoder twice a
// second, not more.
func TestFloodOfWishes(t *testing.T) {
	var opened atomic.Int32
	r := newRig(t, 1, func(c *host.Config) {
		open := c.OpenEncoder
		c.OpenEncoder = func(e host.EncoderConfig) (host.Encoder, error) {
			opened.Add(1)
			return open(e)
		}
	})
	p := newPeer(t, 1, webrtc.MimeTypeH264)
	p.connect(t, r.url)
	p.hello(t)
	start := time.Now()
	for i := range 3000 {
		b := wire.AppendLimit(nil, wire.Limit{Screen: wire.AllScreens, MaxMilliFPS: uint32(20_000 + 1000*(i%30))})
		b = wire.AppendDecoders(b, []wire.Decoder{{Codec: media.CodecH264, MacroblocksPerSecond: uint32(i)}})
		b = wire.AppendPhase(b, wire.Phase{Screen: uint8(i), At: time.Unix(0, int64(i)<<52), Period: time.Duration(i)})
		if err := p.control.Send(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.control.Send(wire.AppendLimit(nil, wire.Limit{Screen: 0, MaxMilliFPS: 7000})); err != nil {
		t.Fatal(err)
	}
	hosttest.Until(t, "the newest is followed", func() bool {
		s := r.server.Summary("", "").Screens[0]
		return s.MilliFPS == 7000
	})
	if most := int32(time.Since(start)/(500*time.Millisecond)) + 2; opened.Load() > most {
		t.Errorf("%d encoders opened in %v; want at most %d", opened.Load(), time.Since(start), most)
	}
}

func TestMalformedWishes(t *testing.T) {
	for name, b := range map[string][]byte{
		"DECODERS": {byte(wire.MessageDecoders), 0, 2, 0, 1, 10},
		"LIMIT":    {byte(wire.MessageLimit), 0, 1, 0, 0},
		"LAYOUT":   {byte(wire.MessageLayout), 0, 2, 0, 1, 27},
		"PHASE":    {byte(wire.MessagePhase), 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1, nil)
			p := newPeer(t, 1, webrtc.MimeTypeH264)
			p.connect(t, r.url)
			p.hello(t)
			if err := p.control.Send(b); err != nil {
				t.Fatal(err)
			}
			if got := p.bye(t); got.Code != wire.ByeProtocolError {
				t.Errorf("BYE after a malformed %s = %+v; want %v", name, got, wire.ByeProtocolError)
			}
		})
	}
}
