package lab_test

import (
	"context"
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
)

func startDisplay(t *testing.T, width, height int) *lab.Display {
	t.Helper()
	needX11(t)
	d, err := lab.StartDisplay(context.WithoutCancel(t.Context()), lab.DisplayConfig{Width: width, Height: height})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// An xterm is all that the lab promises: a window with a title, a picture of
// its own colour, and a shell that gets what is typed.
func TestDisplayWithApplication(t *testing.T) {
	d := startDisplay(t, 800, 600)
	out := filepath.Join(t.TempDir(), "typed")
	start(t, lab.Command{
		Path: "xterm", Env: d.Env(),
		Args: []string{"-T", "bench", "-bg", "rgb:20/40/60", "-geometry", "60x20+0+0", "-e", "read line; printf %s \"$line\" > " + out + "; read line"},
	})
	windows, err := d.WaitWindows(soon(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	w := windows[0]
	if w.Title != "bench" {
		t.Errorf("Windows()[0].Title = %q; want bench", w.Title)
	}
	if err := d.Focus(w); err != nil {
		t.Fatal(err)
	}
	waitColour(t, d, w, [3]byte{0x20, 0x40, 0x60})

	const text = "Hello, 'Xvfb' #7!"
	if err := d.Type(soon(t), text); err != nil {
		t.Fatal(err)
	}
	if err := d.Key(soon(t), "Return"); err != nil {
		t.Fatal(err)
	}
	waitFile(t, out, text)
}

// waitColour waits until a window's lower right corner has a colour.
func waitColour(t *testing.T, d *lab.Display, w lab.Window, want [3]byte) {
	t.Helper()
	err := lab.Until(soon(t), "the window's colour", func() error {
		p, err := d.Picture(w)
		if err != nil {
			return err
		}
		at := p.PixOffset(p.Rect.Dx()-8, p.Rect.Dy()-8)
		if got := [3]byte(p.Pix[at : at+3]); got != want {
			return &colourError{got}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type colourError struct{ got [3]byte }

func (e *colourError) Error() string { return "it is " + string(hex(e.got[:])) }

func hex(b []byte) []byte {
	var out []byte
	for _, v := range b {
		out = append(out, "0123456789abcdef"[v>>4], "0123456789abcdef"[v&15])
	}
	return out
}

func waitFile(t *testing.T, path, want string) {
	t.Helper()
	err := lab.Until(soon(t), path, func() error {
		got, err := os.ReadFile(path)
		if err == nil && string(got) != want {
			err = &contentError{string(got)}
		}
		return err
	})
	if err != nil {
		t.Errorf("%v; want the content %q", err, want)
	}
}

type contentError struct{ got string }

func (e *contentError) Error() string { return "it holds " + e.got }

func TestPressPlaceIgnoresWhatIsPrinted(t *testing.T) {
	d := startDisplay(t, 400, 300)
	if err := d.Layout(soon(t), "fr"); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "typed")
	start(t, lab.Command{Path: "xterm", Env: d.Env(), Args: []string{"-e", "read line; printf %s \"$line\" > " + out}})
	windows, err := d.WaitWindows(soon(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Focus(windows[0]); err != nil {
		t.Fatal(err)
	}
	for _, code := range []uint8{16, 17, 28} { // KEY_Q, KEY_W, KEY_ENTER: on a French keyboard a and z
		if err := d.PressPlace(code); err != nil {
			t.Fatal(err)
		}
	}
	waitFile(t, out, "az")
}

func TestPointerAndSpread(t *testing.T) {
	d := startDisplay(t, 640, 200)
	for _, title := range []string{"b", "a"} {
		start(t, lab.Command{Path: "xterm", Env: d.Env(), Args: []string{"-T", title, "-geometry", "20x5+0+0", "-e", "read line"}})
	}
	windows, err := d.WaitWindows(soon(t), 2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Spread(windows); err != nil {
		t.Fatal(err)
	}
	windows, err = d.Windows()
	if err != nil || windows[0].Title != "a" || windows[0].Rect.Min != (image.Point{}) || windows[1].Rect.Overlaps(windows[0].Rect) {
		t.Errorf("Windows() after Spread = %v, %v; want a at the left, b beside it", windows, err)
	}
	want := image.Pt(123, 45)
	if err := d.MovePointer(soon(t), want); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Pointer(); got != want || err != nil {
		t.Errorf("Pointer() = %v, %v; want %v", got, err, want)
	}
}

func TestDisplaysHaveTheirOwnNumbers(t *testing.T) {
	a, b := startDisplay(t, 64, 64), startDisplay(t, 0, 0)
	if a.Name() == b.Name() || !strings.HasPrefix(a.Name(), ":") {
		t.Errorf("Name() = %q and %q; want two displays", a.Name(), b.Name())
	}
	if w, h := b.Size(); w != 1280 || h != 720 {
		t.Errorf("Size() = %dx%d; want the default 1280x720", w, h)
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close() = %v; want nil", err)
	}
}

func TestSetMonitors(t *testing.T) {
	d := startDisplay(t, 640, 180)
	if err := d.SetMonitors(image.Pt(320, 180), 2); err != nil {
		t.Fatal(err)
	}
	got, err := d.Monitors()
	want := []image.Rectangle{image.Rect(0, 0, 320, 180), image.Rect(320, 0, 640, 180)}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("Monitors() = %v, %v; want %v", got, err, want)
	}
}
