//go:build linux && !nonative

package virtual_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/host/source/card"
	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/vmtest"
)

// The pictures are small and slow because every pixel is drawn by an emulated
// processor.
const (
	width, height = 320, 180
	fps           = 10
	patience      = 90 * time.Second
)

// machine is a virtual terminal with the programs in it.
type machine struct {
	*testing.T
	*vmtest.VM
	programs lab.Programs
	driver   string // folder of the test-only libva driver
}

// boot boots a terminal whose two outputs can be plugged.
func boot(t *testing.T) *machine {
	t.Helper()
	vm := vmtest.Start(t, vmtest.Config{HotPlug: true, Width: 1280, Height: 720})
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	programs, err := build()
	if err != nil {
		t.Fatal(err)
	}
	driver := filepath.Join(root, "build/vm/vatest")
	if err := os.MkdirAll(driver, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := vatest.Build(driver); err != nil {
		t.Fatal(err)
	}
	return &machine{t, vm, programs, driver}
}

// build compiles the programs once, into the tree, which the guest sees.
var build = sync.OnceValues(func() (lab.Programs, error) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		return lab.Programs{}, err
	}
	return lab.Build(context.Background(), filepath.Join(root, "build/vm/bin"))
})

// program is one that runs in the guest.
type program struct {
	*vmtest.Process
	m    *machine
	name string
}

func (m *machine) start(name string, env []string, args ...string) *program {
	m.Helper()
	p, err := m.Command(context.WithoutCancel(m.Context()), vmtest.Command{Args: args, Env: env})
	if err != nil {
		m.Fatalf("start %s: %v", name, err)
	}
	m.Cleanup(func() {
		_ = p.Signal(syscall.SIGKILL)
		if m.Failed() {
			m.Logf("%s said:\n%s", name, tail(p.Stderr(), 4000))
		}
	})
	return &program{p, m, name}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// host starts a host with two test cards and waits until it listens.
func (m *machine) host() *program {
	m.Helper()
	h := m.start("shadow-host", nil, m.programs.Host, "--source", "testcard", "--screens", "2", "--audio", "none",
		"--size", fmt.Sprintf("%dx%d", width, height), "--fps", fmt.Sprint(fps), "--encoder", "libx264", "--bitrate", "2M", "--json")
	m.until("the host listens", func() error {
		if !strings.Contains(string(h.Stderr()), "/whep") {
			return errors.New("not yet")
		}
		return nil
	})
	return h
}

// terminal starts a terminal on the card, which decodes through the test-only
// driver with these knobs.
func (m *machine) terminal(k vatest.Knobs, more ...string) *program {
	m.Helper()
	k.DRM = "/dev/dri/card0"
	args := append([]string{
		m.programs.Terminal, "connect", "http://127.0.0.1:8089/whep", "--display", "card", "--screens", "2", "--codec", "h264", "--mute",
		"--mode", fmt.Sprintf("Virtual-1=%dx%d@%d", width, height, fps), "--mode", fmt.Sprintf("Virtual-2=%dx%d@%d", width, height, fps),
		"--decoder", "/dev/dri/renderD128", "--json", "--log-level", "info",
	}, more...)
	return m.start("shadow-terminal", append(k.Env(m.driver), "LP_PERF=no_rast_linear"), args...)
}

// until waits for a condition, which says why it is not met yet.
func (m *machine) until(what string, ok func() error) {
	m.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			m.Fatalf("waited %v until %s: %v", patience, what, err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-m.Done():
			m.Fatalf("waiting until %s: the machine ended: %s", what, m.Console())
		}
	}
}

// look takes a screenshot and reads the code in it.
func (m *machine) look(output int) (*image.RGBA, barcode.Payload, error) {
	shot, err := m.Screenshot(output)
	if err != nil {
		return nil, barcode.Payload{}, err
	}
	picture := image.NewRGBA(image.Rectangle{Max: shot.Bounds().Size()})
	draw.Draw(picture, picture.Bounds(), shot, shot.Bounds().Min, draw.Src)
	code, err := barcode.ReadImage(picture)
	return picture, code, err
}

