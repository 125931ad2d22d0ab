package host

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	reopenDelay  = 500 * time.Millisecond // until a source that is gone is asked again
	rateInterval = 250 * time.Millisecond // between rises of an encoder's rate
	// anewInterval is rateInterval for encoders that start anew with a
	// keyframe: a terminal could have them do nothing else.
	anewInterval = time.Second
	// mostRise bounds one rise of an encoder's rate.
	mostRise = 1.5
	// mostSkipped is how long pictures may be left out in a row because
	// earlier ones still wait for the path.
	mostSkipped = 80 * time.Millisecond
	// leastBacklog is what always may wait.
	leastBacklog = 10 * time.Millisecond
)

// errUnseen ends an opening of the source because nobody sees the screen.
var errUnseen = errors.New("the terminal shows this screen nowhere")

// screen sends one of the source's screens: one goroutine takes a picture,
// makes of it what the terminal wants, encodes it and hands it to egress, then
// takes the next that is due. What became due meanwhile is skipped by the
// source and leaves a gap in the frame numbers, so no picture ever waits
// behind another. While nobody sees the screen, source and encoder are closed.
type screen struct {
	session   *session
	index     int
	announced atomic.Pointer[shape] // as the terminal was told last
	track     *egress.Video
	keyframe  atomic.Bool               // the next picture shall be a keyframe
	asked     atomic.Int64              // when a loss was left to intra refresh, Unix nanoseconds
	phase     atomic.Pointer[phaseWish] // nil: the terminal said nothing
	totals    *screenTotals

	// Owned by run.
	fps     int   // of the source, where its video does not say
	given   shape // what the source gives
	coded   shape // the encoder's
	looked  uint64
	shaped  time.Time // when a wish last changed coded
	encoder Encoder
	bps     int // the encoder's
	rateSet time.Time
	buf     []byte
	scaler  Scaler       // nil until needed
	scaled  *media.Frame // nil until needed
	marker  marker
	numbers numbering
	path    degrader
	skipped int // pictures left out in a row
}

// phaseWish is when the terminal would like pictures to be captured.
type phaseWish struct {
	at     time.Time // with our monotonic clock
	period time.Duration
}

// reconfigurer is an [Encoder] that knows whether SetBitrate takes effect
// without a keyframe; one that does not say does.
type reconfigurer interface{ Reconfigures() bool }

func newScreen(s *session, index int, info source.Screen) (*screen, error) {
	totals := s.srv.totals.screen(index)
	track, err := s.sender.AddVideo(egress.VideoConfig{
		Screen: index, Codec: s.plan.codec, FPS: info.FPS, EncodedToSent: &totals.encodedToSent,
	})
	if err != nil {
		return nil, err
	}
	sc := &screen{session: s, index: index, track: track, totals: totals, fps: info.FPS}
	sc.announced.Store(&shape{info.Width, info.Height, info.FPS * 1000})
	sc.keyframe.Store(true)
	return sc, nil
}

// describe is the screen as HELLO_ACK and SCREEN tell it.
func (sc *screen) describe() wire.Screen {
	is := sc.announced.Load()
	return wire.Screen{
		Index: uint8(sc.index), Width: uint16(is.width), Height: uint16(is.height),
		MilliFPS: uint32(is.milliFPS), Codec: sc.session.plan.codec,
	}
}

// setPhase notes a PHASE, whose time is by the wall clock: what that does
// later does not move it.
func (sc *screen) setPhase(p wire.Phase) {
	now := time.Now()
	sc.phase.Store(&phaseWish{now.Add(p.At.Sub(now)), p.Period})
	sc.session.srv.totals.phases.Add(1)
}

