package wire

import (
	"encoding/binary"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// Decoder is one way in which the terminal can decode now. 0 in a bound means
// that there is none.
type Decoder struct {
	Codec                media.Codec
	Hardware             bool
	MaxWidth, MaxHeight  uint16 // pixels of the coded picture
	MacroblocksPerSecond uint32 // of 16x16 luma samples, all screens together
}

const (
	decoderSize     = 10
	decoderHardware = 1 << 0
)

// AppendDecoders appends a DECODERS message, best first; it leaves out what is
// over [MaxDecoders].
func AppendDecoders(dst []byte, all []Decoder) []byte {
	dst, at := beginMessage(dst, MessageDecoders)
	all = all[:min(len(all), MaxDecoders)]
	dst = append(dst, byte(len(all)), decoderSize)
	for _, d := range all {
		dst = append(dst, byte(d.Codec), flag(d.Hardware, decoderHardware))
		dst = binary.LittleEndian.AppendUint16(dst, d.MaxWidth)
		dst = binary.LittleEndian.AppendUint16(dst, d.MaxHeight)
		dst = binary.LittleEndian.AppendUint32(dst, d.MacroblocksPerSecond)
	}
	return endMessage(dst, at)
}

// Decoders reads a DECODERS message. Codecs that nobody knows stay in the list.
func (m Message) Decoders() (all []Decoder, err error) {
	r := read(m, MessageDecoders)
	r.list(MaxDecoders, decoderSize, func(e *reader) {
		d := Decoder{Codec: media.Codec(e.u8()), Hardware: e.u8()&decoderHardware != 0}
		d.MaxWidth, d.MaxHeight, d.MacroblocksPerSecond = e.u16(), e.u16(), e.u32()
		all = append(all, d)
	})
	if err := r.err(); err != nil {
		return nil, err
	}
	return all, nil
}

// Limit asks for fewer pixels than the terminal could decode. 0 in a bound
// means that there is none.
type Limit struct {
	Screen              uint8  // or AllScreens, for each of them
	MaxWidth, MaxHeight uint16 // pixels of the coded picture
	MaxMilliFPS         uint32 // frames per 1000 s
}

// AppendLimit appends a LIMIT message.
func AppendLimit(dst []byte, l Limit) []byte {
	dst, at := beginMessage(dst, MessageLimit)
	dst = append(dst, l.Screen, 0)
	dst = binary.LittleEndian.AppendUint16(dst, l.MaxWidth)
	dst = binary.LittleEndian.AppendUint16(dst, l.MaxHeight)
	return endMessage(binary.LittleEndian.AppendUint32(dst, l.MaxMilliFPS), at)
}

// Limit reads a LIMIT message.
func (m Message) Limit() (Limit, error) {
	r := read(m, MessageLimit)
	l := Limit{Screen: r.u8()}
	r.u8() // reserved
	l.MaxWidth, l.MaxHeight, l.MaxMilliFPS = r.u16(), r.u16(), r.u32()
	if err := r.err(); err != nil {
		return Limit{}, err
	}
	return l, nil
}

// Placement is one of the terminal's outputs and where it stands.
type Placement struct {
	Index          uint8 // of the screen that it shows
	Connected      bool  // false: nobody sees that screen
	Primary        bool
	X, Y           int32  // of its upper left corner on the desktop, pixels
	Width, Height  uint16 // of its mode, pixels
	MilliHz        uint32 // of its mode: refreshes per 1000 s
	ScalePercent   uint16 // how large the person wants things; 0: not said
	VRRMin, VRRMax uint32 // refreshes per 1000 s; 0: the refresh is fixed
}

const (
	placementSize      = 28
	placementConnected = 1 << 0
	placementPrimary   = 1 << 1
)

// AppendLayout appends a LAYOUT message with all of the terminal's outputs; it
// leaves out what is over [MaxScreens].
func AppendLayout(dst []byte, all []Placement) []byte {
	dst, at := beginMessage(dst, MessageLayout)
	all = all[:min(len(all), MaxScreens)]
	dst = append(dst, byte(len(all)), placementSize)
	for _, p := range all {
		dst = append(dst, p.Index, flag(p.Connected, placementConnected)|flag(p.Primary, placementPrimary))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(p.X))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(p.Y))
		dst = binary.LittleEndian.AppendUint16(dst, p.Width)
		dst = binary.LittleEndian.AppendUint16(dst, p.Height)
		dst = binary.LittleEndian.AppendUint32(dst, p.MilliHz)
		dst = binary.LittleEndian.AppendUint16(dst, p.ScalePercent)
		dst = binary.LittleEndian.AppendUint32(dst, p.VRRMin)
		dst = binary.LittleEndian.AppendUint32(dst, p.VRRMax)
	}
	return endMessage(dst, at)
}

// Layout reads a LAYOUT message.
func (m Message) Layout() (all []Placement, err error) {
	r := read(m, MessageLayout)
	r.list(MaxScreens, placementSize, func(e *reader) { all = append(all, e.placement()) })
	if err := r.err(); err != nil {
		return nil, err
	}
	return all, nil
}

func (r *reader) placement() Placement {
	p := Placement{Index: r.u8()}
	flags := r.u8()
	p.Connected, p.Primary = flags&placementConnected != 0, flags&placementPrimary != 0
	p.X, p.Y = int32(r.u32()), int32(r.u32())
	p.Width, p.Height = r.u16(), r.u16()
	p.MilliHz, p.ScalePercent = r.u32(), r.u16()
	p.VRRMin, p.VRRMax = r.u32(), r.u32()
	return p
}

// Phase says when captured pictures would arrive just before they are shown.
type Phase struct {
	Screen uint8
	At     time.Time     // by the host's wall clock, an ideal moment of capture
	Period time.Duration // between two of them, at most 4.29 s; 0: the host runs free
}

// AppendPhase appends a PHASE message. A period that is longer than the wire
// has room for, or negative, is told as 0.
func AppendPhase(dst []byte, p Phase) []byte {
	if p.Period < 0 || p.Period > 1<<32-1 {
		p.Period = 0
	}
	dst, at := beginMessage(dst, MessagePhase)
	dst = append(dst, p.Screen, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.At.UnixNano()))
	return endMessage(binary.LittleEndian.AppendUint32(dst, uint32(p.Period)), at)
}

// Phase reads a PHASE message.
func (m Message) Phase() (Phase, error) {
	r := read(m, MessagePhase)
	p := Phase{Screen: r.u8()}
	r.u8() // flags
	p.At, p.Period = time.Unix(0, int64(r.u64())), time.Duration(r.u32())
	if err := r.err(); err != nil {
		return Phase{}, err
	}
	return p, nil
}

// list takes a count, the size of an entry and the entries, of which later
// versions may say more. More than most of them break the format.
func (r *reader) list(most, size int, entry func(*reader)) {
	count, each := int(r.u8()), int(r.u8())
	if each < size || count > most {
		r.bad = true
	}
	for range count {
		if r.bad {
			return
		}
		e := reader{b: r.take(each), bad: r.bad}
		if !r.bad {
			entry(&e)
		}
	}
}

func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}
