package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/blade-shadow/terminal/internal/metric"
)

// phaseSessions are run with and without phase lock, in turn, because a session
// that runs free meets the blanks at a phase that is chance.
const phaseSessions = 3

// benchPhase measures what telling the host when to capture saves: sessions of
// 60 frames/s shown on a display that has vertical blanks and no screen.
func benchPhase(ctx context.Context, cfg BenchConfig, r *Report) error {
	var free, locked float64
	for i := range phaseSessions {
		fmt.Fprintf(cfg.Log, "shadow-lab: phase lock, session %d of %d\n", i+1, phaseSessions)
		f, err := phaseSession(ctx, cfg, "--free-run")
		if err != nil {
			return err
		}
		l, err := phaseSession(ctx, cfg, "--free-run=false")
		if err != nil {
			return err
		}
		free, locked = free+f/phaseSessions, locked+l/phaseSessions
	}
	r.Add("phase_lock_gain_ms", "ms", free-locked)
	r.Add("decoded_to_shown_at_60hz_free_ms_p50", "ms", free)
	r.Add("decoded_to_shown_at_60hz_locked_ms_p50", "ms", locked)
	return nil
}

// phaseSession returns the median of decoded to shown.
func phaseSession(ctx context.Context, cfg BenchConfig, flag string) (ms float64, err error) {
	host, err := cfg.Programs.StartHost(ctx, HostConfig{Source: "testcard", Audio: "none"})
	if err != nil {
		return 0, err
	}
	defer func() {
		_, serr := host.Stop()
		err = errors.Join(err, serr)
	}()
	t, err := Start(ctx, Command{Name: "shadow-terminal", Path: cfg.Programs.Terminal, Args: []string{
		"connect", host.URL, "--display", "none", "--decoder", "none", "--codec", "h264", "--mute", "--duration", "10s", "--json", flag,
	}})
	if err != nil {
		return 0, err
	}
	defer t.Kill()
	if code, err := t.Wait(ctx); err != nil || code != 0 {
		return 0, errors.Join(err, fmt.Errorf("the terminal ended with status %d: %s", code, lastLines(t.Stderr(), 3)))
	}
	var summary struct {
		Screens []struct {
			Display struct {
				DecodedToShown metric.Quantiles `json:"decoded_to_shown_ms"`
			} `json:"display"`
		} `json:"screens"`
	}
	if err := json.Unmarshal([]byte(t.Stdout()), &summary); err != nil || len(summary.Screens) == 0 {
		return 0, fmt.Errorf("read the terminal's summary: %w", errors.Join(err, errors.ErrUnsupported))
	}
	return summary.Screens[0].Display.DecodedToShown.P50, nil
}
