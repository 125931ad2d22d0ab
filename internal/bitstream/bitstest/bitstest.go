// Package bitstest writes and reads the bits of NAL units for tests, as text of
// ones and zeros: slow, easy to cut and to print, and a way of its own, so that
// what it makes proves package bitstream. It knows no syntax but that of numbers.
package bitstest

import (
	"bytes"
	"strings"
)

// Bits is an RBSP that is being written. The zero value is empty.
type Bits struct{ strings.Builder }

// U writes the low n bits of v: u(n) of H.264, 7.2.
func (b *Bits) U(n int, v uint64) {
	for i := n - 1; i >= 0; i-- {
		b.WriteByte('0' + byte(v>>i&1))
	}
}

// Flag writes one bit.
func (b *Bits) Flag(v bool) {
	if v {
		b.WriteByte('1')
	} else {
		b.WriteByte('0')
	}
}

// UE writes numbers as ue(v) of H.264, 9.1.
func (b *Bits) UE(values ...uint64) {
	for _, v := range values {
		n := 0
		for (v+1)>>n > 1 {
			n++
		}
		b.U(n, 0)
		b.U(n+1, v+1)
	}
}

// SE writes a number as se(v) of H.264, 9.1.1.
func (b *Bits) SE(v int64) {
	if v > 0 {
		b.UE(uint64(2*v - 1))
	} else {
		b.UE(uint64(-2 * v))
	}
}

// Unit ends the RBSP and returns it as a NAL unit.
func (b *Bits) Unit(header ...byte) []byte { return Unit(b.String()+"1", header...) }

// Unit returns a NAL unit of bits, filled up with zeros to whole bytes, with
// emulation prevention (H.264, 7.4.1) behind the header.
func Unit(bits string, header ...byte) []byte {
	out, zeros := bytes.Clone(header), 0
	for bits += strings.Repeat("0", (8-len(bits)%8)%8); bits != ""; bits = bits[8:] {
		var v byte
		for _, c := range bits[:8] {
			v = v<<1 | byte(c-'0')
		}
		if zeros >= 2 && v <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, v)
		if zeros++; v != 0 {
			zeros = 0
		}
	}
	return out
}

// Text returns the bits of a NAL unit behind its header, without emulation
// prevention, trailing bits included.
func Text(data []byte) string {
	var b Bits
	for _, v := range bytes.ReplaceAll(data, []byte{0, 0, 3}, []byte{0, 0}) {
		b.U(8, uint64(v))
	}
	return b.String()
}
