package agent_test

import (
	"encoding/json"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// TestLife is a session with a host that goes away and comes back. With Once
// only the first attempt may end it.
func TestLife(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	// Some pictures are refused, so that the figures have something to add up.
	r := start(t, agent.Config{URL: h.URL, Once: true}, backend(func(au *media.AccessUnit) bool { return au.FrameID%10 == 4 }))
	r.streams(t)
	first := r.window.words()[0]
	if !first.Page || !first.Busy || first.Title != "Connecting to "+h.Listen || !strings.HasPrefix(first.Detail, "Now ") {
		t.Errorf("first words = %+v; want a busy page about connecting to %s", first, h.Listen)
	}

	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	lost := r.waits(t, "that the connection was lost", func(st ui.Status) bool { return !st.RetryAt.IsZero() })
	if lost.Page || !strings.HasSuffix(lost.Title, "was lost") || lost.Detail == "" || time.Until(lost.RetryAt) > time.Second {
		t.Errorf("words = %+v; want a notice over the last picture with a short countdown", lost)
	}
	r.waits(t, "that nobody is there", func(st ui.Status) bool { return strings.Contains(st.Detail, "Nothing is listening") })

	hosttest.Start(t, hosttest.Config{Listen: h.Listen})
	r.streams(t)
	r.cancel()
	if err := r.end(); err != nil {
		t.Errorf("Run() after cancel = %v; want nil", err)
	}
	checkLife(t, r)
}

func checkLife(t *testing.T, r *rig) {
	t.Helper()
	sum := r.balance(t)
	s := sum.Screens[0]
	if sum.Sessions != 2 || !sum.Connected() || sum.ConnectToFirstPictureMS <= 0 || sum.DurationS <= 0 {
		t.Errorf("Summary() = %+v; want two sessions", sum)
	}
	if s.Shown != uint64(len(r.window.Frames())) || s.Codec != "H264" || s.Decoder != "fake" || s.Width != 16 || s.Dropped["decoder"] == 0 {
		t.Errorf("screen = %+v; want what the window showed, and some refused", s)
	}
	// A frame that waited behind the words would have been seconds old.
	if q := s.Stages.ReceivedToShown.Quantiles(); q.Max > 1000 {
		t.Errorf("received to shown = %+v; want no frame from before the pause", q)
	}
	again := r.balance(t)
	if again.DurationS != sum.DurationS {
		t.Errorf("Summary().DurationS = %v, then %v; want it final", sum.DurationS, again.DurationS)
	}
	if raw, err := json.Marshal(sum); err != nil || !strings.Contains(string(raw), `"received_to_shown"`) {
		t.Errorf("Marshal(Summary) = %s, %v; want the stages", raw, err)
	}
	if text := sum.String(); !strings.Contains(text, "in 2 session(s)") || !strings.Contains(text, "muted") {
		t.Errorf("Summary().String() =\n%s\nwant two sessions, muted", text)
	}
}

func TestOnceFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	r := start(t, agent.Config{URL: "http://" + addr, Once: true}, nil)
	err = r.ended(t)
	var ce *client.Error
	if !errors.As(err, &ce) || err.Error() != "nothing is listening at "+addr+": connection refused" || ce.Hint == "" {
		t.Errorf("Run() = %v; want that nothing is listening, with a hint", err)
	}
	sum := r.balance(t)
	if sum.Connected() || sum.DurationS != 0 || sum.Screens[0].BitrateBps != 0 {
		t.Errorf("Summary() = %+v; want no session", sum)
	}
}

// Pictures that arrive and cannot be shown end the session.
func TestNothingToShow(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	swallow := func(*media.AccessUnit) bool { return true }
	r := start(t, agent.Config{URL: h.URL, Once: true}, func(media.Codec) (decode.Backend, error) {
		return &decodetest.Backend{Swallow: swallow}, nil
	})
	err := r.ended(t)
	var ce *client.Error
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), "cannot be shown") || ce.Hint == "" {
		t.Errorf("Run() = %v; want that pictures cannot be shown, with a hint", err)
	}
}

// Another terminal takes over: nothing happens before a key is pressed.
func TestDismissed(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	first := start(t, agent.Config{URL: h.URL}, nil)
	first.streams(t)
	second := start(t, agent.Config{URL: h.URL}, nil)
	st := first.waits(t, "that the host ended the session", func(st ui.Status) bool { return strings.HasSuffix(st.Title, "ended the session") })
	if st.Page || !st.RetryAt.IsZero() || !strings.Contains(st.Detail, "nother terminal") || st.Hint != "Press a key to connect again." {
		t.Errorf("words = %+v; want a notice without a countdown", st)
	}
	second.streams(t)
	first.window.Input(input.Event{Kind: input.KindMotion, DX: 1})
	first.window.Input(input.Event{Kind: input.KindKey, Usage: input.ButtonLeft}) // up
	if st := first.window.Status(0); st == nil || !strings.HasSuffix(st.Title, "ended the session") {
		t.Errorf("words = %+v; want them to stay until a key goes down", st)
	}
	first.window.Input(input.Event{Kind: input.KindKey, Usage: input.ButtonLeft, Down: true})
	first.streams(t)
	second.waits(t, "that the host ended the session", func(st ui.Status) bool { return strings.HasSuffix(st.Title, "ended the session") })
}

