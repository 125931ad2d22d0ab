package egress

import (
	"encoding/binary"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/wire"
)

// ExtPlayoutDelay asks a browser to show pictures on arrival when its two
// limits are zero. The other extensions are named in package wire.
const ExtPlayoutDelay = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

// extIDs are the negotiated extension numbers; 0 is not negotiated.
type extIDs struct{ twcc, capture, timing, playout uint8 }

// readExtensions takes the numbers of one-byte headers (RFC 8285, 4.2), 1..14.
func readExtensions(params []webrtc.RTPHeaderExtensionParameter) (ids extIDs) {
	for _, p := range params {
		if p.ID < 1 || p.ID > 14 {
			continue
		}
		switch strings.TrimSpace(p.URI) {
		case wire.ExtTWCC:
			ids.twcc = uint8(p.ID)
		case wire.ExtAbsCaptureTime:
			ids.capture = uint8(p.ID)
		case wire.ExtFrameTiming:
			ids.timing = uint8(p.ID)
		case ExtPlayoutDelay:
			ids.playout = uint8(p.ID)
		}
	}
	return ids
}

// stamper makes the RTP headers of one stream. It prepares a header for each
// place in a frame once; their extensions point into its own bytes, so a
// packet costs a few stores. It belongs to the goroutine of [Sender.Run].
type stamper struct {
	headers [numPlaces]rtp.Header
	twcc    [2]byte
	capture [8]byte
	timing  [12]byte
	playout [3]byte // minimum 0, maximum 0
}

func newStamper(ssrc webrtc.SSRC, pt webrtc.PayloadType, ids extIDs) *stamper {
	s := &stamper{}
	for place := range s.headers {
		h := &s.headers[place]
		*h = rtp.Header{Version: 2, PayloadType: uint8(pt), SSRC: uint32(ssrc), Marker: place&lastOfFrame != 0}
		add := func(id uint8, wanted bool, bytes []byte) {
			if id != 0 && wanted {
				// Numbers are 1..14 and lengths 1..16: it cannot fail.
				_ = h.SetExtension(id, bytes)
			}
		}
		add(ids.twcc, true, s.twcc[:])
		add(ids.capture, place&firstOfFrame != 0, s.capture[:])
		add(ids.playout, place&firstOfFrame != 0, s.playout[:])
		add(ids.timing, place&lastOfFrame != 0, s.timing[:])
	}
	return s
}

// header returns the header of p, valid until the next call.
func (s *stamper) header(p *packet, seq, twcc uint16) *rtp.Header {
	h := &s.headers[p.place]
	h.SequenceNumber, h.Timestamp = seq, p.rtpTime
	binary.BigEndian.PutUint16(s.twcc[:], twcc)
	s.capture, s.timing = p.capture, p.timing
	return h
}
