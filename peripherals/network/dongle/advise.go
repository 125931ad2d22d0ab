package dongle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Facts is what is known of a Wi-Fi device. The zero value of a field is: not
// known.
type Facts struct {
	Interface string // "": it has none
	Vendor    uint16 // USB numbers; 0: not a dongle
	Product   uint16
	Driver    string // bound to it
	Kernel    string // as uname -r says
	PortMbps  int    // speed of the USB link: 12, 480, 5000 and up
	// Neighbours is how many other USB devices run at 5 Gb/s or more.
	Neighbours int

	FrequencyMHz int
	SignalDBm    int
	RateMbps     int // bit rate of the radio
	// HigherBand says that the network is there in a band above 2.4 GHz.
	HigherBand bool
	// Roams is how often it went from one access point to another within
	// Over.
	Roams int
	Over  time.Duration
}

// Severity orders findings.
type Severity int

// Severities.
const (
	Info  Severity = iota + 1 // good to know
	Warn                      // sessions suffer at times
	Fault                     // there is no session worth having
)

// String implements fmt.Stringer.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warn:
		return "warning"
	case Fault:
		return "fault"
	}
	return fmt.Sprintf("Severity(%d)", int(s))
}

// Code names a finding for programs.
type Code string

// Codes.
const (
	CodeDisc         Code = "disc"          // shows a disc instead of a radio
	CodeNoDriver     Code = "no-driver"     // no kernel has one
	CodeOldKernel    Code = "old-kernel"    // a newer kernel has one
	CodeUnbound      Code = "unbound"       // there is one, which does not run
	CodeVendorDriver Code = "vendor-driver" // not the kernel's
	CodeOnlyLow      Code = "only-2.4"
	CodeLowBand      Code = "low-band"
	CodeSignal       Code = "signal"
	CodeRate         Code = "rate"
	CodeFullSpeed    Code = "full-speed" // 12 Mb/s of USB
	CodeUSB2         Code = "usb-2"
	CodeUSB3         Code = "usb-3" // interference
	CodeRoaming      Code = "roaming"
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Severity Severity
	Code     Code
	Text     string // what is the case
	Advice   string // what to do about it
}

// Bounds of what is good enough for a session of some 30 Mb/s.
const (
	weak   = -67 // dBm: voice over Wi-Fi is planned for that
	feeble = -77

	slowRate = 65 // Mb/s on the radio, of which about half is there to use
	poorRate = 20

	roamsTen = 3 // in ten minutes
)

