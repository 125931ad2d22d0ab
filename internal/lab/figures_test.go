package lab_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/metric"
)

func TestReport(t *testing.T) {
	r := lab.NewReport(t.Context())
	if r.Commit == "" || !strings.Contains(r.Machine, " x ") {
		t.Errorf("NewReport() = %+v; want a commit and a machine", r)
	}
	r.AddGoal("fast_enough", "ms", 3.25, 4)
	r.AddGoal("too_slow", "ms", 5, 4)
	r.Add("no_goal", "frames", 7)

	var table strings.Builder
	if err := r.WriteTable(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<= 4 met", "<= 4 NOT met", "no_goal"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("WriteTable() =\n%s\nwant %q in it", table.String(), want)
		}
	}

	path := filepath.Join(t.TempDir(), "bench", "session.json")
	if err := r.Save(path); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Commit, Machine string
		Figures         []map[string]any
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Figures) != 3 || got.Figures[0]["name"] != "fast_enough" || got.Figures[0]["goal"] != 4.0 || got.Figures[2]["goal"] != nil {
		t.Errorf("Save() wrote %s; want three figures, two with goals", raw)
	}
}

func TestWriteTable(t *testing.T) {
	var s lab.Session
	const terminal = `{"duration_s":20.1,"connect_to_first_picture_ms":310,"screens":[{"screen":0,"codec":"H264","width":1280,"height":720,
		"received":1200,"decoded":1199,"shown":1190,"dropped":{"host":3,"pacer":2,"decoder":1,"network":0},"bitrate_bps":9870000,
		"stages_ms":{"received_to_shown":{"n":1190,"p50":4.5,"p95":6,"p99":9,"max":20},"capture_to_encoded":{"n":1200,"p50":3,"p95":4,"p99":5,"max":6}}}],
		"input":{"events":10,"key_to_channel_ms":{"n":10,"p50":0.1,"p95":0.2,"p99":0.3,"max":0.4}},"cpu_s":3.5,"cpu_s_per_min":10.5,"peak_rss_mib":80}`
	const host = `{"screens":[{"screen":0,"encoder":"libx264","captured":1203,"encoded":1200,"sent":1200,"skipped":3}],"cpu_s":9}`
	if err := errors.Join(json.Unmarshal([]byte(terminal), &s.Terminal), json.Unmarshal([]byte(host), &s.Host)); err != nil {
		t.Fatal(err)
	}
	if got := s.Terminal.DroppedByTerminal(); got != 3 {
		t.Errorf("DroppedByTerminal() = %d; want 3, not what host and network lost", got)
	}
	var table strings.Builder
	if err := lab.WriteTable(&table, &s.Terminal, &s.Host); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"screen 1", "H264", "9.87 Mb/s", "libx264", "decoder 1, host 3, pacer 2", "received_to_shown", "310 ms", "10.5"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("WriteTable() =\n%s\nwant %q in it", table.String(), want)
		}
	}
	if early, late := strings.Index(table.String(), "capture_to_encoded"), strings.Index(table.String(), "received_to_shown"); early > late {
		t.Errorf("WriteTable() =\n%s\nwant the stages in the order of a picture's life", table.String())
	}
}

func TestSummaryOfAProgramThatPrintedNone(t *testing.T) {
	p := start(t, shell("echo no; echo why >&2"))
	if _, err := p.Wait(soon(t)); err != nil {
		t.Fatal(err)
	}
	var s lab.HostSummary
	if err := p.Summary(&s); err == nil || !strings.Contains(err.Error(), "why") {
		t.Errorf("Summary() = %v; want an error with the last words", err)
	}
}

func TestBenchmark(t *testing.T) {
	metrics, err := lab.Benchmark(t.Context(), "^BenchmarkPSNR$", ".")
	if err != nil {
		t.Fatal(err)
	}
	if metrics["ns/op"] <= 0 || metrics["pixels/op"] != 640*360 {
		t.Errorf("Benchmark(BenchmarkPSNR) = %v; want ns/op and 230400 pixels/op", metrics)
	}
	if _, err := lab.Benchmark(t.Context(), "^BenchmarkAbsent$", "."); err == nil {
		t.Error("Benchmark(BenchmarkAbsent) = nil; want an error")
	}
}

func BenchmarkPSNR(b *testing.B) {
	one, other := grey(640, 360, 10), grey(640, 360, 20)
	for b.Loop() {
		if _, err := lab.PSNR(one, other); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(640*360, "pixels/op")
}

func TestSaveStages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pictures", "stages.svg")
	stages := lab.Stages{
		"sent_to_received": metric.Quantiles{N: 9, P50: 1, P95: 2, P99: 3, Max: 400},
		"capture_to_shown": metric.Quantiles{N: 9, P50: 11, P95: 12, P99: 13, Max: 14},
	}
	if err := lab.SaveStages(path, stages); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rects := 0
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			rects++
		}
	}
	if rects != 1+2*3 {
		t.Errorf("SaveStages() drew %d rectangles; want the ground and three for each stage", rects)
	}
}
