//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"strings"

	"github.com/blade-shadow/terminal/internal/bitstream"
)

// bits reads and writes an RBSP as a string of ones and zeros.
type bits struct {
	in  string
	out strings.Builder
}

// rbsp is the payload of a NAL unit with a header of so many bytes.
func rbsp(nalu []byte, header int) *bits {
	var b strings.Builder
	for _, v := range bytes.ReplaceAll(nalu[header:], []byte{0, 0, 3}, []byte{0, 0}) {
		for i := 7; i >= 0; i-- {
			b.WriteByte('0' + v>>i&1)
		}
	}
	return &bits{in: b.String()}
}

func (b *bits) u(n int) (v uint32) {
	for _, c := range b.in[:n] {
		v = v<<1 | uint32(c-'0')
	}
	b.in = b.in[n:]
	return v
}

func (b *bits) ue() uint32 {
	n := strings.IndexByte(b.in, '1')
	b.u(n)
	return b.u(n+1) - 1
}

func (b *bits) put(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		b.out.WriteByte('0' + byte(v>>i&1))
	}
}

func (b *bits) putUE(v uint32) {
	n := 0
	for (v+1)>>n > 1 {
		n++
	}
	b.put(n, 0)
	b.put(n+1, v+1)
}

// copyU and copyUE pass a field on.
func (b *bits) copyU(n int) uint32 { v := b.u(n); b.put(n, v); return v }
func (b *bits) copyUE() uint32     { v := b.ue(); b.putUE(v); return v }

// nalu is what was written, whole bytes, behind a header.
func (b *bits) nalu(header ...byte) []byte {
	out, zeros := bytes.Clone(header), 0
	for s := b.out.String(); s != ""; s = s[8:] {
		for len(s) < 8 {
			s += "0"
		}
		var v byte
		for _, c := range s[:8] {
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

// rewriteUnits makes an access unit of one by changing its NAL units.
func rewriteUnits(au []byte, change func(nalu []byte) []byte) (out []byte) {
	for s := bitstream.NewScanner(au); s.Next(); {
		out = append(append(out, 0, 0, 0, 1), change(s.Unit())...)
	}
	return out
}
