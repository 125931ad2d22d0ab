// Package peer sets pion up the way both ends of a session need it: short
// timers, no waiting for better paths, large sockets, quiet, and no stock
// interceptors. What only one end needs that end adds. It opens nothing and
// starts no goroutine; the sockets are opened by the peer connection.
package peer

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
)

// ReceiveMTU is the largest packet that is read: compound RTCP with large
// NACKs and feedback is longer than an MTU, and pion drops what does not fit.
const ReceiveMTU = 8192

// Settings returns settings for one connection. A dead path is known after 6
// s (1 s until it counts as interrupted, 5 s more until it is lost), a live
// one is never waited for. With loopback nothing leaves the machine.
func Settings(loopback bool) (webrtc.SettingEngine, error) {
	se := webrtc.SettingEngine{LoggerFactory: quiet{}}
	n, err := stdnet.NewNet()
	if err != nil {
		return se, fmt.Errorf("list network interfaces: %w", err)
	}
	se.SetNet(&bigSockets{n})
	se.SetReceiveMTU(ReceiveMTU)
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
	if loopback {
		se.SetIncludeLoopbackCandidate(true)
		se.SetIPFilter(net.IP.IsLoopback)
	}
	return se, nil
}

// API puts an end's formats and settings together, without interceptors.
func API(formats *webrtc.MediaEngine, settings webrtc.SettingEngine) *webrtc.API {
	return webrtc.NewAPI(
		webrtc.WithMediaEngine(formats),
		webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}),
	)
}

// VideoFeedback is the RTCP that both ends speak about pictures.
func VideoFeedback() []webrtc.RTCPFeedback {
	return []webrtc.RTCPFeedback{
		{Type: "nack"},
		{Type: "nack", Parameter: "pli"},
		{Type: "ccm", Parameter: "fir"},
		{Type: "transport-cc"},
		{Type: "goog-remb"},
	}
}

// socketBuffer is asked of the kernel for each UDP socket: with its default of
// 208 KiB an unpaced 100 Mb/s stream loses 41 % of its packets.
const socketBuffer = 4 << 20

// bigSockets is the standard network with large socket buffers. It returns
// the bare *net.UDPConn, which pion needs for its fast path.
type bigSockets struct{ *stdnet.Net }

// ListenUDP opens a socket and enlarges its buffers as far as the kernel
// lets us (net.core.rmem_max, wmem_max).
func (n *bigSockets) ListenUDP(network string, laddr *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, laddr)
	if err != nil {
		return nil, err
	}
	// A smaller buffer is a slower session, not a failed one.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	return c, nil
}

// quiet drops pion's own log lines: what matters reaches us as errors and
// states, and addresses of peers stay out of logs.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
