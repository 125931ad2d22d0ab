package selftest

import (
	"fmt"
	"io"

	"github.com/blade-shadow/terminal/internal/metric"
)

// DisplayReport is what Display found.
type DisplayReport struct {
	Verdict
	Display      string          `json:"display"`
	Card         string          `json:"card"`
	Driver       string          `json:"driver"`
	Renderer     string          `json:"renderer"`
	DMABuf       bool            `json:"dmabuf"` // dma-bufs are drawn with the right pixels
	DMABufReason string          `json:"dmabuf_reason,omitempty"`
	Monitors     []Monitor       `json:"monitors"`
	Figures      []OutputFigures `json:"outputs"` // of each output in each round
	Sweep        []SweepStep     `json:"sweep"`
}

// OutputFigures is one output in one mode.
type OutputFigures struct {
	Round     int     `json:"round"` // from 1
	Connector string  `json:"connector"`
	Wished    string  `json:"wished,omitempty"` // mode
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Hz        float64 `json:"hz"`
	PeriodMS  float64 `json:"period_ms"` // by the mode, exactly
	GridMS    float64 `json:"grid_ms"`   // by the flips; 0: not known
	Variable  bool    `json:"variable"`
	// The beginning is not counted in Fed to Skipped, but in all below.
	Fed      uint64            `json:"fed"`
	Shown    uint64            `json:"shown"`
	Interval metric.Quantiles  `json:"interval_ms"` // between flips of new pictures
	OnGrid   float64           `json:"on_grid"`     // share of the intervals within a tenth of one period
	Skipped  uint64            `json:"skipped"`     // vertical blanks without a new picture
	Missed   uint64            `json:"missed"`      // flips a blank later than meant
	Dropped  map[string]uint64 `json:"dropped"`     // by cause
	Late     map[string]uint64 `json:"late"`        // by cause
	Wait     metric.Quantiles  `json:"wait_ms"`     // given until drawing began
	Draw     metric.Quantiles  `json:"draw_ms"`     // until the commit was accepted
	Flip     metric.Quantiles  `json:"flip_ms"`     // until it was on the screen
	Commits  uint64            `json:"flips"`       // all flips
	Lost     uint64            `json:"lost"`        // flips that never came
	PSNR     float64           `json:"psnr_db"`     // of what the card shows against what was drawn; 0: not looked at
	Picture  string            `json:"picture,omitempty"`
}

// SweepStep is one rate on a monitor with variable refresh.
type SweepStep struct {
	Connector string           `json:"connector"`
	Hz        float64          `json:"hz"`
	PeriodMS  float64          `json:"period_ms"`
	Interval  metric.Quantiles `json:"interval_ms"`
}

func (r *DisplayReport) table(w io.Writer) {
	fmt.Fprintf(w, "display\t%s\n", r.Display)
	if r.Card != "" {
		text := "drawn with the right pixels"
		if !r.DMABuf {
			text = "not used: " + r.DMABufReason
		}
		fmt.Fprintf(w, "dma-bufs\t%s\n", text)
	}
	for i := range r.Monitors {
		r.Monitors[i].table(w)
	}
	for i := range r.Figures {
		r.Figures[i].table(w)
	}
	if len(r.Sweep) > 0 {
		fmt.Fprintf(w, "\nvariable refresh\tHz\tms\tp50\tp99\tmax\n")
	}
	for _, s := range r.Sweep {
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\n", s.Connector, s.Hz, s.PeriodMS, s.Interval.P50, s.Interval.P99, s.Interval.Max)
	}
}

func (o *OutputFigures) table(w io.Writer) {
	fmt.Fprintf(w, "\n%s\t%dx%d at %.3f Hz, %.3f ms (%.3f by its flips)\n", o.Connector, o.Width, o.Height, o.Hz, o.PeriodMS, o.GridMS)
	fmt.Fprintf(w, "  pictures\tgiven %d, shown %d; dropped: %s\n", o.Fed, o.Shown, counts(o.Dropped))
	fmt.Fprintf(w, "  between flips\t%s; %.0f %% within a tenth of a period\n", spread(o.Interval), o.OnGrid*100)
	fmt.Fprintf(w, "  blanks\t%d without a new picture, %d flips missed theirs, %d flips lost\n", o.Skipped, o.Missed, o.Lost)
	fmt.Fprintf(w, "  late\t%s\n", counts(o.Late))
	fmt.Fprintf(w, "  waiting, drawing, flip\t%s; %s; %s\n", spread(o.Wait), spread(o.Draw), spread(o.Flip))
	if o.PSNR > 0 {
		fmt.Fprintf(w, "  picture on the card\t%.1f dB %s\n", o.PSNR, o.Picture)
	}
}