// shows waits until an output shows a picture of a screen that was captured
// after a moment, and returns it.
func (m *machine) shows(output, screen int, after time.Time) (*image.RGBA, barcode.Payload) {
	m.Helper()
	var (
		picture *image.RGBA
		code    barcode.Payload
	)
	m.until(fmt.Sprintf("output %d shows screen %d", output+1, screen), func() (err error) {
		picture, code, err = m.look(output)
		switch {
		case err != nil:
			return err
		case int(code.Screen) != screen:
			return fmt.Errorf("it shows screen %d", code.Screen)
		case code.Frame < 5: // the size has just changed
			return fmt.Errorf("it shows picture %d", code.Frame)
		case !code.Captured.After(after):
			return fmt.Errorf("it shows picture %d of %v ago", code.Frame, time.Since(code.Captured))
		}
		return nil
	})
	return picture, code
}

// quantiles is a distribution in milliseconds.
type quantiles struct{ N, P50, P99 float64 }

// summary ends the terminal as a person would and reads what it printed.
func (p *program) summary() (s struct {
	Screens []struct {
		Decoder    string            `json:"decoder"`
		Shown      uint64            `json:"shown"`
		Downgrades uint64            `json:"downgrades"`
		Dropped    map[string]uint64 `json:"dropped"`
		Display    struct {
			Wait           quantiles `json:"wait_ms"`
			DecodedToShown quantiles `json:"decoded_to_shown_ms"`
			Counts         struct {
				Flips, Lost, Modesets uint64
			} `json:"counts"`
		} `json:"display"`
	} `json:"screens"`
},
) {
	p.m.Helper()
	if err := p.Signal(syscall.SIGINT); err != nil {
		p.m.Fatal(err)
	}
	p.ends()
	if err := json.Unmarshal(p.Stdout(), &s); err != nil {
		p.m.Fatalf("read the summary of %s: %v in %q", p.name, err, tail(p.Stdout(), 400))
	}
	return s
}

func (p *program) ends() {
	p.m.Helper()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		p.m.Fatalf("%s did not end within %v", p.name, patience)
	}
}

// TestTwoOutputs shows two streams on the two outputs, from the host over
// WebRTC and the libva driver to the flip, and looks at the outputs: without
// one, with it again, after another mode, after a crash of the terminal, and
// after its decoder has failed.
func TestTwoOutputs(t *testing.T) {
	m := boot(t)
	m.host()
	term := m.terminal(vatest.Knobs{})
	for output := range 2 {
		picture, code := m.shows(output, output, time.Time{})
		m.like(picture, code)
		m.save(fmt.Sprintf("vm-output-%d.png", output+1), picture)
	}

	t.Run("replug", func(t *testing.T) {
		sub := &machine{t, m.VM, m.programs, m.driver}
		for gone := range 2 {
			if err := sub.Disconnect(gone); err != nil {
				t.Fatal(err)
			}
			// The other one goes on, whatever that costs it.
			for range 3 {
				sub.shows(1-gone, 1-gone, time.Now())
			}
			if err := sub.Connect(gone, 1280, 720); err != nil {
				t.Fatal(err)
			}
			sub.shows(gone, gone, time.Now())
		}
	})

	s := term.summary()
	for i, screen := range s.Screens {
		t.Logf("screen %d: %s, %d shown, %d flips, decoded to shown p50 %.0f ms", i, screen.Decoder, screen.Shown, screen.Display.Counts.Flips, screen.Display.DecodedToShown.P50)
		if screen.Decoder != "vaapi" || screen.Downgrades != 0 {
			t.Errorf("screen %d was decoded by %s after %d downgrades; want vaapi (dma-buf) without any", i, screen.Decoder, screen.Downgrades)
		}
		if screen.Display.Counts.Lost != 0 {
			t.Errorf("screen %d: %d flips never came", i, screen.Display.Counts.Lost)
		}
	}
	m.console(t)

	t.Run("crash", func(t *testing.T) {
		sub := &machine{t, m.VM, m.programs, m.driver}
		term := sub.terminal(vatest.Knobs{})
		sub.shows(0, 0, time.Now())
		if err := term.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		term.ends()
		sub.console(t)
		term = sub.terminal(vatest.Knobs{})
		sub.shows(0, 0, time.Now())
		sub.shows(1, 1, time.Now())
		term.summary()
	})

	t.Run("decoder fails", func(t *testing.T) {
		sub := &machine{t, m.VM, m.programs, m.driver}
		term := sub.terminal(vatest.Knobs{FailFrom: 40})
		began := time.Now()
		sub.shows(0, 0, began)
		sub.until("the decoder is given up", func() error {
			if n := strings.Count(string(term.Stderr()), "msg=\"decoder opened\" component=decode codec=H264 backend=software"); n < 2 {
				return fmt.Errorf("%d of 2", n)
			}
			return nil
		})
		sub.shows(0, 0, time.Now())
		sub.shows(1, 1, time.Now())
		s := term.summary()
		for i, screen := range s.Screens {
			if screen.Decoder != "software" || screen.Downgrades == 0 {
				t.Errorf("screen %d was decoded by %s after %d downgrades; want software", i, screen.Decoder, screen.Downgrades)
			}
		}
	})

	t.Run("monitors", func(t *testing.T) {
		(&machine{t, m.VM, m.programs, m.driver}).monitors(t)
	})

	t.Run("upload", func(t *testing.T) {
		sub := &machine{t, m.VM, m.programs, m.driver}
		term := sub.terminal(vatest.Knobs{}, "--decoder", "none")
		for output := range 2 {
			picture, code := sub.shows(output, output, time.Now())
			sub.like(picture, code)
		}
		if s := term.summary(); s.Screens[0].Decoder != "software" {
			t.Errorf("decoder = %s; want software", s.Screens[0].Decoder)
		}
	})
}

