package agent_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/broker"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/agent"
	nouns "github.com/blade-shadow/terminal/internal/broker"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/input"
)

// desk is a broker that says what it is told.
type desk struct {
	url string

	mu     sync.Mutex // guards below
	answer string
	bearer string
	asked  []nouns.Request
}

func startDesk(t *testing.T, answer string) *desk {
	t.Helper()
	d := &desk{answer: answer}
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	d.url = s.URL
	return d
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(io.LimitReader(r.Body, nouns.MaxRequest))
	q, err := nouns.ParseRequest(raw)
	if err != nil || r.URL.Path != nouns.Path {
		http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, q)
	d.bearer = r.Header.Get("Authorization")
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, d.answer) // the terminal may be gone
}

// say changes the answer.
func (d *desk) say(answer string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = answer
}

// questions returns how many there were and the last one.
func (d *desk) questions() (int, nouns.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked), d.asked[len(d.asked)-1]
}

var enter = input.Event{Kind: input.KindKey, Usage: input.ButtonLeft, Down: true}

// TestBroker is the whole way: asleep, woken by a key, starting, ready, lost,
// maintained, ready again.
func TestBroker(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	ready := `{"state":"ready","whep_url":"` + h.URL + `"}`
	d := startDesk(t, `{"state":"asleep","retry_after":1}`)
	r := start(t, agent.Config{Broker: d.url, BrokerToken: "the-device", Screens: 1}, nil)
	st := r.waits(t, "that the PC is asleep", func(st ui.Status) bool { return st.Title == "Your PC is asleep" })
	if !st.Page || st.Busy || st.Hint != "Press a key to wake it." {
		t.Errorf("words = %+v; want a page that says to press a key", st)
	}
	if first := r.window.words()[0]; first.Title != "Connecting to your PC" || !first.Busy {
		t.Errorf("first words = %+v; want that it connects", first)
	}
	if _, q := d.questions(); q.Wake || q.Terminal.Screens != 1 || q.Terminal.Name != "shadow-terminal" || d.bearer != "Bearer the-device" {
		t.Errorf("question = %+v with %q; want one that wakes nobody, by the device", q, d.bearer)
	}
	d.say(`{"state":"starting","progress":40}`)
	r.window.Input(enter)
	st = r.waits(t, "that the PC starts", func(st ui.Status) bool { return st.Title == "Your PC is starting" })
	if st.Progress != 0.4 || !st.Busy {
		t.Errorf("words = %+v; want 40 %%", st)
	}
	if _, q := d.questions(); !q.Wake {
		t.Error("the key did not wake the PC")
	}
	d.say(ready)
	r.streams(t)

	d.say(`{"state":"maintenance","message":"a card is changed","ends_in":1500,"retry_after":1}`)
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	st = r.waits(t, "that the PC is maintained", func(st ui.Status) bool { return st.Title == "Your PC is being maintained" })
	if st.Page || st.Detail != "A card is changed. It should be over in about 25 minutes." || st.RetryAt.IsZero() {
		t.Errorf("words = %+v; want a notice over the last picture, with when", st)
	}
	hosttest.Start(t, hosttest.Config{Listen: h.Listen})
	d.say(ready)
	r.streams(t)
	if _, q := d.questions(); q.Wake {
		t.Error("a question after a lost session wakes the PC; want that a key does")
	}
	r.cancel()
	if err := r.end(); err != nil {
		t.Errorf("Run() = %v; want nil", err)
	}
	sum := r.balance(t)
	if sum.Sessions != 2 || sum.Reconnects < 1 || sum.Broker == nil || sum.Broker.Waits < 3 || sum.Broker.WaitS <= 0 || !strings.Contains(sum.String(), "broker") {
		t.Errorf("Summary() = %+v, %+v; want two sessions and what was asked", sum, sum.Broker)
	}
}

// A terminal that was revoked asks again when a person wants it to.
func TestBrokerRevokes(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	d := startDesk(t, `{"state":"revoked","message":"It was given back."}`)
	r := start(t, agent.Config{Broker: d.url}, nil)
	isRevoked := func(st ui.Status) bool { return st.Title == "This terminal may no longer connect" }
	st := r.waits(t, "that the terminal is revoked", isRevoked)
	if !st.RetryAt.IsZero() || !strings.Contains(st.Detail, "It was given back.") || !strings.HasSuffix(st.Hint, "Press a key to connect again.") {
		t.Errorf("words = %+v; want why, and no countdown", st)
	}
	// A token of a second: the session that it begins is revoked at once.
	d.say(`{"state":"ready","whep_url":"` + h.URL + `","token":"abc","expires_in":1}`)
	r.window.Input(enter)
	r.streams(t)
	if _, q := d.questions(); q.Wake {
		// Of the questions of this session the first woke, the last renewed.
		t.Log("the token was not renewed yet")
	}
	d.say(`{"state":"revoked"}`)
	if st := r.waits(t, "that the terminal is revoked", isRevoked); st.Page {
		t.Errorf("words = %+v; want a notice over the last picture", st)
	}
	before, _ := d.questions()
	r.window.Input(input.Event{Kind: input.KindMotion, DX: 1})
	if after, _ := d.questions(); after != before {
		t.Errorf("%d questions after it was revoked; want none", after-before)
	}
}

