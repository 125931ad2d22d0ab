package agent

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client"
)

// showTimeout is from the first access unit to its picture.
const showTimeout = 10 * time.Second

// sessions makes one session after another until ctx ends, which is no error.
func (a *Agent) sessions(ctx context.Context) error {
	var after backoff
	asked := a.cfg.Wake
	for {
		wasLive, err := a.one(ctx, asked)
		switch {
		case ctx.Err() != nil:
			return nil
		case a.cfg.Once && (a.totals.sessions() == 0 || final(err)):
			return err
		}
		pause := after.next(err, wasLive)
		a.log.Warn("session ended", "err", err, "retry", pause)
		var ok bool
		if asked, ok = a.pause(ctx, err, pause); !ok {
			return nil
		}
	}
}

// one makes one session and stays until it ends. asked says that a person wants
// it now, wasLive that it had shown a picture.
func (a *Agent) one(ctx context.Context, asked bool) (wasLive bool, err error) {
	way, err := a.admit(ctx, asked)
	if err != nil {
		return false, err
	}
	at := &attempt{start: time.Now(), streaming: make(chan struct{}), shown: make(chan struct{}), silent: make(chan bool, 1)}
	at.mic = make(chan uint8, 4)
	at.restart, at.ended = make(chan struct{}), make(chan struct{})
	defer close(at.ended)
	at.Session, err = client.New(a.sessionConfig(way, func(s client.Stage) { a.onStage(at, s) }))
	if err != nil {
		return false, err
	}
	a.begin(at)
	g, run := errgroup.WithContext(ctx)
	g.Go(func() error { return at.Run(run) })
	g.Go(func() error { return a.watch(run, at) })
	g.Go(func() error { a.watchSilence(run, at); return nil })
	g.Go(func() error { return at.watchRestart(run) })
	g.Go(func() error { a.usb.serve(run, at); return nil })
	g.Go(func() error { a.serveVoice(run, at); return nil })
	if a.broker != nil {
		g.Go(func() error { return a.broker.Hold(run) })
	}
	err = g.Wait()
	a.totals.add(at.Stats(), func() { a.session.Store(nil) })
	a.forgetPointer()
	a.forgetNote(at)
	return at.live.Load(), a.outdated(err)
}

// sessionConfig is the same for every session but for the way to the host and
// who hears its stages.
func (a *Agent) sessionConfig(w way, onStage func(client.Stage)) client.Config {
	c := client.Config{
		URL: w.url, Bearer: w.bearer, ICEServers: w.ice(), NewICEServers: w.ice, TLS: a.cfg.TLS,
		Screens: a.cfg.Screens, Codecs: a.cfg.Codecs, BitrateBps: a.cfg.BitrateBps,
		Name: "shadow-terminal", Version: a.cfg.Version,
		OnAccessUnit: a.onAccessUnit,
		OnSound:      a.sound.push,
		OnStage:      onStage,
		OnScreen:     a.onScreen,
		OnCursor:     a.onCursor,
		OnPointer:    a.onPointer,
		OnSilence:    a.onSilence,
		OnViewOnly:   a.onViewOnly,
		KeyToChannel: &a.keyToChannel,
		OnLEDs:       a.onLEDs,
		OnFeedback:   a.onFeedback,
		Logger:       a.cfg.Logger,
	}
	if a.voice != nil {
		c.OnMic = a.onMic
	}
	if p, ok := a.display.(pasteboard); ok && a.cfg.Clipboard {
		c.OnClipboard = p.SetClipboard
	}
	return c
}

// begin makes at the session that input and focus go to.
func (a *Agent) begin(at *attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.session.Store(at)
	a.totals.begin()
	a.tellFocus()
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
