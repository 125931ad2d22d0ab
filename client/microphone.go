package client

import (
	"math/rand/v2"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/wire"
)

// microphone is the session's way up for what is said here: a section of its own
// in the offer, from which nothing comes unless somebody speaks.
type microphone struct {
	track *webrtc.TrackLocalStaticRTP // nil: none was offered

	mu     sync.Mutex // guards packet
	packet rtp.Packet
	base   uint32 // of RTP's timestamps
}

// offerMicrophone adds the section to the offer, where the caller has a
// microphone.
func (s *Session) offerMicrophone() error {
	if s.cfg.OnMic == nil {
		return nil
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "microphone", "terminal")
	if err != nil {
		return err
	}
	if _, err := s.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		return err
	}
	m := &s.mic
	m.mu.Lock()
	defer m.mu.Unlock()
	m.track, m.base = track, rand.Uint32()
	m.packet = rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(rand.Uint32())}}
	s.offered++
	return nil
}

// SendVoice sends a packet of Opus. position is that of its first sample at 48
// kHz; first says that nothing was sent just before (RFC 7587, 4.1). payload is
// lent for the call. One goroutine calls it; a host that takes no microphone
// hears nothing.
func (s *Session) SendVoice(payload []byte, position uint64, first bool) error {
	rt := s.receiver.routes.Load()
	m := &s.mic
	if rt == nil || !rt.mic {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.packet.SequenceNumber++
	m.packet.Timestamp, m.packet.Marker, m.packet.Payload = m.base+uint32(position), first, payload
	return m.track.WriteRTP(&m.packet)
}

// HearsVoice reports whether the host takes a microphone at all.
func (s *Session) HearsVoice() bool {
	rt := s.receiver.routes.Load()
	return rt != nil && rt.mic
}

// SayMic tells the host what the microphone is (wire.MicClosed and so on).
func (s *Session) SayMic(what uint8) {
	if err := s.control.say(wire.AppendMic(nil, what)); err != nil {
		s.log.Debug("tell of the microphone", "err", err)
	}
}
