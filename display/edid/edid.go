package edid

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// BlockSize is the length of every block, bytes.
const BlockSize = 128

// maxBlocks is as many as the base block can announce, itself included.
const maxBlocks = 256

// maxDefects bounds what garbage makes of [EDID.Defects].
const maxDefects = 32

// ErrNoBase says that there is no EDID base block to read.
var ErrNoBase = errors.New("no EDID base block")

// EDID is what one monitor says of itself. Fields that it does not say are
// zero. Nobody changes an EDID after [Parse].
type EDID struct {
	Version, Revision uint8 // of the base block: 1, 3 or 1, 4

	Manufacturer string   // three letters, the PNP ID
	Product      uint16   // the maker's number of the model
	SerialNumber uint32   // of this piece; see Identity for what means none
	SerialText   string   // of this piece, for people
	Name         string   // of the model, for people
	Text         []string // other words (descriptor 0xfe)
	Week, Year   int      // of making; 0: not said
	ModelYear    bool     // Year is the model's, Week is 0

	Digital      bool
	BitsPerColor int       // of a digital input; 0: not said
	Interface    Interface // of a digital input
	WidthMM      int       // of the picture; 0: not said, as a projector does
	HeightMM     int       // the same

	// PreferredNative says that the first timing is also the panel's own
	// pixels and best rate (EDID 1.4; a 1.3 monitor only prefers it).
	PreferredNative bool
	Continuous      bool // takes any timing inside Range, not only the listed ones
	YCbCr444        bool // beside RGB 4:4:4
	YCbCr422        bool

	Timings   []Timing  // detailed timings of all blocks, in their order; see Timing.Valid
	Sizes     []Size    // established, standard and other timings said by size and rate
	Range     Range     // what the monitor follows
	CTA       CTA       // of all CTA-861 blocks together
	DisplayID DisplayID // of all DisplayID blocks together
	VRR       []VRR     // every range of variable refresh that any block says

	Blocks  int      // blocks read, the base block included
	Defects []string // what is wrong with it, for a log; nil: nothing found

	base [BlockSize]byte // for Identity
}

// Interface is the kind of a digital input (EDID 1.4, byte 20).
type Interface uint8

// Interfaces.
const (
	Undefined Interface = iota
	DVI
	HDMIa
	HDMIb
	MDDI
	DisplayPort
)

// Range is what a monitor follows (display range limits, descriptor 0xfd).
type Range struct {
	MinHz, MaxHz   int    // vertical; MaxHz 0: no range said
	MinKHz, MaxKHz int    // horizontal
	MaxClock       uint32 // of pixels, kHz; 0: not said
	CVT            bool   // takes what VESA CVT makes
}

// VRRSource is the block that says a [VRR] range.
type VRRSource uint8

// Sources of a range, least trusted first.
const (
	DynamicRange VRRSource = iota // DisplayID 2.0 block 0x25
	HDMIForum                     // HDMI 2.1 vendor block
	FreeSync                      // AMD's vendor block
	AdaptiveSync                  // DisplayID 2.0 block 0x2b
)

// VRR is a range of variable refresh, Hz.
type VRR struct {
	MinHz, MaxHz int // MaxHz 0: as far as the mode goes
	Source       VRRSource
}

// Parse reads an EDID of any number of blocks; it keeps nothing of data. An
// error wraps [ErrNoBase]: all that is less than that is in Defects.
func Parse(data []byte) (*EDID, error) {
	if len(data) < BlockSize {
		return nil, fmt.Errorf("parse EDID: %d bytes: %w", len(data), ErrNoBase)
	}
	if !header(data) {
		return nil, fmt.Errorf("parse EDID: header % x: %w", data[:8], ErrNoBase)
	}
	e := &EDID{Blocks: 1}
	copy(e.base[:], data)
	e.checksum(0, data[:BlockSize])
	e.readBase(data[:BlockSize])
	e.readExtensions(data)
	e.settleSize()
	return e, nil
}

// readExtensions reads all blocks after the first, also those that the base
// block does not announce: makers forget to count.
func (e *EDID) readExtensions(data []byte) {
	announced := int(data[126])
	if rest := len(data) % BlockSize; rest != 0 {
		e.defect("last block has %d bytes only", rest)
	}
	n := min(len(data)/BlockSize, maxBlocks)
	if n-1 != announced {
		e.defect("%d extension blocks announced, %d there", announced, n-1)
	}
	for i := 1; i < n; i++ {
		e.Blocks++
		block := data[i*BlockSize : (i+1)*BlockSize]
		e.checksum(i, block)
		e.readExtension(i, block)
	}
}

// readExtension reads one block by its tag (E-EDID A2, 2.2.1.2).
func (e *EDID) readExtension(i int, block []byte) {
	switch block[0] {
	case 0x02:
		e.readCTA(block)
	case 0x70:
		e.readDisplayID(block)
	case 0xf0: // block map: tells only what the tags tell
	default:
		e.defect("block %d: unknown tag %#02x", i, block[0])
	}
}

