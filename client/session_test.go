package client_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
)

// picture is what the terminal keeps of an access unit.
type picture struct {
	screen   int
	codec    media.Codec
	keyframe bool
	size     int
	timing   media.Timing
}

// terminal is a running session and what it got.
type terminal struct {
	*client.Session
	pictures chan picture // capacity 512; full drops
	taken    atomic.Uint64
	packets  atomic.Uint64 // of sound
	cancel   context.CancelFunc
	end      func() error // waits for Run's result

	mu     sync.Mutex // guards stages
	stages []client.Stage
}

// start runs a session against url until the test ends.
func start(t *testing.T, url string, change func(*client.Config)) *terminal {
	t.Helper()
	return startPatient(t, url, change, 8*time.Second)
}

// startPatient waits at most so long for the path and for a picture.
func startPatient(t *testing.T, url string, change func(*client.Config), patience time.Duration) *terminal {
	t.Helper()
	return startWith(t, url, change, func(s *client.Session) { s.SetPatience(patience, patience) })
}

// startWith prepares the session before it runs.
func startWith(t *testing.T, url string, change func(*client.Config), prepare func(*client.Session)) *terminal {
	t.Helper()
	r := &terminal{pictures: make(chan picture, 512)}
	cfg := client.Config{
		URL: url, Screens: 1, Codecs: []media.Codec{media.CodecH264, media.CodecHEVC}, Name: "test", Version: "1",
		OnAccessUnit: r.take,
		OnSound:      func([]byte, int) { r.packets.Add(1) },
		OnStage: func(s client.Stage) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.stages = append(r.stages, s)
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Session, err = client.New(cfg); err != nil {
		t.Fatal(err)
	}
	prepare(r.Session)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.cancel = cancel
	r.end = sync.OnceValue(func() error { return <-done })
	t.Cleanup(func() {
		cancel()
		_ = r.end() // looked at by the tests that care
	})
	return r
}

func (r *terminal) take(au *media.AccessUnit) {
	defer au.Release()
	r.taken.Add(1)
	select {
	case r.pictures <- picture{au.Screen, au.Codec, au.Keyframe, len(au.Data), au.Timing}:
	default:
	}
}

// failure waits for the session's end and returns why.
func (r *terminal) failure(t *testing.T) *client.Error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- r.end() }()
	err := hosttest.Within(t, done, "the session to end")
	var ce *client.Error
	if !errors.As(err, &ce) {
		t.Fatalf("Run() = %v; want a *client.Error", err)
	}
	return ce
}

func (r *terminal) keyframe(t *testing.T, screen int) picture {
	t.Helper()
	for {
		if p := hosttest.Within(t, r.pictures, "a keyframe"); p.keyframe && p.screen == screen {
			return p
		}
	}
}

func TestFirstPicture(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Sound: true})
	begin := time.Now()
	r := start(t, h.URL, nil)
	p := hosttest.Within(t, r.pictures, "the first picture")
	if !p.keyframe || p.codec != media.CodecH264 || p.size < 3000 {
		t.Errorf("first access unit = %+v; want an H264 keyframe of 3 kB", p)
	}
	stamps := []time.Time{begin, p.timing.Captured, p.timing.Encoded, p.timing.SentFirst, p.timing.Sent, p.timing.Received, time.Now()}
	for i := 1; i < len(stamps); i++ {
		// The host's figures are rounded to 10 us.
		if stamps[i].Before(stamps[i-1].Add(-20 * time.Microsecond)) {
			t.Errorf("first access unit's times = %v; want them in order", stamps)
		}
	}
	hosttest.Until(t, "sound comes", func() bool { return r.packets.Load() > 10 })
	hosttest.Until(t, "the round trip is known", func() bool { return r.RTT() > 0 })
	hosttest.Until(t, "the session is live", func() bool { return len(r.seen()) == 5 })
	want := []client.Stage{client.StageOffer, client.StageSignal, client.StageConnect, client.StagePicture, client.StageLive}
	if got := r.seen(); !slices.Equal(got, want) {
		t.Errorf("stages = %v; want %v", got, want)
	}
	r.cancel()
	if err := r.end(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run() after cancel = %v; want %v", err, context.Canceled)
	}
	st := r.Stats()
	if got := st.Screens[0]; got.Frames != r.taken.Load() || got.Keyframes != 1 || got.Bytes == 0 {
		t.Errorf("Stats() = %+v; want the %d access units taken, one a keyframe", got, r.taken.Load())
	}
	if st.Transport.Packets == 0 || st.Transport.RTTms == 0 {
		t.Errorf("Stats().Transport = %+v; want packets and a round trip", st.Transport)
	}
}

