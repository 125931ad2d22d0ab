// Package peer sets pion up the way both ends of a session need it: short
// timers, no waiting for better paths, large sockets, quiet, and no stock
// interceptors. What only one end needs that end adds. It opens nothing and
// starts no goroutine; the sockets are opened by the peer connection.
package peer

import (
	"net"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"
)

// ReceiveMTU is the largest packet that is read: compound RTCP with large
// NACKs and feedback is longer than an MTU, and pion drops what does not fit.
const ReceiveMTU = 8192

// Times of a path that carries nothing.
const (
	// InterruptedAfter is when a path counts as interrupted.
	InterruptedAfter = time.Second
	// LostAfter is when it is given up: sockets and candidates are closed then,
	// and until then packets that come again are packets that go on.
	LostAfter = 30 * time.Second
	// keepAlive is how often each side asks the other whether it is there.
	keepAlive = 250 * time.Millisecond
	// relayWait is the lead that direct paths have before relays.
	relayWait = 300 * time.Millisecond
	// maxChecks is how often one pair of addresses is tried, every 200 ms: as
	// long as the path may be dead.
	maxChecks = uint16(LostAfter / (200 * time.Millisecond))
)

// Config is what one connection asks of the network.
type Config struct {
	Loopback bool          // nothing leaves the machine
	Net      transport.Net // sockets and interfaces; nil: NewNet's
	// Interface reports whether addresses of an interface are offered. It is
	// asked whenever addresses are gathered, on goroutines of pion. nil: all.
	Interface func(name string) bool
	// TCP gives addresses that accept ICE-TCP (RFC 6544); nil: none. Its caller
	// closes it after the connections.
	TCP ice.TCPMux
}

// Settings returns settings for one connection. A live path is never waited
// for; a dead one is kept for LostAfter.
func Settings(cfg Config) (webrtc.SettingEngine, error) {
	se := webrtc.SettingEngine{LoggerFactory: quiet{}}
	if cfg.Net == nil {
		var err error
		if cfg.Net, err = NewNet(); err != nil {
			return se, err
		}
	}
	se.SetNet(cfg.Net)
	se.SetReceiveMTU(ReceiveMTU)
	se.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	se.SetICETimeouts(InterruptedAfter, LostAfter-InterruptedAfter, keepAlive)
	se.SetICEMaxBindingRequests(maxChecks)
	se.SetHostAcceptanceMinWait(0)
	se.SetSrflxAcceptanceMinWait(0)
	se.SetPrflxAcceptanceMinWait(0)
	se.SetRelayAcceptanceMinWait(relayWait)
	se.SetSTUNGatherTimeout(2 * time.Second)
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.DisableActiveTCP(cfg.TCP != nil) // who listens does not call
	if cfg.TCP != nil {
		se.SetICETCPMux(cfg.TCP)
	}
	se.SetSCTPRTOMax(200 * time.Millisecond)
	se.EnableSCTPZeroChecksum(true)
	se.DetachDataChannels()
	if cfg.Interface != nil {
		se.SetInterfaceFilter(cfg.Interface)
	}
	se.SetIPFilter(func(ip net.IP) bool { return offered(ip, cfg.Loopback) })
	if cfg.Loopback {
		se.SetIncludeLoopbackCandidate(true)
	}
	return se, nil
}

// offered reports whether an address of this machine is told to the peer.
// IPv6 link-local ones need a zone, which means nothing there.
func offered(ip net.IP, loopback bool) bool {
	if loopback {
		return ip.IsLoopback()
	}
	return ip.To4() != nil || !ip.IsLinkLocalUnicast()
}

// NewTCP takes media over TCP on l, which it closes. Connections that do not
// say at once which session they are for are closed.
func NewTCP(l net.Listener) ice.TCPMux {
	return ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: l, Logger: quiet{}.NewLogger("ice-tcp"),
		ReadBufferSize:  64, // packets
		WriteBufferSize: 1 << 20,

		FirstStunBindTimeout:         5 * time.Second,
		AliveDurationForConnFromStun: 5 * time.Second,
	})
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

// quiet drops pion's own log lines: what matters reaches us as errors and
// states, and addresses of peers stay out of logs.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
