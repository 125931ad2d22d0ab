// Package cursor takes the shape of the host's pointer apart into CURSOR
// messages and puts it together again (docs/PROTOCOL.md, "The host's
// pointer"). It does no I/O, starts no goroutine and draws nothing.
//
// A [Joiner] reads what the network gives: it keeps at most
// wire.MaxCursorData bytes, unpacks exactly the pixels that were announced,
// which are at most 256 KiB, and never panics; its errors wrap
// wire.ErrMalformed.
package cursor

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"

	"github.com/blade-shadow/terminal/internal/wire"
)

// Shape is what the pointer looks like.
type Shape struct {
	Serial        uint32 // another for each shape of a session
	Width, Height int    // pixels, at most wire.MaxCursorSide; both 0: there is nothing to see
	HotX, HotY    int    // the pixel that points
	Pix           []byte // red, green, blue, alpha, premultiplied; row by row without gaps
}

// Hidden reports whether there is nothing to see.
func (s Shape) Hidden() bool { return s.Width == 0 }

// Encoder takes shapes apart. The zero value works; one goroutine uses it.
type Encoder struct {
	packer *flate.Writer // nil until needed
	packed bytes.Buffer
}

// Append appends the messages of s, one after another. An error says that s is
// no shape that the wire can carry.
func (e *Encoder) Append(dst []byte, s Shape) ([]byte, error) {
	if s.Hidden() {
		return wire.AppendCursor(dst, wire.CursorPart{Serial: s.Serial}), nil
	}
	if err := s.check(); err != nil {
		return dst, err
	}
	if err := e.pack(s.Pix); err != nil {
		return dst, err
	}
	part := wire.CursorPart{
		Serial: s.Serial, Width: uint16(s.Width), Height: uint16(s.Height),
		HotX: uint16(s.HotX), HotY: uint16(s.HotY), Total: uint32(e.packed.Len()),
	}
	for e.packed.Len() > 0 {
		part.Data = e.packed.Next(wire.MaxCursorPart)
		dst = wire.AppendCursor(dst, part)
		part.Offset += uint32(len(part.Data))
	}
	return dst, nil
}

func (s Shape) check() error {
	inside := s.Width > 0 && s.Height > 0 && s.Width <= wire.MaxCursorSide && s.Height <= wire.MaxCursorSide &&
		s.HotX >= 0 && s.HotY >= 0 && s.HotX < s.Width && s.HotY < s.Height
	if !inside || len(s.Pix) != 4*s.Width*s.Height {
		return fmt.Errorf("internal error: pointer of %dx%d pixels in %d bytes that points with %d,%d", s.Width, s.Height, len(s.Pix), s.HotX, s.HotY)
	}
	return nil
}

// pack compresses pix into packed.
func (e *Encoder) pack(pix []byte) (err error) {
	e.packed.Reset()
	if e.packer == nil {
		e.packer, err = flate.NewWriter(&e.packed, flate.DefaultCompression)
	} else {
		e.packer.Reset(&e.packed)
	}
	if err == nil {
		_, err = e.packer.Write(pix)
	}
	if err == nil {
		err = e.packer.Close()
	}
	if err != nil {
		return fmt.Errorf("compress pointer: %w", err)
	}
	return nil
}

// Joiner puts shapes together. The zero value works; one goroutine uses it.
type Joiner struct {
	head wire.CursorPart // of the shape that is coming, without Data
	data []byte          // of it, so far; its memory is used again
	in   bytes.Reader
	out  io.ReadCloser // nil until needed
}

// Add takes the next part; done says that it was its shape's last. Pix is the
// caller's. Parts come in order; the first one of a shape forgets what there is
// of another. After an error the Joiner waits for a first part.
func (j *Joiner) Add(p wire.CursorPart) (s Shape, done bool, err error) {
	data := p.Data
	p.Data = nil
	if p.Offset == 0 {
		j.head, j.data = p, j.data[:0]
	}
	expected := j.head
	expected.Offset = uint32(len(j.data))
	if !same(expected, p) {
		j.head, j.data = wire.CursorPart{}, j.data[:0]
		return Shape{}, false, fmt.Errorf("part %d of pointer %d does not follow: %w", p.Offset, p.Serial, wire.ErrMalformed)
	}
	j.data = append(j.data, data...)
	if len(j.data) < int(p.Total) {
		return Shape{}, false, nil
	}
	s = Shape{Serial: p.Serial, Width: int(p.Width), Height: int(p.Height), HotX: int(p.HotX), HotY: int(p.HotY)}
	if !s.Hidden() {
		s.Pix, err = j.unpack(4 * s.Width * s.Height)
	}
	j.head, j.data = wire.CursorPart{}, j.data[:0]
	if err != nil {
		return Shape{}, false, fmt.Errorf("pixels of pointer %d: %w", p.Serial, err)
	}
	clamp(s.Pix)
	return s, true, nil
}

// same compares all but Data.
func same(a, b wire.CursorPart) bool {
	return a.Serial == b.Serial && a.Width == b.Width && a.Height == b.Height &&
		a.HotX == b.HotX && a.HotY == b.HotY && a.Total == b.Total && a.Offset == b.Offset
}

// unpack returns the size bytes that data is packed from, no more and no less.
func (j *Joiner) unpack(size int) ([]byte, error) {
	j.in.Reset(j.data)
	if r, ok := j.out.(flate.Resetter); ok {
		if err := r.Reset(&j.in, nil); err != nil {
			return nil, err
		}
	} else {
		j.out = flate.NewReader(&j.in)
	}
	pix := make([]byte, size)
	if _, err := io.ReadFull(j.out, pix); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	var more [1]byte
	if n, err := j.out.Read(more[:]); n != 0 || !errors.Is(err, io.EOF) || j.in.Len() != 0 {
		return nil, fmt.Errorf("more of them than %d bytes: %w", size, wire.ErrMalformed)
	}
	return pix, nil
}

// clamp makes colours that are over their alpha, which mean nothing, equal it.
func clamp(pix []byte) {
	for i := 0; i+4 <= len(pix); i += 4 {
		a := pix[i+3]
		pix[i], pix[i+1], pix[i+2] = min(pix[i], a), min(pix[i+1], a), min(pix[i+2], a)
	}
}
