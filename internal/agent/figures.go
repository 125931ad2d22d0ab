package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

// figuresEvery is how often the statistics on the picture change.
const figuresEvery = time.Second

// figures draws the statistics once a second while they are wanted.
func (a *Agent) figures(ctx context.Context) {
	tick := time.NewTicker(figuresEvery)
	defer tick.Stop()
	last := a.stats()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now := a.stats()
		if at := a.session.Load(); at != nil && at.live.Load() && a.over() == a.sign.Load() {
			a.draw(now, last)
			a.drawNote(at)
		}
		last = now
	}
}

// draw puts the figures on every screen if they are wanted.
func (a *Agent) draw(now, before client.Stats) {
	for i, s := range a.screens {
		if !a.overlay.Load() {
			return
		}
		st := s.figures(&now, now.Screens[i], before.Screens[i])
		if sign := a.sign.Load(); sign != nil {
			st.Rows = append([]ui.Row{{Label: sign.Title}}, st.Rows...)
		}
		a.display.SetOverlay(i, st)
		if !a.overlay.Load() { // switched off meanwhile
			a.display.SetOverlay(i, a.over())
		}
	}
}

// figures are one screen's statistics of the last second.
func (s *screen) figures(all *client.Stats, now, before client.ScreenStats) *ui.Stats {
	net := &all.Transport
	q := s.stages.CaptureToShown.Quantiles()
	d := s.decoder.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, worst := s.recent.last(time.Now())
	row := func(label, format string, args ...any) ui.Row {
		return ui.Row{Label: label, Value: fmt.Sprintf(format, args...)}
	}
	return &ui.Stats{
		Title: fmt.Sprintf("%dx%d %s", s.width, s.height, s.codec),
		Rows: []ui.Row{
			row("Frames shown", "%d /s", frames),
			row("Bit rate", "%.1f Mb/s", float64(now.Bytes-before.Bytes)*8/1e6/figuresEvery.Seconds()),
			row("Path", "%s", all.Path),
			row("Round trip", "%.1f ms", net.RTTms),
			row("Received to shown, worst", "%.1f ms", float64(worst.Microseconds())/1000),
			row("Capture to shown p50 / p99", "%.1f / %.1f ms", q.P50, q.P99),
			row("Lost in the network", "%d", now.LostBy[media.CauseNetwork]),
			row("Packets lost / repaired", "%d / %d", net.Lost, net.Repaired),
			row("Decoder", "%s", d.Backend),
		},
		Graph:      s.recent.milliseconds(),
		GraphLabel: "received to shown, ms",
	}
}