// run opens source and encoder at once, so that they are ready when the
// connection is, and sends until ctx ends.
func (sc *screen) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, sc.close()) }()
	for told := false; ctx.Err() == nil; {
		if !sc.session.wishes.seen(sc.index) {
			select {
			case <-ctx.Done():
			case <-sc.session.wishes.wake[sc.index]:
			}
			continue
		}
		before := sc.numbers.last
		err := sc.play(ctx)
		if errors.Is(err, errUnseen) {
			sc.session.log.Info("screen pauses", "component", "host", "screen", sc.index)
			if err := sc.closeEncoder(); err != nil {
				return err
			}
			continue
		}
		if !errors.Is(err, source.ErrGone) {
			return err
		}
		if !told || sc.numbers.last != before { // not again until it was back
			told = true
			sc.session.log.Warn("screen is gone, trying again", "component", "host", "screen", sc.index, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(reopenDelay):
		}
	}
	return nil
}

// play sends one opening of the source; its end and the context's are nil.
func (sc *screen) play(ctx context.Context) (err error) {
	video, err := sc.session.srv.cfg.Source.OpenVideo(sc.index)
	if err != nil {
		return fmt.Errorf("open screen %d: %w", sc.index, err)
	}
	defer func() { err = errors.Join(err, video.Close()) }()
	defer func() { // others may have its share
		sc.session.wishes.give(sc.index, shape{})
		sc.session.rates.show(sc.index, 0)
	}()
	sc.given = shape{}
	sc.numbers.reopened()
	width, height := video.Size()
	if err := sc.fit(width, height, video); err != nil {
		return err
	}
	select {
	case <-sc.session.connected:
	case <-ctx.Done():
		return nil
	}
	var phase *phaseWish
	for {
		phase = sc.followPhase(video, phase)
		frame, err := video.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("screen %d: %w", sc.index, err)
		}
		if !sc.session.wishes.seen(sc.index) {
			return errUnseen
		}
		if err := sc.fit(frame.Width, frame.Height, video); err != nil {
			return err
		}
		if err := sc.send(frame, phase); err != nil {
			return err
		}
	}
}

// followPhase hands a new wish to the video and returns the wish that counts.
func (sc *screen) followPhase(video source.Video, last *phaseWish) *phaseWish {
	wish := sc.phase.Load()
	if wish == last {
		return last
	}
	if p, ok := video.(source.Phaser); ok {
		p.SetPhase(wish.at, wish.period)
	}
	return wish
}

// send encodes one picture and queues it, unless fewer are wanted.
func (sc *screen) send(frame *media.Frame, phase *phaseWish) error {
	due := sc.numbers.next(frame.FrameID)
	sc.totals.captured.Add(uint64(due))
	if due == 0 {
		return nil
	}
	if phase != nil && phase.period > 0 {
		sc.totals.phaseError.Record(phase.distance(frame.Timing.Captured))
	}
	if err := sc.adaptRate(); err != nil {
		return err
	}
	if sc.late() {
		sc.totals.skippedForRate.Add(1)
		return nil
	}
	picture, err := sc.prepare(frame)
	if err != nil {
		return err
	}
	wanted := sc.keyframe.Swap(false)
	out, key, err := sc.encoder.Encode(sc.buf[:0], picture, wanted)
	if err != nil {
		return fmt.Errorf("screen %d: encode: %w", sc.index, err)
	}
	sc.buf = out
	encoded := time.Now()
	sc.totals.encoded.Add(1)
	sc.totals.captureToEncoded.RecordSpan(frame.Timing.Captured, encoded)
	err = sc.track.Send(egress.Frame{Data: out, ID: sc.numbers.last, Keyframe: key, Captured: frame.Timing.Captured, Encoded: encoded})
	if errors.Is(err, egress.ErrCongested) {
		// The encoder refers to a picture that the terminal will never see.
		sc.keyframe.Store(true)
		return nil
	}
	return err
}

// distance returns how far t is from the nearest wanted moment.
func (p *phaseWish) distance(t time.Time) time.Duration {
	off := (t.Sub(p.at) % p.period).Abs()
	return min(off, p.period-off)
}

