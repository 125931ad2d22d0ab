package lane

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	payloadType = 102
	clockRate   = 90000
)

// binding is what negotiation gave the track; it does not change.
type binding struct {
	writer webrtc.TrackLocalWriter
	ssrc   uint32
	pt     uint8
}

// track writes RTP packets of our own making. write is safe on any goroutine.
type track struct {
	bound atomic.Pointer[binding]
	seq   atomic.Uint32
	pool  sync.Pool // of *packet
}

// packet is one on its way out; filling is zeros but for the test's header.
type packet struct {
	header  rtp.Header
	payload [maxPayload]byte
}

// maxPayload is of the largest probe over IPv4.
const maxPayload = 1500

func newTrack() *track {
	t := &track{}
	t.pool.New = func() any { return new(packet) }
	return t
}

// write sends n bytes of payload that fill begins.
func (t *track) write(timestamp uint32, marker bool, n int, fill func(b []byte)) error {
	b := t.bound.Load()
	if b == nil {
		return fmt.Errorf("send: %w", webrtc.ErrSenderNotCreatedByConnection)
	}
	p := t.pool.Get().(*packet)
	defer t.pool.Put(p)
	p.header = rtp.Header{
		Version: 2, Marker: marker, PayloadType: b.pt, SequenceNumber: uint16(t.seq.Add(1)),
		Timestamp: timestamp, SSRC: b.ssrc,
	}
	fill(p.payload[:n])
	_, err := b.writer.WriteRTP(&p.header, p.payload[:n])
	return err
}

// Bind takes the negotiated numbers.
func (t *track) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	for _, c := range ctx.CodecParameters() {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeH264) {
			t.bound.Store(&binding{writer: ctx.WriteStream(), ssrc: uint32(ctx.SSRC()), pt: uint8(c.PayloadType)})
			return c, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

// Unbind keeps the numbers: writes fail by themselves once the connection closes.
func (t *track) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID names the track in SDP.
func (t *track) ID() string { return "linktest" }

// RID is empty: there is no simulcast.
func (t *track) RID() string { return "" }

// StreamID is the track's own.
func (t *track) StreamID() string { return "linktest" }

// Kind is video.
func (t *track) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeVideo }
