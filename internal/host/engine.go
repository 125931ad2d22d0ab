package host

import (
	"fmt"
	"io"
	"sync"

	"github.com/pion/transport/v5/packetio"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// newAPI builds pion for one session: exactly the negotiated formats, no
// interceptors (package egress does their work), short timers, big sockets.
// All feedback of the terminal goes to rtcp, on pion's goroutine, which lends
// it: pion itself hands on only what names the SSRC of a track, and browsers
// name whichever SSRC they heard last.
func newAPI(p *plan, network peer.Config, rtcp, voice func([]byte)) (*webrtc.API, error) {
	me := &webrtc.MediaEngine{}
	if err := registerFormats(me, p); err != nil {
		return nil, err
	}
	se, err := peer.Settings(network)
	if err != nil {
		return nil, err
	}
	se.SetIncludeLoopbackCandidate(true) // also for a terminal on this machine
	se.BufferFactory = func(kind packetio.BufferPacketType, _ uint32) io.ReadWriteCloser {
		sink := &feedbackSink{closed: make(chan struct{})}
		switch {
		case kind == packetio.RTCPBufferPacket:
			sink.take = rtcp
		case p.hasMic:
			sink.take = voice
		}
		return sink
	}
	return peer.API(me, se), nil
}

// registerFormats registers the plan's payload types with the terminal's own
// numbers and parameters, and the header extensions we stamp.
func registerFormats(me *webrtc.MediaEngine, p *plan) error {
	register := func(f format, mime string, channels uint16, fb []webrtc.RTCPFeedback, kind webrtc.RTPCodecType) error {
		return me.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: mime, ClockRate: f.clock, Channels: channels, SDPFmtpLine: f.fmtp, RTCPFeedback: fb,
			},
			PayloadType: webrtc.PayloadType(f.number),
		}, kind)
	}
	if err := register(p.video, "video/"+p.video.name, 0, peer.VideoFeedback(), webrtc.RTPCodecTypeVideo); err != nil {
		return fmt.Errorf("register %s: %w", p.video.name, err)
	}
	if p.repair.number != 0 {
		if err := register(p.repair, webrtc.MimeTypeRTX, 0, nil, webrtc.RTPCodecTypeVideo); err != nil {
			return fmt.Errorf("register retransmissions: %w", err)
		}
	}
	if p.protect.number != 0 {
		if err := register(p.protect, webrtc.MimeTypeFlexFEC03, 0, nil, webrtc.RTPCodecTypeVideo); err != nil {
			return fmt.Errorf("register FEC: %w", err)
		}
	}
	if p.hasAudio {
		if err := register(p.audio, webrtc.MimeTypeOpus, 2, []webrtc.RTCPFeedback{{Type: "transport-cc"}}, webrtc.RTPCodecTypeAudio); err != nil {
			return fmt.Errorf("register Opus: %w", err)
		}
		if p.copies.number != 0 {
			if err := register(p.copies, wire.MimeRED, 2, []webrtc.RTCPFeedback{{Type: "transport-cc"}}, webrtc.RTPCodecTypeAudio); err != nil {
				return fmt.Errorf("register redundant sound: %w", err)
			}
		}
	}
	if p.hasMic && !p.hasAudio {
		if err := register(p.mic, webrtc.MimeTypeOpus, 2, nil, webrtc.RTPCodecTypeAudio); err != nil {
			return fmt.Errorf("register the microphone: %w", err)
		}
	}
	return registerExtensions(me)
}

func registerExtensions(me *webrtc.MediaEngine) error {
	for _, uri := range []string{wire.ExtTWCC, wire.ExtAbsCaptureTime, wire.ExtFrameTiming, egress.ExtPlayoutDelay} {
		if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			return fmt.Errorf("register header extension %s: %w", uri, err)
		}
	}
	if err := me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: wire.ExtTWCC}, webrtc.RTPCodecTypeAudio); err != nil {
		return fmt.Errorf("register header extension %s: %w", wire.ExtTWCC, err)
	}
	return nil
}

// feedbackSink passes on what pion writes to one SSRC's buffer. pion's own
// readers get nothing and wait for the end. Media is dropped, but for the
// terminal's microphone.
type feedbackSink struct {
	take   func([]byte) // nil: drop
	closed chan struct{}
	once   sync.Once
}

func (f *feedbackSink) Write(b []byte) (int, error) {
	if f.take != nil {
		f.take(b)
	}
	return len(b), nil
}

func (f *feedbackSink) Read([]byte) (int, error) {
	<-f.closed
	return 0, io.EOF
}

func (f *feedbackSink) Close() error {
	f.once.Do(func() { close(f.closed) })
	return nil
}
