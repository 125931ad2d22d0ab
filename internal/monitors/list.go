package monitors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/mode"
)

// Folder is where the kernel lists connectors.
const Folder = "/sys/class/drm"

// maxFile bounds what is read of a file there: an EDID of 256 blocks.
const maxFile = 256 * edid.BlockSize

// maxConnectors bounds how many are listed.
const maxConnectors = 64

// Monitor is a connector and what is plugged into it.
type Monitor struct {
	Connector string `json:"connector"` // "DP-1"
	Card      string `json:"card"`      // "card0"
	Connected bool   `json:"connected"` // all below is zero where it is not

	Name     string      `json:"name,omitempty"`     // for people, "" where it says none
	Identity string      `json:"identity,omitempty"` // of this very monitor, "" where it has no EDID
	Key      string      `json:"key,omitempty"`      // under which a first choice for it is kept
	Width    int         `json:"native_width,omitempty"`
	Height   int         `json:"native_height,omitempty"`
	WidthMM  int         `json:"width_mm,omitempty"`
	HeightMM int         `json:"height_mm,omitempty"`
	Modes    []Mode      `json:"modes,omitempty"` // the largest and fastest first
	VRRMinHz int         `json:"vrr_min_hz,omitempty"`
	VRRMaxHz int         `json:"vrr_max_hz,omitempty"` // 0 beside a minimum: as far as the mode goes
	Choice   mode.Choice `json:"choice,omitzero"`      // the person's
	Place    *Place      `json:"place,omitempty"`      // nil where it is not connected

	edid  *edid.EDID
	known []mode.Mode
}

// Mode is one of a monitor's modes.
type Mode struct {
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Interlaced bool   `json:"interlaced,omitempty"`
	MilliHz    uint32 `json:"milli_hz,omitempty"` // 0: neither monitor nor kernel says it here
	Nominal    bool   `json:"nominal,omitempty"`  // MilliHz is rounded to 1 Hz: the monitor does not say it better
}

// Place is what a monitor shows, and where on the host's desktop, as far as the
// choices go: the host's stream and the driver may want another mode.
type Place struct {
	X       int    `json:"x"`
	Y       int    `json:"y"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	MilliHz uint32 `json:"milli_hz"`
	Scale   int    `json:"scale"` // percent
	Primary bool   `json:"primary"`
}

// List returns every connector in sys, the [Folder]: first those with monitors
// from the left, then the others by name. choices may be nil. It wraps
// errors.ErrUnsupported where there is no connector.
func List(sys fs.FS, choices *mode.Store) ([]Monitor, error) {
	entries, err := fs.ReadDir(sys, ".")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list monitors: %w", err)
	}
	var all []Monitor
	for _, e := range entries {
		card, connector, ok := strings.Cut(e.Name(), "-")
		if ok && strings.HasPrefix(card, "card") && !strings.HasPrefix(connector, "Writeback-") && len(all) < maxConnectors {
			all = append(all, read(sys, e.Name(), Monitor{Card: card, Connector: connector}))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("list monitors: no connector in %s: a graphics card is needed whose kernel driver sets modes: %w", Folder, errors.ErrUnsupported)
	}
	connected := plugged(all)
	for i := range all {
		m := &all[i]
		if m.Connected {
			m.Key = mode.Key(m.at(), connected)
			if choices != nil {
				m.Choice = choices.For(m.at())
			}
		}
	}
	slices.SortStableFunc(all, compare)
	arrange(all)
	return all, nil
}

// at is what the store of choices knows m by.
func (m *Monitor) at() mode.Monitor {
	return mode.Monitor{Connector: m.Connector, Identity: m.Identity}
}

// plugged are the connected ones.
func plugged(all []Monitor) (out []mode.Monitor) {
	for i := range all {
		if all[i].Connected {
			out = append(out, all[i].at())
		}
	}
	return out
}

// compare puts monitors as display/kms does: by the chosen order, then by name.
func compare(a, b Monitor) int {
	place := func(m Monitor) int {
		switch {
		case !m.Connected:
			return 1000
		case m.Choice.Order > 0:
			return m.Choice.Order
		}
		return 999
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.Connector, b.Connector))
}

// arrange gives the connected ones their places.
func arrange(all []Monitor) {
	var screens []mode.Screen
	for i := range all {
		if m := &all[i]; m.Connected {
			best := m.best(m.Choice)
			screens = append(screens, mode.Screen{
				Width: int(best.HDisplay), Height: int(best.VDisplay), MilliHz: best.MilliHz(), Choice: m.Choice,
			})
		}
	}
	for _, p := range mode.Arrange(screens) {
		all[p.Index].Place = &Place{X: p.X, Y: p.Y, Width: p.W, Height: p.H, MilliHz: p.MilliHz, Scale: p.Scale, Primary: p.Primary}
	}
}

// read fills in what one connector says. A file that is not there says nothing.
func read(sys fs.FS, folder string, m Monitor) Monitor {
	m.Connected = strings.TrimSpace(string(readFile(sys, folder, "status"))) == "connected"
	if !m.Connected {
		return m
	}
	if e, err := edid.Parse(readFile(sys, folder, "edid")); err == nil {
		m.edid, m.Name, m.Identity, m.WidthMM, m.HeightMM = e, e.Label(), e.Identity(), e.WidthMM, e.HeightMM
		m.Width, m.Height, _ = e.Native()
		m.VRRMinHz, m.VRRMaxHz, _ = e.VRRRange()
	}
	m.known, m.Modes = modes(m.edid, strings.Fields(string(readFile(sys, folder, "modes"))))
	return m
}

func readFile(sys fs.FS, folder, name string) []byte {
	f, err := sys.Open(path.Join(folder, name))
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil // the monitor was just pulled
	}
	return data
}
