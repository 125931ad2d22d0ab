package monitors

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/mode"
)

// maxModes bounds how many are listed of one monitor.
const maxModes = 256

// assumedHz is taken for a mode of which nothing says the refresh.
const assumedHz = 60

// modes returns a monitor's modes twice: as display/mode decides about them and
// as a person reads them. e may be nil. names are the kernel's, "1920x1080i";
// it has left out what the link does not carry and says no refresh.
func modes(e *edid.EDID, names []string) (known []mode.Mode, listed []Mode) {
	l := list{names: names}
	if e != nil {
		for _, m := range mode.FromEDID(e) {
			l.add(m, Mode{Width: int(m.HDisplay), Height: int(m.VDisplay), Interlaced: m.Flags&mode.Interlaced != 0, MilliHz: m.MilliHz()})
		}
		for _, s := range e.Sizes {
			l.add(made(s.Width, s.Height, s.Hz, s.Interlaced), Mode{Width: s.Width, Height: s.Height, Interlaced: s.Interlaced, MilliHz: uint32(s.Hz) * 1000, Nominal: true})
		}
	}
	for _, name := range names {
		if w, h, interlaced, ok := parseName(name); ok && !slices.ContainsFunc(l.listed, func(m Mode) bool { return m.name() == name }) {
			l.add(made(w, h, assumedHz, interlaced), Mode{Width: w, Height: h, Interlaced: interlaced})
		}
	}
	slices.SortStableFunc(l.listed, func(a, b Mode) int {
		return cmp.Or(cmp.Compare(b.Width*b.Height, a.Width*a.Height), cmp.Compare(a.name(), b.name()), cmp.Compare(b.MilliHz, a.MilliHz))
	})
	return l.known, l.listed
}

// list collects modes.
type list struct {
	names  []string
	known  []mode.Mode
	listed []Mode
}

// add takes a mode that the kernel has, if it is not there yet.
func (l *list) add(m mode.Mode, as Mode) {
	switch {
	case !m.Valid() || len(l.listed) >= maxModes:
	case len(l.names) > 0 && !slices.Contains(l.names, as.name()):
	case slices.ContainsFunc(l.listed, func(o Mode) bool { return o.covers(as) }):
	default:
		l.known, l.listed = append(l.known, m), append(l.listed, as)
	}
}

// covers says whether o need not be listed beside m: it is the same, or the
// same with its refresh rounded.
func (m Mode) covers(o Mode) bool {
	near := max(m.MilliHz, o.MilliHz)-min(m.MilliHz, o.MilliHz) <= 500
	return m.name() == o.name() && (m.MilliHz == o.MilliHz || o.Nominal && near)
}

// name is a mode as the kernel calls it.
func (m Mode) name() string {
	if m.Interlaced {
		return fmt.Sprintf("%dx%di", m.Width, m.Height)
	}
	return fmt.Sprintf("%dx%d", m.Width, m.Height)
}

// refresh is in Hz, as a person reads it: "59.940", "~60".
func (m Mode) refresh() string {
	switch {
	case m.MilliHz == 0:
		return "?"
	case m.Nominal:
		return fmt.Sprintf("~%d", m.MilliHz/1000)
	}
	return hertz(m.MilliHz)
}

func hertz(milli uint32) string { return fmt.Sprintf("%d.%03d", milli/1000, milli%1000) }

// made is a mode of which only size and refresh are known, the zero Mode where
// that makes no sense.
func made(width, height, hz int, interlaced bool) mode.Mode {
	m := mode.CVTReduced2(width, height, mode.Hz(uint64(max(hz, 0))), false)
	m.Type = 0
	if interlaced {
		m.Flags |= mode.Interlaced
		m.Clock /= 2
	}
	return m
}

// parseName reads what name writes.
func parseName(s string) (width, height int, interlaced, ok bool) {
	s, interlaced = strings.CutSuffix(s, "i")
	w, h, ok := strings.Cut(s, "x")
	width, errW := strconv.Atoi(w)
	height, errH := strconv.Atoi(h)
	ok = ok && errW == nil && errH == nil && width > 0 && height > 0 && width <= 1<<14 && height <= 1<<14
	return width, height, interlaced, ok
}

// best is the mode that would be tried first for a choice.
func (m *Monitor) best(c mode.Choice) mode.Mode {
	return mode.Candidates(mode.Request{Modes: m.known, EDID: m.edid, Link: mode.Link{Kind: kind(m.Connector)}, Wish: c})[0]
}

// kind is a connector's by its name (drm_connector_enum_list, drm_connector.c).
func kind(connector string) mode.LinkKind {
	for _, k := range [...]struct {
		prefix string
		kind   mode.LinkKind
	}{{"DP-", mode.DisplayPort}, {"eDP-", mode.DisplayPort}, {"HDMI-", mode.HDMI}, {"DVI-", mode.HDMI}, {"Virtual-", mode.Virtual}} {
		if strings.HasPrefix(connector, k.prefix) {
			return k.kind
		}
	}
	return mode.Unknown
}
