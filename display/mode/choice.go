package mode

import "fmt"

// Fit is how a picture of another shape fills the output.
type Fit uint8

// Fits.
const (
	Letterbox Fit = iota // the whole picture, black bars
	Stretch              // the whole output, the picture distorted
)

// VRR is the user's word on variable refresh.
type VRR uint8

// Words on variable refresh.
const (
	VRRAuto VRR = iota // on where the monitor offers it
	VRROn
	VRROff
)

// Bounds of a [Choice].
const (
	MinScale = 50  // percent
	MaxScale = 400 // percent

	maxSide  = 16384 // pixels of a mode
	maxPlace = 1 << 20
	maxOrder = 64
)

// Choice is what the user chose for one monitor. The zero value is no choice:
// every field is then by policy.
type Choice struct {
	Width   int    `json:"width,omitzero"`    // of the mode, pixels; 0: by policy
	Height  int    `json:"height,omitzero"`   // the same
	MilliHz uint32 `json:"milli_hz,omitzero"` // of the mode, 1/1000 Hz; 0: by policy
	Order   int    `json:"order,omitzero"`    // place from the left, from 1; 0: by connector
	Placed  bool   `json:"placed,omitzero"`   // X and Y count
	X       int    `json:"x,omitzero"`        // wished left edge on the desktop, its pixels
	Y       int    `json:"y,omitzero"`        // wished upper edge
	Scale   int    `json:"scale,omitzero"`    // of what the host draws, percent; 0: 100
	Primary bool   `json:"primary,omitzero"`  // the desktop's main screen
	Fit     Fit    `json:"fit,omitzero"`      // of a picture of another shape
	VRR     VRR    `json:"vrr,omitzero"`      // whether refresh may vary
}

// Met says whether m is of the size and the refresh that c wishes, the refresh
// to 1 %: who writes 60 means 59.94 where there is no other. A choice without a
// mode is met by every one.
func (c Choice) Met(m Mode) bool {
	if c.Width > 0 && !m.sized(c.Width, c.Height) {
		return false
	}
	hz := m.MilliHz()
	return c.MilliHz == 0 || max(hz, c.MilliHz)-min(hz, c.MilliHz) <= c.MilliHz/100
}

// Check says what of c is out of bounds.
func (c Choice) Check() error {
	switch {
	case c.Width < 0 || c.Width > maxSide || c.Height < 0 || c.Height > maxSide || (c.Width == 0) != (c.Height == 0):
		return fmt.Errorf("size %dx%d", c.Width, c.Height)
	case c.MilliHz > cvtMaxRate:
		return fmt.Errorf("refresh %d mHz", c.MilliHz)
	case c.Order < 0 || c.Order > maxOrder:
		return fmt.Errorf("order %d", c.Order)
	case c.X < -maxPlace || c.X > maxPlace || c.Y < -maxPlace || c.Y > maxPlace:
		return fmt.Errorf("place %d, %d", c.X, c.Y)
	case c.Scale != 0 && (c.Scale < MinScale || c.Scale > MaxScale):
		return fmt.Errorf("scale %d %%", c.Scale)
	case c.Fit > Stretch:
		return fmt.Errorf("fit %d", c.Fit)
	case c.VRR > VRROff:
		return fmt.Errorf("variable refresh %d", c.VRR)
	}
	return nil
}

// MarshalText writes the word that a file has for it.
func (f Fit) MarshalText() ([]byte, error) {
	switch f {
	case Letterbox:
		return []byte("letterbox"), nil
	case Stretch:
		return []byte("stretch"), nil
	}
	return nil, fmt.Errorf("fit %d", uint8(f))
}

// UnmarshalText reads what MarshalText writes.
func (f *Fit) UnmarshalText(b []byte) error {
	switch string(b) {
	case "letterbox":
		*f = Letterbox
	case "stretch":
		*f = Stretch
	default:
		return fmt.Errorf("fit %q: want letterbox or stretch", b)
	}
	return nil
}

// MarshalText writes the word that a file has for it.
func (v VRR) MarshalText() ([]byte, error) {
	switch v {
	case VRRAuto:
		return []byte("auto"), nil
	case VRROn:
		return []byte("on"), nil
	case VRROff:
		return []byte("off"), nil
	}
	return nil, fmt.Errorf("variable refresh %d", uint8(v))
}

// UnmarshalText reads what MarshalText writes.
func (v *VRR) UnmarshalText(b []byte) error {
	switch string(b) {
	case "auto":
		*v = VRRAuto
	case "on":
		*v = VRROn
	case "off":
		*v = VRROff
	default:
		return fmt.Errorf("variable refresh %q: want auto, on or off", b)
	}
	return nil
}
