package selftest

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
)

// figures sums up one output.
func (s *showing) figures(ctx context.Context, f *feed) OutputFigures {
	s.settle(ctx, f)
	s.mu.Lock()
	rec := s.records[f.out.Screen]
	s.mu.Unlock()
	o := OutputFigures{
		Round: s.round, Connector: f.out.Connector, Width: f.out.Width, Height: f.out.Height,
		Hz: float64(f.out.MilliHz) / 1000, PeriodMS: f.period.Seconds() * 1000, GridMS: f.out.Period.Seconds() * 1000,
		Variable: f.out.Variable, Fed: f.fed, Shown: rec.shown, Interval: rec.interval.Quantiles(), Skipped: rec.skipped,
		Dropped: make(map[string]uint64), Late: make(map[string]uint64),
	}
	if o.Interval.N > 0 {
		o.OnGrid = round2(float64(rec.inside) / float64(o.Interval.N))
	}
	st := s.d.Stats().Screens[f.out.Screen]
	for c := range media.NumCauses {
		o.Dropped[c.String()], o.Late[c.String()] = st.Dropped[c], st.Late[c]
	}
	if k, ok := s.d.(recorder); ok {
		s.recorded(k, f, &o)
	}
	if m, ok := s.d.(monitors); ok {
		s.look(m, f, rec.id, &o)
	}
	s.judge(&o)
	return o
}

// recorded takes over what the display itself has measured.
func (s *showing) recorded(d recorder, f *feed, o *OutputFigures) {
	k, ok := d.Figures(f.out.Screen)
	if !ok {
		return
	}
	o.Wait, o.Draw, o.Flip = k.Wait.Quantiles(), k.Draw.Quantiles(), k.Flip.Quantiles()
	o.Missed, o.Commits, o.Lost = k.Missed, k.Flips, k.Lost
	for c := range media.NumCauses {
		o.Late[c.String()] = k.Late[c]
	}
}

// settle waits for the last picture to be on the screen.
func (s *showing) settle(ctx context.Context, f *feed) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(settleMost)
	defer end.Stop()
	for {
		s.mu.Lock()
		id := s.records[f.out.Screen].id
		s.mu.Unlock()
		if id+1 == f.next {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// look compares what the card shows with what was drawn.
func (s *showing) look(m monitors, f *feed, id uint32, o *OutputFigures) {
	got, err := m.Capture(f.out.Screen)
	if err != nil {
		s.report.fail("%s: %v", f.out.Connector, err)
		return
	}
	// A picture may have been drawn and not yet been flipped: the one that is
	// there says which it is.
	if code, err := barcode.ReadImage(got); err == nil && code.Frame >= id && code.Frame < f.next {
		id = code.Frame
	}
	want, err := expected(f.out.Screen, f.out.Width, f.out.Height, id)
	if err != nil {
		s.report.fail("%s: %v", f.out.Connector, err)
		return
	}
	if o.PSNR = round2(psnr(got, want)); o.PSNR < leastPSNR {
		s.report.fail("%s shows another picture than was drawn: %.1f dB, want %d", f.out.Connector, o.PSNR, leastPSNR)
	}
	if s.cfg.Pictures == "" {
		return
	}
	o.Picture = filepath.Join(s.cfg.Pictures, fmt.Sprintf("%s-%d-%dx%d.png", f.out.Connector, s.round, o.Width, o.Height))
	if err := writePNG(o.Picture, got); err != nil {
		s.report.fail("%v", err)
	}
}

func writePNG(path string, img image.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, img), f.Close())
}

// judge compares an output's figures with what its mode promises.
func (s *showing) judge(o *OutputFigures) {
	if m, ok := s.modes[o.Connector]; ok {
		o.Wished = m.String()
		if int(m.HDisplay) != o.Width || int(m.VDisplay) != o.Height || abs(float64(m.MilliHz())/1000-o.Hz) > 0.01*o.Hz {
			s.report.fail("%s is in mode %dx%d@%.3f, not in %s", o.Connector, o.Width, o.Height, o.Hz, o.Wished)
		}
	}
	if o.Shown == 0 {
		s.report.fail("%s showed nothing", o.Connector)
		return
	}
	if s.kind == outputs.Card && abs(o.Interval.P50-o.PeriodMS) > mostOff*o.PeriodMS {
		s.report.fail("%s shows a new picture every %.2f ms, its mode has %.2f", o.Connector, o.Interval.P50, o.PeriodMS)
	}
}

func abs(v float64) float64 { return max(v, -v) }
