package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// HeaderSize is the length of a datagram's header in bytes.
const HeaderSize = 16

// inputVersion stands in the upper half of a datagram's first byte.
const inputVersion = 1

// Flags of a Header. Unknown ones are ignored.
const (
	FlagFocused  = 1 << 0 // the terminal has the person's attention: what is held may stay held
	FlagSnapshot = 1 << 1 // the datagram carries KEYS and asks for an ACK
	FlagGoodbye  = 1 << 2 // the last of its sender: release everything
)

// Header starts every input datagram.
type Header struct {
	Flags uint8
	Epoch uint16 // +1 whenever everything held is let go at once; the host repeats the terminal's
	Seq   uint32 // per direction, +1 per datagram
	Time  uint32 // low 32 bits of the sender's monotonic clock in us, when it was sent
	Ack   uint32 // highest Seq received from the peer
}

// AppendHeader starts a datagram in dst.
func AppendHeader(dst []byte, h Header) []byte {
	dst = append(dst, inputVersion<<4, h.Flags)
	dst = binary.LittleEndian.AppendUint16(dst, h.Epoch)
	dst = binary.LittleEndian.AppendUint32(dst, h.Seq)
	dst = binary.LittleEndian.AppendUint32(dst, h.Time)
	return binary.LittleEndian.AppendUint32(dst, h.Ack)
}

// Datagram is one received input datagram. It aliases the bytes it was parsed
// from.
type Datagram struct {
	Header
	records []byte
}

// ParseDatagram checks b as a whole, so that a datagram is taken entirely or
// not at all.
func ParseDatagram(b []byte) (Datagram, error) {
	if len(b) < HeaderSize || len(b) > MaxDatagram {
		return Datagram{}, fmt.Errorf("input datagram of %d bytes: %w", len(b), ErrMalformed)
	}
	if v := b[0] >> 4; v != inputVersion {
		return Datagram{}, fmt.Errorf("input datagram of version %d: %w", v, ErrVersion)
	}
	d := Datagram{
		Header: Header{
			Flags: b[1],
			Epoch: binary.LittleEndian.Uint16(b[2:]),
			Seq:   binary.LittleEndian.Uint32(b[4:]),
			Time:  binary.LittleEndian.Uint32(b[8:]),
			Ack:   binary.LittleEndian.Uint32(b[12:]),
		},
		records: b[HeaderSize:],
	}
	for rest := d.records; len(rest) > 0; {
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return Datagram{}, fmt.Errorf("input record %d bytes before the end: %w", len(rest), ErrMalformed)
		}
		r := Record{Type: RecordType(rest[0]), Body: rest[2 : 2+int(rest[1])]}
		if !r.complete() {
			return Datagram{}, fmt.Errorf("input record %#x of %d bytes: %w", uint8(r.Type), len(r.Body), ErrMalformed)
		}
		rest = rest[2+len(r.Body):]
	}
	return d, nil
}

// Next takes the first record off d, in the order of the wire. It returns
// false after the last one. Types that the caller does not know are skipped
// by asking for the next.
func (d *Datagram) Next() (Record, bool) {
	if len(d.records) < 2 || len(d.records) < 2+int(d.records[1]) {
		return Record{}, false
	}
	end := 2 + int(d.records[1])
	r := Record{Type: RecordType(d.records[0]), Body: d.records[2:end]}
	d.records = d.records[end:]
	return r, true
}

// Age is how long before its datagram's Time something happened, in units of
// 8 us; it saturates at 524 ms.
type Age uint16

// AgeOf returns d as an Age. What lies in the future is of age 0.
func AgeOf(d time.Duration) Age {
	return Age(min(max(d/(8*time.Microsecond), 0), 0xffff))
}

// Duration returns a as a duration.
func (a Age) Duration() time.Duration { return time.Duration(a) * 8 * time.Microsecond }
