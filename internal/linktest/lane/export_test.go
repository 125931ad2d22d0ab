package lane

import (
	"io"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/linktest"
)

// NewSender returns a lane that only sends, into w.
func NewSender(w webrtc.TrackLocalWriter) *Lane {
	l := &Lane{start: time.Now(), track: newTrack()}
	l.track.bound.Store(&binding{writer: w, ssrc: 1, pt: payloadType})
	return l
}

// NewReceiver returns a lane that only takes packets and answers into w.
func NewReceiver(maxBps int, w webrtc.TrackLocalWriter) *Lane {
	l := NewSender(w)
	l.flooded = make(chan struct{})
	l.flood.bytes = floodBytes(maxBps)
	return l
}

// Take gives the lane an inbound packet.
func (l *Lane) Take(b []byte) { l.take(b) }

// ReadDrops reads /proc/net/udp.
func ReadDrops(r io.Reader, port uint16) int { return readDrops(r, port) }

// SendOne sends one packet as a step does.
func (l *Lane) SendOne() {
	s := sending{lane: l, step: 1}
	s.packet(0, false, linktest.PayloadSize)
}
