//go:build linux && cgo && !nonative

package kms

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/displaytest"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/needs"
)

// The tests of this file run on a real card (REQUIRE_HW=drm): on a virtual
// terminal, or on a machine where nothing else shows pictures.

// patience is how long a test waits for what must come, under emulation too.
const patience = 30 * time.Second

// missing skips where err says that there is no card, unless REQUIRE_HW names drm.
func missing(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) && !needs.Required("drm") {
		t.Skipf("skipped: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// small are modes that a virtual machine draws many of in a second.
func small() map[string]mode.Mode {
	return map[string]mode.Mode{
		"Virtual-1": mode.CVT(320, 180, mode.Rate{Num: 60, Den: 1}, true),
		"Virtual-2": mode.CVT(336, 192, mode.Rate{Num: 30, Den: 1}, true),
	}
}

// rig is a display that runs on a real card.
type rig struct {
	*testing.T
	*Display
	mu      sync.Mutex
	outputs []display.Output
	shown   [2]chan media.Timing // capacity 256
	end     func()
}

func run(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{T: t, shown: [2]chan media.Timing{make(chan media.Timing, 256), make(chan media.Timing, 256)}}
	cfg.Screens = 2
	cfg.OnShown = func(f *media.Frame) { r.shown[f.Screen] <- f.Timing }
	cfg.OnOutputs = func(list []display.Output) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.outputs = list
	}
	var err error
	r.Display, err = New(cfg)
	missing(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	result := start(ctx, r.Display)
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
	t.Cleanup(r.end)
	return r
}

// until waits for a condition that nothing announces.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if ok() {
			return
		}
	}
	t.Fatalf("not within %v: %s", patience, what)
}

// lit waits until the outputs are in modes of these widths.
func (r *rig) lit(widths ...int) []display.Output {
	r.Helper()
	var got []display.Output
	until(r, fmt.Sprintf("outputs of widths %v", widths), func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		got = slices.Clone(r.outputs)
		if len(got) < len(widths) {
			return false
		}
		for i, w := range widths {
			if got[i].Width != w {
				return false
			}
		}
		return true
	})
	return got
}

// flat is a picture of one colour, BT.709 limited range.
func flat(screen int, id uint32, y, u, v byte) *media.Frame {
	f := media.AllocFrame(media.I420, 320, 180)
	f.Screen, f.FrameID, f.Color = screen, id, media.BT709
	for i, b := range [...]byte{y, u, v} {
		for j := range f.Planes[i] {
			f.Planes[i][j] = b
		}
	}
	return f
}

func (r *rig) next(screen int) media.Timing {
	r.Helper()
	select {
	case s := <-r.shown[screen]:
		return s
	case <-time.After(patience):
		r.Fatalf("no frame on screen %d in %v", screen, patience)
		return media.Timing{}
	}
}

// want compares the middle of what a screen shows.
func (r *rig) want(screen int, c color.RGBA) {
	r.Helper()
	img, err := r.Capture(screen)
	if err != nil {
		r.Fatalf("Capture(%d) = %v", screen, err)
	}
	got := img.RGBAAt(img.Rect.Dx()/2, img.Rect.Dy()/2)
	off := func(a, b uint8) bool { return max(int(a)-int(b), int(b)-int(a)) > 2 }
	if off(got.R, c.R) || off(got.G, c.G) || off(got.B, c.B) {
		r.Errorf("Capture(%d) middle = %v; want %v within 2", screen, got, c)
	}
}