func (r *terminal) seen() []client.Stage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stages)
}

func TestKeyframeOnRequest(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, h.URL, nil)
	r.keyframe(t, 0)
	r.RequestKeyframe(-1, "no such screen")
	r.RequestKeyframe(2, "no such screen")
	r.RequestKeyframe(1, "a screen without pictures")
	r.RequestKeyframe(0, "test")
	r.keyframe(t, 0)
	if got := r.Stats().Transport.KeyframeRequests; got != 1 {
		t.Errorf("keyframe requests = %d; want 1", got)
	}
}

func TestTwoScreens(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	r := start(t, h.URL, func(c *client.Config) { c.Screens = 2 })
	got := map[int]bool{}
	for len(got) < 2 {
		if p := hosttest.Within(t, r.pictures, "a keyframe of each screen"); p.keyframe {
			got[p.screen] = true
		}
	}
	r.RequestKeyframe(1, "test")
	r.keyframe(t, 1)
}

// A host with one screen rejects the section of the second.
func TestFewerScreensThanWanted(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 1})
	r := start(t, h.URL, func(c *client.Config) { c.Screens = 2 })
	r.keyframe(t, 0)
	hosttest.Until(t, "pictures go on", func() bool { return r.taken.Load() > 10 })
	if st := r.Stats(); st.Screens[1].Frames != 0 {
		t.Errorf("second screen = %+v; want nothing", st.Screens[1])
	}
}

func TestCodecPreference(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, h.URL, func(c *client.Config) { c.Codecs = []media.Codec{media.CodecHEVC, media.CodecH264} })
	if p := r.keyframe(t, 0); p.codec != media.CodecHEVC {
		t.Errorf("codec = %v; want HEVC, which was offered first", p.codec)
	}
	if got := h.Encoders.Codecs(); !slices.Equal(got, []media.Codec{media.CodecHEVC}) {
		t.Errorf("encoders opened = %v; want one of HEVC", got)
	}
}

func TestBitrateIsTold(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	start(t, h.URL, func(c *client.Config) { c.Screens, c.BitrateBps = 2, 3_000_000 })
	hosttest.Until(t, "both encoders have the rate", func() bool {
		n := 0
		for _, bps := range h.Encoders.Rates() {
			if bps == 3_000_000 {
				n++
			}
		}
		return n >= 2 // more where congestion control lowered one and let it rise again
	})
}

func TestInputReachesHost(t *testing.T) {
	const a = input.Usage(input.PageKeyboard<<16 | 4)
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, h.URL, nil)
	key := func(u input.Usage, down bool) {
		r.Handle(input.Event{Kind: input.KindKey, Usage: u, Down: down, Time: time.Now()})
	}
	key(a, true) // before there is a channel: goes nowhere
	r.keyframe(t, 0)
	hosttest.Until(t, "input arrives", func() bool {
		r.Handle(input.Event{Kind: input.KindMotion, DX: 1, Time: time.Now()})
		dx, _ := h.Hands.Moved()
		return dx > 0
	})
	before, _ := h.Hands.Moved()
	for range 100 {
		r.Handle(input.Event{Kind: input.KindMotion, DX: -2, DY: 3, Time: time.Now()})
	}
	key(a, true)
	key(input.ButtonLeft, true)
	key(input.ButtonLeft, false)
	key(a, false)
	want := []hosttest.Key{{Usage: a, Down: true}, {Usage: input.ButtonLeft, Down: true}, {Usage: input.ButtonLeft}, {Usage: a}}
	hosttest.Until(t, "every key is there", func() bool { return len(h.Hands.Keys()) >= len(want) })
	if got := h.Hands.Keys(); !slices.Equal(got, want) {
		t.Errorf("keys = %v; want %v", got, want)
	}
	hosttest.Until(t, "the motion is there", func() bool { _, dy := h.Hands.Moved(); return dy == 300 })
	if dx, _ := h.Hands.Moved(); dx > -200+before+100 {
		t.Errorf("moved %d to the right; want about %d", dx, before-200)
	}

	// What is held is let go with the focus and with the session.
	key(a, true)
	hosttest.Until(t, "the key is down", func() bool { return len(h.Hands.Keys()) == 5 })
	r.Focus(false)
	hosttest.Until(t, "the key is up without focus", func() bool { return len(h.Hands.Keys()) == 6 })
	r.Focus(true)
	key(a, true)
	hosttest.Until(t, "the key is down again", func() bool { return len(h.Hands.Keys()) == 7 })
	r.cancel()
	_ = r.end()
	hosttest.Until(t, "the key is up after the session", func() bool { return len(h.Hands.Keys()) == 8 })
	if last := h.Hands.Keys()[7]; last.Down || last.Usage != a {
		t.Errorf("last change = %+v; want the key up", last)
	}
}

