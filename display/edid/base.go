package edid

import "strings"

// readBase reads the base block (E-EDID A2, 3).
func (e *EDID) readBase(b []byte) {
	if [8]byte(b) != magic {
		e.defect("header % x", b[:8])
	}
	e.Version, e.Revision = b[18], b[19]
	if e.Version != 1 {
		e.defect("version %d.%d", e.Version, e.Revision)
	}
	e.Manufacturer = pnp(b[8], b[9])
	e.Product = uint16(b[10]) | uint16(b[11])<<8
	e.SerialNumber = uint32(b[12]) | uint32(b[13])<<8 | uint32(b[14])<<16 | uint32(b[15])<<24
	e.Week, e.Year, e.ModelYear = made(b[16], b[17])
	e.readFeatures(b)
	e.readEstablished(b[35:38])
	for i := 38; i < 54; i += 2 {
		e.readStandard(b[i], b[i+1])
	}
	for i := 54; i < 126; i += 18 {
		e.readDescriptor(b[i:i+18], FromBase)
	}
}

// pnp is the maker's three letters; a number that is no letter shows as the
// character after or before them.
func pnp(hi, lo byte) string {
	n := uint16(hi)<<8 | uint16(lo)
	return string([]byte{'@' + byte(n>>10&31), '@' + byte(n>>5&31), '@' + byte(n&31)})
}

// made reads week and year of making (E-EDID A2, 3.4.4).
func made(week, year byte) (w, y int, model bool) {
	y = int(year) + 1990
	switch {
	case week == 0xff:
		return 0, y, true
	case week > 54:
		return 0, y, false
	}
	return int(week), y, false
}

// readFeatures reads the basic display parameters, bytes 20 to 24.
func (e *EDID) readFeatures(b []byte) {
	in, features := b[20], b[24]
	v14 := e.Revision >= 4
	e.Digital = in&0x80 != 0
	if e.Digital && v14 {
		e.Interface = Interface(in & 0x0f)
		if e.Interface > DisplayPort {
			e.defect("interface %d", e.Interface)
			e.Interface = Undefined
		}
		if bits := in >> 4 & 7; bits > 0 && bits < 7 {
			e.BitsPerColor = 4 + 2*int(bits)
		}
		e.YCbCr444 = features&0x08 != 0
		e.YCbCr422 = features&0x10 != 0
	}
	if w, h := int(b[21]), int(b[22]); w > 0 && h > 0 { // else an aspect ratio
		e.WidthMM, e.HeightMM = 10*w, 10*h
	}
	e.PreferredNative = v14 && features&0x02 != 0
	e.Continuous = v14 && features&0x01 != 0
}

// establishedTimings are the bits of bytes 35 to 37, from the highest.
var establishedTimings = [17]Size{
	{720, 400, 70, false},
	{720, 400, 88, false},
	{640, 480, 60, false},
	{640, 480, 67, false},
	{640, 480, 73, false},
	{640, 480, 75, false},
	{800, 600, 56, false},
	{800, 600, 60, false},
	{800, 600, 72, false},
	{800, 600, 75, false},
	{832, 624, 75, false},
	{1024, 768, 87, true},
	{1024, 768, 60, false},
	{1024, 768, 70, false},
	{1024, 768, 75, false},
	{1280, 1024, 75, false},
	{1152, 870, 75, false},
}

// establishedIII are the bits of descriptor 0xf7, from the highest of byte 6.
var establishedIII = [44]Size{
	{640, 350, 85, false},
	{640, 400, 85, false},
	{720, 400, 85, false},
	{640, 480, 85, false},
	{848, 480, 60, false},
	{800, 600, 85, false},
	{1024, 768, 85, false},
	{1152, 864, 75, false},
	{1280, 768, 60, false},
	{1280, 768, 60, false},
	{1280, 768, 75, false},
	{1280, 768, 85, false},
	{1280, 960, 60, false},
	{1280, 960, 85, false},
	{1280, 1024, 60, false},
	{1280, 1024, 85, false},
	{1360, 768, 60, false},
	{1440, 900, 60, false},
	{1440, 900, 60, false},
	{1440, 900, 75, false},
	{1440, 900, 85, false},
	{1400, 1050, 60, false},
	{1400, 1050, 60, false},
	{1400, 1050, 75, false},
	{1400, 1050, 85, false},
	{1680, 1050, 60, false},
	{1680, 1050, 60, false},
	{1680, 1050, 75, false},
	{1680, 1050, 85, false},
	{1600, 1200, 60, false},
	{1600, 1200, 65, false},
	{1600, 1200, 70, false},
	{1600, 1200, 75, false},
	{1600, 1200, 85, false},
	{1792, 1344, 60, false},
	{1792, 1344, 75, false},
	{1856, 1392, 60, false},
	{1856, 1392, 75, false},
	{1920, 1200, 60, false},
	{1920, 1200, 60, false},
	{1920, 1200, 75, false},
	{1920, 1200, 85, false},
	{1920, 1440, 60, false},
	{1920, 1440, 75, false},
}

func (e *EDID) readEstablished(b []byte) { e.addBits(b, establishedTimings[:]) }

