package egress

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
)

// videoClock is the RTP clock rate of every video format.
const videoClock = 90000

// VideoConfig describes one screen's track.
type VideoConfig struct {
	Screen int
	Codec  media.Codec
	FPS    int // frames a second the pacer reckons with; default 60
	// EncodedToSent takes the time from coded bytes to a frame's last packet;
	// nil: nobody wants it.
	EncodedToSent *metric.Latency
}

// Frame is one coded picture and what is known about it.
type Frame struct {
	Data     []byte // Annex B; the caller's again when Send returns
	ID       uint32 // running number of the captured picture, from 1
	Keyframe bool
	Captured time.Time
	Encoded  time.Time
}

// VideoStats is what happened to one screen's frames and packets.
type VideoStats struct {
	Sent             uint64 // frames, all packets
	Dropped          uint64 // frames refused with ErrCongested
	Packets          uint64 // media packets
	Bytes            uint64 // of payload, without repairs
	Repaired         uint64 // packets repeated
	GivenUp          uint64 // packets whose repair was given up for a keyframe
	Cut              uint64 // frames that were queued and not sent, or not to their end, because the path broke down
	FECPackets       uint64
	KeyframeRequests uint64 // PLI and FIR, all that came
}

// Video is one screen's track, a [webrtc.TrackLocal]. One goroutine calls
// Send; HandleRTCP and Stats may be called from any other.
type Video struct {
	sender   *Sender
	cfg      VideoConfig
	rtpStart uint32

	pack *packetizer // the sending goroutine's
	// frame is the frame that the sending goroutine cuts up.
	frame struct {
		rtpTime uint32
		capture [8]byte
		first   uint64
		last    *packet
	}

	// Guarded by sender.mu, but for the slots (see history).
	interval  time.Duration // between frames
	bound     *binding
	history   history
	queue     queue
	repairs   repairQueue
	repairSeq uint16
	fecSeq    uint16
	padNext   uint64 // turns of longLocked
	credit    int    // repairs that may still leave
	givenUp   uint64 // packets before this are not repaired any more
	// The newest keyframe that was sent and, by the transport-wide numbers of
	// its first and last packet, whether one has arrived.
	keyframeSent, keyframeArrived bool
	keyFirst, keyLast             uint16
	cutting                       bool      // Send is between begin and commit
	writing                       bool      // Run gives the next slot to the socket
	flushed                       bool      // what is being cut is not to be sent any more
	fecFlush                      bool      // nor is FEC of what was
	barred                        bool      // until a keyframe
	most                          int       // bytes of the next picture, if it is no keyframe; 0: no bound
	lastRequest                   time.Time // of a keyframe that was passed on
	keyAt                         time.Time // when the last packet of the newest keyframe left
	asksAgain, asksFull           bool      // a keyframe was asked for too soon after the last one
	stats                         VideoStats
}

// AddVideo adds a screen's track. Call it before Run.
func (s *Sender) AddVideo(cfg VideoConfig) (*Video, error) {
	pack, err := newPacketizer(cfg.Codec)
	if err != nil {
		return nil, err
	}
	v := &Video{
		sender: s, cfg: cfg, pack: pack,
		interval:  frameInterval(cfg.FPS),
		rtpStart:  randomUint32(),
		repairSeq: uint16(randomUint32()),
		fecSeq:    uint16(randomUint32()),
		history:   newHistory(uint16(randomUint32())),
		credit:    historySize,
	}
	s.videos = append(s.videos, v)
	return v, nil
}

// frameInterval is the time between frames; at 0 a second it is 60.
func frameInterval(fps int) time.Duration {
	if fps <= 0 {
		fps = 60
	}
	return time.Second / time.Duration(fps)
}

// SetFPS says what the pacer reckons with from now on; any goroutine may call it.
func (v *Video) SetFPS(fps int) {
	v.sender.mu.Lock()
	defer v.sender.mu.Unlock()
	v.interval = frameInterval(fps)
}

// Send cuts the frame into packets and queues them. It blocks for no I/O.
func (v *Video) Send(f Frame) error {
	v.frame.rtpTime = v.rtpTime(f.Captured)
	binary.BigEndian.PutUint64(v.frame.capture[:], wire.TimeToNTP(f.Captured))
	v.frame.last = nil
	if err := v.begin(f.Keyframe, len(f.Data)); err != nil {
		return fmt.Errorf("send frame %d of screen %d: %w", f.ID, v.cfg.Screen, err)
	}
	complete := v.pack.packetize(f.Data, (*cutter)(v))
	if err := v.commit(f, complete); err != nil {
		return fmt.Errorf("send frame %d of screen %d: %w", f.ID, v.cfg.Screen, err)
	}
	v.sender.wakeUp()
	return nil
}

// rtpTime is the media clock's reading at t.
func (v *Video) rtpTime(t time.Time) uint32 {
	return v.rtpStart + uint32(t.Sub(v.sender.epoch).Microseconds()*(videoClock/1000)/1000)
}

// begin opens the frame. After a breakdown only a keyframe will do: what the
// encoder had in hand then is too large and refers to what was taken back.
func (v *Video) begin(keyframe bool, size int) error {
	v.sender.mu.Lock()
	defer v.sender.mu.Unlock()
	if v.bound == nil {
		return errNotBound
	}
	v.barred = v.barred && !keyframe
	large := v.most > 0 && size > v.most && !keyframe
	v.most = 0
	if v.queue.full() || v.barred || large {
		v.stats.Dropped++
		return ErrCongested
	}
	v.frame.first = v.history.written
	v.cutting, v.flushed = true, false
	return nil
}

