package congestion

import "time"

const (
	meterSlot  = 10 * time.Millisecond
	meterSlots = 128
)

// meter counts bytes by time, 1.28 s back.
type meter struct {
	bytes [meterSlots]int
	slot  int64 // the newest, counted from 0
	begun bool
	from  int64 // the first ever
}

// add counts bytes at a time; one that is older than the memory is left out.
func (m *meter) add(at time.Duration, bytes int) {
	s := int64(at / meterSlot)
	if !m.begun {
		m.begun, m.slot, m.from = true, s, s
	}
	if s-m.slot >= meterSlots || m.slot-s >= meterSlots {
		*m = meter{begun: true, slot: s, from: s}
	}
	for m.slot < s {
		m.slot++
		m.bytes[index(m.slot)] = 0
	}
	m.bytes[index(s)] += bytes
}

// index of a slot in the ring; times may be below zero.
func index(slot int64) int64 { return ((slot % meterSlots) + meterSlots) % meterSlots }

// since is what was counted in slots that begin at from or later.
func (m *meter) since(from time.Duration) int {
	total := 0
	first := int64(from / meterSlot)
	for s := m.slot; s > first && s > m.slot-meterSlots && s >= m.from; s-- {
		total += m.bytes[index(s)]
	}
	return total
}

// rate is the mean in bit/s over the whole slots of a span that ends at the
// given time, or 0 if nothing was counted for so long.
func (m *meter) rate(end, span time.Duration) float64 {
	last, n := int64(end/meterSlot), int64(span/meterSlot)
	if !m.begun || last-n < m.from {
		n = last - m.from
	}
	if n <= 0 {
		return 0
	}
	total := 0
	for s := last - n; s < last; s++ {
		if s <= m.slot && s > m.slot-meterSlots {
			total += m.bytes[index(s)]
		}
	}
	return float64(total) * 8 / (time.Duration(n) * meterSlot).Seconds()
}
