package selftest

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// feed gives one output its pictures.
type feed struct {
	out     display.Output
	picture *testPicture
	period  time.Duration // of the mode, exactly
	next    uint32        // number of the next picture
	fed     uint64        // since the record began
}

func (s *showing) newFeed(o display.Output) *feed {
	f := &feed{out: o, period: mode.FromMilliHz(o.MilliHz).Period()}
	if m, ok := s.modes[o.Connector]; ok && int(m.HDisplay) == o.Width && int(m.VDisplay) == o.Height {
		f.period = m.Period()
	}
	f.picture = newTestPicture(o.Screen, o.Width, o.Height)
	if m, ok := s.d.(monitors); ok && len(s.modes) == 0 {
		m.SetStream(o.Screen, o.Width, o.Height, mode.FromMilliHz(o.MilliHz))
	}
	return f
}

// feedAll feeds outputs until their time is over and the last pictures are on
// the screen.
func (s *showing) feedAll(ctx context.Context, feeds []*feed, span time.Duration) error {
	g, ctx := errgroup.WithContext(ctx)
	begin := time.Now()
	for _, f := range feeds {
		s.mu.Lock()
		s.records[f.out.Screen] = record{from: begin.Add(warmUp), period: f.period, interval: &metric.Latency{}}
		s.mu.Unlock()
		f.fed = 0
		g.Go(func() error { return s.feedOne(ctx, f, begin, span) })
	}
	return g.Wait()
}

func (s *showing) feedOne(ctx context.Context, f *feed, begin time.Time, span time.Duration) error {
	for at := begin; at.Before(begin.Add(warmUp + span)); at = at.Add(f.period) {
		if !until(ctx, at) {
			return nil
		}
		var p *media.Frame
		select {
		case p = <-f.picture.frames:
		case <-ctx.Done():
			return nil
		}
		if err := f.picture.draw(p, f.next); err != nil {
			return err
		}
		if !at.Before(begin.Add(warmUp)) {
			f.fed++
		}
		f.next++
		p.Timing = media.Timing{Decoded: time.Now()}
		s.d.Present(p)
		// A machine that cannot draw this fast skips pictures.
		for late := time.Since(at.Add(f.period)); late > f.period; late -= f.period {
			at = at.Add(f.period)
		}
	}
	return nil
}
