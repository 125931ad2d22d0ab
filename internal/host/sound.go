package host

import (
	"context"
	"errors"
	"fmt"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/host/source"
)

// opusFrame is 5 ms: what the sound waits for before it leaves.
const opusFrame = source.SampleRate / 200

// sound sends the source's sound. A session goes on without it: sound that
// cannot be opened or fails is logged and left out.
type sound struct {
	session *session
	track   *egress.Audio
}

func (a *sound) run(ctx context.Context) error {
	err := a.play(ctx)
	if err != nil && ctx.Err() == nil {
		a.session.log.Warn("sound is off", "component", "host", "err", err)
	}
	return nil
}

func (a *sound) play(ctx context.Context) (err error) {
	cfg := &a.session.srv.cfg
	enc, err := cfg.OpenAudioEncoder()
	if err != nil {
		return fmt.Errorf("open Opus encoder: %w", err)
	}
	defer func() { err = errors.Join(err, enc.Close()) }()
	in, err := cfg.Source.OpenAudio()
	if err != nil {
		return fmt.Errorf("open sound: %w", err)
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	select {
	case <-a.session.connected:
		return a.send(ctx, in, enc)
	case <-ctx.Done():
		return nil
	}
}

func (a *sound) send(ctx context.Context, in source.Audio, enc AudioEncoder) error {
	pcm := make([]int16, opusFrame*source.Channels)
	buf := make([]byte, 0, egress.MaxPayload)
	for samples := uint64(0); ; samples += opusFrame {
		captured, err := in.Read(ctx, pcm)
		if err != nil {
			return fmt.Errorf("read sound: %w", err)
		}
		if buf, err = enc.Encode(buf[:0], pcm); err != nil {
			return fmt.Errorf("encode sound: %w", err)
		}
		if err := a.track.Send(buf, samples, captured); err != nil {
			return err
		}
	}
}
