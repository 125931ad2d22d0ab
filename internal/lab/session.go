package lab

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// SessionConfig describes a session of both programs on this machine.
type SessionConfig struct {
	Programs   Programs
	Source     string        // "testcard", "desktop" (a virtual one) or the path of a film
	Busy       bool          // the test card with noise, so that the whole bit rate is used
	Screens    int           // default 1
	Codec      string        // default: the terminal's preference
	Size       image.Point   // of each screen without a monitor; default 1280x720
	BitrateBps int           // a screen; 0: the host's default
	Duration   time.Duration // 0: until the window is closed; needs a display
	OwnDisplay bool          // windows on the display of this process, with a person at it
	Pictures   string        // path of the pictures without "-K.png"; "": none
	Log        io.Writer     // both programs' standard error
}

// Session is what a session left.
type Session struct {
	Terminal TerminalSummary
	Host     HostSummary
}

// RunSession runs both programs until the terminal ends, after Duration, when
// its window is closed or, in order and with its summary, when ctx ends.
// Without a display of its own it is also the person: it types and moves the
// mouse, and takes a picture of every window after three quarters of the time.
func RunSession(ctx context.Context, cfg SessionConfig) (_ *Session, err error) {
	if cfg.Screens == 0 {
		cfg.Screens = 1
	}
	if cfg.Size == (image.Point{}) {
		cfg.Size = image.Pt(1280, 720)
	}
	r := &runner{cfg: cfg}
	defer func() { err = errors.Join(err, r.close()) }()
	// The programs outlive ctx by the moment in which they are asked to end.
	if err := r.start(ctx, context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	if r.windows != nil {
		if err := r.live(ctx); err != nil {
			return nil, err
		}
	}
	return r.finish(ctx)
}

// runner holds what a session has started, to be ended in reverse order.
type runner struct {
	cfg      SessionConfig
	desktop  *Display // what is captured, and where input goes
	windows  *Display // where the windows are, when there is no monitor
	host     *Host
	terminal *Process
	closers  []func() error
}

func (r *runner) close() error {
	var errs []error
	for i := len(r.closers) - 1; i >= 0; i-- {
		errs = append(errs, r.closers[i]())
	}
	return errors.Join(errs...)
}

// start starts displays and programs. Waiting ends with ctx, what is started
// with life.
func (r *runner) start(ctx, life context.Context) error {
	if err := r.startDisplays(life); err != nil {
		return err
	}
	host := HostConfig{
		Source: r.cfg.Source, Busy: r.cfg.Busy, Screens: r.cfg.Screens, BitrateBps: r.cfg.BitrateBps, Display: r.desktop,
		Size: fmt.Sprintf("%dx%d", r.cfg.Size.X, r.cfg.Size.Y), Log: r.cfg.Log,
	}
	if r.cfg.OwnDisplay && r.cfg.Source == "desktop" {
		// The person's loudspeakers play the session: heard again, it would echo.
		host.Audio = "none"
	}
	var err error
	if r.host, err = r.cfg.Programs.StartHost(life, host); err != nil {
		return err
	}
	r.closers = append(r.closers, r.host.Kill)
	terminal := TerminalConfig{
		URL: r.host.URL, Display: r.windows, Screens: r.cfg.Screens, Codec: r.cfg.Codec, Duration: r.cfg.Duration, Log: r.cfg.Log,
	}
	if r.windows != nil {
		terminal.Size = host.Size // the display is made for windows of this size
	}
	r.terminal, err = r.cfg.Programs.StartTerminal(life, terminal)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, r.terminal.Kill)
	return ctx.Err()
}

// startDisplays starts the desktop that the host captures and presses keys
// on, with an application, and a display for the windows unless a person has
// one. The person's own display is never the desktop: each key pressed in the
// window would come back to the window.
func (r *runner) startDisplays(ctx context.Context) (err error) {
	wide := DisplayConfig{Width: r.cfg.Size.X * r.cfg.Screens, Height: r.cfg.Size.Y}
	if r.cfg.Source == "desktop" {
		if err := r.startDesktop(ctx, wide); err != nil {
			return err
		}
	}
	if r.cfg.OwnDisplay {
		return nil
	}
	if r.windows, err = StartDisplay(ctx, wide); err != nil {
		return err
	}
	r.closers = append(r.closers, r.windows.Close)
	return nil
}

