package edid

// HDMI is what the blocks of HDMI and the HDMI Forum say.
type HDMI struct {
	Present         bool   // an HDMI input, not only DVI
	PhysicalAddress uint16 // of CEC, 0x1000 is 1.0.0.0
	MaxTMDS         uint32 // of the HDMI 1.4 block, kHz; 0: 165,000
	Deep30          bool   // 10 bits per colour
	Deep36          bool
	Deep48          bool
	DeepY444        bool
	VICs            []uint8 // HDMI's own 4K numbers, 1 to 4

	Forum        bool   // HDMI 2.0 or later
	MaxCharRate  uint32 // of the Forum's block, kHz; 0: no more than 340,000
	SCDC         bool
	Scrambled340 bool  // scrambles also at 340,000 and less
	FRL          uint8 // highest fixed rate link: 0 none, 1 3 lanes of 3 Gb/s to 6 4 lanes of 12
	Deep420      [3]bool
	LowLatency   bool // ALLM
}

// Vendors' numbers as they lie in the data block, the lowest byte first.
const (
	ouiHDMI  = 0x000c03
	ouiForum = 0xc45dd8
	ouiAMD   = 0x00001a
)

// readVendor reads a vendor-specific data block.
func (e *EDID) readVendor(p []byte) {
	if len(p) < 3 {
		e.defect("vendor block of %d bytes", len(p))
		return
	}
	switch little(p, 3) {
	case ouiHDMI:
		e.readHDMI(p)
	case ouiForum:
		e.readForum(p[3:])
	case ouiAMD:
		e.readAMD(p[3:])
	}
}

// readHDMI reads the HDMI block (HDMI 1.4b, 8.3.2). It may end after any field.
func (e *EDID) readHDMI(p []byte) {
	h := &e.CTA.HDMI
	h.Present = true
	if len(p) < 5 {
		e.defect("HDMI block of %d bytes", len(p))
		return
	}
	h.PhysicalAddress = uint16(p[3])<<8 | uint16(p[4])
	if len(p) > 5 {
		h.DeepY444, h.Deep30, h.Deep36, h.Deep48 = p[5]&0x08 != 0, p[5]&0x10 != 0, p[5]&0x20 != 0, p[5]&0x40 != 0
	}
	if len(p) > 6 {
		h.MaxTMDS = uint32(p[6]) * 5000
	}
	if len(p) > 7 {
		h.VICs = append(h.VICs, e.hdmiVICs(p[7], p[8:])...)
	}
}

// hdmiVICs finds HDMI's own numbers behind the latencies.
func (e *EDID) hdmiVICs(flags byte, p []byte) []uint8 {
	skip := 0
	if flags&0x80 != 0 {
		skip += 2
	}
	if flags&0x40 != 0 {
		skip += 2
	}
	if flags&0x20 == 0 || len(p) < skip+2 {
		return nil
	}
	n := int(p[skip+1] >> 5)
	p = p[skip+2:]
	if n > len(p) {
		e.defect("HDMI block: %d VICs of %d", len(p), n)
		n = len(p)
	}
	var out []uint8
	for _, code := range p[:n] {
		if HDMIVIC(code) == 0 {
			e.defect("HDMI VIC %d", code)
			continue
		}
		out = append(out, code)
	}
	return out
}

// readForum reads the HDMI Forum's block behind its OUI (HDMI 2.1, 10.3.2).
func (e *EDID) readForum(p []byte) {
	h := &e.CTA.HDMI
	h.Present, h.Forum = true, true
	if len(p) < 4 {
		e.defect("HDMI Forum block of %d bytes", len(p))
		return
	}
	h.MaxCharRate = uint32(p[1]) * 5000
	h.SCDC, h.Scrambled340 = p[2]&0x80 != 0, p[2]&0x08 != 0
	h.Deep420 = [3]bool{p[3]&1 != 0, p[3]&2 != 0, p[3]&4 != 0}
	h.FRL = p[3] >> 4
	if len(p) > 4 {
		h.LowLatency = p[4]&0x02 != 0
	}
	if len(p) > 6 && p[5]&0x3f != 0 {
		e.addVRR(VRR{MinHz: int(p[5] & 0x3f), MaxHz: int(p[6]) | int(p[5]&0xc0)<<2, Source: HDMIForum})
	}
}

// readAMD reads FreeSync's range: version, then the range in Hz. The block has
// no public specification; the layout is edid-decode's and the kernel's.
func (e *EDID) readAMD(p []byte) {
	if len(p) < 4 {
		e.defect("FreeSync block of %d bytes", len(p))
		return
	}
	e.addVRR(VRR{MinHz: int(p[2]), MaxHz: int(p[3]), Source: FreeSync})
}
