package edid

import "slices"

// CTA is what the CTA-861 blocks say, and those that DisplayID carries.
type CTA struct {
	Present    bool
	Revision   uint8 // of the first block
	Underscan  bool  // shows IT formats without cutting their edges
	BasicAudio bool
	YCbCr444   bool
	YCbCr422   bool
	NativeDTDs int // how many of the detailed timings are native, of the first block

	Video     []VIC   // in the monitor's order, the first liked most
	Only420   []uint8 // VICs that are taken as YCbCr 4:2:0 alone
	Also420   []uint8 // VICs of Video that are taken as YCbCr 4:2:0, too
	Audio     []Audio
	Speakers  uint32 // speaker allocation, CTA-861-H table 74, the first byte lowest
	HDMI      HDMI
	Color     uint16 // colorimetry block, the first byte lowest
	HDR       HDR
	Quantized Quantization

	all420 bool // an empty capability map: all of Video
	map420 []byte
}

// VIC is a timing by its number in CTA-861.
type VIC struct {
	Code   uint8
	Native bool
}

// Quantization is the video capability block's word on ranges.
type Quantization struct {
	RGB, YCbCr bool // the source may choose limited or full
}

// HDR is the static metadata block.
type HDR struct {
	SDR, Gamma, PQ, HLG bool  // transfer functions
	Max, Average, Min   uint8 // luminance, coded as in CTA-861-H 7.5.13
}

// readCTA reads a CTA-861 extension block (CTA-861-H, 7.3).
func (e *EDID) readCTA(b []byte) {
	c := &e.CTA
	first := !c.Present
	if first {
		c.Present, c.Revision = true, b[1]
	}
	end := int(b[2])
	switch {
	case end == 0: // neither data blocks nor timings
		end = 127
		if b[1] >= 3 {
			e.defect("CTA block without data")
		}
	case end < 4 || end > 127:
		e.defect("CTA block: timings at %d", end)
		if end < 4 {
			return
		}
		end = 127
	}
	if b[1] >= 2 {
		e.readCTAFlags(b[3], first)
	}
	if b[1] >= 3 && b[2] != 0 {
		e.readCollection(b[4:end])
	}
	if b[2] == 0 {
		return
	}
	for i := end; i+18 <= 127; i += 18 {
		if zero(b[i : i+18]) {
			break
		}
		e.readDescriptor(b[i:i+18], FromCTA)
	}
}

func (e *EDID) readCTAFlags(b byte, first bool) {
	c := &e.CTA
	c.Underscan = c.Underscan || b&0x80 != 0
	c.BasicAudio = c.BasicAudio || b&0x40 != 0
	c.YCbCr444 = c.YCbCr444 || b&0x20 != 0
	c.YCbCr422 = c.YCbCr422 || b&0x10 != 0
	if first {
		c.NativeDTDs = int(b & 0x0f)
	}
}

// readCollection reads data blocks one after the other (CTA-861-H, 7.4). The
// capability map counts the video blocks of its own collection, wherever it
// stands between them.
func (e *EDID) readCollection(b []byte) {
	firstVIC := len(e.CTA.Video)
	e.CTA.all420, e.CTA.map420 = false, nil
	for len(b) > 0 {
		n := int(b[0] & 0x1f)
		if n >= len(b) { // as the kernel, take none of it
			e.defect("CTA data block %d: %d bytes of %d", b[0]>>5, len(b)-1, n)
			break
		}
		e.readDataBlock(b[0]>>5, b[1:1+n])
		b = b[1+n:]
	}
	e.settle420(e.CTA.Video[firstVIC:])
}

func (e *EDID) readDataBlock(tag byte, p []byte) {
	switch tag {
	case 1:
		e.readAudio(p)
	case 2:
		for _, b := range p {
			e.addVIC(b)
		}
	case 3:
		e.readVendor(p)
	case 4:
		e.CTA.Speakers = little(p, 3)
	case 7:
		if len(p) > 0 {
			e.readExtended(p[0], p[1:])
		}
	}
}

// addVIC reads a short video descriptor (CTA-861-H, 7.5.1).
func (e *EDID) addVIC(b byte) {
	v, ok := shortVideo(b)
	if !ok {
		e.defect("VIC byte %#02x", b)
	}
	e.CTA.Video = append(e.CTA.Video, v) // the map counts it also when it means nothing
}

// reserved says whether a short video descriptor means nothing.
func reserved(b uint8) bool { return b == 0 || b == 128 || b >= 254 }

// shortVideo splits a short video descriptor into number and native flag.
func shortVideo(b byte) (VIC, bool) {
	switch {
	case reserved(b):
		return VIC{Code: b}, false
	case b > 128 && b < 193:
		return VIC{Code: b & 0x7f, Native: true}, true
	}
	return VIC{Code: b}, true
}

func (e *EDID) readExtended(tag byte, p []byte) {
	c := &e.CTA
	switch tag {
	case 0x00:
		if len(p) > 0 {
			c.Quantized = Quantization{RGB: p[0]&0x40 != 0, YCbCr: p[0]&0x80 != 0}
		}
	case 0x05:
		c.Color = uint16(little(p, 2))
	case 0x06:
		e.readHDR(p)
	case 0x0e:
		for _, b := range p {
			if v, ok := shortVideo(b); ok {
				c.Only420 = append(c.Only420, v.Code)
			}
		}
	case 0x0f:
		c.all420 = len(p) == 0
		c.map420 = p
	case 0x79: // HDMI Forum's block without its OUI
		if len(p) > 2 {
			e.readForum(p[2:])
		}
	}
}

// settle420 applies the capability map to the video descriptors it counts
// (CTA-861-H, 7.5.11).
func (e *EDID) settle420(video []VIC) {
	c := &e.CTA
	for i, v := range video {
		if c.all420 || (i/8 < len(c.map420) && c.map420[i/8]&(1<<(i%8)) != 0) {
			c.Also420 = append(c.Also420, v.Code)
		}
	}
	for i := len(video); i < 8*len(c.map420); i++ {
		if c.map420[i/8]&(1<<(i%8)) != 0 {
			e.defect("4:2:0 map names video descriptor %d of %d", i+1, len(video))
		}
	}
	c.all420, c.map420 = false, nil
	c.Video = slices.DeleteFunc(c.Video, func(v VIC) bool { return reserved(v.Code) })
	c.Also420 = slices.DeleteFunc(c.Also420, reserved)
}

func (e *EDID) readHDR(p []byte) {
	if len(p) == 0 {
		return
	}
	h := &e.CTA.HDR
	h.SDR, h.Gamma, h.PQ, h.HLG = p[0]&1 != 0, p[0]&2 != 0, p[0]&4 != 0, p[0]&8 != 0
	for i, to := range []*uint8{&h.Max, &h.Average, &h.Min} {
		if len(p) > i+2 {
			*to = p[i+2]
		}
	}
}

// little is the little-endian number of up to n bytes of p.
func little(p []byte, n int) uint32 {
	var v uint32
	for i := 0; i < n && i < len(p); i++ {
		v |= uint32(p[i]) << (8 * i)
	}
	return v
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
