//go:build linux && !nonative

package e2e_test

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
)

// wantPSNR is what a static desktop must reach at 10 Mb/s, in decibels.
const wantPSNR = 35

// fillScreen writes what a person's terminal is full of: text, some of it
// bold, a word in colour now and then. Coloured letters are kept few: what
// 4:2:0 takes from strokes one pixel wide is lost in any codec, and a screen
// of nothing else ends at 33 dB without any coding at all.
const fillScreen = `i=0; while [ $i -lt 40 ]; do i=$((i+1)); printf '\033[1m%02d\033[0m drwxr-xr-x ' $i; for n in 1 2 3; do printf 'Lorem ipsum dolor sit amet, consectetur adipiscing elit 0123456789 '; done; [ $((i%8)) -ne 0 ] || printf '\033[34mbuild\033[0m \033[42m    \033[0m'; printf '\n'; done`

// TestDesktop streams an X desktop with an xterm on it to a window on another
// display, looks at the window, and works in the xterm through it.
func TestDesktop(t *testing.T) {
	for _, codec := range []string{"h264", "hevc"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			b := begin(t)
			far, near := b.display(1280, 720), b.display(1280, 720)
			xterm, err := far.StartXterm(b.life(), fillScreen)
			b.ok(err)
			b.onEnd("xterm", xterm)

			host := b.host(lab.HostConfig{Source: "desktop", Display: far, BitrateBps: 10_000_000})
			terminal := b.terminal(lab.TerminalConfig{URL: host.URL, Display: near, Codec: codec, Size: "1280x720"})
			b.keepOnFailure(far, "host")
			b.keepOnFailure(near, "terminal")
			window := b.windows(near, 1)[0]
			b.ok(near.Focus(window))

			b.samePicture(far, far.Root(), near, window)
			b.typeCommand(near)
			b.movePointer(far, near, image.Pt(321, 123), image.Pt(321, 123))
			b.movePointer(far, near, image.Pt(1270, 710), image.Pt(1270, 710))
			b.samePicture(far, far.Root(), near, window)

			b.checkSession(b.end(terminal), b.endHost(host), codec, 1)
		})
	}
}

// TestDesktopTwoScreens shows a desktop of two monitors in two windows.
func TestDesktopTwoScreens(t *testing.T) {
	t.Parallel()
	b := begin(t)
	size := image.Pt(640, 360)
	far, near := b.display(2*size.X, size.Y), b.display(2*size.X, size.Y)
	b.ok(far.SetMonitors(size, 2))
	xterm, err := far.StartXterm(b.life(), fillScreen)
	b.ok(err)
	b.onEnd("xterm", xterm)

	host := b.host(lab.HostConfig{Source: "desktop", Display: far, BitrateBps: 10_000_000})
	terminal := b.terminal(lab.TerminalConfig{URL: host.URL, Display: near, Screens: 2, Codec: "h264", Size: "640x360"})
	b.keepOnFailure(far, "host")
	b.keepOnFailure(near, "terminal")
	windows := b.windows(near, 2)

	for i, w := range windows {
		part := image.Rectangle{Max: size}.Add(image.Pt(i*size.X, 0))
		b.samePart(far, part, near, w)
	}
	b.ok(near.Focus(windows[0]))
	b.typeCommand(near)
	// The windows lie as the regions do, so the pointer is at the same place.
	b.movePointer(far, near, image.Pt(100, 50), image.Pt(100, 50))
	b.movePointer(far, near, image.Pt(size.X+200, 150), image.Pt(size.X+200, 150))

	b.checkSession(b.end(terminal), b.endHost(host), "h264", 2)
}

// TestKeysArePlaces types on a French keyboard: the host gets the places of
// the keys, and what they mean is its own keyboard's business.
func TestKeysArePlaces(t *testing.T) {
	t.Parallel()
	b := begin(t)
	far, near := b.display(640, 360), b.display(640, 360)
	b.ok(near.Layout(b.soon(), "fr"))
	out := filepath.Join(b.TempDir(), "typed")
	xterm, err := far.StartXterm(b.life(), fmt.Sprintf("read line; printf %%s \"$line\" > '%s'", out))
	b.ok(err)
	b.onEnd("xterm", xterm)

	host := b.host(lab.HostConfig{Source: "desktop", Display: far})
	b.terminal(lab.TerminalConfig{URL: host.URL, Display: near, Codec: "h264", Size: "640x360"})
	b.keepOnFailure(far, "host")
	b.keepOnFailure(near, "terminal")
	window := b.windows(near, 1)[0]
	b.ok(near.Focus(window))
	b.samePicture(far, far.Root(), near, window)

	// KEY_Q, KEY_W, KEY_A, KEY_Z, KEY_M, KEY_1, KEY_SEMICOLON, KEY_ENTER: on a
	// French keyboard they type a z q w , & m.
	for _, code := range []uint8{16, 17, 30, 44, 50, 2, 39, 28} {
		b.ok(near.PressPlace(code))
	}
	b.fileHolds(out, "qwazm1;")
}

