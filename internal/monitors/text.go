package monitors

import (
	"fmt"
	"strings"

	"github.com/blade-shadow/terminal/display/mode"
)

// String is a monitor in lines for people, the last one ended.
func (m Monitor) String() string {
	var b strings.Builder
	if !m.Connected {
		fmt.Fprintf(&b, "%s: nothing is plugged in\n", m.Connector)
		return b.String()
	}
	name := m.Name
	if name == "" {
		name = "a monitor without a name"
	}
	fmt.Fprintf(&b, "%s: %s", m.Connector, name)
	if m.WidthMM > 0 {
		fmt.Fprintf(&b, ", %dx%d mm", m.WidthMM, m.HeightMM)
	}
	b.WriteByte('\n')
	line := func(what, text string) { fmt.Fprintf(&b, "  %-9s %s\n", what, text) }
	line("kept as", m.Key)
	if m.Width > 0 {
		line("native", fmt.Sprintf("%dx%d", m.Width, m.Height))
	}
	what := "modes"
	for _, text := range m.sizes() {
		line(what, text)
		what = ""
	}
	line("refresh", m.variable())
	line("chosen", chosen(m.Choice))
	if p := m.Place; p != nil {
		primary := ""
		if p.Primary {
			primary = ", primary"
		}
		line("shows", fmt.Sprintf("%dx%d at %s Hz, at %d,%d of the desktop, scale %d %%%s", p.Width, p.Height, hertz(p.MilliHz), p.X, p.Y, p.Scale, primary))
	}
	return b.String()
}

// sizes are the modes, a line for each size.
func (m Monitor) sizes() (lines []string) {
	for i, have := range m.Modes {
		if i > 0 && m.Modes[i-1].name() == have.name() {
			lines[len(lines)-1] += ", " + have.refresh()
		} else {
			lines = append(lines, fmt.Sprintf("%-10s %s", have.name(), have.refresh()))
		}
	}
	for i := range lines {
		lines[i] += " Hz"
	}
	return lines
}

// variable is what the monitor says of variable refresh. Whether the connector
// can do it the kernel tells only who has opened the card.
func (m Monitor) variable() string {
	switch {
	case m.VRRMinHz == 0:
		return "fixed"
	case m.VRRMaxHz == 0:
		return fmt.Sprintf("variable from %d Hz, where the card can", m.VRRMinHz)
	}
	return fmt.Sprintf("variable from %d to %d Hz, where the card can", m.VRRMinHz, m.VRRMaxHz)
}

// chosen is a choice in words.
func chosen(c mode.Choice) string {
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch {
	case c.Width > 0 && c.MilliHz > 0:
		add("mode %dx%d@%s", c.Width, c.Height, hertz(c.MilliHz))
	case c.Width > 0:
		add("mode %dx%d", c.Width, c.Height)
	case c.MilliHz > 0:
		add("refresh %s", hertz(c.MilliHz))
	}
	if c.Order > 0 {
		add("order %d", c.Order)
	}
	if c.Placed {
		add("position %d,%d", c.X, c.Y)
	}
	if c.Scale > 0 {
		add("scale %d", c.Scale)
	}
	if c.Primary {
		add("primary")
	}
	if c.Fit == mode.Stretch {
		add("fit stretch")
	}
	switch c.VRR {
	case mode.VRROn:
		add("vrr on")
	case mode.VRROff:
		add("vrr off")
	}
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}
