package linkplot

import (
	"fmt"
	"io"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// WriteHistory draws how lines and round trips changed, and the marks of each
// mode under them.
func WriteHistory(w io.Writer, f Format, results []linktest.Result) error {
	return page(w, f, func(dc draw.Canvas) {
		below := "nothing has been kept yet"
		if n := len(results); n > 0 {
			below = fmt.Sprintf("%d tests   |   %s", n, linktest.Compare(results).Words)
		}
		header(dc, "Link tests so far", below)
		lines, trips := capacities(results), history(results)
		tiles := draw.Tiles{Rows: 2, Cols: 1, PadY: px(12)}
		parts := plot.Align([][]*plot.Plot{{lines}, {trips}}, tiles, tile(dc, 15, 82, 1160, 570))
		lines.Draw(parts[0][0])
		trips.Draw(parts[1][0])
		data := lines.DataCanvas(parts[0][0])
		marks(tile(dc, 15, 664, 1160, 130), data, results)
	})
}

// over takes one value of each result, over time.
func over(results []linktest.Result, value func(linktest.Result) (float64, bool)) (out plotter.XYs) {
	for _, r := range results {
		if y, ok := value(r); ok {
			out = append(out, plotter.XY{X: float64(r.At.Unix()), Y: y})
		}
	}
	return out
}

func highest(of ...plotter.XYs) (most float64) {
	for _, points := range of {
		for _, p := range points {
			most = max(most, p.Y)
		}
	}
	return most
}

// dated makes an axis of dates in the zone of the results; one test alone gets a day around it.
func dated(p *plot.Plot, results []linktest.Result) {
	zone := time.UTC
	if len(results) > 0 {
		zone = results[0].At.Location()
	}
	p.X.Min, p.X.Max = axis(results)
	form := "2 Jan"
	if p.X.Max-p.X.Min < 3*24*3600 {
		form = "2 Jan 15:04"
	}
	p.X.Tick.Marker = plot.TimeTicks{Format: form, Time: func(t float64) time.Time { return time.Unix(int64(t), 0).In(zone) }}
}

func axis(results []linktest.Result) (from, to float64) {
	if len(results) == 0 {
		return 0, 24 * 3600
	}
	from, to = float64(results[0].At.Unix()), float64(results[len(results)-1].At.Unix())
	pad := max((to-from)*0.06, 3600) // room for the names of the modes below
	return from - pad, to + pad
}

func capacities(results []linktest.Result) *plot.Plot {
	p := newPanel("What the line carries", "", "Mb/s")
	down := over(results, func(r linktest.Result) (float64, bool) { return mbps(r.DownLine.Bps), len(r.Down) > 0 })
	up := over(results, func(r linktest.Result) (float64, bool) { return mbps(r.UpLine.Bps), len(r.Up) > 0 })
	line(p, "down", down, blue, false)
	line(p, "up", up, orange, false)
	dated(p, results)
	p.Y.Min, p.Y.Max = 0, max(highest(down, up)*1.3, 10)
	return p
}

func history(results []linktest.Result) *plot.Plot {
	p := newPanel("Round trip", "", "ms")
	quiet := over(results, func(r linktest.Result) (float64, bool) { return r.Idle.P50, r.Idle.N > 0 })
	loaded := func(steps func(linktest.Result) []linktest.Step) plotter.XYs {
		return over(results, func(r linktest.Result) (most float64, ok bool) {
			for _, s := range steps(r) {
				most, ok = max(most, s.RTT.P50), true
			}
			return most, ok
		})
	}
	down := loaded(func(r linktest.Result) []linktest.Step { return r.Down })
	up := loaded(func(r linktest.Result) []linktest.Step { return r.Up })
	line(p, "quiet", quiet, black, false)
	line(p, "while receiving the most", down, blue, false)
	line(p, "while sending the most", up, orange, false)
	dated(p, results)
	p.Y.Min, p.Y.Max = 0, max(highest(quiet, down, up)*1.45, 10)
	return p
}

// marks draws a row of coloured squares for each mode, each below its test in
// the panels, which data is the drawing area of.
func marks(dc, data draw.Canvas, results []linktest.Result) {
	dc.FillText(style(11, black, true), vg.Point{X: dc.Min.X + px(8), Y: dc.Max.Y}, "By the present rules:")
	x := dc.Min.X + px(190)
	for _, m := range []linktest.Mark{linktest.MarkGood, linktest.MarkUsable, linktest.MarkNot, linktest.MarkNotKnown} {
		square(dc, x, dc.Max.Y-px(7), px(12), px(12), m)
		dc.FillText(style(10, black, false), vg.Point{X: x + px(12), Y: dc.Max.Y - px(1)}, m.Words())
		x += px(110)
	}
	from, to := axis(results)
	width := max(min((data.Max.X-data.Min.X)/vg.Length(max(len(results), 1))-px(2), px(16)), px(2))
	for row, rule := range linktest.Rules() {
		y := dc.Max.Y - px(38) - vg.Length(row)*px(22)
		dc.FillText(style(10.5, black, false), vg.Point{X: dc.Min.X + px(8), Y: y + px(7)}, rule.Name)
		for _, r := range results {
			at := data.Min.X + (data.Max.X-data.Min.X)*vg.Length((float64(r.At.Unix())-from)/(to-from))
			for _, v := range r.Verdicts {
				if v.Mode == rule.Mode {
					square(dc, at, y, width, px(16), v.Grade)
				}
			}
		}
	}
}

func square(dc draw.Canvas, x, y, width, height vg.Length, m linktest.Mark) {
	dc.SetColor(markColor(m))
	dc.Fill(vg.Rectangle{Min: vg.Point{X: x - width/2, Y: y - height/2}, Max: vg.Point{X: x + width/2, Y: y + height/2}}.Path())
}
