package egress

import (
	"fmt"
	"strings"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/media"
)

// binding is what negotiation gave the track. It does not change.
type binding struct {
	writer      webrtc.TrackLocalWriter
	ssrc        uint32
	media       *stamper
	repair      *stamper // nil: repairs repeat the packet itself
	protect     *stamper // nil: no FEC
	fec         *fec     // nil: no FEC; owned by Run's goroutine
	redundant   *stamper // sound with copies of earlier packets (RFC 2198); nil: not negotiated
	payloadType webrtc.PayloadType
}

// Bind takes the negotiated numbers; pion calls it once per negotiation.
func (v *Video) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codec, repair, ok := pickCodec(ctx.CodecParameters(), mimeType(v.cfg.Codec))
	if !ok {
		return webrtc.RTPCodecParameters{}, fmt.Errorf("bind screen %d: %w: %v is not negotiated", v.cfg.Screen, webrtc.ErrUnsupportedCodec, v.cfg.Codec)
	}
	ids := readExtensions(ctx.HeaderExtensions())
	b := &binding{
		writer: ctx.WriteStream(), ssrc: uint32(ctx.SSRC()), payloadType: codec.PayloadType,
		media: newStamper(ctx.SSRC(), codec.PayloadType, ids),
	}
	if repair != 0 && ctx.SSRCRetransmission() != 0 {
		b.repair = newStamper(ctx.SSRCRetransmission(), repair, ids)
	}
	if pt := fecType(ctx.CodecParameters()); pt != 0 && ctx.SSRCForwardErrorCorrection() != 0 {
		b.protect = newStamper(ctx.SSRCForwardErrorCorrection(), pt, extIDs{twcc: ids.twcc})
		b.fec = newFEC(ids.twcc)
	}
	v.sender.mu.Lock()
	v.bound = b
	if v.sender.cfg.Arrivals && ids.twcc != 0 {
		v.sender.steering.startLocked(v.sender.cfg.Path)
		v.sender.steering.controller.SetMax(v.sender.most)
	}
	v.sender.mu.Unlock()
	return codec, nil
}

// Unbind keeps the numbers: pion calls it when the connection closes, and
// writes fail by themselves then.
func (v *Video) Unbind(webrtc.TrackLocalContext) error { return nil }

// ID names the track in SDP.
func (v *Video) ID() string { return fmt.Sprintf("screen-%d", v.cfg.Screen) }

// RID is empty: there is no simulcast.
func (v *Video) RID() string { return "" }

// StreamID groups a screen's track; screens do not share a stream, so a
// browser keeps them apart.
func (v *Video) StreamID() string { return v.ID() }

// Kind is video.
func (v *Video) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeVideo }

func mimeType(c media.Codec) string {
	if c == media.CodecHEVC {
		return webrtc.MimeTypeH265
	}
	return webrtc.MimeTypeH264
}

// pickCodec finds the codec and the payload type of its retransmissions.
func pickCodec(codecs []webrtc.RTPCodecParameters, mime string) (codec webrtc.RTPCodecParameters, repair webrtc.PayloadType, ok bool) {
	for _, c := range codecs {
		if strings.EqualFold(c.MimeType, mime) {
			codec, ok = c, true
			break
		}
	}
	for _, c := range codecs {
		if ok && strings.EqualFold(c.MimeType, webrtc.MimeTypeRTX) && repairs(c.SDPFmtpLine, codec.PayloadType) {
			return codec, c.PayloadType, true
		}
	}
	return codec, 0, ok
}

// fecType is the payload type of FlexFEC, 0 where it was not negotiated.
func fecType(codecs []webrtc.RTPCodecParameters) webrtc.PayloadType {
	for _, c := range codecs {
		if strings.EqualFold(c.MimeType, webrtc.MimeTypeFlexFEC03) {
			return c.PayloadType
		}
	}
	return 0
}

// repairs reports whether format parameters name pt as the repaired format.
func repairs(fmtp string, pt webrtc.PayloadType) bool {
	want := fmt.Sprintf("apt=%d", pt)
	for part := range strings.SplitSeq(fmtp, ";") {
		if strings.TrimSpace(part) == want {
			return true
		}
	}
	return false
}
