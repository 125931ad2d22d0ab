package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest"
)

// The stream in the virtual terminal, where the processor is emulated and
// draws every pixel: small, and scaled to the output by all alike.
const (
	guestWidth, guestHeight = 320, 180
	guestMode               = "1280x720"
	guestFPS                = 1 // slower than any of them draws
	guestPictures           = 16
	guestPatience           = 4 * time.Minute
)

// guestPlayer is a program that shows a film on the card's outputs.
type guestPlayer struct {
	name string
	args []string
	env  []string
}

// benchGuest has players show a film on an output of the virtual terminal, by
// the CPU alone and with dma-bufs, and compares the work for a shown picture.
func benchGuest(ctx context.Context, cfg BenchConfig, r *Report) error {
	ctx, cancel := context.WithTimeout(ctx, guestPatience)
	defer cancel()
	film, err := guestFilm()
	if err != nil {
		return err
	}
	fmt.Fprintln(cfg.Log, "shadow-lab: booting the virtual terminal")
	vm, err := vmtest.Boot(ctx, vmtest.Config{Connected: 1})
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Fprintf(cfg.Log, "shadow-lab: SKIPPED the virtual terminal: %v\n", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer vm.Close()
	cpu, err := guestOurs(ctx, cfg, vm, film, "none", nil)
	if err != nil {
		return err
	}
	gpu, err := guestOurs(ctx, cfg, vm, film, "/dev/dri/renderD128", cfg.Driver)
	if err != nil {
		return err
	}
	r.Add("copies_per_frame_card_upload", "copies", cpu.CopiesPerFrame)
	r.Add("copies_per_frame_dmabuf_path", "copies", gpu.CopiesPerFrame)
	for i, s := range []playSummary{cpu, gpu} {
		path := [...]string{"upload", "dmabuf"}[i]
		r.Add("card_decode_"+path+"_ms_p50", "ms (emulated)", s.DecodeP50)
		r.Add("card_wait_"+path+"_ms_p50", "ms (emulated)", s.Wait)
		r.Add("card_draw_"+path+"_ms_p50", "ms (emulated)", s.Draw)
		r.Add("card_flip_"+path+"_ms_p50", "ms (emulated)", s.Flip)
		r.Add("card_decoded_to_shown_"+path+"_ms_p50", "ms (emulated)", s.DecodedToShownP50)
	}
	for _, p := range guestPeers(film) {
		ms, err := guestPeer(ctx, cfg, vm, p)
		if err != nil {
			fmt.Fprintf(cfg.Log, "shadow-lab: SKIPPED %s in the virtual terminal: %v\n", p.name, err)
			continue
		}
		r.AddPeer("card_cpu_ms_per_shown_frame_upload", "ms (emulated)", cpu.CPUPerShown, p.name, ms)
		r.AddPeer("card_cpu_ms_per_shown_frame_dmabuf", "ms (emulated)", gpu.CPUPerShown, p.name, ms)
	}
	return nil
}

// guestFilm makes the film in the tree, which the guest sees.
func guestFilm() (path string, err error) {
	clip, err := MakeClip(ClipConfig{Width: guestWidth, Height: guestHeight, FPS: guestFPS, Pictures: guestPictures, BitrateBps: 1_000_000})
	if err != nil {
		return "", err
	}
	path, err = filepath.Abs("build/bench/guest.mkv")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, clip.Save(path)
}

// guestOurs runs our own terminal in the guest.
func guestOurs(ctx context.Context, cfg BenchConfig, vm *vmtest.VM, film, decoder string, env []string) (s playSummary, err error) {
	terminal, err := filepath.Abs(cfg.Programs.Terminal)
	if err != nil {
		return s, err
	}
	fmt.Fprintf(cfg.Log, "shadow-lab: shadow-terminal in the virtual terminal, decoder %s\n", decoder)
	p, err := vm.Command(ctx, vmtest.Command{
		Args: []string{
			terminal, "selftest", "play", "--display", "card", "--mode", "Virtual-1=" + guestMode + "@60",
			"--decoder", decoder, "--json", "--quiet", film,
		},
		Env: append([]string{"LP_PERF=no_rast_linear"}, env...),
	})
	if err != nil {
		return s, err
	}
	if err := p.Wait(); err != nil {
		return s, fmt.Errorf("shadow-terminal in the virtual terminal: %w: %s", err, lastLines(string(p.Stderr()), 3))
	}
	return parsePlay(string(p.Stdout()))
}

// guestPeers are told to show every picture and not to wait for its time.
func guestPeers(film string) []guestPlayer {
	mpv := []string{"mpv", "--no-config", "--no-audio", "--really-quiet", "--hwdec=no", "--framedrop=no", "--profile=low-latency", "--drm-mode=" + guestMode}
	return []guestPlayer{
		{name: "mpv drm", args: append(mpv[:len(mpv):len(mpv)], "--vo=drm", film)},
		{name: "mpv gpu on drm", args: append(mpv[:len(mpv):len(mpv)], "--vo=gpu", "--gpu-context=drm", "--gpu-sw=yes", film)},
	}
}

// guestPeer returns the processor milliseconds for a picture of a program that
// ran to its end.
func guestPeer(ctx context.Context, cfg BenchConfig, vm *vmtest.VM, p guestPlayer) (float64, error) {
	if err := Need(p.args[0]); err != nil {
		return 0, err
	}
	fmt.Fprintf(cfg.Log, "shadow-lab: %s in the virtual terminal\n", p.name)
	// bash's times: user and system of the shell, then of what it ran.
	script := `"$@" >&2 </dev/null || exit 1; times`
	c, err := vm.Command(ctx, vmtest.Command{Args: append([]string{"bash", "-c", script, "bash"}, p.args...), Env: append([]string{"LP_PERF=no_rast_linear"}, p.env...)})
	if err != nil {
		return 0, err
	}
	if err := c.Wait(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, lastLines(string(c.Stderr()), 3))
	}
	lines := strings.Split(strings.TrimSpace(string(c.Stdout())), "\n")
	total := 0.0
	for field := range strings.FieldsSeq(lines[len(lines)-1]) {
		s, err := parseTimes(field)
		if err != nil {
			return 0, err
		}
		total += s
	}
	return total * 1000 / guestPictures, nil
}

// parseTimes reads 1m2.345s as bash writes it, in seconds.
func parseTimes(s string) (float64, error) {
	minutes, rest, ok := strings.Cut(s, "m")
	m, err1 := strconv.ParseFloat(minutes, 64)
	sec, err2 := strconv.ParseFloat(strings.TrimSuffix(rest, "s"), 64)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no time", s)
	}
	return 60*m + sec, nil
}
