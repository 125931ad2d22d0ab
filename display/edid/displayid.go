package edid

// DisplayID is what the DisplayID blocks say beyond timings.
type DisplayID struct {
	Version       uint8 // 0x12 is 1.2; 0: no such block
	NativeWidth   int   // pixels; 0: not said
	NativeHeight  int
	WidthMM       int // of the picture, rounded; 0: not said
	HeightMM      int
	BitsPerColor  int // of the panel, by DisplayID 1.x; 0: not said
	Name          string
	SerialText    string
	Tile          Tile
	MaxClock      uint32 // of the range block, kHz; 0: not said
	MinHz, MaxHz  int
	SeamlessRange bool // MinHz to MaxHz without a flicker
}

// Tile is this input's part of a monitor that has several.
type Tile struct {
	Columns, Rows int // of the whole monitor; 0: not tiled
	Column, Row   int // of this part, from 0
	Width, Height int // of this part, pixels
}

// readDisplayID reads a DisplayID section inside an EDID block (DisplayID 1.3,
// 2 and appendix B; 2.0 has the same frame).
func (e *EDID) readDisplayID(b []byte) {
	section := b[1:127]
	if e.DisplayID.Version == 0 {
		e.DisplayID.Version = section[0]
	}
	n := int(section[1])
	if 4+n > len(section)-1 {
		e.defect("DisplayID section of %d bytes", n)
		n = len(section) - 5
	}
	var sum byte
	for _, c := range section[:4+n+1] {
		sum += c
	}
	if sum != 0 {
		e.defect("DisplayID checksum")
	}
	for p := section[4 : 4+n]; len(p) >= 3; {
		tag, flags, size := p[0], p[1], int(p[2])
		if tag == 0 && flags == 0 && size == 0 { // filling
			return
		}
		if size > len(p)-3 {
			e.defect("DisplayID block %#02x: %d bytes of %d", tag, len(p)-3, size)
			return
		}
		e.readDisplayIDBlock(tag, flags, p[3:3+size])
		p = p[3+size:]
	}
}

func (e *EDID) readDisplayIDBlock(tag, flags byte, p []byte) {
	d := &e.DisplayID
	switch tag {
	case 0x00, 0x20: // product: vendor, code, serial number, date, name
		if len(p) >= 12 {
			d.Name = text(p[12:min(12+int(p[11]), len(p))])
		}
	case 0x0a:
		d.SerialText = text(p)
	case 0x01:
		e.readParameters(p)
	case 0x21:
		e.readParameters2(flags, p)
	case 0x03:
		e.readTypeI(p, 10)
	case 0x22:
		e.readTypeI(p, 1)
	case 0x04:
		e.readTypeII(p)
	case 0x05:
		e.readTypeIII(p)
	case 0x24:
		e.readTypeIX(p)
	case 0x06:
		for _, id := range p {
			e.addDMT(int(id))
		}
	case 0x07:
		for i := range 8 * min(len(p), 10) {
			if p[i/8]&(1<<(i%8)) != 0 {
				e.addDMT(i + 1)
			}
		}
	case 0x09:
		e.readRange1(p)
	case 0x25:
		e.readRange2(flags, p)
	case 0x2b:
		e.readAdaptiveSync(flags, p)
	case 0x12, 0x28:
		e.readTile(p)
	case 0x81:
		e.readCollection(p)
	}
}

// readParameters reads block 0x01: size in 0.1 mm, then native pixels.
func (e *EDID) readParameters(p []byte) {
	if len(p) < 8 {
		e.defect("display parameters of %d bytes", len(p))
		return
	}
	d := &e.DisplayID
	d.WidthMM, d.HeightMM = (word(p)+5)/10, (word(p[2:])+5)/10
	d.NativeWidth, d.NativeHeight = word(p[4:]), word(p[6:])
	if len(p) >= 12 {
		d.BitsPerColor = int(p[11]&0x0f) + 1
	}
}

// readParameters2 reads block 0x21: size in 0.1 or 1 mm, then native pixels.
func (e *EDID) readParameters2(flags byte, p []byte) {
	if len(p) < 8 {
		e.defect("display parameters of %d bytes", len(p))
		return
	}
	d := &e.DisplayID
	d.WidthMM, d.HeightMM = (word(p)+5)/10, (word(p[2:])+5)/10
	if flags&0x80 != 0 {
		d.WidthMM, d.HeightMM = word(p), word(p[2:])
	}
	d.NativeWidth, d.NativeHeight = word(p[4:]), word(p[6:])
}

// readTypeI reads detailed timings of type I (DisplayID 1.3, 4.4.1; unit 10
// kHz) or VII (2.0, 4.3; unit 1 kHz), 20 bytes each.
func (e *EDID) readTypeI(p []byte, unit uint32) {
	for ; len(p) >= 20; p = p[20:] {
		t := Timing{
			Source:    FromDisplayID,
			Clock:     unit * (little(p, 3) + 1),
			HActive:   word(p[4:]) + 1,
			HBlank:    word(p[6:]) + 1,
			HFront:    word(p[8:])&0x7fff + 1,
			HPositive: p[9]&0x80 != 0,
			HSync:     word(p[10:]) + 1,
			VActive:   word(p[12:]) + 1,
			VBlank:    word(p[14:]) + 1,
			VFront:    word(p[16:])&0x7fff + 1,
			VPositive: p[17]&0x80 != 0,
			VSync:     word(p[18:]) + 1,
			Preferred: p[3]&0x80 != 0,
		}
		e.addDisplayIDTiming(t, p[3]&0x10 != 0)
	}
}

