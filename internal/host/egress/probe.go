package egress

import (
	"encoding/binary"
	"time"
)

// maxCluster bounds a cluster in packets.
const maxCluster = 200

// Padding of a cluster. A peer takes what it has already as one more copy of a
// packet: it costs nothing to make, and now and then it repairs something
// before it was missed.
const (
	padSearch = 64  // newest packets among which a long one is looked for
	padLong   = 700 // bytes of payload from which a packet is worth repeating
	padEmpty  = 255 // bytes of padding alone (RFC 3550, 5.1), where there is none
)

// paddedLocked returns the screen whose retransmission stream takes padding: a
// cluster needs one that has sent something, so that its SSRC is known.
func (s *Sender) paddedLocked() *Video {
	for _, v := range s.videos {
		if v.bound != nil && v.bound.repair != nil && v.stats.Packets > 0 {
			return v
		}
	}
	return nil
}

// stepPadding sends a packet that fills a cluster.
func (s *Sender) stepPadding(now time.Time) bool {
	s.mu.Lock()
	v := s.paddedLocked()
	if v == nil {
		s.mu.Unlock()
		return false
	}
	p := v.longLocked()
	size := padEmpty
	if p != nil {
		s.scratch = *p
		size = p.size + osnSize
	}
	b := v.bound
	v.repairSeq++
	seq, twcc := v.repairSeq, s.numberLocked(kindPadding, size)
	if p == nil {
		s.scratch.rtpTime, s.scratch.place = v.history.slot(v.history.sent-1).rtpTime, 0
	}
	s.mu.Unlock()
	h := b.repair.header(&s.scratch, seq, twcc)
	if p != nil {
		s.write(b.writer, h, s.scratch.repair())
		return true
	}
	h.Padding = true
	pad := s.scratch.data[:padEmpty]
	clear(pad)
	pad[padEmpty-1] = padEmpty
	s.write(b.writer, h, pad)
	h.Padding = false
	return true
}

// longLocked returns the newest long packet that was sent, another one each
// time, or nil.
func (v *Video) longLocked() *packet {
	for range padSearch {
		v.padNext++
		at := v.history.sent - 1 - v.padNext%padSearch
		if at+historySize <= v.history.written {
			continue
		}
		if p := v.history.slot(at); p.seq == at && p.size >= padLong && binary.BigEndian.Uint16(p.data[:]) == uint16(at) {
			return p
		}
	}
	return nil
}
