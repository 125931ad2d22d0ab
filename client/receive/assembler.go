package receive

import (
	"time"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// packet is one RTP packet of the stream, its payload in the caller's or the
// window's memory.
type packet struct {
	marker  bool
	rtpTime uint32
	capture uint64 // NTP, 0 when the packet carries none
	timing  wire.FrameTiming
	at      time.Duration // when it was read, since the stream's epoch
	payload []byte
}

// picture is the access unit in the making.
type picture struct {
	active      bool
	rtpTime     uint32
	capture     uint64
	timing      wire.FrameTiming
	first, last time.Duration     // arrivals
	au          *media.AccessUnit // nil when it has failed
	failed      bool
	useless     bool // of no use while something is missing before it: its bytes are not kept
	judged      bool // it is known whether it is
	cause       media.Cause
	reason      string
}

// assembler makes access units of packets that come contiguous and in order;
// skip tells it of every packet that was given up.
//
// It is searching (begin not proven: packets are discarded) or building
// (cur.active). awaitKey is set from the start and after every loss until a
// keyframe is complete; everything else is dropped meanwhile and charged to
// awaitCause.
type assembler struct {
	screen int
	codec  media.Codec
	ids    ExtIDs
	pool   *pool
	epoch  time.Time
	offset time.Duration // host clock to local clock

	depack depacketizer
	cur    picture
	params nalFlags // parameter sets delivered so far

	prevKnown  bool // the packet before the next one was consumed
	prevMarker bool
	prevTime   uint32

	awaitKey      bool
	awaitCause    media.Cause
	discontinuity bool
	refs          references
	heal          healing
	spared        uint64 // losses that were got over without a keyframe
	torn          bool   // a frame is being discarded, not charged yet
	tornTime      uint32

	ledger   ledger
	damaged  uint64 // payloads that do not follow their format
	starved  uint64 // access units dropped because the pool was empty
	tooLarge uint64
	interval time.Duration // between frames, smoothed
	lastTime uint32
	tick     time.Duration // of the media clock

	ready   []*media.AccessUnit // complete, in order; the owner takes them
	need    string              // reason a keyframe is needed now, "" for none
	gotKey  bool                // a keyframe became ready
	markers bool                // the host sets markers
}

// consume takes the next packet of the stream.
func (a *assembler) consume(p *packet) {
	if len(p.payload) == 0 { // padding has a sequence number and nothing else
		return
	}
	if a.cur.active && p.rtpTime != a.cur.rtpTime {
		a.turn(p.rtpTime)
	}
	if a.cur.active || a.provesStart(p) {
		a.add(p)
	} else {
		a.discard(p)
	}
	a.prevKnown, a.prevMarker, a.prevTime = true, p.marker, p.rtpTime
	a.markers = a.markers || p.marker
	if p.marker && a.cur.active {
		a.finish()
	}
}

// turn ends the picture because a packet of another time follows. Parameter
// sets sent with a time of their own belong to the picture after them. Our host
// sets markers: a picture without one was taken back while it was sent.
func (a *assembler) turn(rtpTime uint32) {
	if a.pictureless() {
		a.cur.rtpTime = rtpTime
		return
	}
	if a.ids.FrameTiming != 0 && a.markers && !a.cur.failed {
		a.fail(media.CauseHost, reasonMalformed)
	}
	a.finish()
}

func (a *assembler) pictureless() bool {
	return a.depack.flags&hasPicture == 0 && !a.cur.failed
}

// provesStart says whether p is certainly the first packet of its access unit.
func (a *assembler) provesStart(p *packet) bool {
	return a.prevKnown && (a.prevMarker || a.prevTime != p.rtpTime) || a.startsByItself(p)
}

// startsByItself is provesStart without the packet before. Our host puts the
// capture time on first packets only; others may put it anywhere.
func (a *assembler) startsByItself(p *packet) bool {
	return p.capture != 0 && a.ids.FrameTiming != 0 || startsPicture(a.codec, p.payload)
}

func (a *assembler) add(p *packet) {
	if !a.cur.active {
		a.begin(p)
	}
	c := &a.cur
	c.first, c.last = min(c.first, p.at), max(c.last, p.at)
	if c.capture == 0 {
		c.capture = p.capture
	}
	if p.timing.Frame != 0 {
		c.timing = p.timing
	}
	if c.failed || c.useless {
		return
	}
	a.copy(p.payload)
}

func (a *assembler) begin(p *packet) {
	if a.torn && a.tornTime != p.rtpTime {
		a.ledger.lose(0, a.awaitCause)
	}
	a.torn = false
	a.depack.reset()
	a.cur = picture{active: true, rtpTime: p.rtpTime, first: p.at, last: p.at, au: a.pool.take()}
	if a.cur.au == nil {
		a.starved++
		a.fail(media.CauseDecoder, reasonBuffers)
	}
}

// copy appends a payload to the picture.
func (a *assembler) copy(payload []byte) {
	c := &a.cur
	if !a.pool.reserve(c.au, maxExpansion(len(payload))) {
		a.starved++
		a.fail(media.CauseDecoder, reasonBuffers)
		return
	}
	data, err := a.depack.push(c.au.Data, payload)
	c.au.Data = data
	if err != nil {
		a.damaged++
		a.fail(media.CauseHost, reasonMalformed)
		return
	}
	if len(data) > a.pool.limit {
		a.tooLarge++
		a.fail(media.CauseHost, reasonMalformed)
		return
	}
	if a.awaitKey && !c.judged && a.depack.flags&hasPicture != 0 {
		var follows bool
		follows, c.judged = a.refs.judge(data, false)
		c.useless = c.judged && a.depack.flags&hasPicture == hasSlice && !follows && !a.heals()
	}
}

// fail gives the picture's memory back; the rest of its packets is ignored.
func (a *assembler) fail(cause media.Cause, reason string) {
	c := &a.cur
	c.failed, c.cause, c.reason = true, cause, reason
	a.drop()
}

// drop gives up the picture in the making, once.
func (a *assembler) drop() {
	au := a.cur.au
	if au == nil {
		a.refs.dropped(nil)
		return
	}
	a.refs.dropped(au.Data)
	au.Release()
	a.cur.au = nil
}

// finish ends the picture: deliver or charge it.
func (a *assembler) finish() {
	if a.pictureless() {
		return
	}
	c := &a.cur
	if !c.failed && !c.useless && a.depack.open {
		a.damaged++
		a.fail(media.CauseHost, reasonMalformed)
	}
	c.active = false
	a.pace(c.rtpTime)
	key := a.isKey()
	switch {
	case c.failed:
		a.ledger.lose(c.timing.Frame, c.cause)
		a.await(c.cause, c.reason)
	case a.awaitKey && !key && !c.useless && a.heal.shown == 0 && a.refs.follows(c.au.Data):
		a.spared++
		a.discontinuity, a.need = false, ""
		a.deliver(key)
	case a.awaitKey && !key && !c.useless && a.heals():
		a.deliver(key)
	case a.awaitKey && !key:
		a.ledger.lose(c.timing.Frame, a.awaitCause)
		if !a.discontinuity { // nothing was delivered yet
			a.need = reasonStart
		}
		a.drop()
	case !key && a.refs.doubtful() && !a.refs.follows(c.au.Data):
		a.doubt()
	default:
		a.deliver(key)
	}
}

// isKey says whether a decoder can begin with the picture: H.264 needs the
// parameter sets in it or before it.
func (a *assembler) isKey() bool {
	if a.depack.flags&hasKey == 0 {
		return false
	}
	sets := hasSPS | hasPPS
	return a.codec == media.CodecHEVC || (a.depack.flags|a.params)&sets == sets
}

func (a *assembler) deliver(key bool) {
	c := &a.cur
	au := c.au
	a.ledger.complete(c.timing.Frame, key)
	a.params |= a.depack.flags
	au.Screen, au.Codec, au.RTPTime = a.screen, a.codec, c.rtpTime
	a.refs.delivered(au.Data, key)
	au.FrameID, au.Keyframe, au.Healing = c.timing.Frame, key, a.healed(key)
	au.Discontinuity = a.discontinuity && (key || au.Healing)
	au.Timing = media.Timing{Arrived: a.epoch.Add(c.first), Received: a.epoch.Add(c.last)}
	readTiming(&au.Timing, c.capture, c.timing, a.offset)
	clear(au.Data[len(au.Data) : len(au.Data)+media.Padding])
	a.ready = append(a.ready, au)
	c.au = nil
	a.awaitKey, a.discontinuity = au.Healing, au.Healing
	if key {
		a.gotKey, a.need = true, ""
	}
}

// pace follows the interval between frames by their media time; pauses and
// jumps do not count.
func (a *assembler) pace(rtpTime uint32) {
	d := time.Duration(rtpTime-a.lastTime) * a.tick
	a.lastTime = rtpTime
	if d > 0 && d <= maxInterval {
		a.interval += (d - a.interval) / 8
	}
}

const (
	maxInterval   = 100 * time.Millisecond
	firstInterval = time.Second / 60
)