// A host that does not know the broker's token yet is asked again soon, not
// after the time that is for wrong tokens.
func TestBrokerGrantsAgain(t *testing.T) {
	const good = "a-token-that-is-good"
	h := hosttest.Start(t, hosttest.Config{Token: good})
	d := startDesk(t, `{"state":"ready","whep_url":"`+h.URL+`","token":"old","expires_in":60}`)
	r := start(t, agent.Config{Broker: d.url}, nil)
	r.waits(t, "that the host refuses", func(st ui.Status) bool { return strings.Contains(st.Detail, "401") })
	d.say(`{"state":"ready","whep_url":"` + h.URL + `","token":"` + good + `","expires_in":60}`)
	r.streams(t)
}

// Without a broker to be reached it is said, and tried again.
func TestBrokerAway(t *testing.T) {
	d := startDesk(t, `{"state":"exploded"}`)
	r := start(t, agent.Config{Broker: d.url}, nil)
	st := r.waits(t, "that the broker is none", func(st ui.Status) bool { return st.Title == "No connection to your PC" })
	if !strings.Contains(st.Detail, "does not answer as one") || st.RetryAt.IsZero() {
		t.Errorf("words = %+v; want that the broker talks rubbish, and a countdown", st)
	}
	h := hosttest.Start(t, hosttest.Config{})
	d.say(`{"state":"ready","whep_url":"` + h.URL + `"}`)
	r.streams(t)
}

func TestBrokerWords(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	tests := []struct {
		in   broker.Status
		want ui.Status
	}{
		{broker.Status{Response: nouns.Response{State: nouns.Starting, Progress: 50}}, ui.Status{Title: "Your PC is starting", Detail: "This can take a minute.", Busy: true, Progress: 0.5}},
		{broker.Status{Response: nouns.Response{State: nouns.Starting, Message: "disks are checked"}}, ui.Status{Title: "Your PC is starting", Detail: "Disks are checked.", Busy: true}},
		{broker.Status{Response: nouns.Response{State: nouns.Asleep}, Waking: true}, ui.Status{Title: "Waking your PC", Detail: "It was asked to wake and has not answered yet.", Busy: true}},
		{broker.Status{Response: nouns.Response{State: nouns.Moved}, Broker: "b2"}, ui.Status{Title: "Your PC has moved", Detail: "Asking b2.", Busy: true}},
		{broker.Status{Response: nouns.Response{State: nouns.Maintenance}, Next: time.Minute}, ui.Status{Title: "Your PC is being maintained", RetryAt: now.Add(time.Minute), Hint: "The terminal connects by itself as soon as it is over."}},
	}
	for _, tt := range tests {
		if got := agent.BrokerWords(tt.in, now); got != tt.want {
			t.Errorf("brokerWords(%+v) = %+v; want %+v", tt.in, got, tt.want)
		}
	}
}

func TestAbout(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "about a minute", 89 * time.Second: "about a minute", 90 * time.Second: "about 2 minutes", 25*time.Minute + 10*time.Second: "about 25 minutes",
		90 * time.Minute: "about 2 hours", 20 * time.Hour: "about 20 hours", 36 * time.Hour: "about 2 days",
	} {
		if got := agent.About(d); got != want {
			t.Errorf("about(%v) = %q; want %q", d, got, want)
		}
	}
}

// A host that takes no input is shown, with a note in the corner for a while.
func TestViewOnly(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL}, nil)
	r.streams(t)
	r.ViewOnly("the host takes no input")
	hosttest.Until(t, "the note is there", func() bool {
		o := r.window.Overlay(0)
		return o != nil && o.Title == "You can only look" && o.Rows[0].Label == "The host takes no input." && r.window.Status(0) == nil
	})
	if err := h.Stop(); err != nil {
		t.Fatal(err)
	}
	hosttest.Until(t, "the note is gone with the session", func() bool { return r.window.Overlay(0) == nil })
}

// While the host is not heard the words say for how long; the next picture
// takes them off.
func TestSilence(t *testing.T) {
	h := hosttest.Start(t, hosttest.Config{})
	r := start(t, agent.Config{URL: h.URL}, nil)
	r.streams(t)
	r.Silence(true)
	said := func(words string) func() bool {
		return func() bool {
			for _, st := range r.window.words() {
				if strings.HasSuffix(st.Title, "is interrupted") && strings.Contains(st.Detail, words) && !st.Page && st.Busy {
					return true
				}
			}
			return false
		}
	}
	hosttest.Until(t, "the window says that nothing comes", said("for 1 s"))
	hosttest.Until(t, "the window says for how long", said("for 3 s"))
	r.Silence(false)
	r.streams(t)
	if sum := r.balanceLive(t); sum.Interruptions != 1 || sum.Sessions != 1 {
		t.Errorf("Summary() = %d interruptions in %d sessions; want one in one", sum.Interruptions, sum.Sessions)
	}
}

func TestBrokerConfig(t *testing.T) {
	for want, cfg := range map[string]agent.Config{
		"give one of them":           {URL: "http://pc", Broker: "https://b"},
		"broker gives that token":    {Broker: "https://b", Token: "t"},
		"there is none":              {URL: "http://pc", BrokerToken: "t"},
		"are needed together":        {Broker: "https://b", DeviceCert: "c.pem"},
		"device's certificate: open": {Broker: "https://b", DeviceCert: "c.pem", DeviceKey: "k.pem"},
		"must start with https://":   {Broker: "http://b"},
	} {
		cfg.Mute = true
		if _, err := agent.Build(cfg, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Build(%+v) = %v; want %q", cfg, err, want)
		}
	}
}
