package receive

import (
	"sort"
	"time"
)

const (
	// maxHole is how many packets in a row are worth asking for; more is an
	// outage, and a keyframe is smaller than their repair.
	maxHole = 512
	// staleHole is how many are when they span more than staleAfter of media
	// time: the pictures in them are not worth showing any more.
	staleHole  = 64
	staleAfter = 250 * time.Millisecond
	// lostBefore is how many are asked for before the first packet that came,
	// when that is not the beginning of a picture.
	lostBefore = 16
	// maxGaps bounds the packets waited for at any time.
	maxGaps = 1024
	// farStrays and nearStrays are how many packets in sequence, with none
	// that fits between them, prove that the host began a new sequence space:
	// outside the window, and inside where they might be old ones repeated.
	farStrays, nearStrays = 2, 32
)

// slot keeps one packet that came before its turn. It also remembers, after
// its turn, that the packet was received.
type slot struct {
	ext int64 // extended sequence number, 0 for none
	packet
}

// gap is one packet that is missing.
type gap struct {
	ext   int64
	since time.Duration // when it was missed
	due   time.Duration // when to ask (again)
	seen  uint64        // media packets received when it was missed
	tries int           // requests sent, copies not counted

	asked, before time.Duration // the last request and the one before it
	copyAt        time.Duration // when to send the last request once more, 0: not at all
}

// place is where a sequence number falls.
type place uint8

const (
	placeNext  place = iota // its turn
	placeAhead              // later, not here yet
	placeOld                // received before
	placeLate               // its turn is over and it was given up
	placeFar                // outside the window
)

// window orders packets by extended sequence numbers: 64 bits, the low 16 as
// on the wire. head is the packet whose turn it is; between head and highest
// every packet is either in its slot or in gaps; head is never in its slot.
type window struct {
	slots []slot
	slab  []byte

	started       bool
	head, highest int64
	gaps          []gap // ascending
	gapMemory     []gap // what gaps is a part of

	strays      int
	firstStray  uint16
	wantedStray uint16
}

func newWindow(slots int) *window {
	w := &window{
		slots:     make([]slot, slots),
		slab:      make([]byte, slots*maxPacketSize),
		gapMemory: make([]gap, 2*maxGaps),
	}
	w.gaps = w.gapMemory[:0]
	return w
}

func (w *window) slot(ext int64) *slot { return &w.slots[int(ext)&(len(w.slots)-1)] }

// stored returns the packet that waits in its slot, nil when it is not there.
func (w *window) stored(ext int64) *packet {
	if s := w.slot(ext); s.ext == ext {
		return &s.packet
	}
	return nil
}

// begin starts a sequence space at seq, so far from any before it that no
// slot is mistaken for one of the new space. Extended numbers are never 0.
func (w *window) begin(seq uint16) {
	w.head = (w.highest>>16+2)<<16 | int64(seq)
	w.highest = w.head - 1
	w.gaps = w.gapMemory[:0]
	w.started, w.strays = true, 0
}

// extend returns the extended number nearest to the highest one.
func (w *window) extend(seq uint16) int64 {
	return w.highest + int64(int16(seq-uint16(w.highest)))
}

// locate says where ext falls. Numbers above the highest are placeAhead or
// placeNext only when fewer than a window away.
func (w *window) locate(ext int64) place {
	size := int64(len(w.slots))
	switch {
	case ext > w.highest+size || ext <= w.highest-size:
		return placeFar
	case w.slot(ext).ext == ext:
		return placeOld
	case ext < w.head:
		return placeLate
	case ext == w.head:
		return placeNext
	}
	return placeAhead
}

// stray notes a packet that does not fit and says whether it proves a new
// sequence space, which then begins at firstStray.
func (w *window) stray(seq uint16, where place) bool {
	if w.strays == 0 || seq != w.wantedStray {
		w.strays, w.firstStray = 0, seq
	}
	w.strays++
	w.wantedStray = seq + 1
	if where == placeFar {
		return w.strays >= farStrays
	}
	return w.strays >= nearStrays
}

// store keeps p until its turn.
func (w *window) store(ext int64, p *packet) {
	i := int(ext) & (len(w.slots) - 1)
	s := &w.slots[i]
	s.ext, s.packet = ext, *p
	memory := w.slab[i*maxPacketSize:][:maxPacketSize]
	s.payload = memory[:copy(memory, p.payload)]
}

// pass notes that the packet at head was received and moves on.
func (w *window) pass() {
	w.slot(w.head).ext = w.head
	w.head++
}

// miss adds a gap. There must be room: len(gaps) < maxGaps.
func (w *window) miss(g gap) {
	if len(w.gaps) == cap(w.gaps) {
		w.gaps = w.gapMemory[:copy(w.gapMemory, w.gaps)]
	}
	w.gaps = append(w.gaps, g)
}

// after returns the index of the first gap at ext or after it.
func (w *window) after(ext int64) int {
	return sort.Search(len(w.gaps), func(i int) bool { return w.gaps[i].ext >= ext })
}

// found removes the gap at ext and returns it.
func (w *window) found(ext int64) (g gap, ok bool) {
	i := w.after(ext)
	if i == len(w.gaps) || w.gaps[i].ext != ext {
		return g, false
	}
	g = w.gaps[i]
	if i == 0 {
		w.gaps = w.gaps[1:]
	} else {
		w.gaps = w.gaps[:i+copy(w.gaps[i:], w.gaps[i+1:])]
	}
	return g, true
}

// blocked says that the packet whose turn it is is missing.
func (w *window) blocked() bool { return len(w.gaps) > 0 && w.gaps[0].ext == w.head }
