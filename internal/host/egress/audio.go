package egress

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	audioClock   = 48000 // Opus always counts 48 kHz (RFC 7587, 4.1)
	maxAudio     = 16    // packets that may wait: 80 ms of 5 ms packets
	maxAudioSize = MaxPayload
	maxCopies    = 2 // of earlier packets in one
)

// Audio is the sound's track, a [webrtc.TrackLocal]. One goroutine calls Send.
type Audio struct {
	sender   *Sender
	rtpStart uint32

	// Guarded by sender.mu.
	bound    *binding
	seq      uint64
	waiting  [maxAudio]audioPacket
	first, n int
	packets  uint64
	octets   uint64
	dropped  uint64
	newest   audioPacket            // its clock readings, for sender reports
	earlier  [maxCopies]audioPacket // those sent last, newest first
	blocks   [maxCopies + 1]wire.REDBlock
}

type audioPacket struct {
	samples  uint64 // since the session's start, per channel
	captured time.Time
	size     int
	data     [maxAudioSize]byte
}

// AddAudio adds the sound's track. Call it before Run.
func (s *Sender) AddAudio() *Audio {
	s.audio = &Audio{sender: s, rtpStart: randomUint32(), seq: uint64(uint16(randomUint32()))}
	return s.audio
}

// Send queues one Opus packet; opus stays the caller's. samples is where its
// first sample stands in the session's sound, 48 kHz. Packets that the socket
// does not take in time are dropped, oldest first.
func (a *Audio) Send(opus []byte, samples uint64, captured time.Time) error {
	if len(opus) > maxAudioSize {
		return fmt.Errorf("send sound: a packet of %d bytes, at most %d", len(opus), maxAudioSize)
	}
	a.sender.mu.Lock()
	if a.bound == nil {
		a.sender.mu.Unlock()
		return fmt.Errorf("send sound: %w", errNotBound)
	}
	if a.n == maxAudio {
		a.first, a.n = (a.first+1)%maxAudio, a.n-1
		a.dropped++
	}
	p := &a.waiting[(a.first+a.n)%maxAudio]
	p.samples, p.captured, p.size = samples, captured, copy(p.data[:], opus)
	a.n++
	a.sender.mu.Unlock()
	a.sender.wakeUp()
	return nil
}

// copiesFor is how many copies a share of lost packets is worth: sound is small,
// and a copy costs no round trip.
func copiesFor(loss float64) int {
	switch {
	case loss >= 0.03:
		return 2
	case loss >= 0.003:
		return 1
	}
	return 0
}

// step sends the next packet, if there is one.
func (a *Audio) step(now time.Time) bool {
	s := a.sender
	s.mu.Lock()
	if a.n == 0 {
		s.mu.Unlock()
		return false
	}
	w := &a.waiting[a.first]
	a.newest.samples, a.newest.captured = w.samples, w.captured
	b := a.bound
	p := &s.scratch
	p.rtpTime, p.place = a.rtpStart+uint32(w.samples), 0
	stamp := b.media
	if b.redundant != nil {
		stamp = b.redundant
		p.size = a.foldLocked(p.data[osnSize:osnSize], w, uint8(b.payloadType))
	} else {
		p.size = copy(p.data[osnSize:], w.data[:w.size])
	}
	a.first, a.n = (a.first+1)%maxAudio, a.n-1
	a.seq++
	a.packets++
	a.octets += uint64(p.size)
	twcc := s.numberLocked(kindSound, p.size)
	s.mu.Unlock()
	s.write(b.writer, stamp.header(p, uint16(a.seq), twcc), p.payload())
	return true
}

// foldLocked puts w and copies of what was sent before it into dst and returns
// their size. Copies are left out that are too old or too large.
func (a *Audio) foldLocked(dst []byte, w *audioPacket, pt uint8) int {
	n, room := 0, maxAudioSize-w.size-1
	for i := copiesFor(a.sender.steering.estimate.Loss) - 1; i >= 0; i-- {
		e := &a.earlier[i]
		offset := w.samples - e.samples
		if e.size == 0 || e.size > wire.MaxREDBlock || offset > wire.MaxREDOffset || e.size+4 > room {
			n = 0 // copies are of the packets right before, without a gap
			continue
		}
		room -= e.size + 4
		a.blocks[n] = wire.REDBlock{PayloadType: pt, Offset: uint16(offset), Data: e.data[:e.size]}
		n++
	}
	a.blocks[n] = wire.REDBlock{PayloadType: pt, Data: w.data[:w.size]}
	size := len(wire.AppendRED(dst, a.blocks[:n+1]...))
	copy(a.earlier[1:], a.earlier[:])
	a.earlier[0].samples, a.earlier[0].size = w.samples, copy(a.earlier[0].data[:], w.data[:w.size])
	return size
}

// Bind takes the negotiated numbers; pion calls it once per negotiation.
func (a *Audio) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, _, ok := pickCodec(ctx.CodecParameters(), webrtc.MimeTypeOpus)
	if !ok {
		return webrtc.RTPCodecParameters{}, fmt.Errorf("bind sound: %w: Opus is not negotiated", webrtc.ErrUnsupportedCodec)
	}
	ids := readExtensions(ctx.HeaderExtensions())
	b := &binding{
		writer: ctx.WriteStream(), ssrc: uint32(ctx.SSRC()), payloadType: codec.PayloadType,
		media: newStamper(ctx.SSRC(), codec.PayloadType, extIDs{twcc: ids.twcc}),
	}
	if pt, ok := redundantType(ctx.CodecParameters(), codec.PayloadType); ok {
		b.redundant = newStamper(ctx.SSRC(), pt, extIDs{twcc: ids.twcc})
	}
	a.sender.mu.Lock()
	a.bound = b
	a.sender.mu.Unlock()
	return codec, nil
}

// redundantType finds the payload type of RFC 2198 for packets of pt.
func redundantType(params []webrtc.RTPCodecParameters, pt webrtc.PayloadType) (webrtc.PayloadType, bool) {
	want := fmt.Sprint(pt)
	for _, c := range params {
		first, _, _ := strings.Cut(c.SDPFmtpLine, "/")
		if strings.EqualFold(c.MimeType, wire.MimeRED) && first == want {
			return c.PayloadType, true
		}
	}
	return 0, false
}

// Unbind keeps the numbers; see [Video.Unbind].
func (a *Audio) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID names the track in SDP.
func (a *Audio) ID() string { return "sound" }

// RID is empty: there is no simulcast.
func (a *Audio) RID() string { return "" }

// StreamID groups the sound alone: lip synchronisation would make a browser
// delay the picture.
func (a *Audio) StreamID() string { return "sound" }

// Kind is audio.
func (a *Audio) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }
