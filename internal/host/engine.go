package host

import (
	"fmt"
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/transport/v5/stdnet"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/wire"
)

// newAPI builds pion for one session: exactly the negotiated formats, no
// interceptors (package egress does their work), short timers, big sockets.
func newAPI(p *plan, loopback bool) (*webrtc.API, error) {
	me := &webrtc.MediaEngine{}
	if err := registerFormats(me, p); err != nil {
		return nil, err
	}
	se, err := newSettings(loopback)
	if err != nil {
		return nil, err
	}
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(me),
		webrtc.WithSettingEngine(se),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}),
	), nil
}

// newSettings: a dead path is known after 5 s, a live one is never waited
// for, and on loopback nothing leaves the machine.
func newSettings(loopback bool) (webrtc.SettingEngine, error) {
	se := webrtc.SettingEngine{LoggerFactory: quietLogger{}}
	n, err := stdnet.NewNet()
	if err != nil {
		return se, fmt.Errorf("list network interfaces: %w", err)
	}
	se.SetNet(&bigSocketNet{n})
	se.SetReceiveMTU(8192) // large NACKs and feedback are longer than an MTU
	se.SetICETimeouts(time.Second, 5*time.Second, 250*time.Millisecond)
	se.SetHostAcceptanceMinWait(0)
	se.SetSrflxAcceptanceMinWait(0)
	se.SetPrflxAcceptanceMinWait(0)
	se.SetRelayAcceptanceMinWait(0)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.DisableActiveTCP(true)
	se.SetSCTPRTOMax(200 * time.Millisecond)
	se.EnableSCTPZeroChecksum(true)
	se.DetachDataChannels()
	se.SetIncludeLoopbackCandidate(true)
	if loopback {
		se.SetIPFilter(net.IP.IsLoopback)
	}
	return se, nil
}

// registerFormats registers the plan's payload types with the terminal's own
// numbers and parameters, and the header extensions we stamp.
func registerFormats(me *webrtc.MediaEngine, p *plan) error {
	feedback := []webrtc.RTCPFeedback{
		{Type: "nack"},
		{Type: "nack", Parameter: "pli"},
		{Type: "ccm", Parameter: "fir"},
		{Type: "transport-cc"},
		{Type: "goog-remb"},
	}
	register := func(f format, mime string, channels uint16, fb []webrtc.RTCPFeedback, kind webrtc.RTPCodecType) error {
		return me.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: mime, ClockRate: f.clock, Channels: channels, SDPFmtpLine: f.fmtp, RTCPFeedback: fb,
			},
			PayloadType: webrtc.PayloadType(f.number),
		}, kind)
	}
	if err := register(p.video, "video/"+p.video.name, 0, feedback, webrtc.RTPCodecTypeVideo); err != nil {
		return fmt.Errorf("register %s: %w", p.video.name, err)
	}
	if p.repair.number != 0 {
		if err := register(p.repair, webrtc.MimeTypeRTX, 0, nil, webrtc.RTPCodecTypeVideo); err != nil {
			return fmt.Errorf("register retransmissions: %w", err)
		}
	}
	if p.hasAudio {
		if err := register(p.audio, webrtc.MimeTypeOpus, 2, []webrtc.RTCPFeedback{{Type: "transport-cc"}}, webrtc.RTPCodecTypeAudio); err != nil {
			return fmt.Errorf("register Opus: %w", err)
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

// socketBuffer is asked of the kernel for each UDP socket: a keyframe must
// fit, and Linux counts more than twice a packet's size.
const socketBuffer = 4 << 20

// bigSocketNet is the standard network with large socket buffers. It returns
// the bare *net.UDPConn, which pion needs for its fast path.
type bigSocketNet struct{ *stdnet.Net }

// ListenUDP opens a socket and enlarges its buffers as far as the kernel
// lets us (net.core.rmem_max, wmem_max).
func (n *bigSocketNet) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	// A smaller buffer is a slower session, not a failed one.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	return c, nil
}

// quietLogger drops pion's own log lines: what matters reaches us as errors
// and states, and addresses of peers stay out of logs.
type quietLogger struct{}

func (quietLogger) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