// samePicture waits until a window shows what another window holds.
func (b bench) samePicture(far *lab.Display, of lab.Window, near *lab.Display, in lab.Window) {
	b.Helper()
	b.samePart(far, image.Rectangle{Max: of.Rect.Size()}, near, in)
}

// samePart is samePicture for a part of the far display's root.
func (b bench) samePart(far *lab.Display, part image.Rectangle, near *lab.Display, in lab.Window) {
	b.Helper()
	var psnr float64
	err := lab.Until(b.soon(), fmt.Sprintf("%v of %s in window %q at %d dB", part, far.Name(), in.Title, wantPSNR), func() error {
		sent, err := far.Picture(far.Root())
		if err != nil {
			return err
		}
		shown, err := near.Picture(in)
		if err != nil {
			return err
		}
		if psnr, err = lab.PSNR(sent.SubImage(part).(*image.RGBA), shown); err != nil {
			return err
		}
		if psnr < wantPSNR {
			return fmt.Errorf("PSNR is %.2f dB", psnr)
		}
		return nil
	})
	b.ok(err)
	b.Logf("PSNR of window %q against %v of the desktop: %.2f dB", in.Title, part, psnr)
}

// typeCommand types a shell command into the window with the focus. The shell
// on the other side writes a file, which is compared.
func (b bench) typeCommand(near *lab.Display) {
	b.Helper()
	out := filepath.Join(b.TempDir(), "written")
	const text = "The quick brown fox jumps over the lazy dog: 0123456789 (A-Z & #1)!"
	b.ok(near.Type(b.soon(), fmt.Sprintf("echo '%s' > '%s'", text, out)))
	b.ok(near.Key(b.soon(), "Return"))
	b.fileHolds(out, text+"\n")
}

func (b bench) fileHolds(path, want string) {
	b.Helper()
	b.ok(lab.Until(b.soon(), "the file that the far shell writes", func() error {
		got, err := os.ReadFile(path)
		if err == nil && string(got) != want {
			err = differs("the content", fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
		}
		return err
	}))
}

// movePointer moves the pointer on the near display and waits for it on the
// far one.
func (b bench) movePointer(far, near *lab.Display, to, want image.Point) {
	b.Helper()
	b.ok(near.MovePointer(b.soon(), to))
	b.ok(lab.Until(b.soon(), "the pointer on the far desktop", func() error {
		got, err := far.Pointer()
		if err == nil && !closeBy(got, want) {
			err = differs("the pointer", got, want)
		}
		return err
	}))
}

// closeBy allows for the rounding of 16-bit positions at both ends.
func closeBy(a, b image.Point) bool {
	d := a.Sub(b)
	return max(d.X, -d.X) <= 1 && max(d.Y, -d.Y) <= 1
}

// checkSession checks what both programs say about the session.
func (b bench) checkSession(t *lab.TerminalSummary, h *lab.HostSummary, codec string, screens int) {
	b.Helper()
	if len(t.Screens) != screens || len(h.Screens) != screens {
		b.Fatalf("summaries tell of %d and %d screens; want %d", len(t.Screens), len(h.Screens), screens)
	}
	for _, s := range t.Screens {
		if !sameCodec(s.Codec, codec) || s.Shown == 0 || s.Decoded < s.Shown || s.Received < s.Decoded {
			b.Errorf("summary of screen %d = %s, received %d, decoded %d, shown %d; want %s and pictures", s.Screen, s.Codec, s.Received, s.Decoded, s.Shown, codec)
		}
		if q := s.Stages["capture_to_shown"]; q.N == 0 || q.P50 <= 0 || q.P50 > 1000 {
			b.Errorf("capture_to_shown of screen %d = %+v; want a latency under a second", s.Screen, q)
		}
	}
	if t.Input.Events == 0 || h.Input.Events == 0 {
		b.Errorf("input events = %d sent, %d injected; want some", t.Input.Events, h.Input.Events)
	}
	if t.PeakRSSMiB <= 0 || t.CPUSeconds <= 0 || h.PeakRSSMiB <= 0 || h.CPUSeconds <= 0 {
		b.Errorf("usage = %+v and %+v; want what was used", t.Usage, h.Usage)
	}
}