// readTypeII reads detailed timings of type II (DisplayID 1.3, 4.4.2).
func (e *EDID) readTypeII(p []byte) {
	for ; len(p) >= 11; p = p[11:] {
		t := Timing{
			Source:    FromDisplayID,
			Clock:     10 * (little(p, 3) + 1),
			HActive:   8 * ((int(p[4]) | int(p[5]&1)<<8) + 1),
			HBlank:    8 * (int(p[5]>>1) + 1),
			HFront:    8 * (int(p[6]>>4) + 1),
			HSync:     8 * (int(p[6]&0x0f) + 1),
			VActive:   (int(p[7]) | int(p[8]&0x0f)<<8) + 1,
			VBlank:    int(p[9]) + 1,
			VFront:    int(p[10]>>4) + 1,
			VSync:     int(p[10]&0x0f) + 1,
			HPositive: p[3]&0x08 != 0,
			VPositive: p[3]&0x04 != 0,
			Preferred: p[3]&0x80 != 0,
		}
		e.addDisplayIDTiming(t, p[3]&0x10 != 0)
	}
}

// addDisplayIDTiming keeps t, whose vertical fields count frames.
func (e *EDID) addDisplayIDTiming(t Timing, interlaced bool) {
	if interlaced {
		t.Interlaced = true
		t.VBlank, t.VFront, t.VSync = t.VBlank/2, t.VFront/2, t.VSync/2
	}
	e.addTiming(t)
}

// readTypeIII reads short timings: width, aspect and rate (DisplayID 1.3, 4.4.3).
func (e *EDID) readTypeIII(p []byte) {
	aspects := [8][2]int{{1, 1}, {5, 4}, {4, 3}, {15, 9}, {16, 9}, {16, 10}, {64, 27}, {256, 135}}
	for ; len(p) >= 3; p = p[3:] {
		a := p[0] & 0x0f
		if int(a) >= len(aspects) {
			continue
		}
		w := 8 * (int(p[1]) + 1)
		e.Sizes = append(e.Sizes, Size{
			Width: w, Height: w * aspects[a][1] / aspects[a][0],
			Hz: int(p[2]&0x7f) + 1, Interlaced: p[2]&0x80 != 0,
		})
	}
}

// readTypeIX reads timings by formula (DisplayID 2.0, 4.5).
func (e *EDID) readTypeIX(p []byte) {
	for ; len(p) >= 6; p = p[6:] {
		e.Sizes = append(e.Sizes, Size{Width: word(p[1:]) + 1, Height: word(p[3:]) + 1, Hz: int(p[5]) + 1})
	}
}

// addDMT adds one of VESA's monitor timings (DisplayID 1.3, 4.4.4 and 4.4.6).
func (e *EDID) addDMT(id int) {
	if id > 0 && id < len(dmt) {
		e.Sizes = append(e.Sizes, dmt[id])
	}
}

// readRange1 reads the video timing range limits of 1.3 (4.5), units 10 kHz.
func (e *EDID) readRange1(p []byte) {
	if len(p) < 15 {
		e.defect("timing range of %d bytes", len(p))
		return
	}
	e.DisplayID.MaxClock = 10 * (little(p[3:], 3) + 1)
	e.DisplayID.MinHz, e.DisplayID.MaxHz = int(p[10]), int(p[11])
}

// readRange2 reads the dynamic video timing range limits of 2.0 (4.6), unit
// 1 kHz; revision 1 has two more bits of the highest rate.
func (e *EDID) readRange2(flags byte, p []byte) {
	if len(p) < 9 {
		e.defect("dynamic timing range of %d bytes", len(p))
		return
	}
	d := &e.DisplayID
	d.MaxClock = little(p[3:], 3) + 1
	d.MinHz, d.MaxHz = int(p[6]), int(p[7])
	if flags&7 != 0 {
		d.MaxHz |= int(p[8]&3) << 8
	}
	d.SeamlessRange = p[8]&0x80 != 0
	if d.SeamlessRange {
		e.addVRR(VRR{MinHz: d.MinHz, MaxHz: d.MaxHz, Source: DynamicRange})
	}
}

// readAdaptiveSync reads ranges of variable refresh (DisplayID 2.1, block 0x2b):
// descriptors of six bytes and more, as the block's flags say.
func (e *EDID) readAdaptiveSync(flags byte, p []byte) {
	for size := 6 + int(flags>>4&7); len(p) >= size; p = p[size:] {
		e.addVRR(VRR{MinHz: int(p[2]), MaxHz: (int(p[3]) | int(p[4]&3)<<8) + 1, Source: AdaptiveSync})
	}
}

// readTile reads the tiled display topology (DisplayID 1.3, 4.12).
func (e *EDID) readTile(p []byte) {
	if len(p) < 8 {
		e.defect("tiled topology of %d bytes", len(p))
		return
	}
	e.DisplayID.Tile = Tile{
		Columns: (int(p[1]>>4) | int(p[3]>>2&0x30)) + 1,
		Rows:    (int(p[1]&0x0f) | int(p[3]&0x30)) + 1,
		Column:  int(p[2]>>4) | int(p[3]&0x0c)<<2,
		Row:     int(p[2]&0x0f) | int(p[3]&0x03)<<4,
		Width:   word(p[4:]) + 1,
		Height:  word(p[6:]) + 1,
	}
}

// word is the little-endian 16-bit number that p begins with.
func word(p []byte) int { return int(p[0]) | int(p[1])<<8 }
