package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// displayStart bounds how long an X server may take to come up on a machine
// that is busy with other things.
const displayStart = 30 * time.Second

// DisplayConfig describes an X server to start.
type DisplayConfig struct {
	Width, Height int       // pixels; default 1280x720
	Log           io.Writer // the server's standard error; may be nil
}

// Display is an X display without a monitor: an Xvfb of our own and a
// connection to it. Its methods may be called by several goroutines.
type Display struct {
	name   string // ":7"
	server *Process
	conn   *xgb.Conn
	screen *xproto.ScreenInfo
}

// StartDisplay starts Xvfb on a display number that the server picks itself,
// and returns once it takes connections.
func StartDisplay(ctx context.Context, cfg DisplayConfig) (*Display, error) {
	if err := Need("Xvfb"); err != nil {
		return nil, fmt.Errorf("start an X display: %w", err)
	}
	if cfg.Width == 0 || cfg.Height == 0 {
		cfg.Width, cfg.Height = 1280, 720
	}
	d := &Display{}
	if err := d.startServer(ctx, cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("start an X display: %w", err), d.Close())
	}
	if err := d.connect(); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to X display %s: %w", d.name, err), d.Close())
	}
	return d, nil
}

// startServer runs Xvfb and waits for the display number that it writes to
// its descriptor 3 when it is ready.
func (d *Display) startServer(ctx context.Context, cfg DisplayConfig) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	d.server, err = Start(ctx, Command{
		Path:  "Xvfb",
		Args:  []string{"-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", cfg.Width, cfg.Height), "-nolisten", "tcp", "-noreset"},
		Files: []*os.File{write},
		Log:   cfg.Log,
	})
	write.Close() // the server has its own copy
	if err != nil {
		return err
	}
	if err := read.SetReadDeadline(time.Now().Add(displayStart)); err != nil {
		return err
	}
	number, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the display number from Xvfb: %w (it said: %s)", err, lastLines(d.server.Stderr(), 3))
	}
	d.name = ":" + strings.TrimSpace(number)
	return nil
}

func (d *Display) connect() error {
	// The library reports an absent cookie file and the end of the connection
	// to its own logger. We need no cookie, and the end is ours.
	xgb.Logger.SetOutput(io.Discard)
	conn, err := xgb.NewConnDisplay(d.name)
	if err != nil {
		return err
	}
	d.conn = conn
	d.screen = xproto.Setup(conn).DefaultScreen(conn)
	return errors.Join(d.useExtension("XTEST"), d.useExtension("RANDR"))
}

// useExtension makes an extension's requests possible on the connection. The
// library's own Init functions would also write its tables of events, which
// are read by the goroutines of all connections without a lock.
func (d *Display) useExtension(name string) error {
	reply, err := xproto.QueryExtension(d.conn, uint16(len(name)), name).Reply()
	if err != nil {
		return fmt.Errorf("extension %s: %w", name, err)
	}
	if !reply.Present {
		return fmt.Errorf("extension %s: %w", name, errors.ErrUnsupported)
	}
	d.conn.ExtLock.Lock()
	defer d.conn.ExtLock.Unlock()
	d.conn.Extensions[name] = reply.MajorOpcode
	return nil
}

// Name returns the display's name, such as ":7".
func (d *Display) Name() string { return d.name }

// Size returns the root window's size in pixels.
func (d *Display) Size() (width, height int) {
	return int(d.screen.WidthInPixels), int(d.screen.HeightInPixels)
}

// Env returns the environment of a program that shall use the display.
func (d *Display) Env() []string {
	return []string{"DISPLAY=" + d.name, "WAYLAND_DISPLAY=", "XAUTHORITY=", "SDL_VIDEODRIVER=x11"}
}

// Close ends the server and with it every client. It may be called twice.
func (d *Display) Close() error {
	if d.conn != nil {
		d.conn.Close()
		d.conn = nil
	}
	if d.server == nil {
		return nil
	}
	_, err := d.server.Stop() // asked, not killed: it removes its lock file and socket
	d.server = nil
	return err
}
