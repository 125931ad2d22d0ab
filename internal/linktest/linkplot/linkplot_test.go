package linkplot_test

import (
	"bytes"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/linkplot"
)

// sample is a result of an ADSL line by Wi-Fi.
func sample(at time.Time, factor float64) linktest.Result {
	r := linktest.Result{
		Version: 1, At: at, Host: "pc.example:8089", Seconds: 17, MaxBps: 50_000_000,
		Path: linktest.Path{Transport: linktest.TransportUDP, UDP: linktest.ReachOpen},
		Link: linktest.Link{Name: "wlan0", Kind: linktest.LinkWiFi, SpeedMbps: 130},
		Idle: linktest.Times{N: 40, Min: 34, P50: 36, P95: 41, Max: 50},
	}
	step := func(d linktest.Direction, rate, delivered int, loss, p50, p95 float64) linktest.Step {
		f := linktest.Figures{
			Sent: 1000, Received: int(1000 * (1 - loss/100)), Lost: int(10 * loss), LossPct: loss, SentBps: rate * 95 / 100,
			DeliveredBps: int(float64(delivered) * factor), DelayP95: p95 - 36, LossRuns: 2, LossRunMean: 5 * loss, LossRunMax: 9,
		}
		return linktest.NewStep(d, rate, f, linktest.Times{N: 60, P50: p50, P95: p95}, r.Idle)
	}
	r.Down = []linktest.Step{
		step(linktest.Down, 5_000_000, 4_800_000, 0.2, 37, 45), step(linktest.Down, 10_000_000, 9_500_000, 0.4, 39, 60),
		step(linktest.Down, 15_000_000, 12_300_000, 6.2, 190, 230),
	}
	r.Up = []linktest.Step{step(linktest.Up, 5_000_000, 1_000_000, 62, 380, 430)}
	r.Finish()
	return r
}

func draw(t *testing.T, name string, write func(*bytes.Buffer, linkplot.Format) error) {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, linkplot.PNG); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("LINKPLOT_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds().Size() != image.Pt(1200, 800) {
		t.Errorf("%s is %v; want 1200x800", name, m.Bounds().Size())
	}
	seen := map[[3]uint32]int{}
	for y := range 800 {
		for x := range 1200 {
			r, g, b, _ := m.At(x, y).RGBA()
			seen[[3]uint32{r >> 8, g >> 8, b >> 8}]++
		}
	}
	for _, c := range [][3]uint32{{0x00, 0x72, 0xb2}, {0xd5, 0x5e, 0x00}} { // down, up
		if seen[c] < 100 {
			t.Errorf("%s has %d pixels of colour %x; want lines of it", name, seen[c], c)
		}
	}
	b.Reset()
	if err := write(&b, linkplot.SVG); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "<svg") || !strings.Contains(s, "Mb/s") {
		t.Errorf("%s as SVG has no text: %.200q", name, s)
	}
}

func TestWrite(t *testing.T) {
	r := sample(time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), 1)
	draw(t, "result", func(b *bytes.Buffer, f linkplot.Format) error { return linkplot.Write(b, f, &r) })
}

// TestWriteNothing draws a result without a single step.
func TestWriteNothing(t *testing.T) {
	r := linktest.Result{Version: 1, Host: "pc", Path: linktest.Path{Transport: linktest.TransportNone, UDP: linktest.ReachBlocked}}
	r.Finish()
	var b bytes.Buffer
	if err := linkplot.Write(&b, linkplot.PNG, &r); err != nil {
		t.Fatal(err)
	}
	if err := linkplot.WriteHistory(&b, linkplot.SVG, nil); err != nil {
		t.Fatal(err)
	}
}

func TestWriteHistory(t *testing.T) {
	var all []linktest.Result
	for i := range 14 {
		all = append(all, sample(time.Date(2026, 11, 10+i, 18, 0, 0, 0, time.UTC), 0.8+0.02*float64(i)))
	}
	draw(t, "history", func(b *bytes.Buffer, f linkplot.Format) error { return linkplot.WriteHistory(b, f, all) })
}

func TestFormatOf(t *testing.T) {
	if f, err := linkplot.FormatOf("a/B.PNG"); err != nil || f != linkplot.PNG {
		t.Errorf("FormatOf(B.PNG) = %q, %v; want png", f, err)
	}
	if _, err := linkplot.FormatOf("plot.gif"); err == nil {
		t.Error("FormatOf(plot.gif) = nil; want an error")
	}
}
