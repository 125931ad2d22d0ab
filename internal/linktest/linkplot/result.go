package linkplot

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// Write draws one result: delivered against asked rate, round trips with and
// without load, loss, and the verdicts.
func Write(w io.Writer, f Format, r *linktest.Result) error {
	return page(w, f, func(dc draw.Canvas) {
		header(dc, "Link test with "+r.Host, subtitle(r))
		rates(r).Draw(tile(dc, 15, 82, 575, 360))
		trips(r).Draw(tile(dc, 605, 82, 580, 360))
		losses(r).Draw(tile(dc, 15, 455, 575, 335))
		verdicts(tile(dc, 620, 455, 560, 335), r)
	})
}

func header(dc draw.Canvas, title, below string) {
	top := dc.Max.Y - px(18)
	dc.FillText(style(17, black, true), vg.Point{X: dc.Min.X + px(24), Y: top}, title)
	dc.FillText(style(11, grey, false), vg.Point{X: dc.Min.X + px(24), Y: top - px(32)}, below)
}

func subtitle(r *linktest.Result) string {
	parts := []string{r.At.Format("2 January 2006, 15:04")}
	if r.Link.Name != "" {
		l := fmt.Sprintf("%s (%s", r.Link.Name, r.Link.Kind)
		if r.Link.SpeedMbps > 0 {
			l += fmt.Sprintf(", %d Mb/s", r.Link.SpeedMbps)
		}
		parts = append(parts, l+")")
	}
	switch r.Path.Transport {
	case linktest.TransportNone:
		parts = append(parts, "no path: UDP is blocked")
	default:
		parts = append(parts, "over "+strings.ToUpper(string(r.Path.Transport)))
	}
	return strings.Join(parts, "   |   ")
}

// mbps is a rate on an axis.
func mbps(bps int) float64 { return float64(bps) / 1e6 }

// ticks marks the rates that were tried.
func ticks(r *linktest.Result) (out plot.ConstantTicks, most float64) {
	seen := map[int]bool{}
	for _, s := range slices.Concat(r.Down, r.Up) {
		if !seen[s.RateBps] {
			seen[s.RateBps] = true
			out = append(out, plot.Tick{Value: mbps(s.RateBps), Label: strconv.FormatFloat(mbps(s.RateBps), 'f', -1, 64)})
			most = max(most, mbps(s.RateBps))
		}
	}
	slices.SortFunc(out, func(a, b plot.Tick) int { return int(a.Value*1000 - b.Value*1000) })
	if most == 0 {
		most = 50
	}
	return out, most
}

// points takes one value of each step.
func points(steps []linktest.Step, value func(linktest.Step) (float64, bool)) (out plotter.XYs) {
	for _, s := range steps {
		if y, ok := value(s); ok {
			out = append(out, plotter.XY{X: mbps(s.RateBps), Y: y})
		}
	}
	return out
}

func rates(r *linktest.Result) *plot.Plot {
	p := newPanel("Delivered rate", "asked, Mb/s", "delivered, Mb/s")
	t, most := ticks(r)
	p.X.Tick.Marker = t
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, most*1.04, 0, most*1.12
	line(p, "asked = delivered", plotter.XYs{{X: 0, Y: 0}, {X: most, Y: most}}, grey, true)
	delivered := func(s linktest.Step) (float64, bool) { return mbps(s.DeliveredBps), true }
	line(p, "down", points(r.Down, delivered), blue, false)
	line(p, "up", points(r.Up, delivered), orange, false)
	return p
}

func trips(r *linktest.Result) *plot.Plot {
	p := newPanel("Round trip: quiet and under load", "load, Mb/s (0 = quiet line)", "round trip, ms")
	t, most := ticks(r)
	p.X.Tick.Marker = append(plot.ConstantTicks{{Value: 0, Label: "0"}}, t...)
	p.X.Min, p.X.Max = 0, most*1.04
	p.Y.Min = 0
	quiet := plotter.XY{X: 0, Y: r.Idle.P50}
	quiet95 := plotter.XY{X: 0, Y: r.Idle.P95}
	highest := r.Idle.P95
	add := func(name string, steps []linktest.Step, c color.RGBA) {
		p50 := points(steps, func(s linktest.Step) (float64, bool) { return s.RTT.P50, s.RTT.N > 0 })
		p95 := points(steps, func(s linktest.Step) (float64, bool) { return s.RTT.P95, s.RTT.N > 0 })
		if len(p50) == 0 {
			return
		}
		for _, xy := range p95 {
			highest = max(highest, xy.Y)
		}
		line(p, name+" (median)", append(plotter.XYs{quiet}, p50...), c, false)
		line(p, name+" (95 of 100)", append(plotter.XYs{quiet95}, p95...), c, true)
	}
	add("receiving", r.Down, blue)
	add("sending", r.Up, orange)
	p.Y.Max = max(highest*1.5, 10) // room for the legend
	return p
}

