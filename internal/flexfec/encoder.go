package flexfec

import (
	"encoding/binary"
	"fmt"
)

// MaxRepairs is how many repair packets one group can have.
const MaxRepairs = 48

// repair is one repair packet in the making.
type repair struct {
	mask Mask
	head [recovery]byte
	size int // bytes of body in use
	body [MaxPacket - fixedHeader]byte
}

// Encoder makes the repair packets of one group after another: Begin, Add for
// each packet in any order, Repair for each repair packet. One goroutine.
type Encoder struct {
	mutable Mutable
	repairs []repair
	ssrc    uint32
	first   uint16
	n       int
	added   Mask
	masks   [MaxRepairs]Mask
}

// NewEncoder returns an encoder that does not protect what mutable says.
func NewEncoder(mutable Mutable) *Encoder {
	return &Encoder{mutable: mutable, repairs: make([]repair, 0, MaxRepairs)}
}

// Begin starts a group: n packets of ssrc from the number first on, 1 to
// MaxGroup, protected by repairs repair packets, 1 to MaxRepairs and n at most.
// [Masks] says which protects what.
func (e *Encoder) Begin(ssrc uint32, first uint16, n, repairs int) error {
	if repairs < 1 || repairs > min(MaxRepairs, n) {
		return fmt.Errorf("flexfec: %d repairs of %d packets, want 1 to %d", repairs, n, min(MaxRepairs, n))
	}
	Masks(e.masks[:repairs], n)
	return e.BeginMasks(ssrc, first, n, e.masks[:repairs])
}

// BeginMasks is Begin with masks of the caller's choice, which are copied.
func (e *Encoder) BeginMasks(ssrc uint32, first uint16, n int, masks []Mask) error {
	if n < 1 || n > MaxGroup {
		return fmt.Errorf("flexfec: group of %d packets, want 1 to %d", n, MaxGroup)
	}
	if len(masks) < 1 || len(masks) > MaxRepairs {
		return fmt.Errorf("flexfec: %d repairs, want 1 to %d", len(masks), MaxRepairs)
	}
	for _, m := range masks {
		if last := m.last(); last < 0 || last >= n {
			return fmt.Errorf("flexfec: a mask ends at packet %d of %d", last, n)
		}
	}
	e.ssrc, e.first, e.n, e.added = ssrc, first, n, Mask{}
	e.repairs = e.repairs[:len(masks)]
	for i := range e.repairs {
		r := &e.repairs[i]
		clear(r.body[:r.size])
		r.mask, r.head, r.size = masks[i], [recovery]byte{}, 0
	}
	return nil
}

// Add adds packet i of the group, whole as it is given to SRTP: header,
// extensions and padding included. It does not keep packet. A packet added
// twice, out of the group, or of a length that no packet has is left out.
func (e *Encoder) Add(i int, packet []byte) {
	if i < 0 || i >= e.n || e.added.Has(i) || len(packet) < fixedHeader || len(packet) > MaxPacket {
		return
	}
	e.added = e.added.With(i)
	spans, n := e.mutable.spans(packet)
	for k := range e.repairs {
		r := &e.repairs[k]
		if !r.mask.Has(i) {
			continue
		}
		mix(&r.head, r.body[:], packet)
		for _, s := range spans[:n] {
			for at := s.from; at < s.to; at++ {
				r.body[at-fixedHeader] ^= packet[at]
			}
		}
		r.size = max(r.size, len(packet)-fixedHeader)
	}
}

// Repair appends the payload of repair packet i, without an RTP header, to dst.
// It protects those packets of its mask that were added; of none it appends
// nothing. It is up to 20 bytes longer than the longest packet of its mask.
func (e *Encoder) Repair(i int, dst []byte) []byte {
	if i < 0 || i >= len(e.repairs) {
		return dst
	}
	r := &e.repairs[i]
	mask := r.mask.and(e.added)
	if mask == (Mask{}) {
		return dst
	}
	dst = append(dst, r.head[:]...)
	dst = append(dst, 1, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, e.ssrc)
	dst = binary.BigEndian.AppendUint16(dst, e.first)
	dst = appendMask(dst, mask)
	return append(dst, r.body[:r.size]...)
}