func (r *runner) startDesktop(ctx context.Context, wide DisplayConfig) (err error) {
	if r.desktop, err = StartDisplay(ctx, wide); err != nil {
		return err
	}
	r.closers = append(r.closers, r.desktop.Close)
	if err := r.desktop.SetMonitors(r.cfg.Size, r.cfg.Screens); err != nil {
		return err
	}
	xterm, err := r.desktop.StartXterm(ctx, "")
	if err != nil {
		return err
	}
	r.closers = append(r.closers, xterm.Kill)
	return nil
}

// live is the person at the windows.
func (r *runner) live(ctx context.Context) error {
	windows, err := r.waitWindows(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.Duration*3/4)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.windows.Exercise(ctx, windows[0]) })
	g.Go(func() error {
		select {
		case <-r.terminal.Done(): // its failure is told by finish
			cancel()
		case <-ctx.Done():
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return r.pictures(windows)
}

// waitWindows waits for the terminal's windows and makes them all visible.
func (r *runner) waitWindows(ctx context.Context) ([]Window, error) {
	ctx, cancel := context.WithTimeout(ctx, displayStart)
	defer cancel()
	windows, err := r.windows.WaitWindows(ctx, r.cfg.Screens)
	if err != nil {
		return nil, fmt.Errorf("%w (the terminal's last lines: %s)", err, lastLines(r.terminal.Stderr(), 3))
	}
	return r.windows.Spread(windows)
}

func (r *runner) pictures(windows []Window) error {
	if r.cfg.Pictures == "" {
		return nil
	}
	for i, w := range windows {
		picture, err := r.windows.Picture(w)
		if err != nil {
			return err
		}
		if err := SavePNG(fmt.Sprintf("%s-%d.png", r.cfg.Pictures, i+1), picture); err != nil {
			return err
		}
	}
	return nil
}

// finish waits for the terminal's end, ends the host and reads the summaries.
func (r *runner) finish(ctx context.Context) (*Session, error) {
	code, err := r.terminal.Wait(ctx)
	if err != nil {
		code, err = r.terminal.Stop()
	}
	if err != nil {
		return nil, err
	}
	if code != 0 {
		return nil, fmt.Errorf("shadow-terminal ended with status %d: %s", code, lastLines(r.terminal.Stderr(), 3))
	}
	var s Session
	if err := r.terminal.Summary(&s.Terminal); err != nil {
		return nil, err
	}
	if code, err = r.host.Stop(); err != nil || code != 0 {
		return nil, errors.Join(fmt.Errorf("shadow-host ended with status %d: %s", code, lastLines(r.host.Stderr(), 3)), err)
	}
	return &s, r.host.Summary(&s.Host)
}

// StartXterm starts an xterm that covers the display, with a shell that knows
// no start-up file, and waits for its window. Script, where given, is run by
// the shell before it reads the keyboard.
func (d *Display) StartXterm(ctx context.Context, script string) (*Process, error) {
	if err := Need("xterm"); err != nil {
		return nil, err
	}
	width, height := d.Size()
	// A character cell of the font "fixed" is 6x13 pixels. More cells than fit
	// are asked for, so that no root window is left at the edges.
	geometry := fmt.Sprintf("%dx%d+0+0", width/6+1, height/13+1)
	p, err := Start(ctx, Command{
		Path: "xterm", Env: append(d.Env(), "ENV=", "PS1=$ "),
		Args: []string{"-fn", "fixed", "-fg", "gray90", "-bg", "#101820", "-b", "0", "-bw", "0", "-geometry", geometry, "-e", "/bin/sh", "-c", strings.TrimSpace(script + "\nexec /bin/sh")},
	})
	if err != nil {
		return nil, err
	}
	windowCtx, cancel := context.WithTimeout(ctx, displayStart)
	defer cancel()
	if _, err := d.WaitWindows(windowCtx, 1); err != nil {
		return nil, errors.Join(fmt.Errorf("start xterm: %w (its last lines: %s)", err, lastLines(p.Stderr(), 3)), p.Kill())
	}
	return p, nil
}

// HasDisplay reports whether this process has a display with a person at it.
func HasDisplay() bool {
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// BesideThisProgram returns the folder of the running executable, where the
// other programs are built to.
func BesideThisProgram() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	return filepath.Dir(path), nil
}
