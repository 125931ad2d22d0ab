package receive

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

const (
	activePoll = 5 * time.Millisecond   // Tick while packets come: a tail is noticed in time
	idlePoll   = 50 * time.Millisecond  // Tick while none come
	activeFor  = 200 * time.Millisecond // what counts as coming
	minPoll    = 500 * time.Microsecond
)

// Video receives one video stream. See the package comment.
type Video struct {
	cfg VideoConfig
	asm assembler // guarded by mu, like all below

	mu         sync.Mutex
	epoch      time.Time
	rtt        time.Duration
	ssrc       uint32
	ssrcKnown  bool
	win        *window
	tail       tail
	keys       requester
	reordering bool   // has been seen
	rtxSeen    bool   // repairs come on their own SSRC
	origin     int64  // first packet of the sequence space that came
	newestTime uint32 // RTP time of the newest packet
	keyTime    uint32
	keyAhead   bool // a keyframe of keyTime waits behind a gap
	stats      VideoStats
	out        *outbox

	telling bool    // one goroutine runs callbacks from spare
	spare   *outbox // its own while telling
}

// NewVideo checks cfg and allocates everything the stream will need but the
// growth of access units.
func NewVideo(cfg VideoConfig) (*Video, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	return newVideo(cfg), nil
}

func newVideo(cfg VideoConfig) *Video {
	return &Video{
		cfg:       cfg,
		ssrc:      cfg.SSRC,
		ssrcKnown: cfg.SSRC != 0,
		win:       newWindow(cfg.Slots),
		out:       newOutbox(cfg.Buffers),
		spare:     newOutbox(cfg.Buffers),
		asm: assembler{
			screen: cfg.Screen, codec: cfg.Codec, ids: cfg.Extensions,
			pool:     newPool(cfg.Buffers, cfg.MaxAccessUnit),
			depack:   depacketizer{codec: cfg.Codec},
			interval: firstInterval,
			tick:     time.Second / time.Duration(cfg.ClockRate),
			awaitKey: true, awaitCause: media.CauseHost,
			ready: make([]*media.AccessUnit, 0, cfg.Buffers),
		},
	}
}

// Packet takes a decrypted RTP packet of the media SSRC, read at now. It does
// not keep buf.
func (v *Video) Packet(now time.Time, buf []byte) {
	h, err := parseHeader(buf, v.cfg.Extensions)
	if err == nil {
		v.record(now, &h)
		v.cfg.Reports.Packet(now, h.ssrc, h.seq, h.rtpTime)
	}
	at := v.enter(now)
	defer v.leave()
	if err != nil || len(h.payload) > maxPacketSize {
		v.stats.Malformed++
		return
	}
	v.stats.Packets++
	v.stats.Bytes += uint64(len(buf))
	v.media(at, &h)
	v.service(at)
}

// RTX takes a decrypted RTP packet of the SSRC that repairs the media SSRC
// (RFC 4588), read at now. It does not keep buf.
func (v *Video) RTX(now time.Time, buf []byte) {
	h, err := parseHeader(buf, v.cfg.Extensions)
	if err == nil {
		v.record(now, &h)
	}
	at := v.enter(now)
	defer v.leave()
	if err != nil || len(h.payload) > maxPacketSize+2 || len(h.payload) == 1 {
		v.stats.Malformed++
		return
	}
	v.stats.Packets++
	v.stats.RTXPackets++
	v.stats.Bytes += uint64(len(buf))
	if len(h.payload) > 0 { // an empty one is a probe for bandwidth
		v.repair(at, &h)
	}
	v.service(at)
}

// Tick does what has come due by now and returns how long until it wants to be
// called again. Packets do the same, so a late call costs nothing while they come.
func (v *Video) Tick(now time.Time) (next time.Duration) {
	at := v.enter(now)
	defer v.leave()
	v.service(at)
	return v.nextTimer(at)
}

// RequestKeyframe asks the host for a keyframe, as soon as the rate limit
// allows. It is sent by the next Tick or packet.
func (v *Video) RequestKeyframe(reason string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.keys.request(reason, v.keys.last, v.rtt)
}

func (v *Video) record(now time.Time, h *header) {
	if h.ext.hasTWCC {
		v.cfg.TWCC.Record(now, h.ssrc, h.ext.twcc)
	}
}

