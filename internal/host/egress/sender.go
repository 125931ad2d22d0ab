package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/metric"
)

// ErrCongested is returned by Send when packets of earlier frames still wait:
// the frame is dropped and counted, and nothing of it was sent.
var ErrCongested = errors.New("earlier packets are not sent yet")

// errNotBound is returned by Send before the track was negotiated.
var errNotBound = errors.New("the track is not negotiated")

// reportInterval is the distance of sender reports: short, because a terminal
// learns the host's clock and we learn the round trip from them.
const reportInterval = 200 * time.Millisecond

// idle is how long Run sleeps when nothing is queued; Send wakes it.
const idle = time.Hour

// Config says where a Sender's notices go. The callbacks are called from the
// goroutines that call HandleRTCP or Run and must not block.
type Config struct {
	// WriteRTCP sends a compound packet; required ([webrtc.PeerConnection.WriteRTCP]).
	WriteRTCP func([]rtcp.Packet) error
	// OnKeyframe is told that the peer needs a keyframe of a screen. What the
	// peer asks for is passed on at most once every 100 ms per screen. Without
	// full it has an older keyframe and only lost something since.
	OnKeyframe func(screen int, full bool)
	// OnBitrateCap is told the receiver's estimate of the path for all tracks
	// together, in bits per second (REMB).
	OnBitrateCap func(bps int)
	// OnPacket and OnRTCP see every packet that leaves, before SRTP, and all
	// feedback that comes. Both lend what they give; nil: nobody looks.
	OnPacket func(at time.Time, h *rtp.Header, payload []byte)
	OnRTCP   func(at time.Time, compound []byte)
	// QueueDelay takes how long packets wait in the path's queue, every 25 ms;
	// nil: nobody wants it.
	QueueDelay *metric.Latency
	// Arrivals says that the peer sends transport-wide feedback. Without it
	// nothing is known of the path and nothing is limited.
	Arrivals bool
	// Path bounds the estimate of the path.
	Path   congestion.Config
	Logger *slog.Logger // nil discards
}

// Sender sends the tracks of one PeerConnection.
type Sender struct {
	cfg   Config
	log   *slog.Logger
	epoch time.Time     // media clocks count from here
	wake  chan struct{} // capacity 1, never closed: something was queued

	// Set by AddVideo and AddAudio, constant once Run is called.
	videos []*Video
	audio  *Audio

	// Owned by Run.
	twcc       uint16
	scratch    packet // a repair or a sound packet on its way out
	turn       int    // screen that is asked first
	nextReport time.Time
	nextLog    time.Time // failures are logged once a second
	budget     repairBudget
	pacer      pacer

	mu         sync.Mutex // guards what follows and the queues of every track
	steering   steering
	most       int // for everything, as SetBounds had it
	probes     uint64
	breakdowns uint64
	feedback   feedback
	rtt        roundTrip
	reported   reportLog
	failures   uint64
	lastErr    error
}

// New returns a Sender without tracks.
func New(cfg Config) (*Sender, error) {
	if cfg.WriteRTCP == nil {
		return nil, errors.New("internal error: egress needs WriteRTCP")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Sender{cfg: cfg, log: cfg.Logger, epoch: time.Now(), wake: make(chan struct{}, 1)}
	s.feedback.news = make([]congestion.Packet, 0, feedbackSize)
	return s, nil
}

// Run paces and writes packets and sender reports until ctx ends; it returns
// nil then. Packets that still wait are dropped.
func (s *Sender) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		now := time.Now()
		s.report(now)
		steer := s.steer(now)
		sent, wait := s.step(now)
		if sent {
			continue
		}
		for _, v := range s.videos {
			wait = min(wait, v.askAgain(now))
		}
		timer.Reset(min(wait, steer, s.nextReport.Sub(now)))
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
	}
	return nil
}

// step sends the most urgent packet that may leave now, or says how long
// nothing may: sound, which waits for no pace, then repairs, FEC, pictures,
// screens taking turns, and last what fills a cluster.
func (s *Sender) step(now time.Time) (sent bool, wait time.Duration) {
	if s.audio != nil && s.audio.step(now) {
		return true, 0
	}
	if ok, wait := s.pacer.may(now.Sub(s.epoch)); !ok {
		return false, wait
	}
	wait = idle
	for _, v := range s.videos {
		ok, w := v.stepRepair(now)
		if ok {
			return true, 0
		}
		wait = min(wait, w)
	}
	for _, v := range s.videos {
		if v.stepFEC(now) {
			return true, 0
		}
	}
	for i := range s.videos {
		turn := (s.turn + i) % len(s.videos)
		ok, w := s.videos[turn].step(now)
		if ok {
			s.turn = turn + 1
			return true, 0
		}
		wait = min(wait, w)
	}
	if s.pacer.probing() {
		if s.stepPadding(now) {
			return true, 0
		}
		s.pacer.cluster.left = 0 // nothing to fill it with
	}
	s.pacer.rest()
	return false, wait
}

// wakeUp tells Run that something was queued.
func (s *Sender) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// numberLocked takes the next transport-wide sequence number for a packet of
// that much payload, which Run's goroutine writes next. It looks at the clock
// itself: a host that is not let run between two packets is no slow path.
func (s *Sender) numberLocked(k kind, payload int) uint16 {
	at, size, probe := time.Since(s.epoch), payload+packetOverhead, uint16(0)
	if k != kindSound {
		probe = s.pacer.id()
	}
	if probe != 0 {
		s.pacer.tookCluster(at, size)
	} else {
		s.pacer.took(at, size)
	}
	s.twcc++
	s.feedback.sent(s.twcc, at, size, probe)
	s.steering.sentLocked(at, k, payload)
	return s.twcc
}

// write hands a packet to the socket and counts failures, which Run reports.
func (s *Sender) write(w webrtc.TrackLocalWriter, h *rtp.Header, payload []byte) {
	if s.cfg.OnPacket != nil {
		s.cfg.OnPacket(time.Now(), h, payload)
	}
	if _, err := w.WriteRTP(h, payload); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		s.mu.Lock()
		s.failures++
		s.lastErr = fmt.Errorf("write RTP packet: %w", err)
		s.mu.Unlock()
	}
}

// randomUint32 gives the random starts that RFC 3550, 5.1 asks for. They
// protect against nothing: SRTP encrypts.
func randomUint32() uint32 { return rand.Uint32() }
