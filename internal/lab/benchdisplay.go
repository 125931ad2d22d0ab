package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// The stream of the display benchmark: what the terminal promises even where
// it decodes in software.
const (
	displayWidth, displayHeight = 1280, 720
	displayFPS                  = 60
	displayPictures             = 10 * displayFPS
	displayBitrateBps           = 10_000_000
)

// BenchDisplay measures how a coded picture becomes a seen one, against mpv
// and ffplay on the same stream and the same display, one after another in
// one run, and writes the report. A player that is not installed is said to be
// missing and left out.
func BenchDisplay(ctx context.Context, cfg BenchConfig) error {
	report := NewReport(ctx)
	fmt.Fprintf(cfg.Log, "shadow-lab: encoding %d pictures of %dx%d\n", displayPictures, displayWidth, displayHeight)
	clip, err := MakeClip(ClipConfig{Width: displayWidth, Height: displayHeight, FPS: displayFPS, Pictures: displayPictures, BitrateBps: displayBitrateBps})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "shadow-lab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	film := filepath.Join(dir, "clip.mkv")
	if err := clip.Save(film); err != nil {
		return err
	}
	// The quickest of three in turn: a busy machine makes it slower, nothing
	// makes it quicker.
	decode, own := math.Inf(1), math.Inf(1)
	for range 3 {
		peer, err := ffmpegDecode(ctx, film, len(clip.Units))
		if err != nil {
			return err
		}
		ours, err := ownDecode(ctx, cfg, film)
		if err != nil {
			return err
		}
		decode, own = min(decode, peer), min(own, ours)
	}
	rows, err := compare(ctx, cfg, clip)
	if err != nil {
		return err
	}
	if err := displayFigures(report, rows, own, decode); err != nil {
		return err
	}
	if err := writePlayers(cfg.Out, rows); err != nil {
		return err
	}
	if err := benchPhase(ctx, cfg, report); err != nil {
		return err
	}
	if err := benchGuest(ctx, cfg, report); err != nil {
		return err
	}
	if err := report.Save(cfg.Report); err != nil {
		return err
	}
	fmt.Fprintln(cfg.Out)
	return report.WriteTable(cfg.Out)
}

// Save writes the clip as Matroska.
func (c *Clip) Save(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := c.writer(f)
	for i, unit := range c.Units {
		if err := w.write(unit, i == 0, c.at(i)); err != nil {
			return fmt.Errorf("save clip: %w", err)
		}
	}
	return nil
}

func (c *Clip) writer(w io.Writer) *mkvFile {
	return &mkvFile{w: w, width: c.Width, height: c.Height, interval: time.Second / time.Duration(c.FPS)}
}

