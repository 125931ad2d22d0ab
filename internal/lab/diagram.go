package lab

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// Measures of the diagram, in pixels.
const (
	diagramWidth  = 900
	diagramLabels = 190 // room for the stage's name
	diagramRow    = 34
	diagramTop    = 40
)

// SaveStages draws the stages' latencies as an SVG: a bar from nothing to the
// median, a lighter one on to p99, and marks at p95 and the maximum.
func SaveStages(path string, stages Stages) error {
	names := stages.Names()
	scale := 1.0
	for _, name := range names {
		scale = math.Max(scale, stages[name].P99*1.25)
	}
	x := func(ms float64) float64 {
		return diagramLabels + math.Min(ms/scale, 1)*(diagramWidth-diagramLabels-60)
	}
	var b bytes.Buffer
	height := diagramTop + len(names)*diagramRow + 20
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="13">`+"\n", diagramWidth, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="12" y="24" font-size="15">Latency of each stage, ms: median (dark), p99 (light), p95 (line), maximum (number)</text>`+"\n")
	for i, name := range names {
		q, y := stages[name], diagramTop+i*diagramRow
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, diagramLabels-8, y+19, name)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="20" fill="#a9c7e8"/>`, diagramLabels, y+4, x(q.P99)-diagramLabels)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="20" fill="#2b6cb0"/>`, diagramLabels, y+4, x(q.P50)-diagramLabels)
		fmt.Fprintf(&b, `<rect x="%.1f" y="%d" width="2" height="26" fill="#1a202c"/>`, x(q.P95), y+1)
		fmt.Fprintf(&b, `<text x="%.1f" y="%d">%.1f / %.1f, max %.1f</text>`+"\n", x(q.P99)+6, y+19, q.P50, q.P99, q.Max)
	}
	b.WriteString("</svg>\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
