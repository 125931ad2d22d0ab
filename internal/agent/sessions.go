package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/display/ui"
)

// How long to wait before the next attempt: doubling from the first to the
// longest, and longer where trying again is unlikely to help.
const (
	firstRetry   = 250 * time.Millisecond
	longestRetry = 5 * time.Second
	finalRetry   = 30 * time.Second
	showTimeout  = 10 * time.Second // from the first access unit to its picture
	untilAsked   = time.Duration(0) // when the person presses a key
)

// sessions makes one session after another until ctx ends, which is no error.
func (a *Agent) sessions(ctx context.Context) error {
	wait := firstRetry
	for {
		wasLive, err := a.one(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case a.cfg.Once && (a.totals.sessions() == 0 || final(err)):
			return err
		}
		if wasLive {
			wait = firstRetry
		}
		pause := wait
		switch {
		case errors.Is(err, client.ErrDismissed):
			pause = untilAsked
		case final(err):
			pause = finalRetry
		}
		var ce *client.Error
		if errors.As(err, &ce) {
			pause = max(pause, ce.After)
		}
		a.log.Warn("session ended", "err", err, "retry", pause)
		if !a.pause(ctx, err, pause) {
			return nil
		}
		wait = min(2*wait, longestRetry)
	}
}

// final reports whether trying the same again is unlikely to help.
func final(err error) bool {
	var ce *client.Error
	return errors.As(err, &ce) && ce.Final
}

// jitter spreads the attempts of many terminals: 80 to 120 % of d.
func jitter(d time.Duration) time.Duration {
	return d*4/5 + rand.N(d*2/5)
}

// one makes one session and stays until it ends. wasLive says that it had
// shown a picture.
func (a *Agent) one(ctx context.Context) (wasLive bool, err error) {
	at := &attempt{start: time.Now(), streaming: make(chan struct{}), shown: make(chan struct{})}
	at.Session, err = client.New(a.sessionConfig(func(s client.Stage) { a.onStage(at, s) }))
	if err != nil {
		return false, err
	}
	a.begin(at)
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return at.Run(run) })
	g.Go(func() error { return a.watch(run, at) })
	err = g.Wait()
	a.totals.add(at.Stats(), func() { a.session.Store(nil) })
	a.forgetPointer()
	return at.live.Load(), err
}

// begin makes at the session that input and focus go to.
func (a *Agent) begin(at *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session.Store(at)
	at.Focus(a.focused)
	a.renewDecoders()
	a.greet(at.Session)
}

// watch notes when the first picture is on the screen. It ends a session whose
// pictures arrive and cannot be shown.
func (a *Agent) watch(ctx context.Context, at *attempt) error {
	select {
	case <-at.shown:
	case <-at.streaming:
		if err := a.watchFirst(ctx, at); err != nil {
			return err
		}
	case <-ctx.Done():
	}
	select { // a session may end with its first picture
	case <-at.shown:
		a.totals.firstPicture(time.Since(at.start))
	default:
	}
	return nil
}

// watchFirst waits for the first picture of a stream that has begun.
func (a *Agent) watchFirst(ctx context.Context, at *attempt) error {
	t := time.NewTimer(a.parts.showTimeout)
	defer t.Stop()
	select {
	case <-at.shown:
	case <-ctx.Done():
	case <-t.C:
		return &client.Error{
			Stage: client.StagePicture, Hint: "try the other codec (--codec), and look at the log",
			Err: fmt.Errorf("the host's pictures arrive but cannot be shown, for %v", a.parts.showTimeout),
		}
	}
	return nil
}

// onStage says in the window what is going on.
func (a *Agent) onStage(at *attempt, s client.Stage) {
	if s == client.StageLive {
		close(at.streaming)
		return // the picture says it
	}
	a.say(ui.Status{Title: "Connecting to " + a.hostName(), Detail: "Now " + s.String() + ".", Busy: true})
	// The first picture may be there before we were told to wait for it.
	for i := range a.screens {
		if at.pictured[i].Load() {
			a.uncover(i)
		}
	}
}

// onSilence says that the host is not heard, before ICE gives the path up; the
// next picture takes the words off.
func (a *Agent) onSilence(silent bool) {
	at := a.session.Load()
	if !silent || at == nil || !at.live.Load() {
		return
	}
	a.say(ui.Status{Title: "The connection to " + a.hostName() + " is interrupted", Detail: "Waiting for it to come back.", Busy: true})
}

// pause shows why there is no session and counts down to the next attempt; a
// key or a click begins it at once. It returns false when ctx ended.
func (a *Agent) pause(ctx context.Context, err error, d time.Duration) bool {
	what, hint := describe(err)
	title := "No connection to " + a.hostName()
	if a.totals.sessions() > 0 {
		title = "The connection to " + a.hostName() + " was lost"
	}
	st := ui.Status{Title: title, Detail: sentence(what), Hint: sentence(hint)}
	var over <-chan time.Time
	if d == untilAsked {
		st.Title, st.Hint = a.hostName()+" ended the session", "Press a key to connect again."
	} else {
		d = jitter(d)
		st.RetryAt = time.Now().Add(d)
		t := time.NewTimer(d)
		defer t.Stop()
		over = t.C
	}
	select { // a key from before
	case <-a.pressed:
	default:
	}
	a.say(st)
	select {
	case <-over:
		return true
	case <-a.pressed:
		return true
	case <-ctx.Done():
		return false
	}
}

// say puts words on every screen, over the last picture if there was one.
func (a *Agent) say(st ui.Status) {
	st.Page = a.totals.sessions() == 0
	for i, s := range a.screens {
		a.display.SetStatus(i, &st)
		s.covered.Store(true)
	}
}

func (a *Agent) hostName() string {
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
	r := []rune(s)
	if r[0] >= 'a' && r[0] <= 'z' {
		r[0] -= 'a' - 'A'
	}
	if last := r[len(r)-1]; last != '.' && last != '?' && last != '!' {
		r = append(r, '.')
	}
	return string(r)
}