func TestHostShutsDown(t *testing.T) {
	for range 5 { // the goodbye and the end of the path race for our attention
		h := hosttest.Start(t, hosttest.Config{})
		r := start(t, h.URL, nil)
		r.keyframe(t, 0)
		// The host can say goodbye once the control channel is open.
		hosttest.Until(t, "the round trip is known", func() bool { return r.RTT() > 0 })
		if err := h.Stop(); err != nil {
			t.Fatal(err)
		}
		err := r.failure(t)
		if !errors.Is(err, client.ErrShutdown) || err.Final || err.Stage != client.StageLive || err.Hint == "" {
			t.Errorf("Run() = %#v; want %v, not final, while live, with a hint", err, client.ErrShutdown)
		}
	}
}

func TestTakenOver(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	first := start(t, h.URL, nil)
	first.keyframe(t, 0)
	hosttest.Until(t, "the round trip is known", func() bool { return first.RTT() > 0 })
	second := start(t, h.URL, nil)
	err := first.failure(t)
	if !errors.Is(err, client.ErrDismissed) || !err.Final || !strings.Contains(err.Error(), "another terminal") {
		t.Errorf("Run() = %v, final %v; want %v because of another terminal, final", err, err.Final, client.ErrDismissed)
	}
	second.keyframe(t, 0)
}

func TestHostCannotGoOn(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Broken: true})
	err := start(t, h.URL, nil).failure(t)
	// The host may be gone before its goodbye could be told.
	if err.Hint == "" || err.Stage < client.StageConnect {
		t.Errorf("Run() = %v in stage %v, hint %q; want an end after the answer, with a hint", err, err.Stage, err.Hint)
	}
}

func TestWrongToken(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Token: "0123456789abcdef"})
	err := start(t, h.URL, func(c *client.Config) { c.Bearer = func() string { return "fedcba9876543210" } }).failure(t)
	if !err.Final || err.Stage != client.StageSignal || !strings.Contains(err.Hint, "token") {
		t.Errorf("Run() = %v in stage %v, final %v, hint %q; want a final refusal that names the token", err, err.Stage, err.Final, err.Hint)
	}
	start(t, h.URL, func(c *client.Config) { c.Bearer = func() string { return "0123456789abcdef" } }).keyframe(t, 0)
}

// TestCancel ends sessions in each of their stages: they end soon, with the
// context's error, and leave nothing behind.
func TestCancel(t *testing.T) {
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	h := hosttest.Start(t, hosttest.Config{Sound: true})
	for stage := client.StageOffer; stage <= client.StageLive; stage++ {
		reached := make(chan time.Time, 1)
		ctx, cancel := context.WithCancel(t.Context())
		s, err := client.New(client.Config{
			URL: h.URL, Screens: 1, Codecs: []media.Codec{media.CodecH264},
			OnAccessUnit: func(au *media.AccessUnit) { au.Release() },
			OnStage: func(now client.Stage) {
				if now == stage {
					reached <- time.Now()
					cancel()
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run() canceled while %v = %v; want %v", stage, err, context.Canceled)
		}
		if took := time.Since(<-reached); took > 3*time.Second {
			t.Errorf("Run() canceled while %v took %v more; want it to end soon", stage, took)
		}
	}
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	hosttest.Until(t, "every goroutine has ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestNewRefuses(t *testing.T) {
	take := func(au *media.AccessUnit) { au.Release() }
	for _, cfg := range []client.Config{
		{URL: "http://pc", Screens: 0, OnAccessUnit: take},
		{URL: "http://pc", Screens: 3, OnAccessUnit: take},
		{URL: "http://pc", Screens: 1},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("New(%+v) = nil error; want a refusal", cfg)
		}
	}
}
