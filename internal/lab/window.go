package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"

	"github.com/jezek/xgb/xproto"
)

// Window is a top-level window of a [Display].
type Window struct {
	ID    uint32
	Title string
	Rect  image.Rectangle // on the root, pixels
}

// Root returns the root window, whose picture is the whole display.
func (d *Display) Root() Window {
	w, h := d.Size()
	return Window{ID: uint32(d.screen.Root), Title: "root", Rect: image.Rect(0, 0, w, h)}
}

// Windows returns the visible top-level windows, sorted by title. There is no
// window manager on the display, so they are the root's children.
func (d *Display) Windows() ([]Window, error) {
	tree, err := xproto.QueryTree(d.conn, d.screen.Root).Reply()
	if err != nil {
		return nil, fmt.Errorf("list windows of %s: %w", d.name, err)
	}
	var windows []Window
	for _, id := range tree.Children {
		w, err := d.window(id)
		if errors.Is(err, errNotShown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		windows = append(windows, w)
	}
	slices.SortFunc(windows, func(a, b Window) int { return cmp.Or(cmp.Compare(a.Title, b.Title), cmp.Compare(a.ID, b.ID)) })
	return windows, nil
}

// errNotShown is about a window that is hidden or has just gone.
var errNotShown = errors.New("window is not shown")

func (d *Display) window(id xproto.Window) (Window, error) {
	attributes, err := xproto.GetWindowAttributes(d.conn, id).Reply()
	if err != nil || attributes.MapState != xproto.MapStateViewable || attributes.Class != xproto.WindowClassInputOutput {
		return Window{}, errNotShown
	}
	geometry, err := xproto.GetGeometry(d.conn, xproto.Drawable(id)).Reply()
	if err != nil {
		return Window{}, errNotShown
	}
	title, err := xproto.GetProperty(d.conn, false, id, xproto.AtomWmName, xproto.GetPropertyTypeAny, 0, 256).Reply()
	if err != nil {
		return Window{}, errNotShown
	}
	at := image.Pt(int(geometry.X)+int(geometry.BorderWidth), int(geometry.Y)+int(geometry.BorderWidth))
	return Window{
		ID:    uint32(id),
		Title: string(title.Value),
		Rect:  image.Rectangle{Min: at, Max: at.Add(image.Pt(int(geometry.Width), int(geometry.Height)))},
	}, nil
}

// WaitWindows waits until exactly n windows are shown and returns them.
func (d *Display) WaitWindows(ctx context.Context, n int) ([]Window, error) {
	var windows []Window
	err := Until(ctx, fmt.Sprintf("%d windows on %s", n, d.name), func() error {
		var err error
		windows, err = d.Windows()
		if err == nil && len(windows) != n {
			err = fmt.Errorf("there are %d", len(windows))
		}
		return err
	})
	return windows, err
}

// Spread places windows side by side from the left edge, in the given order
// and without borders, and returns them where they are then. Covered windows have no picture, and a
// display without a window manager puts them on top of each other.
func (d *Display) Spread(windows []Window) ([]Window, error) {
	var spread []Window
	x := 0
	for _, w := range windows {
		err := xproto.ConfigureWindowChecked(d.conn, xproto.Window(w.ID),
			xproto.ConfigWindowX|xproto.ConfigWindowY|xproto.ConfigWindowBorderWidth, []uint32{uint32(x), 0, 0}).Check()
		if err != nil {
			return nil, fmt.Errorf("move window %q: %w", w.Title, err)
		}
		w.Rect = w.Rect.Sub(w.Rect.Min).Add(image.Pt(x, 0))
		spread = append(spread, w)
		x = w.Rect.Max.X
	}
	return spread, nil
}

// Focus gives the keyboard to a window.
func (d *Display) Focus(w Window) error {
	err := xproto.SetInputFocusChecked(d.conn, xproto.InputFocusParent, xproto.Window(w.ID), xproto.TimeCurrentTime).Check()
	if err != nil {
		return fmt.Errorf("focus window %q: %w", w.Title, err)
	}
	return nil
}

// Pointer returns where the pointer is, in pixels on the root.
func (d *Display) Pointer() (image.Point, error) {
	reply, err := xproto.QueryPointer(d.conn, d.screen.Root).Reply()
	if err != nil {
		return image.Point{}, fmt.Errorf("query the pointer of %s: %w", d.name, err)
	}
	return image.Pt(int(reply.RootX), int(reply.RootY)), nil
}
