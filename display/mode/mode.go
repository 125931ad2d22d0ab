package mode

import (
	"fmt"
	"math"
	"time"

	"github.com/blade-shadow/terminal/display/edid"
)

// Flags of a [Mode] (DRM_MODE_FLAG_*, drm_mode.h).
const (
	PositiveHSync uint32 = 1 << 0
	NegativeHSync uint32 = 1 << 1
	PositiveVSync uint32 = 1 << 2
	NegativeVSync uint32 = 1 << 3
	Interlaced    uint32 = 1 << 4
	DoubleScan    uint32 = 1 << 5
	DoubleClock   uint32 = 1 << 12
	Stereo        uint32 = 0x1f << 14 // mask of the 3D layouts
	Aspect        uint32 = 0xf << 19  // mask of the picture's aspect ratio
)

// Types of a [Mode] (DRM_MODE_TYPE_*, drm_mode.h).
const (
	Preferred   uint32 = 1 << 3
	UserDefined uint32 = 1 << 5 // of the kernel's command line
	Driver      uint32 = 1 << 6
)

// Mode is struct drm_mode_modeinfo (drm_mode.h) but for its rounded refresh.
type Mode struct {
	Clock                                         uint32 // of pixels, kHz
	HDisplay, HSyncStart, HSyncEnd, HTotal, HSkew uint16 // pixels
	VDisplay, VSyncStart, VSyncEnd, VTotal, VScan uint16 // lines of a frame, also when interlaced
	Flags, Type                                   uint32
	Name                                          string // "1920x1080", as the kernel or the user calls it
}

// Refresh returns the exact rate of vertical blanks: drm_mode_vrefresh without
// its rounding. A mode without totals has no rate.
func (m Mode) Refresh() Rate {
	num, den := 1000*uint64(m.Clock), uint64(m.HTotal)*uint64(m.VTotal)
	if m.Flags&Interlaced != 0 {
		num *= 2
	}
	if m.Flags&DoubleScan != 0 {
		den *= 2
	}
	if m.VScan > 1 {
		den *= uint64(m.VScan)
	}
	return NewRate(num, den)
}

// Period is the time from one vertical blank to the next, rounded to 1 ns; 0
// for a mode without a rate.
func (m Mode) Period() time.Duration { return m.Refresh().Period() }

// MilliHz is the refresh in 1/1000 Hz, rounded.
func (m Mode) MilliHz() uint32 { return m.Refresh().MilliHz() }

// Same says whether both make the same signal: names and types do not count.
func (m Mode) Same(o Mode) bool {
	m.Name, m.Type, o.Name, o.Type = "", 0, "", 0
	return m == o
}

// Valid says whether a display engine could make the mode at all.
func (m Mode) Valid() bool {
	return m.Clock > 0 && m.HDisplay > 0 && m.VDisplay > 0 &&
		m.HDisplay <= m.HSyncStart && m.HSyncStart < m.HSyncEnd && m.HSyncEnd <= m.HTotal &&
		m.VDisplay <= m.VSyncStart && m.VSyncStart < m.VSyncEnd && m.VSyncEnd <= m.VTotal
}

// String is the mode as a person reads it: "1920x1080@59.940", "i" for interlaced.
func (m Mode) String() string {
	scan := ""
	if m.Flags&Interlaced != 0 {
		scan = "i"
	}
	hz := m.MilliHz()
	return fmt.Sprintf("%dx%d%s@%d.%03d", m.HDisplay, m.VDisplay, scan, hz/1000, hz%1000)
}

// FromTiming makes the mode of a monitor's timing, the zero Mode of one that
// cannot be made.
func FromTiming(t edid.Timing) Mode {
	if !t.Valid() || t.HActive+t.HBlank > math.MaxUint16 || t.Lines() > math.MaxUint16 {
		return Mode{}
	}
	field := 1
	if t.Interlaced {
		field = 2
	}
	m := Mode{
		Clock:      t.Clock,
		HDisplay:   uint16(t.HActive),
		HSyncStart: uint16(t.HActive + t.HFront),
		HSyncEnd:   uint16(t.HActive + t.HFront + t.HSync),
		HTotal:     uint16(t.HActive + t.HBlank),
		VDisplay:   uint16(t.VActive),
		VSyncStart: uint16(t.VActive + field*t.VFront),
		VSyncEnd:   uint16(t.VActive + field*(t.VFront+t.VSync)),
		VTotal:     uint16(t.Lines()),
		Flags:      polarity(t.HPositive, t.VPositive),
		Name:       sizeName(t.HActive, t.VActive),
	}
	if t.Interlaced {
		m.Flags |= Interlaced
		m.Name += "i"
	}
	if t.Preferred {
		m.Type = Preferred
	}
	return m
}

func polarity(h, v bool) uint32 {
	f := NegativeHSync
	if h {
		f = PositiveHSync
	}
	if v {
		return f | PositiveVSync
	}
	return f | NegativeVSync
}

func sizeName(w, h int) string { return fmt.Sprintf("%dx%d", w, h) }
