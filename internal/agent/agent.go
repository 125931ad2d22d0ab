package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// Agent is one terminal. New, Run once on the main OS thread, then Summary.
type Agent struct {
	cfg     Config
	log     *slog.Logger
	display *sdl.Display
	screens []*screen
	sound   *sound

	session atomic.Pointer[client.Session] // nil between sessions
	focused atomic.Bool
	overlay atomic.Bool
	shown   chan struct{} // capacity 1, never closed: the first picture of a session is on the screen; full means said
	pressed chan struct{} // capacity 1, never closed: a key while there is no session; full means said
	live    atomic.Bool   // a session is past its first picture

	keyToChannel metric.Latency
	events       atomic.Uint64
	started      time.Time
	totals       totals
}

// screen is one output: its decoder and its figures.
type screen struct {
	meter
	decoder *decode.Decoder
	covered atomic.Bool // words are on it, and the session's next picture takes them off
}

// New builds every part. It opens no window and no connection.
func New(cfg Config) (*Agent, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Screens = max(cfg.Screens, 1)
	if len(cfg.Codecs) == 0 {
		cfg.Codecs = []media.Codec{media.CodecH264, media.CodecHEVC}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Agent{cfg: cfg, log: cfg.Logger.With("component", "agent"), shown: make(chan struct{}, 1), pressed: make(chan struct{}, 1)}
	a.overlay.Store(cfg.Overlay)
	a.focused.Store(true)
	var err error
	if a.sound, err = newSound(cfg.Logger, cfg.Mute); err != nil {
		return nil, err
	}
	// A bad address is said before a window opens.
	if _, err := client.New(a.sessionConfig(nil)); err != nil {
		return nil, err
	}
	if a.display, err = sdl.New(a.displayConfig()); err != nil {
		return nil, err
	}
	for i := range cfg.Screens {
		s := &screen{}
		s.decoder, err = decode.New(decode.Config{
			OnFrame:      a.onFrame,
			NeedKeyframe: func(reason string) { a.requestKeyframe(i, reason) },
			Logger:       cfg.Logger,
		})
		if err != nil {
			return nil, err
		}
		a.screens = append(a.screens, s)
	}
	return a, nil
}

func (a *Agent) displayConfig() display.Config {
	return display.Config{
		Screens: a.cfg.Screens, Width: a.cfg.Width, Height: a.cfg.Height, Fullscreen: a.cfg.Fullscreen,
		OnInput: a.onInput, OnFocus: a.onFocus, OnCommand: a.onCommand, OnShown: a.onShown,
		Logger: a.cfg.Logger,
	}
}

// Run shows the host until ctx ends, the person quits, Config.Duration is
// over, or, with Config.Once, the first attempt fails.
func (a *Agent) Run(ctx context.Context) error {
	a.started = time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, run := errgroup.WithContext(ctx)
	for _, s := range a.screens {
		g.Go(func() error { return s.decoder.Run(run) })
	}
	g.Go(func() error { return a.sound.run(run) })
	g.Go(func() error { return a.sessions(run) })
	g.Go(func() error { a.figures(run); return nil })
	// The display ends with the errgroup and the errgroup with the display.
	err := a.display.Run(run)
	cancel()
	werr := g.Wait()
	if cerr := a.sound.close(); cerr != nil {
		a.log.Debug("close sound", "err", cerr)
	}
	if err == nil && !errors.Is(werr, errDone) && !errors.Is(werr, context.Canceled) {
		err = werr
	}
	return err
}

// errDone ends the errgroup when the time asked for is over.
var errDone = errors.New("done")

func (a *Agent) requestKeyframe(screen int, reason string) {
	if s := a.session.Load(); s != nil {
		s.RequestKeyframe(screen, reason)
	}
}

// onAccessUnit gives a picture to its decoder; pion's goroutine.
func (a *Agent) onAccessUnit(au *media.AccessUnit) {
	if au.Screen >= len(a.screens) {
		au.Release()
		return
	}
	s := a.screens[au.Screen]
	s.received(au)
	s.decoder.Submit(au)
}

// onFrame shows a picture; its decoder's thread.
func (a *Agent) onFrame(f *media.Frame) {
	s := a.screens[f.Screen]
	if a.session.Load() != nil && s.covered.CompareAndSwap(true, false) {
		a.display.SetStatus(f.Screen, nil)
	}
	a.display.Present(f)
}

func (a *Agent) onInput(ev input.Event) {
	a.events.Add(1)
	if s := a.session.Load(); s != nil {
		s.Handle(ev)
		return
	}
	if ev.Kind == input.KindKey && ev.Down {
		select {
		case a.pressed <- struct{}{}:
		default:
		}
	}
}

func (a *Agent) onFocus(focused bool) {
	a.focused.Store(focused)
	if s := a.session.Load(); s != nil {
		s.Focus(focused)
	}
}

func (a *Agent) onCommand(c display.Command) {
	if c != display.CommandToggleStats {
		return
	}
	on := !a.overlay.Load()
	a.overlay.Store(on)
	if !on {
		for i := range a.screens {
			a.display.SetOverlay(i, nil)
		}
	}
}

// onShown accounts for a frame that is on the screen; display's thread.
func (a *Agent) onShown(f *media.Frame) {
	if f.Screen >= len(a.screens) {
		return
	}
	a.screens[f.Screen].shown(f)
	if !a.live.Load() {
		select {
		case a.shown <- struct{}{}:
		default:
		}
	}
}

// sessionConfig is the same for every session but for who hears its stages.
func (a *Agent) sessionConfig(onStage func(client.Stage)) client.Config {
	return client.Config{
		URL: a.cfg.URL, Token: a.cfg.Token, TLS: a.cfg.TLS,
		Screens: a.cfg.Screens, Codecs: a.cfg.Codecs, BitrateBps: a.cfg.BitrateBps,
		Name: "shadow-terminal", Version: a.cfg.Version,
		OnAccessUnit: a.onAccessUnit,
		OnSound:      a.sound.push,
		OnStage:      onStage,
		KeyToChannel: &a.keyToChannel,
		Logger:       a.cfg.Logger,
	}
}

// describe makes one line of an error for the log and the window.
func describe(err error) (what, hint string) {
	var ce *client.Error
	if errors.As(err, &ce) {
		return ce.Error(), ce.Hint
	}
	return fmt.Sprint(err), ""
}