// magic is what every EDID begins with.
var magic = [8]byte{0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}

// header says whether data begins as an EDID, with two wrong bytes at most: as
// far as the kernel goes (drm_edid_header_is_valid).
func header(data []byte) bool {
	score := 0
	for i, b := range magic {
		if data[i] == b {
			score++
		}
	}
	return score >= 6
}

func (e *EDID) checksum(i int, block []byte) {
	var sum byte
	for _, b := range block {
		sum += b
	}
	if sum != 0 {
		e.defect("block %d: checksum %#02x: want %#02x", i, block[127], block[127]-sum)
	}
}

func (e *EDID) defect(format string, args ...any) {
	if len(e.Defects) < maxDefects {
		e.Defects = append(e.Defects, fmt.Sprintf(format, args...))
	}
}

// Identity is a key for what a user chose for this very monitor, the same after
// a reboot, on another connector and behind another cable. It has the maker,
// the model and the serial number and text; where there is neither, a hash of
// the base block, which two pieces of one model may share.
func (e *EDID) Identity() string {
	id := fmt.Sprintf("%s-%04X", e.Manufacturer, e.Product)
	number, text := serialNumber(e.SerialNumber), serialText(e.SerialText)
	if !number && !text {
		sum := sha256.Sum256(e.base[:])
		return id + "-#" + hex.EncodeToString(sum[:8])
	}
	if number {
		id += fmt.Sprintf("-%08X", e.SerialNumber)
	}
	if text {
		id += "-" + e.SerialText
	}
	return id
}

// serialNumber says whether n tells pieces of a model apart: makers write
// all zeroes, ones or 0x01010101 into all of them.
func serialNumber(n uint32) bool {
	return n != 0 && n != 1 && n != 0x01010101 && n != 0xffffffff
}

// serialText is [serialNumber] for the text: "000000" is none.
func serialText(s string) bool {
	return strings.Trim(s, "0 .-") != ""
}

// Label is the monitor's name for people: Name, else maker and model.
func (e *EDID) Label() string {
	if e.Name != "" {
		return e.Name
	}
	return fmt.Sprintf("%s %04X", e.Manufacturer, e.Product)
}

// Native returns the panel's own pixels, ok false where nothing says them: the
// DisplayID blocks know best, then the first timing of the base block.
func (e *EDID) Native() (width, height int, ok bool) {
	if d := e.DisplayID; d.NativeWidth > 0 && d.NativeHeight > 0 {
		return d.NativeWidth, d.NativeHeight, true
	}
	for _, t := range e.Timings {
		if t.Preferred && t.Valid() && t.HActive*t.VActive > width*height {
			width, height = t.HActive, t.VActive
		}
	}
	return width, height, width > 0
}

// VRRRange returns the range of variable refresh in Hz from the block that is
// trusted most, or else the range limits of a monitor of continuous frequency;
// ok is false where there is neither. Whether refresh may vary at all is the
// connector's word (vrr_capable), not this one. maxHz 0 means: as far as the
// mode goes.
func (e *EDID) VRRRange() (minHz, maxHz int, ok bool) {
	best := -1
	for i, v := range e.VRR {
		if best < 0 || v.Source > e.VRR[best].Source {
			best = i
		}
	}
	if best >= 0 {
		return e.VRR[best].MinHz, e.VRR[best].MaxHz, true
	}
	if e.Continuous && e.Range.MaxHz > e.Range.MinHz {
		return e.Range.MinHz, e.Range.MaxHz, true
	}
	return 0, 0, false
}

// addVRR keeps a range that makes sense.
func (e *EDID) addVRR(v VRR) {
	if v.MinHz <= 0 || (v.MaxHz != 0 && v.MaxHz <= v.MinHz) {
		e.defect("variable refresh from %d to %d Hz", v.MinHz, v.MaxHz)
		return
	}
	e.VRR = append(e.VRR, v)
}

// settleSize takes the picture's size in millimetres from the detailed timings
// or DisplayID where they agree with the base block's centimetres.
func (e *EDID) settleSize() {
	if d := e.DisplayID; near(d.WidthMM, e.WidthMM) && near(d.HeightMM, e.HeightMM) {
		e.WidthMM, e.HeightMM = d.WidthMM, d.HeightMM
		return
	}
	for _, t := range e.Timings {
		if near(t.WidthMM, e.WidthMM) && near(t.HeightMM, e.HeightMM) {
			e.WidthMM, e.HeightMM = t.WidthMM, t.HeightMM
			return
		}
	}
}

// near says whether mm rounds, up or down, to the centimetres of whole; any
// size does where none was said.
func near(mm, whole int) bool {
	return mm > 0 && (whole == 0 || (mm > whole-10 && mm < whole+10))
}
