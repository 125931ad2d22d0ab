package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/host/source/x11"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// DesktopConfig says which X11 display to capture. The zero value is all
// monitors of $DISPLAY at 60 pictures a second with the default output's sound.
type DesktopConfig struct {
	Display string // like ":0"; default $DISPLAY
	FPS     int    // default 60, at most 240
	// Regions, when not empty, are the screens, in place of the monitors.
	Regions []image.Rectangle
	// Audio is the sound server's source; default "@DEFAULT_MONITOR@", what
	// the person at the PC would hear. AudioNone sends none.
	Audio string
}

// AudioNone as an audio source means that there is no sound.
const AudioNone = "none"

// Desktop is an X11 display.
type Desktop struct {
	cfg  DesktopConfig
	name string // the display's, resolved

	before *x11.Layout // as it was before the first Arrange; nil: it is so. Arrange's

	mu      sync.Mutex      // guards below
	screens []desktopScreen // replaced, never changed
	order   []string        // monitors in the order that screens count in; nil: the display's
	rates   map[int]int     // pictures per 1000 s of screens that were arranged
}

// desktopScreen is a screen and what to capture for it.
type desktopScreen struct {
	Screen
	target x11.Target
}

// NewDesktop connects to the display once, to see what is there.
func NewDesktop(cfg DesktopConfig) (*Desktop, error) {
	setDefault(&cfg.FPS, defaultFPS)
	if cfg.Audio == "" {
		cfg.Audio = "@DEFAULT_MONITOR@"
	}
	if err := checkFPS(cfg.FPS); err != nil {
		return nil, fmt.Errorf("desktop: %w", err)
	}
	for _, r := range cfg.Regions {
		if err := checkSize(r.Dx()&^1, r.Dy()&^1); err != nil {
			return nil, fmt.Errorf("desktop: region %v: %w", r, err)
		}
	}
	d := &Desktop{cfg: cfg}
	if err := d.look(); err != nil {
		return nil, fmt.Errorf("desktop: %w", err)
	}
	return d, nil
}

// look finds the screens there are now.
func (d *Desktop) look() (err error) {
	display, err := x11.Open(d.cfg.Display)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, display.Close()) }()
	screens := d.regions()
	if len(screens) == 0 {
		monitors, err := display.Monitors()
		if err != nil {
			return err
		}
		for i, m := range d.inOrder(monitors) {
			screens = append(screens, d.describe(i, m.Name, m.Bounds, x11.Target{Monitor: m.Name}))
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.name, d.screens = display.Name(), screens
	return nil
}

func (d *Desktop) regions() []desktopScreen {
	var screens []desktopScreen
	for i, r := range d.cfg.Regions {
		screens = append(screens, d.describe(i, fmt.Sprintf("region %d", i+1), r, x11.Target{Region: r}))
	}
	return screens
}

func (d *Desktop) describe(index int, name string, bounds image.Rectangle, target x11.Target) desktopScreen {
	return desktopScreen{target: target, Screen: Screen{
		Index: index, Name: name, Bounds: bounds, FPS: rounded(d.rate(index)),
		Width: bounds.Dx() &^ 1, Height: bounds.Dy() &^ 1,
	}}
}

// known returns what look found last.
func (d *Desktop) known() (name string, screens []desktopScreen) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.name, d.screens
}

// Name returns "desktop" and the display.
func (d *Desktop) Name() string {
	name, _ := d.known()
	return "desktop " + name
}

// Screens looks at the display again. Where it cannot be reached, the screens
// are what they were: opening one tells what is wrong.
func (d *Desktop) Screens() []Screen {
	_ = d.look()
	_, found := d.known()
	screens := make([]Screen, len(found))
	for i := range found {
		screens[i] = found[i].Screen
	}
	return screens
}

// OpenVideo connects to the display again, for this screen alone.
func (d *Desktop) OpenVideo(screen int) (Video, error) {
	name, screens := d.known()
	if screen < 0 || screen >= len(screens) {
		return nil, fmt.Errorf("desktop %s: %w", name, noScreen(screen, len(screens)))
	}
	g, err := x11.NewGrabber(name, screens[screen].target)
	if err != nil {
		// The display was there when the source was made.
		return nil, fmt.Errorf("%w: %w", ErrGone, err)
	}
	return &desktopVideo{
		desktop: d, screen: screen, grabber: g, scaler: libav.NewScaler(), pacer: newPacer(d.rate(screen)),
	}, nil
}

// rate returns the pictures per 1000 s of a screen.
func (d *Desktop) rate(screen int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.rates[screen]; r > 0 {
		return r
	}
	return d.cfg.FPS * 1000
}

