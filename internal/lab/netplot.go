package lab

import (
	"fmt"
	"image/color"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// colorOf returns a viewer's colour; all are told apart by the colour-blind as
// well.
func colorOf(viewer string) color.RGBA {
	switch viewer {
	case ownViewer:
		return color.RGBA{0x1f, 0x5f, 0xbf, 0xff}
	case "chromium":
		return color.RGBA{0xe0, 0x7b, 0x00, 0xff}
	}
	return color.RGBA{0x4d, 0x4d, 0x4d, 0xff}
}

// plotTo is the longest latency on the plot, in ms: what is later than that is
// as good as not shown.
const plotTo = 400

// saveLatencies draws which share of the pictures sent was seen within which
// time: a viewer that is quick because it leaves pictures out ends low.
func saveLatencies(path, profile string, cells []*viewed) error {
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%s: pictures seen within a time", profile)
	p.X.Label.Text = "from capture to sight, ms"
	p.Y.Label.Text = "share of the pictures sent, %"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, plotTo, 0, 100
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.Left = false, false
	for _, c := range cells {
		line, err := plotter.NewLine(curve(c))
		if err != nil {
			return fmt.Errorf("plot %s: %w", profile, err)
		}
		line.Width = vg.Points(2)
		line.Color = colorOf(c.viewer)
		p.Add(line)
		p.Legend.Add(fmt.Sprintf("%s: %.1f %% shown, p50 %.0f ms, p99 %.0f ms", c.viewer, c.share(), c.latency.at(0.5), c.latency.at(0.99)), line)
	}
	p.Legend.YOffs = vg.Points(12)
	p.Legend.XOffs = -vg.Points(12)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return p.Save(9*vg.Inch, 5*vg.Inch, path)
}

// curve is the distribution of a cell's latencies over all that was sent.
func curve(c *viewed) plotter.XYs {
	points := plotter.XYs{{X: 0, Y: 0}}
	for i, ms := range c.latency {
		if ms > plotTo {
			break
		}
		share := 100 * float64(i+1) / float64(max(c.sent, 1))
		points = append(points, plotter.XY{X: ms, Y: share})
	}
	return append(points, plotter.XY{X: plotTo, Y: points[len(points)-1].Y})
}
