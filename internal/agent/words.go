package agent

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/display/ui"
)

// silenceAfter is how long the host was not heard when the session says so.
const silenceAfter = time.Second

// onStage says in the window what is going on.
func (a *Agent) onStage(at *attempt, s client.Stage) {
	if s == client.StageLive {
		close(at.streaming)
		return // the picture says it
	}
	if s <= client.StageSignal && a.waited.Load() {
		return // why there is no session stays, until there is more to tell
	}
	a.say(ui.Status{Title: "Connecting to " + a.hostName(), Detail: "Now " + s.String() + ".", Busy: true})
	// The first picture may be there before we were told to wait for it.
	for i := range a.screens {
		if at.pictured[i].Load() {
			a.uncover(i)
		}
	}
}

// onSilence notes that the host is not heard, or is heard again, for
// watchSilence; a goroutine of the session's.
func (a *Agent) onSilence(silent bool) {
	at := a.session.Load()
	if at == nil {
		return
	}
	for {
		select {
		case at.silent <- silent:
			return
		default:
		}
		select { // older news
		case <-at.silent:
		default:
		}
	}
}

// watchSilence says for how long the host has not been heard, before the
// session gives it up. The next picture takes the words off.
func (a *Agent) watchSilence(ctx context.Context, at *attempt) {
	var (
		since time.Time
		tick  = time.NewTicker(time.Second)
		clock <-chan time.Time // nil while the host is heard
	)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case silent := <-at.silent:
			switch {
			case !silent:
				clock = nil
				continue
			case !at.live.Load() || clock != nil:
				continue
			}
			since = time.Now().Add(-silenceAfter)
			tick.Reset(time.Second)
			clock = tick.C
			a.totals.interrupted()
		case <-clock:
		}
		a.say(ui.Status{
			Title:  "The connection to " + a.hostName() + " is interrupted",
			Detail: fmt.Sprintf("Nothing has come for %d s. Waiting for it to come back.", time.Since(since).Round(time.Second)/time.Second),
			Busy:   true,
		})
	}
}

// noteTicks is how many seconds a note stays on the picture.
const noteTicks = 8

// onViewOnly notes that the host takes no input; a goroutine of the session's.
func (a *Agent) onViewOnly(reason string) {
	a.log.Warn("the session is for looking only", "reason", reason)
	if at := a.session.Load(); at != nil {
		at.note.Store(&reason)
	}
}

// drawNote shows what the person should know of a session in the corner for
// some seconds, unless the statistics are there; the goroutine of figures.
func (a *Agent) drawNote(at *attempt) {
	reason := at.note.Load()
	if reason == nil || at.noted > noteTicks || a.sign.Load() != nil {
		return
	}
	at.noted++
	for i := range a.screens {
		if a.overlay.Load() {
			return
		}
		if at.noted > noteTicks || a.session.Load() != at {
			a.display.SetOverlay(i, a.over())
			continue
		}
		a.display.SetOverlay(i, &ui.Stats{Title: "You can only look", Rows: []ui.Row{{Label: sentence(*reason)}}})
	}
	if a.session.Load() != at {
		a.forgetNote(at)
	}
}

// forgetNote takes the note of a session that has ended away.
func (a *Agent) forgetNote(at *attempt) {
	if at.note.Load() == nil || a.overlay.Load() {
		return
	}
	a.showOver()
}

// watchNetwork follows the network until ctx ends, for pause.
func (a *Agent) watchNetwork(ctx context.Context) {
	if err := a.network.Run(ctx); err != nil && ctx.Err() == nil {
		a.log.Info("changes of the network are not noticed between sessions", "err", err)
	}
}

// pause shows why there is no session and counts down to the next attempt; a
// key or a click begins it at once, which asked reports, and so does a change of the
// network. ok is false when ctx ended.
func (a *Agent) pause(ctx context.Context, err error, d time.Duration) (asked, ok bool) {
	st := a.reason(err)
	var (
		over    <-chan time.Time
		changed <-chan struct{}
		t       = time.NewTimer(d)
	)
	defer t.Stop()
	if d == untilAsked {
		st.Hint = strings.TrimSpace(st.Hint + " Press a key to connect again.")
	} else {
		st.RetryAt, over = time.Now().Add(d), t.C
		_, changed = a.network.Current()
	}
	select { // a key from before
	case <-a.pressed:
	default:
	}
	for {
		a.say(st)
		a.waited.Store(true)
		select {
		case <-over:
			return false, true
		case <-a.pressed:
			a.waited.Store(false) // who pressed it wants to see that something is done
			return true, true
		case <-changed: // another cable or address: the reason to wait may be gone
			changed = nil
			soon := min(time.Until(st.RetryAt), firstRetry)
			st.RetryAt = time.Now().Add(soon)
			t.Reset(soon)
		case <-ctx.Done():
			return false, false
		}
	}
}

// reason is why there is no session, in words.
func (a *Agent) reason(err error) ui.Status {
	what, hint := describe(err)
	st := ui.Status{Detail: sentence(what), Hint: sentence(hint)}
	switch {
	case dismissed(err):
		st.Title, st.Hint = a.hostName()+" ended the session", ""
		if a.broker != nil {
			st.Title = sentenceCase(st.Title)
		}
	case isRevoked(err):
		st.Title = "This terminal may no longer connect"
	case a.totals.sessions() > 0:
		st.Title = "The connection to " + a.hostName() + " was lost"
	default:
		st.Title = "No connection to " + a.hostName()
	}
	return st
}

// say puts words on every screen, over the last picture if there was one.
func (a *Agent) say(st ui.Status) {
	a.waited.Store(false)
	st.Page = a.totals.sessions() == 0
	for i, s := range a.screens {
		a.display.SetStatus(i, &st)
		s.covered.Store(true)
	}
}

// hostName is what the host is called in titles.
func (a *Agent) hostName() string {
	if a.broker != nil {
		return "your PC" // which machine that is today tells nobody anything
	}
	if u, err := url.Parse(a.cfg.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return "the host"
}

// sentence makes a fragment of an error presentable.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") && !strings.HasSuffix(s, "!") {
		s += "."
	}
	return sentenceCase(s)
}

// sentenceCase makes the first letter a capital.
func sentenceCase(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
