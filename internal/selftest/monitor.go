package selftest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/mode"
)

// Monitor is what is known of a connector and what is plugged into it.
type Monitor struct {
	Connector    string        `json:"connector"`
	Connected    bool          `json:"connected"`
	Name         string        `json:"monitor"`  // for people
	Identity     string        `json:"identity"` // that choices are remembered by
	Manufacturer string        `json:"manufacturer"`
	Year         int           `json:"year"`
	WidthMM      int           `json:"width_mm"`
	HeightMM     int           `json:"height_mm"`
	NativeWidth  int           `json:"native_width"`
	NativeHeight int           `json:"native_height"`
	VRRMinHz     int           `json:"vrr_min_hz"` // by its EDID; 0: none
	VRRMaxHz     int           `json:"vrr_max_hz"`
	Link         string        `json:"link"`
	MaxTMDSkHz   uint32        `json:"max_tmds_khz"` // HDMI, of the monitor's side
	Blocks       int           `json:"edid_blocks"`
	Defects      []string      `json:"edid_defects"`
	Error        string        `json:"edid_error,omitempty"`
	ModesFrom    string        `json:"modes_from"` // kernel: its list; edid: what can be made of the EDID
	Modes        []MonitorMode `json:"modes"`
}

// MonitorMode is one mode of a monitor.
type MonitorMode struct {
	Rank     int     `json:"rank"` // when it is tried: 1 first, 0 not at all
	Name     string  `json:"mode"`
	Hz       float64 `json:"hz"`
	Exact    string  `json:"exact_hz"` // as a fraction
	PeriodNS int64   `json:"period_ns"`
	ClockKHz uint32  `json:"clock_khz"`
}

// classDRM is where the kernel says what is plugged in.
const classDRM = "/sys/class/drm"

// survey lists the connectors of a card by what the kernel says in dir.
func survey(dir, card string) ([]Monitor, error) {
	folders, err := filepath.Glob(filepath.Join(dir, card+"-*"))
	if err != nil {
		return nil, err
	}
	slices.Sort(folders)
	list := []Monitor{}
	for _, folder := range folders {
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if errors.Is(err, os.ErrNotExist) {
			continue // a writeback connector
		}
		if err != nil {
			return nil, fmt.Errorf("list monitors: %w", err)
		}
		m := Monitor{
			Connector: strings.TrimPrefix(filepath.Base(folder), card+"-"),
			Connected: strings.TrimSpace(string(status)) == "connected", Defects: []string{}, Modes: []MonitorMode{},
		}
		if m.Connected {
			m.read(filepath.Join(folder, "edid"))
		}
		list = append(list, m)
	}
	return list, nil
}

// read takes over what the EDID in a file says.
func (m *Monitor) read(path string) {
	raw, err := os.ReadFile(path)
	if err != nil {
		m.Error = err.Error()
		return
	}
	e, err := edid.Parse(raw)
	link := linkOf(m.Connector, e)
	m.Link, m.MaxTMDSkHz = linkName(link.Kind), link.MaxTMDS
	if err != nil {
		m.Error = err.Error()
	} else {
		m.describe(e)
	}
	m.ModesFrom = "edid"
	tried := mode.Candidates(mode.Request{EDID: e, Link: link})
	m.list(tried, tried)
}

// list takes over modes and which of them are tried, best first. One of the
// person's own comes before the list.
func (m *Monitor) list(modes, tried []mode.Mode) {
	m.Modes = []MonitorMode{}
	for i, c := range tried {
		if !slices.ContainsFunc(modes, c.Same) {
			m.Modes = append(m.Modes, describeMode(c, i+1))
		}
	}
	for _, c := range modes {
		m.Modes = append(m.Modes, describeMode(c, 1+slices.IndexFunc(tried, c.Same)))
	}
}

func (m *Monitor) describe(e *edid.EDID) {
	m.Name, m.Identity, m.Manufacturer, m.Year = e.Label(), e.Identity(), e.Manufacturer, e.Year
	m.WidthMM, m.HeightMM, m.Blocks = e.WidthMM, e.HeightMM, e.Blocks
	m.Defects = append(m.Defects, e.Defects...)
	m.NativeWidth, m.NativeHeight, _ = e.Native()
	m.VRRMinHz, m.VRRMaxHz, _ = e.VRRRange()
}

func describeMode(c mode.Mode, rank int) MonitorMode {
	r := c.Refresh()
	return MonitorMode{
		Rank: rank, Name: c.String(), Hz: float64(c.MilliHz()) / 1000, Exact: fmt.Sprintf("%d/%d", r.Num, r.Den),
		PeriodNS: c.Period().Nanoseconds(), ClockKHz: c.Clock,
	}
}

// linkOf is the kind of a connector by its name in the kernel.
func linkOf(connector string, e *edid.EDID) mode.Link {
	switch {
	case strings.HasPrefix(connector, "DP-"), strings.HasPrefix(connector, "eDP-"):
		return mode.Link{Kind: mode.DisplayPort}
	case strings.HasPrefix(connector, "HDMI-"), strings.HasPrefix(connector, "DVI-"):
		return mode.HDMILink(0, e)
	case strings.HasPrefix(connector, "Virtual-"):
		return mode.Link{Kind: mode.Virtual}
	}
	return mode.Link{}
}

func linkName(k mode.LinkKind) string {
	return [...]string{"unknown", "DisplayPort", "HDMI", "virtual"}[min(k, mode.Virtual)]
}

func (m *Monitor) table(w io.Writer) {
	if !m.Connected {
		fmt.Fprintf(w, "%s\tnothing is plugged in\n", m.Connector)
		return
	}
	fmt.Fprintf(w, "%s\t%s, %s, %dx%d mm, own pixels %dx%d, %s\n", m.Connector, orNone(m.Name), orNone(m.Identity),
		m.WidthMM, m.HeightMM, m.NativeWidth, m.NativeHeight, m.Link)
	if m.VRRMaxHz > 0 || m.VRRMinHz > 0 {
		fmt.Fprintf(w, "  variable refresh\t%d to %d Hz by its EDID\n", m.VRRMinHz, m.VRRMaxHz)
	}
	if m.Error != "" {
		fmt.Fprintf(w, "  EDID\t%s\n", m.Error)
	}
	for _, d := range m.Defects {
		fmt.Fprintf(w, "  EDID defect\t%s\n", d)
	}
	for _, c := range m.Modes {
		rank := "not tried"
		if c.Rank > 0 {
			rank = fmt.Sprintf("choice %d", c.Rank)
		}
		fmt.Fprintf(w, "  mode\t%s, %s Hz, %d kHz, %s\n", c.Name, c.Exact, c.ClockKHz, rank)
	}
}
