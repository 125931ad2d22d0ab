package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/broker"
	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/netwatch"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/sysbus"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
	"github.com/blade-shadow/terminal/peripherals/chord"
	"github.com/blade-shadow/terminal/peripherals/devices"
	"github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/power"
	"github.com/blade-shadow/terminal/peripherals/thermal"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

// parts are how the pieces are made that need a machine with a screen.
type parts struct {
	openDisplay func(*Agent, display.Config) (outputs.Display, error)
	openDecoder func(media.Codec) (decode.Backend, error) // nil: what the hardware does
	showTimeout time.Duration                             // from the first access unit to its picture
	openDevice  func(path string) (*evdev.Device, error)  // nil: the kernel's
	dialBus     sysbus.Dialer                             // nil: the system's
	openUSB     func(usb.Config) redirector               // nil: the kernel's
}

// Agent is one terminal. New, Run once on the main OS thread, then Summary.
type Agent struct {
	cfg     Config
	log     *slog.Logger
	display outputs.Display
	screens []*screen
	sound   *sound
	parts   parts

	choices  *mode.Store      // what the person chose for each monitor; nil: nothing is kept
	hardware *decode.Hardware // nil with a decoder of the test's
	// accelerated says that hardware decoded something when it was tried.
	accelerated bool
	wants       wants
	pointer     pointer
	idle        *idle // nil: the monitors stay on

	broker  *broker.Client // nil: Config.URL is the host
	refused int            // sessions in a row that the host refused; of the goroutine of sessions

	network *netwatch.Watcher

	session atomic.Pointer[attempt] // nil between sessions
	waited  atomic.Bool             // the words say why there is no session
	overlay atomic.Bool
	pressed chan struct{} // capacity 1, never closed: a key while there is no session; full means said

	devices *devices.Manager // nil: a window system reads them
	chord   *chord.Watcher   // nil: nobody hears it
	power   *power.Manager   // nil with a window system
	usb     *usbDevices      // nil: they stay here
	// bluetooth answers when devices pair; nil with a window system. code is what
	// is shown for it, of its goroutine.
	bluetooth *bluetooth.Manager
	voice     *voice // nil: the host hears nothing
	sign      atomic.Pointer[ui.Stats]
	code      string
	menu      atomic.Pointer[ui.Stats]

	asking        chan struct{} // capacity 1: one question at a time
	question      atomic.Pointer[question]
	questionWords atomic.Pointer[ui.Stats]

	mu       sync.Mutex // guards focused, captured, asked and who is told of them
	focused  bool
	captured bool // what is typed is for a menu of ours
	asked    bool // what is typed answers a question

	keyToChannel metric.Latency
	events       atomic.Uint64
	started      time.Time
	totals       totals
}

// attempt is one session and what has been seen of it.
type attempt struct {
	*client.Session
	start       time.Time
	streaming   chan struct{}           // closed with its first access unit
	live        atomic.Bool             // a picture of it is on the screen
	shown       chan struct{}           // closed when live becomes true
	pictured    [MaxScreens]atomic.Bool // a picture of it was decoded
	mic         chan uint8              // capacity 4, never closed: what the host wants of the microphone
	restartOnce sync.Once               // closes restart
	note        atomic.Pointer[string]  // what the person should know of it; nil: nothing
	noted       int                     // how often that was shown; of the goroutine of figures
	restart     chan struct{}           // closed when the person wants it restarted
	ended       chan struct{}           // closed when it has ended
	silent      chan bool               // capacity 1, never closed: whether the host is not heard; the newest news
}

// made reports whether f is of this attempt. Late frames of the one before
// are still shown but must not pass for its first picture.
func (a *attempt) made(f *media.Frame) bool {
	return a != nil && !f.Timing.Received.Before(a.start)
}

// screen is one output: its decoder and its figures.
type screen struct {
	meter
	decoder *decode.Decoder
	covered atomic.Bool // words are on it, and the session's next picture takes them off
}