// losses are bars beside each other for each rate.
func losses(r *linktest.Result) *plot.Plot {
	p := newPanel("Lost packets", "asked, Mb/s", "lost, %")
	t, _ := ticks(r)
	highest := 0.0
	names := make([]string, len(t))
	bars := func(steps []linktest.Step) plotter.Values {
		v := make(plotter.Values, len(t))
		for i, tick := range t {
			names[i] = tick.Label
			for _, s := range steps {
				if mbps(s.RateBps) == tick.Value {
					v[i] = s.LossPct
					highest = max(highest, s.LossPct)
				}
			}
		}
		return v
	}
	const width = 18
	add := func(name string, v plotter.Values, c color.RGBA, offset float64) {
		b, err := plotter.NewBarChart(v, vg.Points(width))
		if err != nil {
			return // there is no step
		}
		b.Color, b.LineStyle.Width, b.Offset = c, 0, vg.Points(offset)
		p.Add(b)
		p.Legend.Add(name, b)
	}
	down, up := bars(r.Down), bars(r.Up)
	add("down", down, blue, -width/2-1)
	add("up", up, orange, width/2+1)
	if len(names) > 0 {
		p.NominalX(names...)
		p.X.Min, p.X.Max = -0.6, float64(len(names))-0.4
	}
	p.X.Label.Padding = vg.Points(4)
	p.Y.Min, p.Y.Max = 0, max(1, math.Ceil(highest*1.3))
	for i := range t {
		label(p, float64(i), down[i], -width/2-1, ran(r.Down, t[i].Value))
		label(p, float64(i), up[i], width/2+1, ran(r.Up, t[i].Value))
	}
	return p
}

func ran(steps []linktest.Step, rate float64) bool {
	return slices.ContainsFunc(steps, func(s linktest.Step) bool { return mbps(s.RateBps) == rate })
}

// label writes a bar's value above it, so that 0 is seen to be measured.
func label(p *plot.Plot, x, y, offset float64, ran bool) {
	words := fmt.Sprintf("%.1f", y)
	if !ran {
		words = "–"
	}
	l, err := plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: x, Y: y}}, Labels: []string{words}})
	if err != nil {
		return
	}
	l.TextStyle[0] = style(9, black, false)
	l.TextStyle[0].XAlign, l.TextStyle[0].YAlign = text.XCenter, text.YBottom
	l.Offset = vg.Point{X: vg.Points(offset), Y: vg.Points(2)}
	p.Add(l)
}

// markColor is a mark's.
func markColor(m linktest.Mark) color.Color {
	switch m {
	case linktest.MarkGood:
		return green
	case linktest.MarkUsable:
		return yellow
	case linktest.MarkNot:
		return red
	}
	return grey
}

// verdicts writes what the line is good for.
func verdicts(dc draw.Canvas, r *linktest.Result) {
	heading := centred(style(12.5, black, true))
	dc.FillText(heading, vg.Point{X: (dc.Min.X + dc.Max.X) / 2, Y: dc.Max.Y - px(2)}, "What it is good for")
	y := dc.Max.Y - px(36)
	for _, v := range r.Verdicts {
		box := vg.Rectangle{Min: vg.Point{X: dc.Min.X, Y: y - px(20)}, Max: vg.Point{X: dc.Min.X + px(108), Y: y + px(2)}}
		dc.SetColor(markColor(v.Grade))
		dc.Fill(box.Path())
		mark := style(10.5, color.White, true)
		mark.XAlign, mark.YAlign = text.XCenter, text.YCenter
		dc.FillText(mark, vg.Point{X: (box.Min.X + box.Max.X) / 2, Y: (box.Min.Y + box.Max.Y) / 2}, v.Grade.Words())
		dc.FillText(style(11.5, black, true), vg.Point{X: box.Max.X + px(12), Y: y}, v.Name)
		st := style(9.5, black, false)
		at := y - px(20)
		for _, row := range fold(st, v.Reason+" "+v.Advice, dc.Max.X-box.Max.X-px(14)) {
			dc.FillText(st, vg.Point{X: box.Max.X + px(12), Y: at}, row)
			at -= px(15)
		}
		y = min(at, y-px(48)) - px(10)
	}
}

// fold breaks a text into rows of at most width.
func fold(st text.Style, s string, width vg.Length) (rows []string) {
	row := ""
	for _, word := range strings.Fields(s) {
		next := strings.TrimSpace(row + " " + word)
		if row != "" && st.Width(next) > width {
			rows = append(rows, row)
			next = word
		}
		row = next
	}
	if row != "" {
		rows = append(rows, row)
	}
	return rows
}
