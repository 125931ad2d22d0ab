package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// reader takes fields off a message's body. After the first that is missing
// every other is zero, and err tells.
type reader struct {
	what MessageType
	b    []byte
	bad  bool
}

func read(m Message, want MessageType) *reader {
	return &reader{what: want, b: m.Body, bad: m.Type != want}
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// text takes a string of n bytes.
func (r *reader) text(n int) string {
	b := r.take(n)
	if r.bad {
		return ""
	}
	if !utf8.Valid(b) {
		r.bad = true
		return ""
	}
	return string(b)
}

// err says what is wrong. Bytes left over are of a later version and fine.
func (r *reader) err() error {
	if r.bad {
		return fmt.Errorf("control message %v: %w", r.what, ErrMalformed)
	}
	return nil
}

// appendText appends a byte of length and s, cut to [MaxText].
func appendText(dst []byte, s string) []byte {
	s = cut(s, MaxText)
	return append(append(dst, byte(len(s))), s...)
}

// cut returns s as valid UTF-8 of at most limit bytes.
func cut(s string, limit int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	for limit < len(s) && limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:min(limit, len(s))]
}