// compare has every player show the clip.
func compare(ctx context.Context, cfg BenchConfig, clip *Clip) (rows []*performance, err error) {
	d, err := StartDisplay(ctx, DisplayConfig{Width: clip.Width, Height: clip.Height})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, p := range players(cfg.Programs.Terminal, clip.Width, clip.Height) {
		fmt.Fprintf(cfg.Log, "shadow-lab: %s shows them\n", p.name)
		row, err := d.perform(ctx, p, clip)
		if errors.Is(err, errors.ErrUnsupported) && p.path != cfg.Programs.Terminal {
			fmt.Fprintf(cfg.Log, "shadow-lab: SKIPPED %s: %v\n", p.name, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// playSummary is what `shadow-terminal selftest play --json` prints.
type playSummary struct {
	DecodeP50         float64 `json:"decode_ms_p50"`
	DecodeP99         float64 `json:"decode_ms_p99"`
	DecodedToShownP50 float64 `json:"decoded_to_shown_ms_p50"`
	DecodedToShownP99 float64 `json:"decoded_to_shown_ms_p99"`
	Shown             uint64  `json:"shown"`
	CPUPerShown       float64 `json:"cpu_ms_per_shown_frame"`
	CopiesPerFrame    float64 `json:"copies_per_frame"`
	Wait              float64 `json:"wait_ms_p50"`
	Draw              float64 `json:"draw_ms_p50"`
	Flip              float64 `json:"flip_ms_p50"`
	Decoder           string  `json:"decoder"`
	Display           string  `json:"display"`
}

func parsePlay(out string) (s playSummary, err error) {
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		return s, fmt.Errorf("read what selftest play printed: %w", err)
	}
	return s, nil
}

// displayFigures adds the figures of the window on a PC, ours first.
func displayFigures(r *Report, rows []*performance, ownMS, ffmpegMS float64) error {
	ours, err := parsePlay(rows[0].Stdout)
	if err != nil {
		return err
	}
	r.AddPeer("decode_ms_p50", "ms", ownMS, "ffmpeg", ffmpegMS)
	r.Add("decode_vs_ffmpeg_ratio", "", ownMS/ffmpegMS)
	r.Add("decode_at_60hz_ms_p50", "ms", ours.DecodeP50)
	r.Add("copies_per_frame_cpu_path", "copies", ours.CopiesPerFrame)
	r.Add("own_decoded_to_shown_ms_p50", "ms", ours.DecodedToShownP50)
	r.Add("own_decoded_to_shown_ms_p99", "ms", ours.DecodedToShownP99)
	// What is seen from outside, for all alike: from the last byte in the pipe
	// to the sight of it, less what decoding a picture takes at least.
	decode := min(ours.DecodeP50, ownMS, ffmpegMS)
	beyond := func(p *performance, q float64) float64 { return max(0, p.FedToSeen.at(q)-decode) }
	for _, row := range rows[1:] {
		r.AddPeer("decoded_to_shown_ms_p50", "ms", beyond(rows[0], 0.5), row.Player, beyond(row, 0.5))
		r.AddPeer("decoded_to_shown_ms_p99", "ms", beyond(rows[0], 0.99), row.Player, beyond(row, 0.99))
		r.AddPeer("cpu_ms_per_shown_frame", "ms", rows[0].CPUPerShow, row.Player, row.CPUPerShow)
		r.AddPeer("frames_shown_share", "", rows[0].share(), row.Player, row.share())
	}
	return nil
}

// share is the part of the pictures that were seen.
func (p *performance) share() float64 {
	if p.Fed == 0 {
		return 0
	}
	return float64(p.Shown) / float64(p.Fed)
}

func writePlayers(w io.Writer, rows []*performance) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t, "player\tfed to seen p50\tp99\tshown\tof\tCPU a picture\n")
	for _, p := range rows {
		fmt.Fprintf(t, "%s\t%.1f ms\t%.1f ms\t%d\t%d\t%.2f ms\n", p.Player, p.FedToSeen.at(0.5), p.FedToSeen.at(0.99), p.Shown, p.Fed, p.CPUPerShow)
	}
	fmt.Fprintln(t)
	return t.Flush()
}

// ownDecode returns the median of the milliseconds that the terminal's decoder
// needs for a picture of the file, one after another.
func ownDecode(ctx context.Context, cfg BenchConfig, film string) (float64, error) {
	out, err := exec.CommandContext(ctx, cfg.Programs.Terminal, "selftest", "decode", "--device", "none", "--seconds", "2", "--json", "--quiet", film).Output()
	if err != nil {
		return 0, fmt.Errorf("selftest decode: %w", err)
	}
	var report struct {
		Rates []struct {
			Streams int     `json:"streams"`
			P50     float64 `json:"ms_p50"`
		} `json:"rates"`
	}
	if err := json.Unmarshal(out, &report); err != nil || len(report.Rates) == 0 || report.Rates[0].P50 <= 0 {
		return 0, fmt.Errorf("read what selftest decode printed: %w", errors.Join(err, errors.ErrUnsupported))
	}
	return report.Rates[0].P50, nil
}

// ffmpegDecode returns the milliseconds that the ffmpeg program needs to decode
// a picture of the file with as many threads as we use.
func ffmpegDecode(ctx context.Context, film string, pictures int) (float64, error) {
	if err := Need("ffmpeg"); err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, "ffmpeg", "-hide_banner", "-nostdin", "-benchmark", "-threads", "2", "-thread_type", "slice",
		"-flags", "low_delay", "-i", film, "-an", "-f", "null", "-").CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("decode with ffmpeg: %w: %s", err, lastLines(string(out), 3))
	}
	_, rest, ok := strings.Cut(string(out), "rtime=")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), "s")
	seconds, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("decode with ffmpeg: it does not say how long it took: %s", lastLines(string(out), 3))
	}
	return seconds * 1000 / float64(pictures), nil
}
