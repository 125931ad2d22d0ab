package client

import (
	"context"
	"io"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v5/packetio"

	"github.com/blade-shadow/terminal/client/receive"
)

// SetPatience replaces how long the session waits for a path and a picture.
func (s *Session) SetPatience(connect, picture time.Duration) {
	s.waits.connect, s.waits.picture = connect, picture
}

// SetLost replaces how long a path may be silent.
func (s *Session) SetLost(after time.Duration) { s.waits.lost = after }

// SetAsleep replaces the clock that counts sleep.
func (s *Session) SetAsleep(asleep func() time.Duration) { s.path.asleep = asleep }

// Talk speaks on st.control as the session does when it opens.
func (s *Session) Talk(ctx context.Context, ch io.ReadWriter) error { return s.control.run(ctx, ch) }

// Listen hears what the host says on st.control.
func (s *Session) Listen(ch io.ReadWriter) error { return s.control.read(ch) }

// Ended returns why the session is about to end, nil while it is not.
func (s *Session) Ended() error {
	select {
	case err := <-s.ended:
		return s.lastWord(err)
	default:
		return s.lastWord(nil)
	}
}

// HostClock is the estimate of the host's clock.
type HostClock struct{ hostClock }

// Sample adds an exchange.
func (h *HostClock) Sample(sent, received, wall time.Time) { h.sample(sent, received, wall) }

// SoundOnly is the screen of an SSRC that carries sound.
const SoundOnly = soundOnly

// Answer is what readAnswer makes of an answer.
type Answer struct {
	Screens     int
	Sound, Data bool
	FEC         bool
	Ext         receive.ExtIDs
	Find        func(ssrc uint32) (screen int, ok bool)
	Known       int // SSRCs
}

// ReadAnswer reads an answer to an offer of that many sections.
func ReadAnswer(raw string, sections int) (*Answer, error) {
	r, err := readAnswer(raw, sections)
	if err != nil {
		return nil, err
	}
	return &Answer{
		Screens: r.screens, Sound: r.sound, Data: r.data, FEC: r.fec, Ext: r.ext,
		Find: r.find, Known: len(r.screenOf),
	}, nil
}

// MaxSources is how many SSRCs a host may use.
const MaxSources = maxSources

// Tap is what pion gives decrypted packets to.
type Tap struct{ t tap }

// NewTap returns a tap for RTP that tells flood of too many sources.
func NewTap(rtp func(ssrc uint32, packet []byte), flood func()) *Tap {
	return &Tap{tap{rtp: rtp, rtcp: func([]byte) {}, flood: flood}}
}

// Source returns what pion writes the packets of ssrc to.
func (t *Tap) Source(ssrc uint32) io.ReadWriteCloser {
	return t.t.buffer(packetio.RTPBufferPacket, ssrc)
}

// MaxRequests is how many requests for repairs and keyframes may wait.
const MaxRequests = maxRequests

// Requests are what a session asks the host for.
type Requests struct{ r receiver }

// NewRequests returns those of a session of their own.
func NewRequests() *Requests { return &Requests{receiver{requests: newRequests()}} }

// NACK asks for a packet as the SRTP goroutine does.
func (r *Requests) NACK(ssrc uint32) { r.r.sendNACK(ssrc, []uint16{7}) }

// Run writes requests until ctx ends.
func (r *Requests) Run(ctx context.Context, write func(...rtcp.Packet)) { r.r.requests.run(ctx, write) }
