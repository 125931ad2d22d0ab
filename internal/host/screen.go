package host

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	reopenDelay  = 500 * time.Millisecond // until a source that is gone is asked again
	rateInterval = 250 * time.Millisecond // between changes of an encoder's rate
	// anewInterval is rateInterval for encoders that start anew with a
	// keyframe: a terminal could have them do nothing else.
	anewInterval = time.Second
)

// screen sends one of the source's screens: one goroutine takes a picture,
// encodes it and hands it to egress, then takes the next that is due. What
// became due meanwhile is skipped by the source and leaves a gap in the frame
// numbers, so no picture ever waits behind another.
type screen struct {
	session  *session
	index    int
	info     atomic.Pointer[source.Screen]
	track    *egress.Video
	rtp      *webrtc.RTPSender
	keyframe atomic.Bool // the next picture shall be a keyframe
	totals   *screenTotals

	// Owned by run.
	encoder Encoder
	size    [2]int // the encoder's
	bps     int    // the encoder's
	rateSet time.Time
	buf     []byte
	lastID  uint32 // of the source's newest picture
	baseID  uint32 // added to the source's numbers, which restart when it is reopened
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
	sc := &screen{session: s, index: index, track: track, totals: totals}
	sc.info.Store(&info)
	sc.keyframe.Store(true)
	return sc, nil
}

// describe is the screen as HELLO_ACK and SCREEN tell it.
func (sc *screen) describe() wire.Screen {
	info := sc.info.Load()
	return wire.Screen{
		Index: uint8(sc.index), Width: uint16(info.Width), Height: uint16(info.Height),
		MilliFPS: uint32(info.FPS * 1000), Codec: sc.session.plan.codec,
	}
}

// run opens source and encoder at once, so that they are ready when the
// connection is, and sends until ctx ends.
func (sc *screen) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, sc.closeEncoder()) }()
	for told := false; ctx.Err() == nil; {
		err := sc.play(ctx)
		if !errors.Is(err, source.ErrGone) {
			return err
		}
		if !told || sc.lastID != 0 { // not again until it was back
			told = true
			sc.session.log.Warn("screen is gone, trying again", "component", "host", "screen", sc.index, "err", err)
		}
		sc.baseID, sc.lastID = sc.baseID+sc.lastID, 0
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
	width, height := video.Size()
	if err := sc.openEncoder(width, height); err != nil {
		return err
	}
	select {
	case <-sc.session.connected:
	case <-ctx.Done():
		return nil
	}
	for {
		frame, err := video.Next(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("screen %d: %w", sc.index, err)
		}
		if err := sc.send(frame); err != nil {
			return err
		}
	}
}

// send encodes one picture and queues it.
func (sc *screen) send(frame *media.Frame) error {
	sc.count(frame.FrameID)
	if sc.size != [2]int{frame.Width, frame.Height} {
		if err := sc.openEncoder(frame.Width, frame.Height); err != nil {
			return err
		}
	}
	if err := sc.adaptRate(); err != nil {
		return err
	}
	wanted := sc.keyframe.Swap(false)
	out, _, err := sc.encoder.Encode(sc.buf[:0], frame, wanted)
	if err != nil {
		return fmt.Errorf("screen %d: encode: %w", sc.index, err)
	}
	sc.buf = out
	encoded := time.Now()
	sc.totals.encoded.Add(1)
	sc.totals.captureToEncoded.RecordSpan(frame.Timing.Captured, encoded)
	err = sc.track.Send(egress.Frame{Data: out, ID: sc.baseID + frame.FrameID, Captured: frame.Timing.Captured, Encoded: encoded})
	if errors.Is(err, egress.ErrCongested) {
		// The encoder refers to a picture that the terminal will never see.
		sc.keyframe.Store(true)
		return nil
	}
	return err
}

// count charges every number the source skipped to the host.
func (sc *screen) count(id uint32) {
	sc.totals.captured.Add(uint64(id - sc.lastID))
	sc.lastID = id
}

func (sc *screen) openEncoder(width, height int) error {
	if sc.encoder != nil && sc.size == [2]int{width, height} {
		return nil
	}
	if err := sc.closeEncoder(); err != nil {
		return err
	}
	old := sc.info.Load()
	sc.bps = sc.session.rates.bps(sc.index)
	enc, err := sc.session.srv.cfg.OpenEncoder(EncoderConfig{
		Codec: sc.session.plan.codec, Width: width, Height: height, FPS: old.FPS, BitrateBps: sc.bps,
	})
	if err != nil {
		return fmt.Errorf("screen %d: open %v encoder for %dx%d: %w", sc.index, sc.session.plan.codec, width, height, err)
	}
	sc.encoder, sc.size = enc, [2]int{width, height}
	sc.totals.setEncoder(enc.Name())
	sc.keyframe.Store(true)
	sc.session.log.Info("encoder opened", "component", "host", "screen", sc.index, "encoder", enc.Name(), "width", width, "height", height, "bitrate_bps", sc.bps)
	if old.Width != width || old.Height != height {
		info := *old
		info.Width, info.Height = width, height
		sc.info.Store(&info)
		sc.session.tell(wire.AppendScreen(nil, sc.describe()))
	}
	return nil
}

func (sc *screen) closeEncoder() error {
	if sc.encoder == nil {
		return nil
	}
	err := sc.encoder.Close()
	sc.encoder = nil
	return err
}

// adaptRate follows the session's limits. Small steps are left out: some
// encoders start anew for each.
func (sc *screen) adaptRate() error {
	bps, interval := sc.session.rates.bps(sc.index), rateInterval
	if e, ok := sc.encoder.(reconfigurer); ok && !e.Reconfigures() {
		interval = anewInterval
	}
	if diff := max(bps-sc.bps, sc.bps-bps); diff*20 < sc.bps || time.Since(sc.rateSet) < interval {
		return nil
	}
	if err := sc.encoder.SetBitrate(bps); err != nil {
		return fmt.Errorf("screen %d: set %d b/s: %w", sc.index, bps, err)
	}
	sc.bps, sc.rateSet = bps, time.Now()
	return nil
}