// Advise says what is wrong, the worst first; nothing is said of what is well
// or not known.
func Advise(f Facts) []Finding {
	var out []Finding
	c, known := chipOf(f.Vendor, f.Product)
	out = append(out, driver(f, c, known)...)
	out = append(out, radio(f, c, known)...)
	out = append(out, plug(f, c, known)...)
	slices.SortStableFunc(out, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return out
}

// driver judges whether the kernel can make the dongle work.
func driver(f Facts, c chip, known bool) (out []Finding) {
	switch {
	case f.Vendor != 0 && strings.Contains(compactDiscs, id(f.Vendor, f.Product)):
		return append(out, Finding{
			Fault, CodeDisc, "The Wi-Fi dongle shows a disc with drivers for another system, not its radio.",
			"Eject it (usb_modeswitch does), or use a dongle without one.",
		})
	case f.Driver != "":
		if slices.Contains(vendorDrivers[:], strings.ToLower(f.Driver)) {
			out = append(out, Finding{
				Warn, CodeVendorDriver, fmt.Sprintf("The Wi-Fi dongle runs with %q, which is not the kernel's driver.", f.Driver),
				"Use the kernel's own: it knows WPA3 and power saving, and updates do not break it.",
			})
		}
		return out
	case !known:
		return nil // perhaps it is no Wi-Fi at all
	case c.since == version{}:
		return append(out, Finding{
			Fault, CodeNoDriver, fmt.Sprintf("No kernel has a driver for the dongle's %s chip yet.", c.name), better,
		})
	}
	if v, ok := parseVersion(f.Kernel); ok && v.before(c.since) {
		return append(out, Finding{
			Fault, CodeOldKernel, fmt.Sprintf("This kernel (%v) has no driver for the dongle's %s chip; %v is the first that has.", v, c.name, c.since),
			"Update the terminal, or: " + strings.ToLower(better[:1]) + better[1:],
		})
	}
	return append(out, Finding{
		Fault, CodeUnbound, fmt.Sprintf("The driver %s for the dongle's %s chip does not run.", c.driver, c.name),
		"Plug it in again. If that does not help, this image lacks the driver or its firmware.",
	})
}

const better = "Use a dongle with an MT7921AU or MT7612U chip, which every kernel of today knows."

// radio judges what goes through the air.
func radio(f Facts, c chip, known bool) (out []Finding) {
	low := f.FrequencyMHz >= 2400 && f.FrequencyMHz < 2500
	switch {
	case low && known && !c.high:
		out = append(out, Finding{
			Warn, CodeOnlyLow, fmt.Sprintf("The dongle's %s chip can do 2.4 GHz alone, which is slow and full of neighbours.", c.name),
			"Use a dongle for 5 GHz, or a cable.",
		})
	case low && f.HigherBand:
		out = append(out, Finding{
			Warn, CodeLowBand, "Wi-Fi runs at 2.4 GHz although the network is there at 5 GHz or above.",
			"Choose the 5 GHz band for this network, or move closer to the access point.",
		})
	case low:
		out = append(out, Finding{Info, CodeLowBand, "Wi-Fi runs at 2.4 GHz, which is slow and full of neighbours.", "Switch 5 GHz on at the access point, or use a cable."})
	}
	if s := f.SignalDBm; s < weak {
		text := fmt.Sprintf("The Wi-Fi signal is weak (%d dBm).", s)
		switch {
		case s < feeble:
			out = append(out, Finding{Fault, CodeSignal, text, "Move closer to the access point, or use a cable."})
		default:
			out = append(out, Finding{Warn, CodeSignal, text, "Move closer, or put the dongle on an extension cord in sight of the access point."})
		}
	}
	if r := f.RateMbps; r > 0 && r < slowRate {
		sev := Warn
		if r < poorRate {
			sev = Fault
		}
		out = append(out, Finding{sev, CodeRate, fmt.Sprintf("Wi-Fi runs at %d Mb/s, about half of which is there to use.", r), "Move closer to the access point, or use its 5 GHz band or a cable."})
	}
	if f.Over >= time.Minute && float64(f.Roams) >= max(roamsTen*f.Over.Minutes()/10, roamsTen) {
		out = append(out, Finding{
			Warn, CodeRoaming, fmt.Sprintf("Wi-Fi went from one access point to another %d times in %v; each time the picture stands still.", f.Roams, f.Over.Round(time.Minute)),
			"Put the terminal where one access point is clearly the strongest, or tie the network to that one.",
		})
	}
	return out
}

// plug judges the USB socket.
func plug(f Facts, c chip, known bool) (out []Finding) {
	low := f.FrequencyMHz >= 2400 && f.FrequencyMHz < 2500
	if f.Vendor == 0 {
		return nil
	}
	switch {
	case f.PortMbps > 0 && f.PortMbps <= 12:
		out = append(out, Finding{Fault, CodeFullSpeed, fmt.Sprintf("The Wi-Fi dongle runs at %d Mb/s of USB.", f.PortMbps), "Use another socket or cord; an old hub in between may be why."})
	case f.PortMbps == 480 && known && c.super && f.FrequencyMHz > 0 && !low:
		out = append(out, Finding{Info, CodeUSB2, "The Wi-Fi dongle is at a USB 2 socket, which bears about 300 Mb/s.", "A blue USB 3 socket bears more, should that ever be too little."})
	}
	if !low {
		return out
	}
	const text = "USB 3 sends noise at 2.4 GHz"
	switch {
	case f.PortMbps >= 5000:
		out = append(out, Finding{Warn, CodeUSB3, text + ", and the Wi-Fi dongle itself is at such a socket.", "Use a USB 2 socket, an extension cord, or the 5 GHz band."})
	case f.Neighbours > 0:
		out = append(out, Finding{Info, CodeUSB3, text + ", and such devices are plugged in.", "If Wi-Fi drops out, put a hand's breadth between them and the dongle, or use the 5 GHz band."})
	}
	return out
}
