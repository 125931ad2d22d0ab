package wire

import "encoding/binary"

// CursorPart is a piece of the shape of the host's pointer. Package
// wire/cursor takes shapes apart and puts them together.
type CursorPart struct {
	Serial        uint32 // of the shape, another for each
	Width, Height uint16 // pixels, 1 to MaxCursorSide; both 0: there is nothing to see
	HotX, HotY    uint16 // the pixel that points, inside the shape
	Total         uint32 // bytes of the compressed pixels, at most MaxCursorData
	Offset        uint32 // of Data in them
	Data          []byte // at most MaxCursorPart bytes; aliases the message when read
}

const cursorSize = 22

// MaxCursorPart is the most bytes of pixels in one message.
const MaxCursorPart = MaxControl - cursorSize

// AppendCursor appends a CURSOR message; it leaves out data over
// [MaxCursorPart].
func AppendCursor(dst []byte, p CursorPart) []byte {
	data := p.Data[:min(len(p.Data), MaxCursorPart)]
	dst, at := beginMessage(dst, MessageCursor)
	dst = binary.LittleEndian.AppendUint32(dst, p.Serial)
	for _, v := range [...]uint16{p.Width, p.Height, p.HotX, p.HotY} {
		dst = binary.LittleEndian.AppendUint16(dst, v)
	}
	dst = binary.LittleEndian.AppendUint32(dst, p.Total)
	dst = binary.LittleEndian.AppendUint32(dst, p.Offset)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(data)))
	return endMessage(append(dst, data...), at)
}

// Cursor reads a CURSOR message. Data aliases the message.
func (m Message) Cursor() (CursorPart, error) {
	r := read(m, MessageCursor)
	p := CursorPart{
		Serial: r.u32(), Width: r.u16(), Height: r.u16(), HotX: r.u16(), HotY: r.u16(),
		Total: r.u32(), Offset: r.u32(),
	}
	p.Data = r.take(int(r.u16()))
	r.bad = r.bad || !p.fits()
	if err := r.err(); err != nil {
		return CursorPart{}, err
	}
	return p, nil
}

// fits reports whether sizes and places are possible.
func (p CursorPart) fits() bool {
	n := uint32(len(p.Data))
	if p.Width == 0 && p.Height == 0 {
		return p.HotX|p.HotY == 0 && p.Total|p.Offset|n == 0
	}
	return p.Width > 0 && p.Height > 0 && p.Width <= MaxCursorSide && p.Height <= MaxCursorSide &&
		p.HotX < p.Width && p.HotY < p.Height &&
		n > 0 && p.Total <= MaxCursorData && p.Offset < p.Total && n <= p.Total-p.Offset
}
