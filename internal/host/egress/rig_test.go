package egress_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	mediaSSRC, repairSSRC, audioSSRC = 1000, 2000, 3000
	mediaPT, repairPT, audioPT       = 102, 103, 111
)

// sentPacket is what reached the socket.
type sentPacket struct {
	rtp.Header
	payload []byte
	raw     []byte // header and payload
	at      time.Time
}

// fakeSocket keeps every packet. It is the transport of all tracks.
type fakeSocket struct {
	mu      sync.Mutex
	packets []sentPacket
	blocked chan struct{} // when set, WriteRTP waits for it
}

func (w *fakeSocket) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	if w.blocked != nil {
		<-w.blocked
	}
	raw, err := h.Marshal()
	if err != nil {
		return 0, err
	}
	p := sentPacket{payload: bytes.Clone(payload), raw: append(raw, payload...), at: time.Now()}
	if _, err := p.Unmarshal(raw); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.packets = append(w.packets, p)
	return len(raw) + len(payload), nil
}

func (w *fakeSocket) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (w *fakeSocket) of(ssrc uint32) []sentPacket {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []sentPacket
	for _, p := range w.packets {
		if p.SSRC == ssrc {
			out = append(out, p)
		}
	}
	return out
}

// binding is a negotiated track. Extensions: 1 TWCC, 2 capture, 3 timing, 4 playout delay.
type binding struct {
	ssrc, repair webrtc.SSRC
	fec          webrtc.SSRC
	codecs       []webrtc.RTPCodecParameters
	socket       webrtc.TrackLocalWriter
}

func (b binding) CodecParameters() []webrtc.RTPCodecParameters { return b.codecs }
func (b binding) HeaderExtensions() []webrtc.RTPHeaderExtensionParameter {
	return []webrtc.RTPHeaderExtensionParameter{
		{URI: wire.ExtTWCC, ID: 1},
		{URI: wire.ExtAbsCaptureTime, ID: 2},
		{URI: wire.ExtFrameTiming, ID: 3},
		{URI: egress.ExtPlayoutDelay, ID: 4},
	}
}
func (b binding) SSRC() webrtc.SSRC                       { return b.ssrc }
func (b binding) SSRCRetransmission() webrtc.SSRC         { return b.repair }
func (b binding) SSRCForwardErrorCorrection() webrtc.SSRC { return b.fec }
func (b binding) WriteStream() webrtc.TrackLocalWriter    { return b.socket }
func (b binding) ID() string                              { return "" }
func (b binding) RTCPReader() interceptor.RTCPReader      { return nil }

func codec(mime, fmtp string, pt webrtc.PayloadType) webrtc.RTPCodecParameters {
	return webrtc.RTPCodecParameters{
		RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: mime, SDPFmtpLine: fmtp}, PayloadType: pt,
	}
}

// rig is a Sender with one H.264 screen at 60 Hz and sound.
type rig struct {
	*egress.Sender
	video     *egress.Video
	audio     *egress.Audio
	socket    *fakeSocket
	reports   []rtcp.Packet // owned by Run's goroutine
	keyframes atomic.Int32
}

func newRig(t testing.TB, withRTX bool, socket webrtc.TrackLocalWriter) *rig {
	t.Helper()
	return newRigOf(t, media.CodecH264, withRTX, socket)
}

func newRigOf(t testing.TB, format media.Codec, withRTX bool, socket webrtc.TrackLocalWriter) *rig {
	t.Helper()
	r := &rig{}
	r.socket, _ = socket.(*fakeSocket)
	var err error
	r.Sender, err = egress.New(egress.Config{
		WriteRTCP:  func(p []rtcp.Packet) error { r.reports = append(r.reports, p...); return nil },
		OnKeyframe: func(int, bool) { r.keyframes.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.video, err = r.AddVideo(egress.VideoConfig{Codec: format, FPS: 60}); err != nil {
		t.Fatal(err)
	}
	r.audio = r.AddAudio()
	mime := map[media.Codec]string{media.CodecH264: webrtc.MimeTypeH264, media.CodecHEVC: webrtc.MimeTypeH265}[format]
	b := binding{ssrc: mediaSSRC, codecs: []webrtc.RTPCodecParameters{codec(mime, "", mediaPT)}, socket: socket}
	if withRTX {
		b.repair = repairSSRC
		b.codecs = append(b.codecs, codec(webrtc.MimeTypeRTX, "apt=102", repairPT))
	}
	if _, err := r.video.Bind(b); err != nil {
		t.Fatal(err)
	}
	ab := binding{ssrc: audioSSRC, codecs: []webrtc.RTPCodecParameters{codec(webrtc.MimeTypeOpus, "", audioPT)}, socket: socket}
	if _, err := r.audio.Bind(ab); err != nil {
		t.Fatal(err)
	}
	return r
}

// start runs the sender inside a synctest bubble until the test ends.
func (r *rig) start(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
}

func (r *rig) send(t *testing.T, id uint32, bytes int) {
	t.Helper()
	now := time.Now()
	err := r.video.Send(egress.Frame{Data: annexB(nalu(media.CodecH264, 1, bytes)), ID: id, Captured: now.Add(-5 * time.Millisecond), Encoded: now})
	if err != nil {
		t.Fatalf("Send(frame %d) = %v; want nil", id, err)
	}
}

func (r *rig) nack(seqs ...uint16) {
	r.rtcp(&rtcp.TransportLayerNack{MediaSSRC: mediaSSRC, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
}

// rtcp gives the screen's track one packet of the peer.
func (r *rig) rtcp(p rtcp.Packet) {
	b, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	r.HandleRTCP(time.Now(), b)
}

// last returns the stream's newest packet.
func (w *fakeSocket) last(ssrc uint32) sentPacket {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.packets) - 1; i >= 0; i-- {
		if w.packets[i].SSRC == ssrc {
			return w.packets[i]
		}
	}
	return sentPacket{}
}
