// Package linkplot draws results of the link test for people: one test on a
// page of four panels, or the history of many. It writes PNG and SVG to a
// writer; it opens no file, and judges nothing: what is drawn was graded before.
package linkplot

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Format is of the picture.
type Format string

// Formats.
const (
	PNG Format = "png"
	SVG Format = "svg"
)

// FormatOf returns the format that a file's name asks for.
func FormatOf(name string) (Format, error) {
	switch lower := strings.ToLower(name); {
	case strings.HasSuffix(lower, ".png"):
		return PNG, nil
	case strings.HasSuffix(lower, ".svg"):
		return SVG, nil
	}
	return "", fmt.Errorf("plot %q: the name must end in .png or .svg", name)
}

// The page, in pixels at dpi.
const (
	pageWidth  = 1200
	pageHeight = 800
	dpi        = 96
)

// Colours that the colour-blind tell apart too (Okabe and Ito).
var (
	blue   = color.RGBA{0x00, 0x72, 0xb2, 0xff}
	orange = color.RGBA{0xd5, 0x5e, 0x00, 0xff}
	grey   = color.RGBA{0x77, 0x77, 0x77, 0xff}
	pale   = color.RGBA{0xe2, 0xe2, 0xe2, 0xff}
	black  = color.RGBA{0x1a, 0x1a, 0x1a, 0xff}
	green  = color.RGBA{0x00, 0x9e, 0x73, 0xff}
	yellow = color.RGBA{0xe6, 0x9f, 0x00, 0xff}
	red    = color.RGBA{0xc0, 0x39, 0x2b, 0xff}
)

func px(n float64) vg.Length { return vg.Length(n) * vg.Inch / dpi }

// page makes a canvas, lets paint draw on it, and writes it.
func page(w io.Writer, f Format, paint func(draw.Canvas)) error {
	width, height := px(pageWidth), px(pageHeight)
	switch f {
	case PNG:
		c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
		paint(draw.New(c))
		_, err := vgimg.PngCanvas{Canvas: c}.WriteTo(w)
		return err
	case SVG:
		c := vgsvg.NewWith(vgsvg.UseWH(width, height), vgsvg.EmbedFonts(false))
		dc := draw.New(c)
		dc.SetColor(color.White)
		dc.Fill(dc.Rectangle.Path())
		paint(dc)
		_, err := c.WriteTo(w)
		return err
	}
	return fmt.Errorf("internal error: plot format %q", f)
}

// style is text of so many points.
func style(size float64, c color.Color, bold bool) text.Style {
	f := font.From(plot.DefaultFont, vg.Points(size))
	f.Variant = "Sans"
	if bold {
		f.Weight = boldWeight
	}
	return text.Style{Color: c, Font: f, XAlign: text.XLeft, YAlign: text.YTop, Handler: plot.DefaultTextHandler}
}

// boldWeight is font.WeightBold of golang.org/x/image.
const boldWeight = 3

// newPanel returns an empty plot in the page's style.
func newPanel(title, x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle = centred(style(12.5, black, true))
	p.Title.Padding = vg.Points(8)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font = style(11, black, false).Font
		a.Label.TextStyle.Color = black
		a.Tick.Label.Font = style(10, black, false).Font
		a.LineStyle.Color = grey
		a.Tick.LineStyle.Color = grey
	}
	p.Legend.TextStyle.Font = style(10, black, false).Font
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(3)
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(8), -vg.Points(4)
	p.Y.Tick.Marker = evenly{}
	p.Y.Padding = 0
	grid := plotter.NewGrid()
	grid.Horizontal.Color, grid.Vertical.Color = pale, pale
	p.Add(grid)
	return p
}

func centred(s text.Style) text.Style {
	s.XAlign, s.YAlign = text.XCenter, text.YTop
	return s
}

// line adds a line with points, or dashed without, under a name in the legend.
func line(p *plot.Plot, name string, points plotter.XYs, c color.Color, dashed bool) {
	if len(points) == 0 {
		return
	}
	l, err := plotter.NewLine(points)
	if err != nil {
		return // only for values that are no numbers, which results do not have
	}
	l.Color, l.Width = c, vg.Points(2)
	if dashed {
		l.Dashes, l.Width = []vg.Length{vg.Points(5), vg.Points(4)}, vg.Points(1.4)
		p.Add(l)
		p.Legend.Add(name, l)
		return
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return
	}
	s.GlyphStyle = draw.GlyphStyle{Color: c, Radius: vg.Points(3.5), Shape: draw.CircleGlyph{}}
	p.Add(l, s)
	p.Legend.Add(name, l, s)
}

// evenly is a ticker with a label on each round number, five or so.
type evenly struct{}

// Ticks returns the marks between two values.
func (evenly) Ticks(low, high float64) (out []plot.Tick) {
	if !(high > low) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, k := range [...]float64{1, 2, 2.5, 5, 10} {
		if (high-low)/(step*k) <= 6 {
			step *= k
			break
		}
	}
	for v := math.Ceil(low/step) * step; v <= high*1.000001; v += step {
		out = append(out, plot.Tick{Value: v, Label: strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)})
	}
	return out
}

// tile is a part of the page, in pixels from the top left.
func tile(dc draw.Canvas, x, y, width, height float64) draw.Canvas {
	return draw.Crop(dc, px(x), px(x+width)-(dc.Max.X-dc.Min.X), px(pageHeight-y-height), -px(y))
}
