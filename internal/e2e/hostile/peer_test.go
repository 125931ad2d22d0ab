//go:build linux && !nonative

package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/wire"
)

// The terminal's payload types, which answers repeat.
const (
	ptH264 = 102
	ptHEVC = 116
	ptFEC  = 118
	ptOpus = 111
)

// visit is one session of the terminal at one of our hosts: pion as the other
// end, with nothing between us and the wire but SRTP.
type visit struct {
	pc     *webrtc.PeerConnection
	udp    net.PacketConn // of the path
	offer  string
	answer string
	video  *stream
	sound  *stream

	connected chan struct{} // closed once there is a path
	gone      chan struct{} // closed when there is none any more
	control   chan *webrtc.DataChannel
	input     chan *webrtc.DataChannel
}

// stream is one section of media: what it may send with.
type stream struct {
	kind  webrtc.RTPCodecType
	pt    webrtc.PayloadType
	bound chan webrtc.TrackLocalContext
	out   webrtc.TrackLocalContext // after ready

	header rtp.Header // of the last packet
}

func newStream(kind webrtc.RTPCodecType, pt webrtc.PayloadType) *stream {
	return &stream{kind: kind, pt: pt, bound: make(chan webrtc.TrackLocalContext, 1)}
}

func (s *stream) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, p := range c.CodecParameters() {
		if p.PayloadType == s.pt {
			s.bound <- c
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

func (s *stream) Unbind(webrtc.TrackLocalContext) error { return nil }
func (s *stream) ID() string                            { return s.kind.String() }
func (s *stream) RID() string                           { return "" }
func (s *stream) StreamID() string                      { return "host" }
func (s *stream) Kind() webrtc.RTPCodecType             { return s.kind }

// ready waits until the stream can send.
func (s *stream) ready(ctx context.Context) error {
	select {
	case s.out = <-s.bound:
		s.header = rtp.Header{Version: 2, PayloadType: uint8(s.pt), SSRC: uint32(s.out.SSRC())}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send sends any packet; its SSRC need not be the stream's.
func (s *stream) send(h *rtp.Header, payload []byte) {
	_, _ = s.out.WriteStream().WriteRTP(h, payload) // the visitor may have gone
}

// next sends a packet in sequence.
func (s *stream) next(payload []byte, marker bool) {
	s.header.SequenceNumber++
	s.header.Marker = marker
	s.send(&s.header, payload)
}

func engine() (*webrtc.MediaEngine, error) {
	me := &webrtc.MediaEngine{}
	add := func(pt webrtc.PayloadType, kind webrtc.RTPCodecType, mime, fmtp string, rate uint32, channels uint16) error {
		return me.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{
				MimeType: mime, ClockRate: rate, Channels: channels, SDPFmtpLine: fmtp,
				RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
			},
			PayloadType: pt,
		}, kind)
	}
	video, audio := webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio
	err := errors.Join(
		add(ptH264, video, webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640034", 90000, 0),
		add(ptH264+1, video, webrtc.MimeTypeRTX, "apt="+strconv.Itoa(ptH264), 90000, 0),
		add(ptHEVC, video, webrtc.MimeTypeH265, "profile-id=1;tier-flag=0;level-id=153;tx-mode=SRST", 90000, 0),
		add(ptHEVC+1, video, webrtc.MimeTypeRTX, "apt="+strconv.Itoa(ptHEVC), 90000, 0),
		add(ptFEC, video, webrtc.MimeTypeFlexFEC03, "repair-window=10000000", 90000, 0),
		add(ptOpus, audio, webrtc.MimeTypeOpus, "minptime=5;useinbandfec=1;stereo=1;sprop-stereo=1", 48000, 2),
	)
	for _, uri := range []string{wire.ExtTWCC, wire.ExtAbsCaptureTime, wire.ExtFrameTiming} {
		err = errors.Join(err, me.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, video))
	}
	return me, err
}

// connection makes pion's end.
func (v *visit) connection() error {
	me, err := engine()
	if err != nil {
		return err
	}
	if v.udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		return err
	}
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetICEUDPMux(webrtc.NewICEUDPMux(nil, v.udp))
	api := webrtc.NewAPI(webrtc.WithMediaEngine(me), webrtc.WithSettingEngine(se))
	if v.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return err
	}
	v.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			close(v.connected)
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			select {
			case <-v.gone:
			default:
				close(v.gone)
			}
		}
	})
	v.pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnOpen(func() {
			switch dc.Label() {
			case wire.ControlLabel:
				v.control <- dc
			case wire.InputLabel:
				v.input <- dc
			}
		})
	})
	return nil
}

// respond answers the terminal's offer truthfully.
func (v *visit) respond() error {
	if err := v.connection(); err != nil {
		return err
	}
	for _, track := range []*stream{v.video, v.sound} {
		if _, err := v.pc.AddTrack(track); err != nil {
			return err
		}
	}
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: v.offer}); err != nil {
		return err
	}
	answer, err := v.pc.CreateAnswer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(answer); err != nil {
		return err
	}
	<-gathered
	v.answer = v.pc.LocalDescription().SDP
	return nil
}

// up waits for the path and for both streams.
func (v *visit) up(ctx context.Context) error {
	select {
	case <-v.connected:
	case <-ctx.Done():
		return fmt.Errorf("wait for the terminal's path: %w", ctx.Err())
	}
	return errors.Join(v.video.ready(ctx), v.sound.ready(ctx))
}

// channel waits for one of the terminal's data channels.
func channel(ctx context.Context, c chan *webrtc.DataChannel) (*webrtc.DataChannel, error) {
	select {
	case dc := <-c:
		return dc, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a data channel: %w", ctx.Err())
	}
}

// receive takes the terminal's offer and answers it; tamper may change the
// answer and its header.
func receive(t *testing.T, w http.ResponseWriter, r *http.Request, tamper func(http.Header, string) string) (*visit, error) {
	offer, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	v := &visit{
		offer: string(offer), connected: make(chan struct{}), gone: make(chan struct{}),
		control: make(chan *webrtc.DataChannel, 1), input: make(chan *webrtc.DataChannel, 1),
		video: newStream(webrtc.RTPCodecTypeVideo, ptH264), sound: newStream(webrtc.RTPCodecTypeAudio, ptOpus),
	}
	if err := v.respond(); err != nil {
		return nil, err
	}
	t.Cleanup(v.close)
	header := w.Header()
	header.Set("Content-Type", "application/sdp")
	header.Set("Location", "/whep/1")
	header.Set("ETag", `"1"`)
	header.Set("Accept-Patch", "application/trickle-ice-sdpfrag")
	header.Set("Link", `</whep/1>; rel="urn:shadow-terminal:ext:session"`)
	answer := v.answer
	if tamper != nil {
		answer = tamper(header, answer)
	}
	w.WriteHeader(http.StatusCreated)
	_, err = io.WriteString(w, answer)
	return v, err
}

// close leaves the terminal, which hears of it by DTLS.
func (v *visit) close() {
	_ = v.pc.Close()
	_ = v.udp.Close()
}

// pause is the time between two things that a host sends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