// TestHardwareTwoOutputs shows different pictures on two monitors, each in its
// own mode, and looks at every flip.
func TestHardwareTwoOutputs(t *testing.T) {
	r := run(t, Config{Modes: small()})
	t.Logf("%+v", r.Capabilities())
	outputs := r.lit(320, 336)
	for i, o := range outputs {
		if !o.Connected || o.Screen != i || o.MilliHz == 0 {
			t.Errorf("OnOutputs[%d] = %+v; want screen %d on a monitor", i, o, i)
		}
	}
	const frames = 12
	var last [2]time.Time
	for id := range uint32(frames) {
		for screen := range 2 {
			f := flat(screen, id+1, byte(60+10*screen), 128, 128)
			f.Timing.Decoded = time.Now()
			r.Present(f)
		}
		for screen := range 2 {
			s := r.next(screen)
			if !s.Shown.After(last[screen]) || s.Shown.Before(s.Decoded) || s.Shown.After(time.Now()) {
				t.Errorf("screen %d flip %d at %v; want after %v, after the picture %v and before now", screen, id, s.Shown, last[screen], s.Decoded)
			}
			last[screen] = s.Shown
		}
	}
	r.Present(flat(0, 100, 63, 102, 240)) // red
	r.Present(flat(1, 100, 32, 240, 118)) // blue
	r.next(0)
	r.next(1)
	r.want(0, color.RGBA{R: 255, A: 255})
	r.want(1, color.RGBA{B: 255, A: 255})
	for screen := range 2 {
		f, _ := r.Figures(screen)
		if got := r.Stats().Screens[screen]; got.Shown != frames+1 || got.Dropped != [media.NumCauses]uint64{} {
			t.Errorf("Stats()[%d] = %+v; want %d shown", screen, got, frames+1)
		}
		if f.Lost != 0 || f.Stale != 0 || f.Flips < frames+1 || f.Modes != 1 || f.Flip.Quantiles().N != frames+1 {
			t.Errorf("Figures(%d) = %+v; want one flip for each commit", screen, f.Counts)
		}
		t.Logf("screen %d: draw %+v flip %+v interval %+v", screen, f.Draw.Quantiles(), f.Flip.Quantiles(), f.Interval.Quantiles())
	}
	if needs.Required("dmabuf") && !r.Capabilities().DMABuf {
		t.Errorf("Capabilities().DMABuf = false (%s); want a proven import", r.Capabilities().Reason)
	}
}

// TestHardwareDMABuf shows a picture out of dma-bufs, then one that is in none:
// its decoder is told, and the next picture in memory is shown.
func TestHardwareDMABuf(t *testing.T) {
	told := make(chan int, 8)
	r := run(t, Config{Modes: small(), OnImportFailed: func(screen int) { told <- screen }})
	r.lit(320, 336)
	if c := r.Capabilities(); !c.DMABuf {
		if needs.Required("dmabuf") {
			t.Fatalf("Capabilities() = %+v; want dma-bufs proven", c)
		}
		t.Skipf("skipped: %s", c.Reason)
	}
	fd, err := unix.Open(r.Capabilities().Card, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	s, free, err := newProof(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.end(); free(); _ = unix.Close(fd) })
	s.Pool = 1 << 40
	released := make(chan uint32, 8)
	present := func(id uint32, s *media.Surface) {
		f := media.NewFrame(func(f *media.Frame) { released <- f.FrameID })
		f.Screen, f.FrameID, f.Format, f.Color = 1, id, media.DMABuf, media.BT709
		f.Surface, f.Width, f.Height = s, proofWidth, proofHeight
		r.Present(f)
	}
	present(1, s)
	r.next(1)
	img, err := r.Capture(1)
	if err != nil {
		t.Fatalf("Capture(1) = %v", err)
	}
	colors := make(map[color.RGBA]bool)
	for x := range 8 {
		colors[img.RGBAAt((2*x+1)*img.Rect.Dx()/16, img.Rect.Dy()/3)] = true
	}
	if len(colors) != 8 {
		t.Errorf("colours of 8 bars = %d (%v); want 8", len(colors), colors)
	}
	if len(released) != 0 {
		t.Error("the frame on the screen was released; want it kept")
	}
	broken := *s
	broken.Pool, broken.Objects = 1<<40+1, []media.SurfaceObject{{FD: 9999, Size: s.Objects[0].Size, Modifier: media.ModifierInvalid}}
	present(2, &broken)
	select {
	case screen := <-told:
		if screen != 1 {
			t.Errorf("OnImportFailed(%d); want 1", screen)
		}
	case <-time.After(patience):
		t.Fatalf("OnImportFailed was not called in %v", patience)
	}
	r.Present(flat(1, 3, 63, 102, 240))
	r.next(1)
	r.want(1, color.RGBA{R: 255, A: 255})
	if got := r.Stats().Screens[1]; got.Shown != 2 || got.Dropped[media.CauseDisplay] != 1 {
		t.Errorf("Stats() = %+v; want 2 shown and 1 refused", got)
	}
}