// console waits until the outputs show no picture of ours any more: the kernel
// has its console back.
func (m *machine) console(t *testing.T) {
	t.Helper()
	m.until("the console is back", func() error {
		_, code, err := m.look(0)
		if err == nil {
			return fmt.Errorf("output 1 still shows picture %d", code.Frame)
		}
		return nil
	})
}

// like compares what an output shows with the picture that the host drew.
func (m *machine) like(picture *image.RGBA, code barcode.Payload) {
	m.Helper()
	// A screen has the rate that the host began with until it was arranged for
	// the output, whose rate VESA's rule makes of what was asked for.
	best := math.Inf(-1)
	var drawn *image.RGBA
	for _, rate := range []mode.Rate{mode.Hz(fps), mode.CVT(width, height, mode.Hz(fps), true).Refresh()} {
		want, err := drawCard(picture.Bounds().Size(), code, rate.Float())
		if err != nil {
			m.Fatal(err)
		}
		psnr, err := lab.PSNR(upper(picture), upper(want))
		if err != nil {
			m.Fatal(err)
		}
		if psnr > best {
			best, drawn = psnr, want
		}
	}
	m.Logf("output with screen %d, picture %d: %.1f dB", code.Screen, code.Frame, best)
	if best < wantPSNR {
		m.save(fmt.Sprintf("vm-screen-%d-shown.png", code.Screen+1), picture)
		m.save(fmt.Sprintf("vm-screen-%d-drawn.png", code.Screen+1), drawn)
		m.Errorf("picture %d of screen %d is at %.1f dB of what the host drew; want %d", code.Frame, code.Screen, best, wantPSNR)
	}
}

// upper is the part of a test card that its number decides: title, bars, ramp
// and the moving block. The clock's hand below follows the host's schedule.
func upper(card *image.RGBA) *image.RGBA {
	r := card.Bounds()
	r.Max.Y = r.Min.Y + r.Dy()*64/100
	return card.SubImage(r).(*image.RGBA)
}

// drawCard draws a picture of the test card as the host did.
func drawCard(size image.Point, code barcode.Payload, rate float64) (*image.RGBA, error) {
	c, err := card.New(card.Config{
		Screen: int(code.Screen), Screens: 2, Width: size.X, Height: size.Y, FPS: int(rate + 0.5), Title: "Shadow Terminal", Input: &card.Input{},
	})
	if err != nil {
		return nil, err
	}
	return toRGBA(c.Draw(code.Frame, time.Duration(float64(code.Frame-1)/rate*float64(time.Second)), code.Captured))
}

// wantPSNR is for a moving card at 2 Mb/s with small, coloured letters.
const wantPSNR = 28

func toRGBA(f *media.Frame) (*image.RGBA, error) {
	s := libav.NewScaler()
	defer s.Close()
	bgrx := media.AllocFrame(media.BGRX, f.Width, f.Height)
	if err := s.Scale(bgrx, f); err != nil {
		return nil, err
	}
	out := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	for y := range f.Height {
		for x := range f.Width {
			p := bgrx.Planes[0][y*bgrx.Stride[0]+4*x:]
			copy(out.Pix[out.PixOffset(x, y):], []byte{p[2], p[1], p[0], 255})
		}
	}
	return out, nil
}

// save leaves a picture for people.
func (m *machine) save(name string, picture image.Image) {
	m.Helper()
	if err := lab.SavePNG(filepath.Join("../../../build/pictures", name), picture); err != nil {
		m.Error(err)
	}
}