// New builds every part. It opens no window and no connection.
func New(cfg Config) (*Agent, error) {
	return build(cfg, parts{
		openDisplay: openDisplay,
		showTimeout: showTimeout,
	})
}

func build(cfg Config, p parts) (_ *Agent, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if len(cfg.Codecs) == 0 && p.openDecoder != nil {
		cfg.Codecs = []media.Codec{media.CodecH264, media.CodecHEVC}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Agent{cfg: cfg, log: cfg.Logger.With("component", "agent"), parts: p, pressed: make(chan struct{}, 1), asking: make(chan struct{}, 1), focused: true}
	a.totals.pictured = make(chan struct{})
	a.network = netwatch.New(a.log)
	a.wants.share = 1
	a.overlay.Store(cfg.Overlay)
	a.cfg.Display = outputs.Resolve(cfg.Display)
	if cfg.Screens == 0 {
		a.cfg.Screens = 1
		if a.cfg.Display == outputs.Card {
			a.cfg.Screens = MaxScreens // a monitor may be plugged in later
		}
	}
	// A bad address is said before a window opens.
	if err := a.openBroker(); err != nil {
		return nil, err
	}
	if a.broker == nil {
		if _, err := client.New(a.sessionConfig(way{url: cfg.URL, ice: a.ownServers}, nil)); err != nil {
			return nil, err
		}
	}
	if err := a.openChoices(); err != nil {
		return nil, err
	}
	if a.sound, err = newSound(cfg.Logger, cfg.Mute); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.sound.close())
		}
	}()
	if a.display, err = p.openDisplay(a, a.displayConfig()); err != nil {
		return nil, err
	}
	defer func() {
		if c, ok := a.display.(io.Closer); ok && err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	defer func() {
		if err != nil && a.hardware != nil {
			err = errors.Join(err, a.hardware.Close())
		}
	}()
	if p.openDecoder == nil {
		if err = a.openHardware(); err != nil {
			return nil, err
		}
		p.openDecoder = a.hardware.Open
	}
	for i := range a.cfg.Screens {
		s := &screen{}
		s.decoder, err = decode.New(decode.Config{
			Open:           p.openDecoder,
			OnFrame:        a.onFrame,
			OnCapabilities: func(all []decode.Capability) { a.onCapabilities(i, all) },
			NeedKeyframe:   func(reason string) { a.requestKeyframe(i, reason) },
			Logger:         cfg.Logger,
		})
		if err != nil {
			return nil, err
		}
		a.screens = append(a.screens, s)
	}
	a.openIdle()
	if err = a.openDevices(); err != nil {
		return nil, err
	}
	a.openUSB()
	a.openBluetooth()
	if verr := a.openVoice(); verr != nil {
		a.log.Info("the host will not hear this terminal", "err", verr)
	}
	if err = a.watchMarkers(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Agent) displayConfig() display.Config {
	c := display.Config{
		Screens: a.cfg.Screens, Width: a.cfg.Width, Height: a.cfg.Height, Fullscreen: a.cfg.Fullscreen,
		OnInput: a.onInput, OnFocus: a.onFocus, OnCommand: a.onCommand, OnShown: a.onShown, OnOutputs: a.onOutputs,
		Logger: a.cfg.Logger,
	}
	if a.cfg.Clipboard {
		c.OnClipboard = a.onCopied
	}
	return c
}

// pasteboard is a display whose window system has a clipboard.
type pasteboard interface{ SetClipboard(text string) }

// onCopied lets the host paste what was copied here; the display's thread.
func (a *Agent) onCopied(text string) {
	if at := a.session.Load(); at != nil {
		at.SetClipboard(text)
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
	g.Go(func() error { a.watchNetwork(run); return nil })
	if c, ok := a.display.(timed); ok && !a.cfg.FreeRun {
		g.Go(func() error { a.phases(run, c); return nil })
	}
	if _, ok := a.display.(console); ok {
		watch := thermal.New(thermal.Config{OnChange: a.onHeat})
		g.Go(func() error { watch.Run(run); return nil })
	}
	if c, ok := a.display.(chooser); ok && a.choices != nil {
		g.Go(func() error { a.followChoices(run, c); return nil })
	}
	if a.devices != nil {
		g.Go(func() error { return a.chord.Run(run) })
		g.Go(func() error { return a.runDevices(run) })
		g.Go(func() error { return a.power.Run(run) })
	}
	if a.bluetooth != nil {
		g.Go(func() error { return a.bluetooth.Run(run) })
	}
	if a.voice != nil {
		g.Go(func() error { return a.voice.mic.Run(run) })
	}
	if a.usb != nil {
		g.Go(func() error { a.usb.run(run); return nil })
	}
	if a.idle != nil {
		g.Go(func() error { a.idle.run(run); return nil })
	}
	if a.cfg.Duration > 0 {
		g.Go(func() error { return a.deadline(run) })
	}
	// The display ends with the errgroup and the errgroup with the display.
	err := a.display.Run(run)
	cancel()
	werr := g.Wait()
	a.stopNotes()
	a.totals.stop()
	if cerr := a.sound.close(); cerr != nil {
		a.log.Debug("close sound", "err", cerr)
	}
	if a.voice != nil {
		if cerr := a.voice.close(); cerr != nil {
			a.log.Debug("close microphone", "err", cerr)
		}
	}
	if a.hardware != nil {
		if cerr := a.hardware.Close(); cerr != nil {
			a.log.Debug("close hardware decoder", "err", cerr)
		}
	}
	if err == nil && !errors.Is(werr, errDone) {
		err = werr
	}
	return err
}

// deadline ends Run when Config.Duration has passed since the first picture,
// in a session or between two.
func (a *Agent) deadline(ctx context.Context) error {
	select {
	case <-a.totals.pictured:
	case <-ctx.Done():
		return nil
	}
	t := time.NewTimer(a.cfg.Duration)
	defer t.Stop()
	select {
	case <-t.C:
		return errDone
	case <-ctx.Done():
		return nil
	}
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
	screen, at := f.Screen, a.session.Load()
	first := at.made(f)
	// Before the words come off: a frame of the last session may still wait
	// behind them, and it must not be the one that is seen.
	a.display.Present(f)
	if first {
		at.pictured[screen].Store(true)
		a.uncover(screen)
	}
}

// uncover takes the words off a screen.
func (a *Agent) uncover(screen int) {
	if a.screens[screen].covered.CompareAndSwap(true, false) {
		a.display.SetStatus(screen, nil)
	}
}

func (a *Agent) onInput(ev input.Event) {
	a.events.Add(1)
	a.idle.touch()
	if q := a.question.Load(); q != nil {
		if a.menu.Load() == nil {
			q.handle(ev)
		}
		return
	}
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

// onFocus takes whether what the person does is meant for this program: its
// window has the focus, or its console is the one that is seen.
func (a *Agent) onFocus(focused bool) {
	if a.devices != nil {
		a.devices.Grab(focused)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.focused = focused
	a.tellFocus()
}

// hold takes whether it is meant for something of ours, which is a.captured or
// a.asked.
func (a *Agent) hold(what *bool, held bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	*what = held
	a.tellFocus()
}

// tellFocus tells the session; a.mu is held.
func (a *Agent) tellFocus() {
	if s := a.session.Load(); s != nil {
		s.Focus(a.focused && !a.captured && !a.asked)
	}
}

func (a *Agent) hasFocus() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.focused
}

func (a *Agent) onCommand(c display.Command) {
	if c != display.CommandToggleStats {
		return
	}
	on := !a.overlay.Load()
	a.overlay.Store(on)
	if !on {
		a.showOver()
	}
}

// onShown accounts for a frame that is on the screen; display's thread.
func (a *Agent) onShown(f *media.Frame) {
	if f.Screen >= len(a.screens) {
		return
	}
	a.screens[f.Screen].shown(f)
	a.idle.shown()
	a.lookAt(f)
	if at := a.session.Load(); at.made(f) && at.live.CompareAndSwap(false, true) {
		close(at.shown)
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