// addBits adds the sizes whose bits are set, from the highest of the first byte.
func (e *EDID) addBits(b []byte, sizes []Size) {
	for i, s := range sizes {
		if b[i/8]&(0x80>>(i%8)) != 0 {
			e.Sizes = append(e.Sizes, s)
		}
	}
}

// readStandard reads a two-byte standard timing (E-EDID A2, 3.9).
func (e *EDID) readStandard(b0, b1 byte) {
	if b0 <= 1 || (b0 == 0x20 && b1 == 0x20) { // unused, rightly and wrongly
		return
	}
	w := (int(b0) + 31) * 8
	s := Size{Width: w, Hz: int(b1&0x3f) + 60}
	switch b1 >> 6 {
	case 0:
		s.Height = w * 10 / 16
		if e.Revision < 3 {
			s.Height = w
		}
	case 1:
		s.Height = w * 3 / 4
	case 2:
		s.Height = w * 4 / 5
	default:
		s.Height = w * 9 / 16
	}
	if s.Width == 1360 && s.Height == 765 { // DMT 0x27 has this code
		s.Height = 768
	}
	e.Sizes = append(e.Sizes, s)
}

// readDescriptor reads one of the 18-byte descriptors, a timing or a word.
func (e *EDID) readDescriptor(d []byte, from Source) {
	if d[0] != 0 || d[1] != 0 {
		e.addDetailed(d, from)
		return
	}
	switch d[3] {
	case 0xff:
		e.SerialText = text(d[5:])
	case 0xfe:
		if s := text(d[5:]); s != "" {
			e.Text = append(e.Text, s)
		}
	case 0xfc:
		e.Name = text(d[5:])
	case 0xfd:
		e.readRange(d)
	case 0xfa:
		for i := 5; i < 17; i += 2 {
			e.readStandard(d[i], d[i+1])
		}
	case 0xf8:
		for i := 6; i < 18; i += 3 {
			e.readCVTCode(d[i : i+3])
		}
	case 0xf7:
		e.addBits(d[6:12], establishedIII[:])
	}
}

// addDetailed keeps a detailed timing. The first of the base block is preferred.
func (e *EDID) addDetailed(d []byte, from Source) {
	t := detailed(d, from)
	t.Preferred = from == FromBase && len(e.Timings) == 0
	e.addTiming(t)
}

// addTiming keeps t if it shows any pixel; one that cannot be made is kept too,
// for those that want to see what the maker wrote.
func (e *EDID) addTiming(t Timing) {
	if !t.Valid() {
		e.defect("timing %d: %dx%d cannot be made", len(e.Timings)+1, t.HActive, t.VActive)
	}
	if t.HActive > 0 && t.VActive > 0 {
		e.Timings = append(e.Timings, t)
	}
}

// readRange reads the display range limits (E-EDID A2, 3.10.3.3).
func (e *EDID) readRange(d []byte) {
	offset := func(bit byte) int {
		if e.Revision >= 4 && d[4]&bit != 0 {
			return 255
		}
		return 0
	}
	r := Range{
		MinHz: int(d[5]), MaxHz: int(d[6]) + offset(0x02),
		MinKHz: int(d[7]), MaxKHz: int(d[8]) + offset(0x08),
		MaxClock: uint32(d[9]) * 10_000,
	}
	if d[4]&0x03 == 0x03 {
		r.MinHz += offset(0x01)
	}
	if d[4]&0x0c == 0x0c {
		r.MinKHz += offset(0x04)
	}
	if d[10] == 0x04 && e.Revision >= 4 {
		r.CVT = true
		if fine := uint32(d[12]>>2) * 250; fine < r.MaxClock {
			r.MaxClock -= fine
		}
	}
	if r.MinHz > r.MaxHz || r.MinKHz > r.MaxKHz {
		e.defect("range limits %d-%d Hz, %d-%d kHz", r.MinHz, r.MaxHz, r.MinKHz, r.MaxKHz)
		if r.MinHz > r.MaxHz {
			return
		}
	}
	e.Range = r
}

// readCVTCode reads a three-byte CVT code (E-EDID A2, 3.10.3.8).
func (e *EDID) readCVTCode(b []byte) {
	if b[0] == 0 && b[1] == 0 && b[2] == 0 {
		return
	}
	h := (int(b[0]) | int(b[1]&0xf0)<<4) + 1
	h *= 2
	aspect := [4][2]int{{4, 3}, {16, 9}, {16, 10}, {15, 9}}[b[1]>>2&3]
	w := h * aspect[0] / aspect[1] / 8 * 8
	for _, rate := range [5]struct {
		bit byte
		hz  int
	}{{0x10, 50}, {0x08, 60}, {0x04, 75}, {0x02, 85}, {0x01, 60}} {
		if b[2]&rate.bit != 0 {
			e.Sizes = append(e.Sizes, Size{Width: w, Height: h, Hz: rate.hz})
		}
	}
}

// text reads a descriptor's ASCII: it ends at the line feed or at the first
// byte that is no character; blanks fill the rest.
func text(b []byte) string {
	for i, c := range b {
		if c < ' ' || c > '~' {
			b = b[:i]
			break
		}
	}
	return strings.TrimRight(string(b), " ")
}
