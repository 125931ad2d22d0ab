package display

import "time"

// Output is one monitor that shows a screen, as the layout of the desktop, the
// host and the figures need to know it.
type Output struct {
	Screen    int    // which of the host's screens it shows, from 0
	Connector string // as a person finds it on the box: "DP-1", "HDMI-A-1", "window 1"
	Connected bool   // false: nothing is shown, the fields below are zero
	Monitor   string // name for people, "" where it says none
	Identity  string // of this very monitor, to remember choices by; "" where it has none

	Width, Height     int           // pixels of its present mode
	WidthMM, HeightMM int           // of the glass, 0 where it says none
	MilliHz           uint32        // refresh of its present mode, in 1/1000 Hz
	MaxMilliHz        uint32        // the most that it does at this size
	Variable          bool          // variable refresh is on
	VRRMinMilliHz     uint32        // its range, 0 where it has none
	VRRMaxMilliHz     uint32        //
	Period            time.Duration // from one vertical blank to the next; 0: not known
}
