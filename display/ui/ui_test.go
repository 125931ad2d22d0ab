package ui_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display/ui"
)

var update = flag.Bool("update", false, "rewrite the golden pictures")

var now = time.Unix(1_800_000_000, 0)

func painter(t testing.TB) *ui.Painter {
	t.Helper()
	p, err := ui.NewPainter("Shadow Terminal")
	if err != nil {
		t.Fatalf("NewPainter() = %v; want nil", err)
	}
	return p
}

// bars stands for a stream's picture.
func bars(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i, c := range []color.RGBA{{60, 60, 60, 255}, {50, 50, 10, 255}, {10, 50, 50, 255}, {50, 10, 40, 255}} {
		draw.Draw(img, image.Rect(i*w/4, 0, (i+1)*w/4, h), image.NewUniform(c), image.Point{}, draw.Src)
	}
	return img
}

func connecting() *ui.Status {
	return &ui.Status{Title: "Starting your PC", Detail: "It was asleep. This takes about a minute.", Busy: true, Progress: 0.4}
}

func failed() *ui.Status {
	return &ui.Status{
		Title:   "Your PC cannot be reached",
		Detail:  "The network works, but nothing answers at shadow-7f3a.example.com.",
		Hint:    "Check that the PC is switched on, or press any key to try again now.",
		RetryAt: now.Add(4500 * time.Millisecond),
	}
}

func figures() *ui.Stats {
	s := &ui.Stats{Title: "Screen 1", GraphLabel: "Capture to screen, ms", Rows: []ui.Row{
		{"Stream", "1920x1080 60 fps HEVC"},
		{"Bitrate", "18.4 Mb/s"},
		{"Path", "direct, enp1s0, changed 2 times"},
		{"Network", "11 ms, 0.2 % lost, 31 repaired"},
		{"Decode", "2.1 ms"},
		{"Capture to screen", "23.9 ms"},
	}}
	for i := range 60 {
		s.Graph = append(s.Graph, 20+float64(i*7%11)+float64(i%17/16*25))
	}
	return s
}

func TestPictures(t *testing.T) {
	for _, tt := range []struct {
		name string
		w, h int
		draw func(*ui.Painter, *image.RGBA)
	}{
		{"page-busy", 1280, 720, func(p *ui.Painter, m *image.RGBA) { p.Page(m, connecting(), now) }},
		{"page-failed", 1280, 720, func(p *ui.Painter, m *image.RGBA) { p.Page(m, failed(), now) }},
		{"page-small", 480, 300, func(p *ui.Painter, m *image.RGBA) { p.Page(m, failed(), now) }},
		{"page-portrait", 540, 960, func(p *ui.Painter, m *image.RGBA) { p.Page(m, connecting(), now) }},
		{"notice", 1280, 720, func(p *ui.Painter, m *image.RGBA) {
			st := failed()
			st.Title, st.Busy = "The connection was lost", true
			p.Notice(m, st, now)
		}},
		{"stats", 960, 540, func(p *ui.Painter, m *image.RGBA) { p.Stats(m, figures()) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := bars(tt.w, tt.h)
			tt.draw(painter(t), img)
			golden(t, tt.name, img)
		})
	}
}

// golden compares with a picture in testdata; two levels are let pass.
func golden(t *testing.T, name string, got *image.RGBA) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	if *update {
		var buf bytes.Buffer
		if err := png.Encode(&buf, got); err != nil {
			t.Fatalf("encode %s: %v", path, err)
		}
		if err := os.WriteFile(path, buf.Bytes(), 0o644); err != nil {
			t.Fatalf("update golden picture: %v", err)
		}
		return
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("golden picture: %v; run with -update", err)
	}
	defer f.Close()
	want, err := png.Decode(f)
	if err != nil {
		t.Fatalf("decode %s: %v", path, err)
	}
	if n := different(got, want); n != 0 {
		t.Errorf("%s: %d pixels differ; want 0 (look at it, then -update)", name, n)
	}
}

