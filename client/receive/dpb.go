package receive

import "github.com/blade-shadow/terminal/internal/bitstream"

// What a place for a reference picture holds, or from firstID on which picture
// that the decoder was given.
const (
	noPicture = uint64(iota)
	lostPicture
	anyPicture // nothing is known of the place
	firstID
)

// maxH264Refs is how many pictures an H.264 stream keeps at most (A.3.1).
const maxH264Refs = 16

// held is a short-term picture: its frame_num counted on from the keyframe.
type held struct {
	at int64
	id uint64
}

// dpb is which H.264 pictures are kept to be referred to, as frames (8.2.5):
// those of the host, of which some things may be unknown, or the decoder's.
type dpb struct {
	short [maxH264Refs + 1]held // the newest first
	n     int
	sure  int  // so many of them are known to have no other between or before them
	whole bool // and so are all: there is no other
	long  [maxH264Refs]uint64
}

// spot is one of a reference list. Spots of the same key are the same picture.
type spot struct {
	key int64
	id  uint64
}

const (
	noKey  = -1
	anyKey = -2
)

type refList [33]spot

// list makes reference list 0 of a P slice (8.2.4.2.1, 8.2.4.3.1 and 8.2.4.3.2).
// at is its frame_num, counted, mask the highest frame_num.
func (b *dpb) list(h *bitstream.H264Header, at int64, mask uint32, l *refList) {
	b.initial(l)
	num := h.FrameNum
	for i, m := range h.Modifications() {
		p := spot{key: int64(m.Num)<<1 | 1, id: lostPicture}
		switch {
		case m.LongTerm && m.Num < maxH264Refs:
			p.id = b.long[m.Num]
		case m.LongTerm:
		default:
			if m.Less {
				num -= m.Num
			} else {
				num += m.Num
			}
			num &= mask
			target := at - int64((h.FrameNum-num)&mask)
			p.key = target << 1
			if k := b.find(target, mask); k >= 0 {
				p.id = b.short[k].id
			}
		}
		copy(l[i+1:h.Active+1], l[i:h.Active])
		l[i] = p
		n := i + 1
		for _, other := range l[i+1 : h.Active+1] {
			if other.key != p.key {
				l[n] = other
				n++
			}
		}
	}
}

// initial is the list before modification.
func (b *dpb) initial(l *refList) {
	n, rest := 0, spot{noKey, noPicture}
	for _, s := range b.short[:b.sure] {
		l[n] = spot{s.at << 1, s.id}
		n++
	}
	if !b.whole {
		rest = spot{anyKey, anyPicture}
	}
	for i := 0; b.whole && i < len(b.long); i++ {
		switch id := b.long[i]; id {
		case noPicture:
		case anyPicture:
			rest, i = spot{anyKey, anyPicture}, len(b.long)
		default:
			l[n] = spot{int64(i)<<1 | 1, id}
			n++
		}
	}
	for ; n < len(l); n++ {
		l[n] = rest
	}
}

// find looks for a short-term picture as libavcodec does, from the oldest on,
// -1 when there is none or an older one has its frame_num.
func (b *dpb) find(at int64, mask uint32) int {
	for i := b.n - 1; i >= 0; i-- {
		if (b.short[i].at-at)&int64(mask) == 0 {
			if b.short[i].at != at {
				return -1
			}
			return i
		}
	}
	return -1
}

// mark does what the reference picture id, decoded now, says of itself and of
// others (8.2.5.1). It returns false when that cannot be or is not understood.
func (b *dpb) mark(h *bitstream.H264Header, at int64, mask uint32, id uint64, limit int) bool {
	if h.IDR {
		*b = dpb{whole: true}
		if h.LongTerm {
			b.long[0] = id
		} else {
			b.push(held{at, id})
		}
		return true
	}
	if !h.Adaptive {
		b.slide(limit)
	}
	long := false
	for _, m := range h.Marks() {
		switch m.Op {
		case 1:
			b.remove(b.find(at-int64(m.Diff&mask), mask))
		case 2:
			b.long[m.Index] = noPicture
		case 3:
			b.lengthen(b.find(at-int64(m.Diff&mask), mask), m.Index)
		case 4:
			for i := m.Index; i < maxH264Refs; i++ {
				b.long[i] = noPicture
			}
		case 6:
			if long {
				return false
			}
			b.long[m.Index], long = id, true
		default: // 5: numbers begin anew
			return false
		}
	}
	if !long {
		b.push(held{at, id})
	}
	return true
}

// lengthen makes the short-term picture k the long-term one index.
func (b *dpb) lengthen(k int, index uint32) {
	b.long[index] = lostPicture
	if k >= 0 {
		b.long[index] = b.short[k].id
		b.remove(k)
	}
}

func (b *dpb) push(p held) {
	copy(b.short[1:], b.short[:b.n])
	b.short[0] = p
	b.n = min(b.n+1, len(b.short))
	b.sure = min(b.sure+1, b.n)
}

func (b *dpb) remove(k int) {
	if k < 0 {
		return
	}
	copy(b.short[k:b.n], b.short[k+1:b.n])
	b.n--
	if k < b.sure {
		b.sure--
	}
}

// slide makes room for one more (8.2.5.3).
func (b *dpb) slide(limit int) {
	if b.n > 0 && b.n+b.longs() >= limit {
		b.remove(b.n - 1)
	}
}

// longs is how many long-term pictures there certainly are.
func (b *dpb) longs() (n int) {
	for _, id := range b.long {
		if id == lostPicture || id >= firstID {
			n++
		}
	}
	return n
}

// bound holds the host to the number of pictures that it may keep: false when
// it has more. What cannot be among them is forgotten.
func (b *dpb) bound(limit int) bool {
	room := limit - b.longs()
	if b.sure > room || b.whole && b.n > room {
		return false
	}
	b.n = min(b.n, room)
	if b.sure == room {
		b.whole = true
	}
	return true
}

// trim does what libavcodec does with more pictures than there may be.
func (b *dpb) trim(limit int) {
	if over := b.n + b.longs() - limit; over > 0 && b.n > 0 {
		b.remove(b.n - 1)
	}
}

// forget notes that pictures of which nothing is known were decoded: they may
// have let go any picture, and given any long-term index to another. A picture's
// frame_num is still its own.
func (b *dpb) forget() {
	b.sure, b.whole = 0, false
	for i := range b.long {
		b.long[i] = anyPicture
	}
}

// fill does what libavcodec does when frame_num goes from one to another with a
// gap: it invents the pictures between (8.2.5.2).
func (b *dpb) fill(from, to int64, limit int) {
	for at := max(from+1, to-int64(limit)); at < to; at++ {
		b.slide(limit)
		b.push(held{at, lostPicture})
		b.trim(limit)
	}
}

// same says that b and o hold the same pictures and that none is missing.
func (b *dpb) same(o *dpb) bool {
	if !b.whole || b.n != o.n || b.long != o.long {
		return false
	}
	for i, s := range b.short[:b.n] {
		if s != o.short[i] || s.id < firstID {
			return false
		}
	}
	for _, id := range b.long {
		if id == lostPicture || id == anyPicture {
			return false
		}
	}
	return true
}
