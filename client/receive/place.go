package receive

import (
	"encoding/binary"
	"time"
)

// media takes a packet of the media SSRC.
func (v *Video) media(at time.Duration, h *header) {
	v.arrived++
	v.lastPT = h.payloadType
	if d := h.ext.playout; d.known {
		v.stats.PlayoutKnown = true
		v.stats.PlayoutMin, v.stats.PlayoutMax = time.Duration(d.least)*playoutUnit, time.Duration(d.utmost)*playoutUnit
	}
	p := v.packet(at, h)
	if !v.ssrcKnown || h.ssrc != v.ssrc || !v.win.started {
		v.begin(h.ssrc, h.seq, v.before(&p))
	}
	ext := v.win.extend(h.seq)
	where := v.win.locate(ext)
	if (where == placeFar || where == placeOld || where == placeLate) && v.win.stray(h.seq, where) {
		v.begin(h.ssrc, v.win.firstStray, 0)
		ext = v.win.extend(h.seq)
		where = v.win.locate(ext)
	}
	v.place(at, ext, where, &p, byItself)
}

// before returns how many packets may be missing before p, the first one of a
// stream. Those sent while the keys were being agreed on are often lost.
func (v *Video) before(p *packet) uint16 {
	if v.asm.startsByItself(p) {
		return 0
	}
	return lostBefore
}

// repair takes a packet of the RTX SSRC: the first two bytes of its payload
// are the sequence number of the packet it repeats (RFC 4588, 4).
func (v *Video) repair(at time.Duration, h *header) {
	if !v.win.started {
		v.stats.Stray++
		return
	}
	v.rtxSeen = true
	ext := v.win.extend(binary.BigEndian.Uint16(h.payload))
	where := v.win.locate(ext)
	if ext > v.win.highest+maxTail {
		where = placeFar // nothing that was asked for
	}
	p := v.packet(at, h)
	p.payload = h.payload[2:]
	v.place(at, ext, where, &p, byRTX)
}

func (v *Video) packet(at time.Duration, h *header) packet {
	p := packet{
		marker: h.marker, rtpTime: h.rtpTime, capture: h.ext.capture,
		timing: h.ext.timing, at: at, payload: h.payload,
	}
	if want := v.cfg.PayloadType; want != 0 && h.payloadType != want && h.ssrc == v.ssrc {
		p.payload = nil // holds its place and nothing else
	}
	return p
}

// begin starts a sequence space at seq or up to before packets earlier.
func (v *Video) begin(ssrc uint32, seq, before uint16) {
	if v.win.started {
		v.stats.Restarts++
		v.stats.GivenUp += uint64(len(v.win.gaps))
		v.asm.restart()
	}
	v.ssrc, v.ssrcKnown = ssrc, true
	v.win.begin(seq - before)
	v.origin = v.win.head + int64(before)
	v.tail, v.keyAhead = tail{begin: v.origin}, false
	v.hedged = false
	if v.fec != nil {
		v.fec.Reset(ssrc)
	}
}

// place puts a packet where it belongs.
func (v *Video) place(at time.Duration, ext int64, where place, p *packet, how arrivalKind) {
	switch where {
	case placeFar:
		v.stats.Stray++
		return
	case placeOld:
		v.stats.Duplicates++
		return
	case placeLate:
		v.stats.Late++
		return
	}
	if how == byItself {
		v.win.strays = 0
	}
	if ext > v.win.highest {
		v.advance(at, ext, p)
	} else if g, ok := v.win.found(ext); ok {
		v.classify(at, g, how)
	}
	if ext == v.win.head {
		v.win.pass()
		v.asm.consume(p)
		v.drain()
		return
	}
	v.win.store(ext, p)
	if v.asm.awaitKey || v.hedged || v.win.gaps[0].tries > 0 {
		v.jump(ext, p)
	}
}

// advance moves the newest packet on to ext and notes what is missing before it.
func (v *Video) advance(at time.Duration, ext int64, p *packet) {
	missing := ext - v.win.highest - 1
	v.loss.packet(missing)
	if len(p.payload) > 0 {
		v.tail.advance(at, ext, p.marker)
	}
	span := time.Duration(int32(p.rtpTime-v.newestTime)) * v.asm.tick
	v.newestTime = p.rtpTime
	if missing > maxHole || missing > staleHole && span > staleAfter {
		v.outage(ext)
	} else {
		v.miss(at, ext)
	}
	v.win.highest = ext
	for ext-v.win.head >= int64(len(v.win.slots)) {
		v.giveUp()
	}
}

// outage gives up everything before ext.
func (v *Video) outage(ext int64) {
	for len(v.win.gaps) > 0 {
		v.giveUp()
	}
	v.stats.GivenUp += uint64(ext - v.win.head)
	v.asm.refs.lost(ext - v.win.head)
	v.asm.skip()
	v.win.head = ext
}

// miss notes the packets between the highest and ext as missing.
func (v *Video) miss(at time.Duration, ext int64) {
	wait := time.Duration(0)
	if ext > v.win.highest+1 {
		wait = v.order.wait(at, v.rtt)
	}
	for e := v.win.highest + 1; e < ext; e++ {
		if len(v.win.gaps) >= maxGaps {
			v.giveUp()
		}
		g := gap{ext: e, since: at, due: at + wait, seen: v.arrived}
		if e <= v.tail.upTo { // asked for already
			g.due, g.tries, g.asked = v.tail.asked+v.retry(), 1, v.tail.asked
		}
		v.win.miss(g)
	}
}

// arrivalKind is how a packet came.
type arrivalKind uint8

const (
	byItself arrivalKind = iota
	byRTX
	byFEC
)

// classify counts how a missing packet came.
func (v *Video) classify(at time.Duration, g gap, how arrivalKind) {
	late := how == byItself && (g.tries == 0 || v.rtxSeen || at-g.asked < v.leastRTT()*3/4)
	switch {
	case late:
		v.stats.Reordered++
		v.order.came(at, at-g.since, v.arrived-g.seen)
		v.loss.found()
		v.stats.ReorderPackets = max(v.stats.ReorderPackets, v.arrived-g.seen)
		v.stats.ReorderTime = max(v.stats.ReorderTime, at-g.since)
	case how == byFEC:
		v.stats.Recovered++
		v.order.went(at)
	default:
		v.stats.Repaired++
		v.order.went(at)
		if g.tries > 0 {
			v.repairs.answered(at, g.asked, g.before)
		}
	}
}

// leastRTT is the shortest time in which a repair can come.
func (v *Video) leastRTT() time.Duration {
	if least := v.repairs.shortest(); least > 0 {
		return least
	}
	return v.rtt
}
