package usbip

// entry is what waits for an answer.
type entry struct {
	seq     uint32
	length  uint32 // of a transfer's buffer
	target  uint32 // of an unlink
	packets uint16 // isochronous; 0 for none
	kind    kind
	in      bool
}

type kind uint8

const (
	free kind = iota
	transfer
	unlink
)

// slotBits is the logarithm of the slots, twice as many as can be taken.
const slotBits = 11

// pending is a hash table of fixed size, with open addresses, which never
// allocates. Its worst case, numbers chosen to meet in one slot, is a search
// through MaxPending entries.
type pending struct {
	slots [1 << slotBits]entry
	n     int
}

// The table is never more than half full.
var _ [0]struct{} = [1<<slotBits - 2*MaxPending]struct{}{}

func home(seq uint32) uint32 { return seq * 2654435769 >> (32 - slotBits) }

// find returns the slot of seq, or the free one where it would be.
func (p *pending) find(seq uint32) uint32 {
	i := home(seq)
	for p.slots[i].kind != free && p.slots[i].seq != seq {
		i = (i + 1) % (1 << slotBits)
	}
	return i
}

// add takes e, unless its number waits already or there are too many.
func (p *pending) add(e entry) bool {
	i := p.find(e.seq)
	if p.n >= MaxPending || p.slots[i].kind != free {
		return false
	}
	p.slots[i] = e
	p.n++
	return true
}

// take removes and returns what waits under seq, if it is of that kind.
func (p *pending) take(seq uint32, k kind) (entry, bool) {
	i := p.find(seq)
	e := p.slots[i]
	if e.kind != k {
		return entry{}, false
	}
	p.n--
	// Whatever stands behind and was pushed there moves up.
	for j := i; ; {
		p.slots[i] = entry{}
		for {
			j = (j + 1) % (1 << slotBits)
			if p.slots[j].kind == free {
				return e, true
			}
			// Distance from home, around the end, tells whether i lies between.
			if (j-home(p.slots[j].seq))%(1<<slotBits) >= (j-i)%(1<<slotBits) {
				break
			}
		}
		p.slots[i] = p.slots[j]
		i = j
	}
}