func different(a *image.RGBA, b image.Image) int {
	if a.Bounds() != b.Bounds() {
		return a.Rect.Dx() * a.Rect.Dy()
	}
	other := image.NewRGBA(b.Bounds())
	draw.Draw(other, other.Rect, b, image.Point{}, draw.Src)
	n := 0
	for i := range a.Pix {
		if d := int(a.Pix[i]) - int(other.Pix[i]); d > 2 || d < -2 {
			n++
		}
	}
	return n
}

// Whatever the words and the window, nothing is drawn outside the image, the
// notice stays on its card and the panel on its own.
func TestNothingOverflows(t *testing.T) {
	words := []string{"", "Ok", strings.Repeat("word ", 200), strings.Repeat("W", 500), "line\nline\n" + strings.Repeat("\n", 40), "\xff\xfe…\u202e"}
	p := painter(t)
	for _, size := range []image.Point{{1, 1}, {7, 300}, {64, 48}, {320, 180}, {800, 90}, {900, 500}} {
		for _, w := range words {
			st := &ui.Status{Title: w, Detail: w, Hint: w, Busy: true, Progress: 2, RetryAt: now.Add(time.Hour)}
			rows := []ui.Row{{w, w}, {"a", "b"}}
			check := func(what string, draw func(*image.RGBA) image.Rectangle) {
				if err := inside(size, draw); err != nil {
					t.Errorf("%s of %.12q on %v: %v", what, w, size, err)
				}
			}
			check("page", func(m *image.RGBA) image.Rectangle { return p.Page(m, st, now).Area })
			check("notice", func(m *image.RGBA) image.Rectangle { return p.Notice(m, st, now).Area })
			check("stats", func(m *image.RGBA) image.Rectangle {
				return p.Stats(m, &ui.Stats{Title: w, Rows: rows, Graph: []float64{1, 2, 0, -1}, GraphLabel: w})
			})
		}
	}
}

// inside draws into the middle of a larger image and looks for marks beside
// what the drawing says that it covered.
func inside(size image.Point, draw func(*image.RGBA) image.Rectangle) error {
	const margin = 8
	whole := image.NewRGBA(image.Rect(-margin, -margin, size.X+margin, size.Y+margin))
	area := draw(whole.SubImage(image.Rectangle{Max: size}).(*image.RGBA))
	if !area.In(image.Rectangle{Max: size}) {
		return fmt.Errorf("covered %v; want it inside", area)
	}
	for y := whole.Rect.Min.Y; y < whole.Rect.Max.Y; y++ {
		for x := whole.Rect.Min.X; x < whole.Rect.Max.X; x++ {
			if whole.RGBAAt(x, y).A != 0 && !image.Pt(x, y).In(area) {
				return fmt.Errorf("pixel %d,%d is drawn; want nothing outside %v", x, y, area)
			}
		}
	}
	return nil
}

func TestSpinTouchesOnlyTheMark(t *testing.T) {
	p := painter(t)
	img := bars(640, 360)
	d := p.Page(img, connecting(), now)
	before := bytes.Clone(img.Pix)
	p.Spin(img, d, now.Add(ui.SpinStep))
	changed := 0
	for i := 0; i < len(img.Pix); i += 4 {
		if bytes.Equal(img.Pix[i:i+4], before[i:i+4]) {
			continue
		}
		changed++
		if at := image.Pt(i/4%640, i/4/640); !at.In(d.Spinner) {
			t.Fatalf("Spin() changed %v; want only %v", at, d.Spinner)
		}
	}
	if changed == 0 {
		t.Error("Spin() a step later changed nothing; want another picture")
	}
}

func BenchmarkStats(b *testing.B) {
	p, s, img := painter(b), figures(), image.NewRGBA(image.Rect(0, 0, 1280, 720))
	for b.Loop() {
		p.Stats(img, s)
	}
}