// enter locks the stream and returns now on its time line.
func (v *Video) enter(now time.Time) time.Duration {
	var rtt, offset time.Duration
	if v.cfg.RTT != nil {
		rtt = v.cfg.RTT()
	}
	if v.cfg.ClockOffset != nil {
		offset = v.cfg.ClockOffset()
	}
	v.mu.Lock()
	if v.epoch.IsZero() {
		v.epoch, v.asm.epoch = now, now
	}
	v.rtt, v.asm.offset = max(rtt, 0), offset
	return now.Sub(v.epoch)
}

// leave unlocks the stream and runs the callbacks that are due, unless another
// goroutine is at it and will run these too: order is kept, and no lock held.
func (v *Video) leave() {
	v.collect()
	for !v.telling && !v.out.empty() {
		v.telling = true
		v.out, v.spare = v.spare, v.out
		box, ssrc := v.spare, v.ssrc
		v.mu.Unlock()
		box.tell(&v.cfg, ssrc)
		v.mu.Lock()
		v.telling = false
	}
	v.mu.Unlock()
}

func (v *Video) collect() {
	v.out.units = append(v.out.units, v.asm.ready...)
	clear(v.asm.ready)
	v.asm.ready = v.asm.ready[:0]
}

// media takes a packet of the media SSRC.
func (v *Video) media(at time.Duration, h *header) {
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
	v.place(at, ext, where, &p, false)
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
	h.payload = h.payload[2:]
	p := v.packet(at, h)
	v.place(at, ext, where, &p, true)
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
}

// place puts a packet where it belongs.
func (v *Video) place(at time.Duration, ext int64, where place, p *packet, repair bool) {
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
	if !repair {
		v.win.strays = 0
	}
	if ext > v.win.highest {
		v.advance(at, ext, p)
	} else if g, ok := v.win.found(ext); ok {
		v.classify(at, g, repair)
	}
	if ext == v.win.head {
		v.win.pass()
		v.asm.consume(p)
		v.drain()
		return
	}
	v.win.store(ext, p)
	if v.asm.awaitKey {
		v.jump(ext, p)
	}
}

// advance moves the newest packet on to ext and notes what is missing before it.
func (v *Video) advance(at time.Duration, ext int64, p *packet) {
	missing := ext - v.win.highest - 1
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
	v.asm.skip()
	v.win.head = ext
}

// miss notes the packets between the highest and ext as missing.
func (v *Video) miss(at time.Duration, ext int64) {
	for e := v.win.highest + 1; e < ext; e++ {
		if len(v.win.gaps) >= maxGaps {
			v.giveUp()
		}
		g := gap{ext: e, since: at, due: at, seen: v.stats.Packets}
		if v.reordering {
			g.due += reorderWait
		}
		if e <= v.tail.upTo { // asked for already
			g.due, g.tries = v.tail.asked+retryAfter(v.rtt), 1
		}
		v.win.miss(g)
	}
}

// classify counts how a missing packet came: asked for or by itself.
func (v *Video) classify(at time.Duration, g gap, repair bool) {
	byItself := g.tries == 0 || v.rtxSeen || at-g.since < v.rtt/2
	if repair || !byItself {
		v.stats.Repaired++
		return
	}
	v.stats.Reordered++
	v.reordering = true
}

// jump gives up everything before a keyframe that is complete behind a gap,
// when only a keyframe helps. ext is a packet that was just stored.
func (v *Video) jump(ext int64, p *packet) {
	if startsKeyframe(v.cfg.Codec, p.payload) {
		v.keyAhead, v.keyTime = true, p.rtpTime
	}
	if !v.keyAhead || p.rtpTime != v.keyTime {
		return
	}
	first, ok := v.wholeFrame(ext)
	for ok && v.win.head < first {
		v.giveUp()
	}
}

// wholeFrame returns the first packet of the frame around ext, which waits in
// its slot, when all of the frame does and its beginning and end are certain.
func (v *Video) wholeFrame(ext int64) (first int64, ok bool) {
	rtpTime := v.win.stored(ext).rtpTime
	for end := ext; ; end++ {
		p := v.win.stored(end)
		if p == nil || p.rtpTime != rtpTime {
			return 0, false
		}
		if p.marker {
			break
		}
	}
	for first = ext; first-1 > v.win.head; first-- {
		p := v.win.stored(first - 1)
		if p == nil {
			break
		}
		if p.marker || p.rtpTime != rtpTime {
			return first, true
		}
	}
	return first, v.asm.startsByItself(v.win.stored(first))
}