// inOrder puts monitors in the order of before they were arranged, so that
// a screen stays the same monitor; new ones come last.
func (d *Desktop) inOrder(monitors []x11.Monitor) []x11.Monitor {
	d.mu.Lock()
	order := d.order
	d.mu.Unlock()
	if order == nil {
		return monitors
	}
	place := func(m x11.Monitor) int {
		if i := slices.Index(order, m.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(monitors, func(a, b x11.Monitor) int { return place(a) - place(b) })
	return monitors
}

// Arrange sets the monitors' modes, places and rates through RandR. Screens
// that are parts of the display, and servers without modes to set, give
// errors.ErrUnsupported.
func (d *Desktop) Arrange(all []Placement) (err error) {
	before := d.before
	if len(all) == 0 {
		if d.before = nil; before == nil {
			return nil
		}
	}
	display, err := x11.Open(d.cfg.Display)
	if err != nil {
		return fmt.Errorf("desktop: %w", err)
	}
	defer func() { err = errors.Join(err, display.Close()) }()
	if len(all) == 0 {
		d.arranged(nil, nil)
		return display.Restore(before)
	}
	_, screens := d.known()
	heads, order, err := headsOf(all, screens)
	if err != nil {
		return fmt.Errorf("desktop: %w", err)
	}
	was, err := display.Arrange(heads)
	if err != nil {
		return fmt.Errorf("desktop: %w", err)
	}
	if before == nil {
		d.before = was
	}
	d.arranged(order, all)
	return display.Tidy(d.before, was)
}

// headsOf is what the display is asked for, and the monitors' order.
func headsOf(all []Placement, screens []desktopScreen) (heads []x11.Head, order []string, err error) {
	for _, s := range screens {
		if s.target.Monitor == "" {
			return nil, nil, fmt.Errorf("screen %d is a part of the display that was chosen: %w", s.Index, errors.ErrUnsupported)
		}
		order = append(order, s.target.Monitor)
	}
	for _, p := range all {
		if p.Screen < 0 || p.Screen >= len(screens) || !p.Connected {
			continue
		}
		even := image.Rectangle{Min: p.Bounds.Min, Max: p.Bounds.Min.Add(image.Pt(p.Bounds.Dx()&^1, p.Bounds.Dy()&^1))}
		heads = append(heads, x11.Head{Monitor: order[p.Screen], Bounds: even, MilliHz: p.MilliFPS, Primary: p.Primary})
	}
	return heads, order, nil
}

// arranged notes order and rates; open videos follow with their next picture.
func (d *Desktop) arranged(order []string, all []Placement) {
	rates := make(map[int]int)
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.Copy(rates, d.rates)
	for _, p := range all {
		if p.Connected && p.MilliFPS > 0 {
			rates[p.Screen] = min(max(p.MilliFPS, 1000), maxFPS*1000)
		}
	}
	if all == nil {
		clear(rates)
	}
	d.order, d.rates = order, rates
}

// goneIfClosed marks the end of the X server for callers that know no X.
func goneIfClosed(err error) error {
	if errors.Is(err, x11.ErrClosed) || errors.Is(err, x11.ErrNoTarget) {
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// OpenAudio records what the PC plays.
func (d *Desktop) OpenAudio() (Audio, error) {
	if d.cfg.Audio == AudioNone {
		return nil, fmt.Errorf("desktop: sound is switched off: %w", errors.ErrUnsupported)
	}
	return openPulse(d.cfg.Audio)
}

// Injector returns nil: a desktop's input goes through the operating system.
func (d *Desktop) Injector() Injector { return nil }

// Close puts the monitors back as they were; connections belong to the videos.
func (d *Desktop) Close() error { return d.Arrange(nil) }

// desktopVideo is a grabber on a schedule.
type desktopVideo struct {
	desktop *Desktop
	screen  int
	grabber *x11.Grabber
	scaler  *libav.Scaler
	pacer   *pacer
	frame   *media.Frame // nil until the first picture
}

func (v *desktopVideo) Size() (width, height int) {
	b := v.grabber.Bounds()
	return b.Dx(), b.Dy()
}

func (v *desktopVideo) MilliFPS() int { return v.pacer.rate }

func (v *desktopVideo) SetPhase(at time.Time, period time.Duration) { v.pacer.SetPhase(at, period) }

func (v *desktopVideo) Next(ctx context.Context) (*media.Frame, error) {
	v.pacer.setRate(v.desktop.rate(v.screen))
	n, _, err := v.pacer.wait(ctx)
	if err != nil {
		return nil, err
	}
	captured := time.Now()
	shot, err := v.grabber.Grab()
	if err != nil {
		return nil, goneIfClosed(err)
	}
	if v.frame == nil || v.frame.Width != shot.Width || v.frame.Height != shot.Height {
		v.frame = newPicture(v.screen, shot.Width, shot.Height)
	}
	if err := v.scaler.Scale(v.frame, shot); err != nil {
		return nil, fmt.Errorf("convert screen %d: %w", v.screen, err)
	}
	v.frame.FrameID = n
	v.frame.Timing = media.Timing{Captured: captured}
	return v.frame, nil
}

// newPicture returns a frame as Videos give them.
func newPicture(screen, width, height int) *media.Frame {
	f := media.AllocFrame(media.I420, width, height)
	f.Screen, f.Color = screen, media.BT709
	return f
}

func (v *desktopVideo) Close() error {
	v.pacer.stop()
	v.scaler.Close()
	return v.grabber.Close()
}