// TestHardwareContract is what every display keeps, on flips of a real card.
func TestHardwareContract(t *testing.T) {
	d, err := New(Config{})
	missing(t, err)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	displaytest.Run(t, displaytest.Subject{
		New:   func(cfg display.Config) (displaytest.Display, error) { return New(Config{Config: cfg, Modes: small()}) },
		Start: start,
	})
}

// watcher reads the card's state beside a display, and never becomes master.
func watcher(t *testing.T) *drmCard {
	t.Helper()
	fd, err := unix.Open("/dev/dri/card0", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCard(fd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// cardState is every value that can be set, blobs by what is in them.
func cardState(t *testing.T, c *drmCard) map[string]string {
	t.Helper()
	top, err := c.Topology()
	if err != nil {
		t.Fatal(err)
	}
	s, err := takeSnapshot(c, top)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]string)
	for _, o := range s.objects {
		for name, p := range o.props {
			if !settable(p) {
				continue
			}
			key, value := fmt.Sprintf("%s %d %s", o.kind, o.id, name), fmt.Sprint(p.Value)
			if b, ok := s.blobs[uint32(p.Value)]; ok && p.Flags&propBlob != 0 {
				value = fmt.Sprintf("%x", b)
			}
			out[key] = value
		}
	}
	return out
}

// TestHardwareRestore compares every property after the end with before.
func TestHardwareRestore(t *testing.T) {
	d, err := New(Config{})
	missing(t, err)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	found := foundState(t)
	r := run(t, Config{Modes: small()}) // it is master first
	w := watcher(t)                     // and the last to close: the kernel sets nothing back meanwhile
	r.lit(320, 336)
	if maps.Equal(found, cardState(t, w)) {
		t.Error("the card's state does not change while a display runs: this test looks at nothing")
	}
	r.end()
	after := cardState(t, w)
	for key, was := range found {
		if after[key] != was {
			t.Errorf("%s = %s after the end; want %s as it was found", key, after[key], was)
		}
	}
	active := 0
	for key, v := range after {
		if strings.HasPrefix(key, "crtc ") && strings.HasSuffix(key, " ACTIVE") && v == "1" {
			active++
		}
	}
	if active == 0 {
		t.Error("no CRTC is active after the end; want the console's")
	}
}

// foundState is cardState while nobody has the card.
func foundState(t *testing.T) map[string]string {
	t.Helper()
	fd, err := unix.Open("/dev/dri/card0", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCard(fd)
	if err != nil {
		t.Fatal(err)
	}
	all := cardState(t, c)
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestHardwareModeChange has the person choose another mode for one monitor
// while the other goes on.
func TestHardwareModeChange(t *testing.T) {
	modes := small()
	delete(modes, "Virtual-1")
	r := run(t, Config{Modes: modes})
	before := r.lit()
	until(t, "a mode", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		before = slices.Clone(r.outputs)
		return len(before) >= 2 && before[0].Width > 0 && before[1].Width == 336
	})
	r.Present(flat(0, 1, 63, 102, 240))
	r.next(0)
	stop, stopped := make(chan struct{}), make(chan uint32)
	go func() { // the other one
		id := uint32(0)
		for {
			select {
			case <-stop:
				stopped <- id
				return
			default:
				id++
				r.Present(flat(1, id, 128, 128, 128))
				<-r.shown[1]
			}
		}
	}()
	if err := r.SetChoice(0, mode.Choice{Width: 640, Height: 480}); err != nil {
		t.Fatalf("SetChoice() = %v", err)
	}
	after := r.lit(640, 336)
	if before[0].Width == 640 || after[0].Height != 480 {
		t.Errorf("outputs before %+v and after %+v; want 640x480 after", before[0], after[0])
	}
	r.want(0, color.RGBA{R: 255, A: 255}) // the last picture again
	r.Present(flat(0, 2, 32, 240, 118))
	r.next(0)
	r.want(0, color.RGBA{B: 255, A: 255})
	close(stop)
	n := <-stopped
	if got := r.Stats().Screens[1]; got.Shown != uint64(n) || got.Dropped != [media.NumCauses]uint64{} {
		t.Errorf("the other screen: %d presented, Stats() = %+v; want all shown", n, got)
	}
}

// TestHardwarePower turns one monitor off and on again.
func TestHardwarePower(t *testing.T) {
	r := run(t, Config{Modes: small()})
	r.lit(320, 336)
	r.Present(flat(0, 1, 63, 102, 240))
	r.next(0)
	r.SetPower(0, false)
	r.lit(0, 336)
	r.Present(flat(0, 2, 32, 240, 118))
	r.Present(flat(1, 1, 128, 128, 128))
	r.next(1)
	if got := r.Stats().Screens[0].Shown; got != 1 {
		t.Errorf("frames shown on a monitor that is off = %d; want 1 of before", got)
	}
	r.SetPower(0, true)
	r.next(0)
	r.lit(320, 336)
	r.want(0, color.RGBA{B: 255, A: 255})
}

// TestHardwareCursor looks at the cursor plane, and at the pointer that is
// drawn where the plane does not do.
func TestHardwareCursor(t *testing.T) {
	r := run(t, Config{Modes: small()})
	w := watcher(t)
	r.lit(320, 336)
	r.Present(flat(0, 1, 16, 128, 128))
	r.Present(flat(1, 1, 16, 128, 128)) // 320x180 on 336x192: scaled
	r.next(0)
	r.next(1)
	shape := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range shape.Pix {
		shape.Pix[i] = 0xff
	}
	for screen := range 2 {
		r.SetCursor(screen, &Cursor{Image: shape, Hot: image.Pt(8, 8), At: image.Pt(160, 90)})
	}
	at := func(x, y string) bool {
		for key, v := range cardState(t, w) {
			if strings.HasSuffix(key, " CRTC_X") && v == x {
				return cardState(t, w)[strings.TrimSuffix(key, "X")+"Y"] == y
			}
		}
		return false
	}
	until(t, "the plane at 152, 82", func() bool { return at("152", "82") })
	r.SetCursor(0, &Cursor{Image: shape, Hot: image.Pt(8, 8), At: image.Pt(100, 50)})
	until(t, "the plane at 92, 42", func() bool { return at("92", "42") })
	r.want(0, color.RGBA{A: 255}) // not in the picture
	until(t, "the drawn pointer", func() bool {
		img, err := r.Capture(1)
		return err == nil && img.RGBAAt(168, 96) == color.RGBA{R: 255, G: 255, B: 255, A: 255}
	})
}

// TestHardwareWords shows a page and then a notice over the dimmed picture.
func TestHardwareWords(t *testing.T) {
	r := run(t, Config{Modes: small()})
	r.lit(320, 336)
	corner := func() color.RGBA {
		img, err := r.Capture(0)
		if err != nil {
			t.Fatalf("Capture(0) = %v", err)
		}
		return img.RGBAAt(2, 2)
	}
	page := corner()
	r.Present(flat(0, 1, 235, 128, 128))
	r.next(0)
	if got := corner(); got == page || got.R < 250 {
		t.Errorf("corner of a white picture = %v; want white and not the page's %v", got, page)
	}
	r.SetStatus(0, &ui.Status{Title: "Reconnecting", Busy: true})
	until(t, "the dimmed picture", func() bool { c := corner(); return c.R > 55 && c.R < 70 && c.R == c.G })
	r.SetStatus(0, &ui.Status{Title: "No session", Page: true})
	until(t, "the page", func() bool { return corner() == page })
}

// TestHardwareBusy sends a second commit while one is in flight.
func TestHardwareBusy(t *testing.T) {
	dev, err := openDevice(&Config{})
	missing(t, err)
	g := dev.(*graphics)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	top, err := g.Topology()
	if err != nil {
		t.Fatal(err)
	}
	n, err := g.Connector(top.Connectors[0])
	if err != nil {
		t.Fatal(err)
	}
	o := bareOutput(t, g, top, n)
	if err := g.Commit(&o.request, flagTestOnly|flagModeset); err != nil {
		t.Fatalf("Commit(TEST_ONLY) = %v; want nil", err)
	}
	events := 0
	read := func() {
		var into [8]flip
		k, err := g.ReadFlips(into[:])
		if k == 0 || err != nil {
			t.Fatalf("ReadFlips() = %d, %v; want at least one flip", k, err)
		}
		for _, f := range into[:k] {
			if f.CRTC != o.pipe.crtc {
				t.Errorf("flip of CRTC %d; want %d", f.CRTC, o.pipe.crtc)
			}
		}
		events += k
	}
	if err := g.Commit(&o.request, flagModeset|flagNonblock|flagEvent); err != nil {
		t.Fatalf("Commit(ALLOW_MODESET) = %v; want nil", err)
	}
	read()
	busy, accepted := 0, 1
	for end := time.Now().Add(patience); busy == 0 && time.Now().Before(end); {
		for range 2 {
			switch err := g.Commit(&o.request, flagNonblock|flagEvent|flagModeset); {
			case err == nil:
				accepted++
			case errors.Is(err, syscall.EBUSY):
				busy++
			default:
				t.Fatalf("Commit() = %v; want nil or EBUSY", err)
			}
		}
		for events < accepted {
			read()
		}
	}
	if busy == 0 {
		t.Errorf("a second commit was never refused in %v; want EBUSY", patience)
	}
	if events != accepted {
		t.Errorf("%d events for %d commits; want one each", events, accepted)
	}
	t.Logf("%d commits accepted, %d events, %d busy", accepted, events, busy)
}

// bareOutput has a request that sets a mode with a dumb buffer.
func bareOutput(t *testing.T, g *graphics, top topology, n connector) *output {
	t.Helper()
	d := &Display{dev: g, cfg: Config{Config: display.Config{Title: "test"}}}
	d.cfg, _ = d.cfg.withDefaults()
	p := assign(top, []connector{n}, nil)[n.ID]
	o, err := newOutput(d, &head{connector: n}, p)
	if err != nil {
		t.Fatal(err)
	}
	o.head = o.found.Load()
	o.size = image.Pt(int(n.Modes[0].HDisplay), int(n.Modes[0].VDisplay))
	memory, err := newDumb(g.fd, o.size.X, o.size.Y)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(memory.free) // a mapping keeps the card open
	fb, err := g.addFB(o.size, 'X'|'R'<<8|'2'<<16|'4'<<24, memory.handle, memory.pitch, 0)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := g.CreateBlob(encodeMode(n.Modes[0]))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.fillMode(blob, buffer{FB: fb, Fence: -1}, false); err != nil {
		t.Fatal(err)
	}
	return o
}

// another is a process of this test that shows pictures until it is killed.
type another struct {
	*exec.Cmd
	lines *bufio.Scanner
}

// startAnother returns when the process shows pictures. stdin may be nil.
func startAnother(t *testing.T, stdin *os.File) *another {
	t.Helper()
	a := &another{Cmd: exec.Command(os.Args[0], "-test.run=^TestHardwareChild$", "-test.v")}
	a.Env = append(os.Environ(), "KMS_TEST_CHILD=1")
	if stdin != nil {
		a.Stdin = stdin
	}
	out, err := a.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.Stderr = os.Stderr
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.kill)
	a.lines = bufio.NewScanner(out)
	a.shows(t)
	return a
}

// shows waits for the next picture that the process shows.
func (a *another) shows(t *testing.T) {
	t.Helper()
	for a.lines.Scan() {
		if a.lines.Text() == "showing" {
			return
		}
		t.Logf("child: %s", a.lines.Text())
	}
	t.Fatalf("the child ended: %v", a.lines.Err())
}

func (a *another) kill() {
	_ = a.Process.Kill() // it may have been killed before
	_ = a.Wait()
}

// TestHardwareChild is the other process of other tests.
func TestHardwareChild(t *testing.T) {
	if os.Getenv("KMS_TEST_CHILD") == "" {
		t.Skip("only as a child")
	}
	r := run(t, Config{Modes: small(), Config: display.Config{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}})
	r.lit(320, 336)
	for id := uint32(1); ; id++ {
		r.Present(flat(0, id, 63, 102, 240))
		r.next(0)
		fmt.Println("\nshowing")
	}
}

// TestHardwarePlugged shows red and blue until it is told to end, and says what
// happens: the other side of TestVMHotplug.
func TestHardwarePlugged(t *testing.T) {
	if os.Getenv("KMS_TEST_PLUGGED") == "" {
		t.Skip("only as a child")
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	cfg := Config{Modes: small(), Config: display.Config{Screens: 2}}
	cfg.OnOutputs = func(list []display.Output) {
		line := "\noutputs"
		for _, o := range list {
			line += fmt.Sprintf(" %s:%d:%d", o.Connector, o.Screen, o.Width)
		}
		fmt.Println(line)
	}
	cfg.OnShown = func(f *media.Frame) { fmt.Printf("\nshown %d\n", f.Screen) }
	d, err := New(cfg)
	missing(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	result := start(ctx, d)
	tick := time.NewTicker(time.Second) // emulation draws one in up to half of that
	defer tick.Stop()
	for id := uint32(1); ; id++ {
		select {
		case <-signals:
			cancel()
			if err := <-result; err != nil {
				t.Errorf("Run() = %v; want nil", err)
			}
			for i, s := range d.Stats().Screens {
				f, _ := d.Figures(i)
				fmt.Printf("\nfinal %d presented %d shown %d dropped %d longest %.0f\n", i, id-1, s.Shown,
					s.Dropped[media.CauseDisplay]+s.Dropped[media.CausePacer], f.Interval.Quantiles().Max)
			}
			return
		case <-tick.C:
			d.Present(flat(0, id, 63, 102, 240))
			d.Present(flat(1, id, 32, 240, 118))
		}
	}
}

// TestHardwareCrash kills a process that shows pictures: until then a second
// one is refused, afterwards the console is on the monitors again and a new
// one starts.
func TestHardwareCrash(t *testing.T) {
	d, err := New(Config{})
	missing(t, err)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	found := consolePlanes(t)
	a := startAnother(t, nil)
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "another program holds the display") || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("New() beside another = %v; want that it holds the display", err)
	}
	a.kill()
	after := consolePlanes(t)
	for name, fb := range found {
		if after[name] != fb {
			t.Errorf("%s after the crash = %s; want the console's %s", name, after[name], fb)
		}
	}
	r := run(t, Config{Modes: small()})
	r.lit(320, 336)
}

// TestHardwareConsole changes to another virtual terminal and back while a
// process that was started on the first one shows pictures, and kills it.
func TestHardwareConsole(t *testing.T) {
	d, err := New(Config{})
	missing(t, err)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/tty1", os.O_RDWR|unix.O_NOCTTY, 0)
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("skipped: a kernel without virtual terminals")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	activate(t, tty, 1)
	quiet(t)
	found := consolePlanes(t)
	a := startAnother(t, tty)
	onConsole := func() bool {
		now := cardPlanes(t)
		for name, fb := range found {
			if now[name] != fb {
				return false
			}
		}
		return true
	}
	if onConsole() {
		t.Error("the console is on the monitors while pictures are shown")
	}
	activate(t, tty, 2)
	until(t, "the console's text on all monitors", onConsole)
	activate(t, tty, 1)
	for range 3 { // one may have waited
		a.shows(t)
	}
	if onConsole() {
		t.Error("the console is on the monitors after coming back")
	}
	a.kill()
	until(t, "the console's text after a crash", onConsole)
	activate(t, tty, 2) // nobody is asked any more
	activate(t, tty, 1)
}

// quiet looks at the echo of keys, which is off as long as pictures are shown.
func quiet(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile("/dev/tty1", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	local := func() uint32 {
		a, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return a.Lflag
	}
	before := local()
	c, err := quietConsole(f)
	if err != nil {
		t.Fatalf("quietConsole() = %v; want nil", err)
	}
	if before&unix.ECHO == 0 || local()&unix.ECHO != 0 {
		t.Errorf("local modes = %#o, then %#o; want the echo on, then off", before, local())
	}
	again, err := unix.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Errorf("close() = %v; want nil", err)
	}
	if a, err := unix.IoctlGetTermios(again, unix.TCGETS); err != nil || a.Lflag != before {
		t.Errorf("local modes after the end = %#o, %v; want %#o", a.Lflag, err, before)
	}
	if err := unix.Close(again); err != nil {
		t.Fatal(err)
	}
}

// activate changes to a virtual terminal and waits until it is there.
func activate(t *testing.T, tty *os.File, n uintptr) {
	t.Helper()
	const vtActivate = 0x5606
	if err := vtNumber(tty, vtActivate, n); err != nil {
		t.Fatalf("VT_ACTIVATE %d: %v", n, err)
	}
	until(t, fmt.Sprintf("terminal %d", n), func() bool {
		active, err := os.ReadFile("/sys/class/tty/tty0/active")
		return err == nil && strings.TrimSpace(string(active)) == fmt.Sprintf("tty%d", n)
	})
}

// consolePlanes is which frame buffers are on the planes while nobody has the
// card.
func consolePlanes(t *testing.T) map[string]string {
	t.Helper()
	out := cardPlanes(t)
	if len(out) == 0 {
		t.Fatal("the console is on no plane")
	}
	return out
}

// cardPlanes is which frame buffers are on the planes.
func cardPlanes(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for key, v := range foundState(t) {
		if strings.HasSuffix(key, " FB_ID") && v != "0" {
			out[key] = v
		}
	}
	return out
}

// TestHardwareFenceTime reads when a fence of the kernel was signalled: that of
// a buffer that nobody writes, which was before.
func TestHardwareFenceTime(t *testing.T) {
	d, err := New(Config{})
	missing(t, err)
	defer d.Close()
	g := d.dev.(*graphics)
	s, free, err := newProof(g.fd)
	if err != nil {
		t.Fatal(err)
	}
	defer free()
	// struct dma_buf_export_sync_file and its request (linux/dma-buf.h, since 6.0).
	export := struct {
		flags uint32 // DMA_BUF_SYNC_RW
		fd    int32
	}{flags: 3}
	const exportSyncFile = 0xc0086202
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s.Objects[0].FD), exportSyncFile, uintptr(unsafe.Pointer(&export))); errno != 0 {
		if errors.Is(errno, errors.ErrUnsupported) || errno == unix.ENOTTY {
			t.Skip("skipped: the kernel has no DMA_BUF_IOCTL_EXPORT_SYNC_FILE")
		}
		t.Fatalf("DMA_BUF_IOCTL_EXPORT_SYNC_FILE: %v", errno)
	}
	defer unix.Close(int(export.fd))
	at, ok := g.FenceTime(int(export.fd))
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &up); err != nil {
		t.Fatal(err)
	}
	if ago := time.Since(at); !ok || ago < 0 || ago > time.Duration(up.Nano()) {
		t.Errorf("FenceTime() = %v ago, %v; want a time since the start %v ago", ago, ok, time.Duration(up.Nano()))
	}
	if at, ok := g.FenceTime(s.Objects[0].FD); ok {
		t.Errorf("FenceTime(no fence) = %v; want none", at)
	}
}
