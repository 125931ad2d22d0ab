package x11

import (
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"strings"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/xproto"
)

var (
	// ErrClosed is wrapped when the X server has closed the connection.
	ErrClosed = errors.New("the X server ended or closed the connection")
	// ErrNoTarget is wrapped when the display no longer shows what is captured.
	ErrNoTarget = errors.New("nothing is there to capture")
)

// Display is a connection to an X server.
type Display struct {
	name  string
	conn  *xgb.Conn
	root  xproto.Window
	randr version // 0.0: the server has none
	// Extensions that the server has.
	shm, xfixes bool
}

type version struct{ major, minor uint32 }

func (v version) atLeast(major, minor uint32) bool {
	return v.major > major || v.major == major && v.minor >= minor
}

// Open connects to a display like ":0"; "" is $DISPLAY. The caller closes it.
func Open(name string) (*Display, error) {
	if name == "" {
		name = os.Getenv("DISPLAY")
	}
	if name == "" {
		return nil, errors.New("open X display: none is named and DISPLAY is not set: " +
			"name one, like :0, or run inside a graphical session")
	}
	// xgb tells stderr what it also returns. The logger locks itself.
	xgb.Logger.SetOutput(io.Discard)
	conn, err := xgb.NewConnDisplay(name)
	if err != nil {
		return nil, fmt.Errorf("open X display %s: %w: %s", name, err, hint(err))
	}
	d := &Display{name: name, conn: conn}
	if err := d.setup(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("open X display %s: %w", name, err)
	}
	return d, nil
}

// hint says what a person can do about an error of the connection.
func hint(err error) string {
	text := err.Error()
	switch {
	case strings.Contains(text, "bad display string"):
		return "write it like :0"
	case strings.Contains(text, "authentication refused"), strings.Contains(text, "auth protocol"):
		return "run as the user of that session, or point XAUTHORITY at its cookie file"
	}
	return "is an X server running there? (echo $DISPLAY inside the session tells its name)"
}

// setup reads what the server said at the start and asks for all extensions
// that anybody here uses: later, other connections read the tables they fill.
func (d *Display) setup() error {
	info := xproto.Setup(d.conn)
	if d.conn.DefaultScreen >= len(info.Roots) {
		return fmt.Errorf("screen %d does not exist: there are %d", d.conn.DefaultScreen, len(info.Roots))
	}
	screen := info.Roots[d.conn.DefaultScreen]
	d.root = screen.Root
	if err := checkPixels(info, &screen); err != nil {
		return err
	}
	var randrs bool
	for name, has := range map[string]*bool{"RANDR": &randrs, "MIT-SHM": &d.shm, "XFIXES": &d.xfixes} {
		var err error
		if *has, err = useExtension(d.conn, name); err != nil {
			return err
		}
	}
	if !randrs {
		return nil // one screen of fixed size
	}
	if v, err := randr.QueryVersion(d.conn, 1, 5).Reply(); err == nil {
		d.randr = version{v.MajorVersion, v.MinorVersion}
	}
	return nil
}

// checkPixels makes sure that an image of the root window is BGRX in memory.
func checkPixels(info *xproto.SetupInfo, screen *xproto.ScreenInfo) error {
	bits := byte(0)
	for _, f := range info.PixmapFormats {
		if f.Depth == screen.RootDepth {
			bits = f.BitsPerPixel
		}
	}
	red := uint32(0)
	for _, depth := range screen.AllowedDepths {
		for _, v := range depth.Visuals {
			if v.VisualId == screen.RootVisual {
				red = v.RedMask
			}
		}
	}
	if bits != 32 || red != 0xff0000 || info.ImageByteOrder != xproto.ImageOrderLSBFirst {
		return fmt.Errorf("its pixels have depth %d in %d bits, red mask %#x: needs depth 24, 32 bits, little endian: %w",
			screen.RootDepth, bits, red, errors.ErrUnsupported)
	}
	return nil
}

// Name returns the display's name.
func (d *Display) Name() string { return d.name }

// local says whether the server may share memory with this process.
func (d *Display) local() bool {
	return strings.HasPrefix(d.name, ":") || strings.HasPrefix(d.name, "unix:") || strings.HasPrefix(d.name, "/")
}

// Close ends the connection. It may be called more than once.
func (d *Display) Close() error {
	d.conn.Close()
	return nil
}

// size returns the whole display as it is now.
func (d *Display) size() (image.Rectangle, error) {
	g, err := xproto.GetGeometry(d.conn, xproto.Drawable(d.root)).Reply()
	if err != nil {
		return image.Rectangle{}, fmt.Errorf("ask for the display's size: %w", replyError(err))
	}
	return image.Rect(0, 0, int(g.Width), int(g.Height)), nil
}

// replyError tells the end of the connection from the server's errors.
func replyError(err error) error {
	if errors.Is(err, io.EOF) {
		return ErrClosed
	}
	return err
}
