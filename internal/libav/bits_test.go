//go:build linux && cgo && !nonative

package libav_test

import (
	"strings"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
)

// bits reads an RBSP and writes another one.
type bits struct {
	in  string
	out bitstest.Bits
}

// rbsp is the payload of a NAL unit with a header of so many bytes.
func rbsp(nalu []byte, header int) *bits { return &bits{in: bitstest.Text(nalu[header:])} }

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

func (b *bits) put(n int, v uint32) { b.out.U(n, uint64(v)) }
func (b *bits) putUE(v uint32)      { b.out.UE(uint64(v)) }

// copyU and copyUE pass a field on.
func (b *bits) copyU(n int) uint32 { v := b.u(n); b.put(n, v); return v }
func (b *bits) copyUE() uint32     { v := b.ue(); b.putUE(v); return v }

// nalu is what was written, whole bytes, behind a header.
func (b *bits) nalu(header ...byte) []byte { return bitstest.Unit(b.out.String(), header...) }

// rewriteUnits makes an access unit of one by changing its NAL units.
func rewriteUnits(au []byte, change func(nalu []byte) []byte) (out []byte) {
	for s := bitstream.NewScanner(au); s.Next(); {
		out = append(append(out, 0, 0, 0, 1), change(s.Unit())...)
	}
	return out
}