// commit gives the frame's packets to Run, or takes them all back.
func (v *Video) commit(f Frame, complete bool) error {
	last := v.frame.last
	if last != nil {
		last.place |= lastOfFrame
	}
	v.sender.mu.Lock()
	defer v.sender.mu.Unlock()
	v.cutting = false
	if !complete || v.flushed {
		v.history.written = v.history.queued
		v.stats.Dropped++
		return ErrCongested
	}
	if last == nil {
		return fmt.Errorf("internal error: an access unit of %d bytes has no NAL unit", len(f.Data))
	}
	v.history.queued = v.history.written
	v.queue.push(pending{
		end: v.history.queued, packets: int(v.history.queued - v.frame.first),
		frameID: f.ID, keyframe: f.Keyframe, captured: f.Captured, encoded: f.Encoded, queued: time.Now(),
	})
	if f.Keyframe && v.givenUp > 0 {
		v.givenUp = v.frame.first // nothing before it is needed
	}
	return nil
}

// cutter is a Video as the packetizer sees it.
type cutter Video

func (c *cutter) open() []byte {
	c.sender.mu.Lock()
	if c.history.full() {
		c.sender.mu.Unlock()
		return nil
	}
	seq := c.history.written
	c.history.written++
	c.sender.mu.Unlock()

	p := c.history.slot(seq)
	p.seq, p.rtpTime, p.resent, p.place = seq, c.frame.rtpTime, never, 0
	if seq == c.frame.first {
		p.place, p.capture = firstOfFrame, c.frame.capture
	}
	binary.BigEndian.PutUint16(p.data[:], uint16(seq))
	c.frame.last = p
	return p.data[osnSize:]
}

func (c *cutter) seal(n int) { c.frame.last.size = n }

// step sends the screen's next packet when its time has come.
func (v *Video) step(now time.Time) (bool, time.Duration) {
	s := v.sender
	s.mu.Lock()
	due, wait := v.queue.due(now, v.history.sent, v.interval, s.pacer.probing())
	if !due {
		s.mu.Unlock()
		return false, wait
	}
	v.writing = true
	f, p, b := v.queue.oldest(), v.history.slot(v.history.sent), v.bound
	p.twcc = s.numberLocked(kindPicture, p.size)
	v.stampLocked(f, p, now)
	if b.fec != nil && p.place&firstOfFrame != 0 {
		b.fec.frame(p.seq, f.packets, s.steering.protect.repairs(f.packets, f.keyframe))
	}
	s.mu.Unlock()

	// Nobody else touches the slot until sent counts it.
	h := b.media.header(p, uint16(p.seq), p.twcc)
	s.write(b.writer, h, p.payload())
	if b.fec != nil {
		b.fec.add(p, h)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	v.sentLocked(f, p, now)
	return true, 0
}

// sentLocked counts a packet that has left.
func (v *Video) sentLocked(f *pending, p *packet, now time.Time) {
	v.writing = false
	v.history.sent++
	v.credit = min(v.credit+1, historySize)
	v.stats.Packets++
	v.stats.Bytes += uint64(p.size)
	if f.keyframe && p.place&firstOfFrame != 0 {
		v.keyFirst, v.keyframeSent = p.twcc, false
	}
	if v.history.sent < f.end {
		return
	}
	if f.cut {
		v.queue.pop()
		return
	}
	if f.keyframe {
		v.keyLast, v.keyframeSent, v.keyAt = p.twcc, true, now
	}
	v.stats.Sent++
	if v.cfg.EncodedToSent != nil {
		v.cfg.EncodedToSent.RecordSpan(f.encoded, now)
	}
	v.queue.pop()
}

// stampLocked notes when the frame's packets leave and writes the frame
// timing into the last one.
func (v *Video) stampLocked(f *pending, p *packet, now time.Time) {
	if p.place&firstOfFrame != 0 {
		f.sentFirst = now
	}
	if p.place&lastOfFrame != 0 {
		wire.AppendFrameTiming(p.timing[:0], wire.FrameTiming{
			Frame:     f.frameID,
			Encoded:   f.encoded.Sub(f.captured),
			SentFirst: f.sentFirst.Sub(f.captured),
			Sent:      now.Sub(f.captured),
		})
	}
}

// stepRepair repeats one packet that the peer misses. Retransmissions are
// numbered here, when they leave, so their sequence has no holes.
func (v *Video) stepRepair(now time.Time) (bool, time.Duration) {
	s := v.sender
	s.mu.Lock()
	for v.repairs.n > 0 {
		if v.credit == 0 {
			v.repairs.n = 0
			break
		}
		ok, wait := s.budget.take(now)
		if !ok {
			s.mu.Unlock()
			return false, wait
		}
		p := v.history.find(v.repairs.pop())
		if p == nil {
			continue // overwritten while it waited
		}
		s.scratch = *p // the slot may be reused while we write
		b := v.bound
		v.stats.Repaired++
		v.credit--
		if b.repair == nil {
			s.mu.Unlock()
			v.repeat(b)
			return true, 0
		}
		v.repairSeq++
		seq, twcc := v.repairSeq, s.numberLocked(kindRepair, p.size+osnSize)
		s.mu.Unlock()
		s.write(b.writer, b.repair.header(&s.scratch, seq, twcc), s.scratch.repair())
		return true, 0
	}
	s.mu.Unlock()
	return false, idle
}

// repeat sends the packet again on its own SSRC to a peer without RTX. It
// must be the same in every bit: SRTP would use one key stream for two
// different packets otherwise (RFC 3711, 9.1).
func (v *Video) repeat(b *binding) {
	p := &v.sender.scratch
	v.sender.write(b.writer, b.media.header(p, uint16(p.seq), p.twcc), p.payload())
}

// Stats may be called from any goroutine.
func (v *Video) Stats() VideoStats {
	v.sender.mu.Lock()
	defer v.sender.mu.Unlock()
	return v.stats
}
