package bitstream

import (
	"errors"
	"fmt"
)

// ErrDamaged says that a parameter set or a slice header breaks the rules of its standard.
var ErrDamaged = errors.New("damaged parameter set")

// damaged says in what.
func damaged(set, field string) error { return fmt.Errorf("%s: %s: %w", set, field, ErrDamaged) }

// bitReader reads the RBSP of a NAL unit and steps over emulation prevention
// bytes (H.264 7.3.1, H.265 7.3.1.1). Past the end it reads zeros and remembers
// that it did.
type bitReader struct {
	data  []byte
	at    int  // next byte of data
	zeros int  // zero bytes just before at
	cur   byte // what is being read
	left  int  // bits of cur not read yet
	read  int  // bits read so far
	past  bool // read past the end
}

func newBitReader(rbsp []byte) bitReader { return bitReader{data: rbsp} }

// load takes the next byte of the RBSP.
func (r *bitReader) load() bool {
	if r.zeros >= 2 && r.at < len(r.data) && r.data[r.at] == 3 {
		r.at++
		r.zeros = 0
	}
	if r.at >= len(r.data) {
		return false
	}
	r.cur, r.left = r.data[r.at], 8
	r.at++
	if r.cur == 0 {
		r.zeros++
	} else {
		r.zeros = 0
	}
	return true
}

// bit is u(1).
func (r *bitReader) bit() uint32 {
	if r.left == 0 && !r.load() {
		r.past = true
		return 0
	}
	r.left--
	r.read++
	return uint32(r.cur>>r.left) & 1
}

// flag is u(1).
func (r *bitReader) flag() bool { return r.bit() == 1 }

// bits is u(n), n at most 32.
func (r *bitReader) bits(n int) (v uint32) {
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// skip reads n bits for nothing.
func (r *bitReader) skip(n int) {
	for range n {
		r.bit()
	}
}

// ue is ue(v) (H.264 9.1). Values of more than 31 bits count as past the end:
// no field here may have one.
func (r *bitReader) ue() uint32 {
	zeros := 0
	for r.bit() == 0 {
		zeros++
		if r.past || zeros > 31 {
			r.past = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// se is se(v) (H.264 9.1.1).
func (r *bitReader) se() int32 {
	k := r.ue()
	if k&1 == 1 {
		return int32(k/2 + 1)
	}
	return -int32(k / 2)
}

// atTrailing reports whether only rbsp_trailing_bits is left (H.264 7.3.2.11).
// It reads them.
func (r *bitReader) atTrailing() bool {
	if r.bit() != 1 || r.past {
		return false
	}
	for r.left > 0 || r.load() {
		if r.bit() != 0 {
			return false
		}
	}
	return true
}

// bitWriter appends an RBSP to dst as part of a NAL unit: it puts emulation
// prevention bytes in.
type bitWriter struct {
	dst   []byte
	zeros int // zero bytes just written
	cur   byte
	have  int // bits in cur
}

func (w *bitWriter) bit(b uint32) {
	w.cur = w.cur<<1 | byte(b&1)
	if w.have++; w.have == 8 {
		w.put(w.cur)
		w.cur, w.have = 0, 0
	}
}

func (w *bitWriter) put(b byte) {
	if w.zeros >= 2 && b <= 3 {
		w.dst = append(w.dst, 3)
		w.zeros = 0
	}
	w.dst = append(w.dst, b)
	if b == 0 {
		w.zeros++
	} else {
		w.zeros = 0
	}
}

func (w *bitWriter) ue(v uint32) {
	n := 0
	for x := v + 1; x > 1; x >>= 1 {
		n++
	}
	for range n {
		w.bit(0)
	}
	for i := n; i >= 0; i-- {
		w.bit((v + 1) >> i)
	}
}

// trailing writes rbsp_trailing_bits.
func (w *bitWriter) trailing() {
	w.bit(1)
	for w.have != 0 {
		w.bit(0)
	}
}
