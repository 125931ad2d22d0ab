//go:build linux && !nonative

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/media"
)

// maxAge is how old a shown picture may be on a machine that also runs other
// tests. What it really is, the benchmark measures.
const maxAge = 300 * time.Millisecond

// TestTestCard reads the barcode in the shown pictures: it says which frame a
// person would see, of which screen, and when it was made.
func TestTestCard(t *testing.T) {
	tests := []struct {
		name, codec, size string
		width, height     int
		screens           int
	}{
		{"h264", "h264", "1280x720", 1280, 720, 1},
		{"hevc", "hevc", "640x360", 640, 360, 1},
		{"two screens", "h264", "640x360", 640, 360, 2},
		{"two screens hevc", "hevc", "480x270", 480, 270, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := begin(t)
			d := b.display(tt.width*tt.screens, tt.height)
			host := b.host(lab.HostConfig{Source: "testcard", Display: d, Screens: tt.screens, Size: tt.size, BitrateBps: 10_000_000})
			terminal := b.terminal(lab.TerminalConfig{URL: host.URL, Display: d, Screens: tt.screens, Codec: tt.codec, Size: tt.size})
			b.keepOnFailure(d, "terminal")
			for i, w := range b.windows(d, tt.screens) {
				b.liveWindow(d, w, i)
			}
			summary := b.end(terminal)
			for _, s := range summary.Screens {
				if !sameCodec(s.Codec, tt.codec) || s.Width != tt.width || s.Height != tt.height {
					t.Errorf("summary of screen %d = %s %dx%d; want %s %dx%d", s.Screen, s.Codec, s.Width, s.Height, tt.codec, tt.width, tt.height)
				}
			}
			if ms := summary.ConnectToFirstPictureMS; ms <= 0 || ms > float64(patience.Milliseconds()) {
				t.Errorf("connect_to_first_picture_ms = %v; want a time", ms)
			}
			b.endHost(host)
		})
	}
}

// liveWindow looks at a window until it has seen many pictures of the right
// screen, each newer than the one before, and young.
func (b bench) liveWindow(d *lab.Display, w lab.Window, screen int) {
	b.Helper()
	const looks = 20
	var ages []time.Duration
	var last uint32
	b.ok(lab.Until(b.soon(), fmt.Sprintf("%d new pictures in window %q", looks, w.Title), func() error {
		p, age, err := look(d, w)
		if err != nil {
			return err
		}
		if int(p.Screen) != screen {
			return differs("the screen", p.Screen, screen)
		}
		if p.Frame < last {
			b.Errorf("window %q shows frame %d after frame %d; want newer ones only", w.Title, p.Frame, last)
		}
		if p.Frame > last {
			last, ages = p.Frame, append(ages, age)
		}
		if len(ages) < looks {
			return errNotYet
		}
		return nil
	}))
	slices.Sort(ages)
	b.Logf("window %q: frame %d, age median %v, oldest %v", w.Title, last, ages[looks/2], ages[looks-1])
	if ages[looks/2] > maxAge || ages[0] < 0 {
		b.Errorf("age of the pictures in window %q = %v to %v, median %v; want a median of at most %v", w.Title, ages[0], ages[looks-1], ages[looks/2], maxAge)
	}
}

// look reads the barcode in what a window shows, and how old the picture was
// when the look began.
func look(d *lab.Display, w lab.Window) (barcode.Payload, time.Duration, error) {
	began := time.Now()
	picture, err := d.Picture(w)
	if err != nil {
		return barcode.Payload{}, 0, err
	}
	p, err := barcode.ReadImage(picture)
	// A picture made while we looked is of age nought.
	return p, max(0, began.Sub(p.Captured)), err
}

// brightness returns the mean of all samples in a window, 0 to 255.
func brightness(d *lab.Display, w lab.Window) (float64, error) {
	picture, err := d.Picture(w)
	if err != nil {
		return 0, err
	}
	sum := 0
	for i := 0; i < len(picture.Pix); i += 4 {
		sum += int(picture.Pix[i]) + int(picture.Pix[i+1]) + int(picture.Pix[i+2])
	}
	return float64(sum) / float64(len(picture.Pix)/4*3), nil
}

// sameCodec compares names as people write them: hevc and H265 are one.
func sameCodec(a, b string) bool {
	codecA, errA := media.ParseCodec(a)
	codecB, errB := media.ParseCodec(b)
	return errA == nil && errB == nil && codecA == codecB
}

// TestHostRestarted kills the host and starts it again at the same address:
// the terminal dims the last picture, comes back by itself and shows new ones.
func TestHostRestarted(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(640, 360)
	cfg := lab.HostConfig{Source: "testcard", Display: d, Size: "640x360"}
	first := b.host(cfg)
	terminal := b.terminal(lab.TerminalConfig{URL: first.URL, Display: d, Codec: "h264", Size: "640x360"})
	b.keepOnFailure(d, "terminal")
	w := b.windows(d, 1)[0]
	b.liveWindow(d, w, 0)

	bright, err := brightness(d, w)
	b.ok(err)
	b.ok(first.Kill())
	cfg.Listen, err = first.Address()
	b.ok(err)
	b.ok(lab.Until(b.soon(), "the last picture to be dimmed", func() error {
		now, err := brightness(d, w)
		if err == nil && now > bright*3/4 {
			err = differs("the window's brightness", now, fmt.Sprintf("less than three quarters of %.0f", bright))
		}
		return err
	}))
	restarted := time.Now()
	b.host(cfg)
	b.ok(lab.Until(b.soon(), "a picture of the new host", func() error {
		p, _, err := look(d, w)
		if err == nil && p.Captured.Before(restarted) {
			err = differs("the picture's time", p.Captured, "after "+restarted.String())
		}
		return err
	}))
	t.Logf("new picture %v after the host came back", time.Since(restarted).Round(time.Millisecond))
	b.liveWindow(d, w, 0)
	if s := b.end(terminal); len(s.Screens) != 1 || s.Screens[0].Shown == 0 {
		t.Errorf("summary = %+v; want one screen with pictures", s)
	}
}

// TestDuration runs a terminal that ends by itself.
func TestDuration(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(640, 360)
	host := b.host(lab.HostConfig{Source: "testcard", Display: d, Size: "640x360"})
	terminal := b.terminal(lab.TerminalConfig{URL: host.URL, Display: d, Duration: 2 * time.Second, Overlay: true})
	code, err := terminal.Wait(b.soon())
	if code != 0 || err != nil || strings.Contains(terminal.Stderr(), ": error: ") {
		t.Fatalf("exit status = %d, %v, stderr %q; want 0 and no error", code, err, terminal.Stderr())
	}
	var s lab.TerminalSummary
	b.ok(terminal.Summary(&s))
	if s.DurationS < 1.9 || s.DurationS > 10 || len(s.Screens) != 1 || s.Screens[0].Shown == 0 {
		t.Errorf("summary = %.1f s, %+v; want pictures for 2 s", s.DurationS, s.Screens)
	}
}