func TestDuration(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL, Duration: 300 * time.Millisecond}, nil)
	if err := r.ended(t); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	if sum := r.balance(t); sum.DurationS < 0.3 || sum.Sessions != 1 {
		t.Errorf("Summary() = %v s in %d sessions; want 0.3 s in one", sum.DurationS, sum.Sessions)
	}
}

// The time asked for ends also while the host is away.
func TestDurationWithoutHost(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL, Duration: 1500 * time.Millisecond}, nil)
	r.streams(t)
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := r.ended(t); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	r.balance(t)
}

func TestQuit(t *testing.T) {
	before := runtime.NumGoroutine()
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL}, nil)
	r.streams(t)
	r.window.Command(display.CommandQuit)
	if err := r.ended(t); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	r.balance(t)
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	hosttest.Until(t, "every goroutine has ended", func() bool { return runtime.NumGoroutine() <= before })
}

func TestOverlay(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL, Overlay: true}, nil)
	hosttest.Until(t, "the figures are there", func() bool { return r.window.Overlay(0) != nil })
	if got := r.window.Overlay(0); got.Title != "16x16 H264" || len(got.Rows) == 0 || len(got.Graph) == 0 {
		t.Errorf("figures = %+v; want those of a 16x16 H264 stream", got)
	}
	r.window.Command(display.CommandToggleStats)
	if got := r.window.Overlay(0); got != nil {
		t.Errorf("figures = %+v after they were switched off; want none", got)
	}
	r.window.Command(display.CommandToggleStats)
	hosttest.Until(t, "the figures are back", func() bool { return r.window.Overlay(0) != nil })
}

func TestTwoScreens(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{Screens: 2})
	r := start(t, agent.Config{URL: h.URL, Screens: 2}, nil)
	hosttest.Until(t, "both screens show pictures", func() bool {
		s := r.window.Stats().Screens
		return s[0].Shown > 5 && s[1].Shown > 5 && r.window.Status(0) == nil && r.window.Status(1) == nil
	})
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		hosttest.Until(t, "every screen says why the last picture stays", func() bool {
			st := r.window.Status(i)
			return st != nil && !st.Page && strings.HasSuffix(st.Title, "was lost")
		})
	}
	r.cancel()
	if err := r.end(); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	r.balance(t)
}

func TestInputReachesHost(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL}, nil)
	r.streams(t)
	const a = input.Usage(input.PageKeyboard<<16 | 4)
	// The channel may open after the first picture.
	hosttest.Until(t, "a key arrives", func() bool {
		r.window.Input(input.Event{Kind: input.KindKey, Usage: a, Down: true, Time: time.Now()})
		return len(h.Hands.Keys()) > 0
	})
	r.window.Focus(false)
	hosttest.Until(t, "it is let go with the focus", func() bool { k := h.Hands.Keys(); return !k[len(k)-1].Down })
	if sum := r.balanceLive(t); sum.Input.Events == 0 || sum.Input.KeyToChannel.Max <= 0 {
		t.Errorf("Summary().Input = %+v; want events and how long they took", sum.Input)
	}
}

// balanceLive is the summary while frames are on their way.
func (r *rig) balanceLive(t *testing.T) *agent.Summary {
	t.Helper()
	sum, err := r.Summary()
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

// Without a decoder there is nothing to try again.
func TestNoDecoder(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	want := errors.New("no decoder today")
	r := start(t, agent.Config{URL: h.URL}, func(media.Codec) (decode.Backend, error) { return nil, want })
	if err := r.ended(t); !errors.Is(err, want) {
		t.Errorf("Run() = %v; want %v", err, want)
	}
	r.balance(t)
}

func TestBuildRefuses(t *testing.T) {
	broken := errors.New("no display today")
	open := func(display.Config) (outputs.Display, error) { return nil, broken }
	for _, cfg := range []agent.Config{
		{URL: "pc.example"},
		{URL: "http://pc", Screens: 3},
		{URL: "http://pc", Width: 100},
		{URL: "http://pc"}, // the display
	} {
		cfg.Mute = true
		if _, err := agent.Build(cfg, open, nil); err == nil {
			t.Errorf("Build(%+v) = nil error; want a refusal", cfg)
		}
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		err        error
		what, hint string
	}{
		{errors.New("some cause"), "some cause", ""},
		{&client.Error{Err: errors.New("the path is gone"), Hint: "check the network"}, "the path is gone", "check the network"},
		{errors.Join(&client.Error{Err: client.ErrShutdown}), "the host is shutting down", ""},
	}
	for _, tt := range tests {
		if what, hint := agent.Describe(tt.err); what != tt.what || hint != tt.hint {
			t.Errorf("describe(%v) = %q, %q; want %q, %q", tt.err, what, hint, tt.what, tt.hint)
		}
	}
}

func TestSentence(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"a", "A."},
		{"the host is gone", "The host is gone."},
		{"Already one.", "Already one."},
		{"is it on?", "Is it on?"},
		{"écran", "écran."},
		{"192.0.2.1 is silent", "192.0.2.1 is silent."},
	}
	for _, tt := range tests {
		if got := agent.Sentence(tt.in); got != tt.want {
			t.Errorf("sentence(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
}
