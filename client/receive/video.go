package receive

import (
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/flexfec"
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
	hedged     bool  // a keyframe is asked for while a repair is still waited for,
	hedgedFor  int64 // the one of this packet
	order      reordering
	repairs    repairTime
	loss       lossRate
	fec        *flexfec.Decoder // nil: not negotiated
	fecNow     time.Duration    // when the packet was read that recovers others
	rtxSeen    bool             // repairs come on their own SSRC
	lastPT     uint8            // payload type of the newest media packet
	arrived    uint64           // packets of the media SSRC
	scratch    []byte           // one packet, for repairs
	origin     int64            // first packet of the sequence space that came
	newestTime uint32           // RTP time of the newest packet
	keyTime    uint32
	keyExt     int64 // a packet of it
	keyAsked   int64 // that packet, when another keyframe was asked for
	keyAhead   bool  // a keyframe of keyTime waits behind a gap
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
	v := &Video{
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
			refs:     references{codec: cfg.Codec},
			interval: firstInterval,
			tick:     time.Second / time.Duration(cfg.ClockRate),
			awaitKey: true, awaitCause: media.CauseHost,
			ready: make([]*media.AccessUnit, 0, cfg.Buffers),
		},
	}
	v.initFEC()
	return v
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
	if v.fec != nil {
		v.protect(at, buf)
	}
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
		if v.fec != nil {
			v.protectRepair(at, buf, h.payload)
		}
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