// prepare returns the picture as it is to be coded: scaled and marked. It is
// the source's own where nothing is to be done.
func (sc *screen) prepare(frame *media.Frame) (*media.Frame, error) {
	ours := false
	if frame.Width != sc.coded.width || frame.Height != sc.coded.height {
		to, err := sc.scale(frame)
		if err != nil {
			return nil, fmt.Errorf("screen %d: scale to %dx%d: %w", sc.index, sc.coded.width, sc.coded.height, err)
		}
		frame, ours = to, true
	}
	return sc.marker.draw(sc.session.mark.Load(), frame, ours), nil
}

func (sc *screen) scale(frame *media.Frame) (*media.Frame, error) {
	if sc.scaler == nil {
		sc.scaler = sc.session.srv.cfg.NewScaler()
	}
	if to := sc.scaled; to == nil || to.Width != sc.coded.width || to.Height != sc.coded.height {
		sc.scaled = media.AllocFrame(media.I420, sc.coded.width, sc.coded.height)
	}
	copyDetails(sc.scaled, frame)
	return sc.scaled, sc.scaler.Scale(sc.scaled, frame)
}

// fit brings what is coded to what the source gives now and the terminal
// wants. A change of the source counts at once; wishes are followed twice a
// second, because an encoder starts anew for them.
func (sc *screen) fit(width, height int, video source.Video) error {
	given := shape{width, height, sc.fps * 1000}
	if r, ok := video.(source.Rated); ok {
		given.milliFPS = r.MilliFPS()
	}
	wishes := sc.session.wishes
	anew := given != sc.given || sc.encoder == nil
	if !anew && (wishes.change.Load() == sc.looked || time.Since(sc.shaped) < layoutInterval) {
		return nil
	}
	sc.given = given
	wishes.give(sc.index, given)
	sc.looked = wishes.change.Load()
	sc.session.rates.show(sc.index, wishes.full(sc.index).load())
	want := wishes.shape(sc.index)
	if sc.session.srv.cfg.NewScaler == nil {
		want.width, want.height = width, height
	}
	sc.numbers.setRate(want.milliFPS, given.milliFPS)
	if want == sc.coded && sc.encoder != nil {
		return nil
	}
	if !anew {
		sc.shaped = time.Now()
	}
	return sc.openEncoder(want)
}

// openEncoder opens an encoder in place of the one there is, if any.
func (sc *screen) openEncoder(is shape) error {
	if err := sc.closeEncoder(); err != nil {
		return err
	}
	sc.bps = sc.session.rates.bps(sc.index)
	fps := max((is.milliFPS+500)/1000, 1)
	enc, err := sc.session.srv.cfg.OpenEncoder(EncoderConfig{
		Codec: sc.session.plan.codec, Width: is.width, Height: is.height, FPS: fps, BitrateBps: sc.bps,
		IntraRefresh: sc.session.srv.cfg.IntraRefresh,
	})
	if err != nil {
		return fmt.Errorf("screen %d: open %v encoder for %dx%d: %w", sc.index, sc.session.plan.codec, is.width, is.height, err)
	}
	sc.encoder, sc.coded = enc, is
	sc.track.SetFPS(fps)
	sc.totals.setEncoder(enc.Name(), is)
	sc.keyframe.Store(true)
	sc.session.log.Info("encoder opened", "component", "host", "screen", sc.index, "encoder", enc.Name(), "width", is.width, "height", is.height, "milli_fps", is.milliFPS, "bitrate_bps", sc.bps)
	if *sc.announced.Load() != is {
		sc.announced.Store(&is)
		sc.session.tell(wire.AppendScreen(nil, sc.describe()))
	}
	return nil
}

// close frees what run holds.
func (sc *screen) close() error {
	if sc.scaler != nil {
		sc.scaler.Close()
		sc.scaler = nil
	}
	return sc.closeEncoder()
}

func (sc *screen) closeEncoder() error {
	if sc.encoder == nil {
		return nil
	}
	err := sc.encoder.Close()
	sc.encoder = nil
	return err
}
