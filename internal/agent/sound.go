package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/peripherals/audio"
)

// reopenSound is how often a sound device that is gone is looked for.
const reopenSound = time.Second

// sound is the way from Opus packets to the device.
type sound struct {
	player  *audio.Player // nil: muted
	decoder *libav.OpusDecoder
	far     *audio.FarEnd // remembers what is played, for the microphone; nil: nobody asks
	lost    chan error    // capacity 1, never closed: the device failed; full means it is known
	log     *slog.Logger
}

// newSound builds the player; it opens no device.
func newSound(log *slog.Logger, mute bool) (*sound, error) {
	s := &sound{lost: make(chan error, 1), log: log.With("component", "audio")}
	if mute {
		return s, nil
	}
	var err error
	if s.decoder, err = libav.NewOpusDecoder(2); err != nil {
		return nil, err
	}
	s.player, err = audio.NewPlayer(audio.PlayerConfig{
		Decoder: opus{s.decoder},
		Logger:  log,
		OnLost: func(err error) {
			select {
			case s.lost <- err:
			default:
			}
		},
	})
	return s, err
}

// opus adapts libav's decoder to the player.
type opus struct{ *libav.OpusDecoder }

func (o opus) Conceal(dst []int16) error {
	_, err := o.OpusDecoder.Conceal(dst)
	return err
}

// run keeps a device open until ctx ends: sound never ends a session.
func (s *sound) run(ctx context.Context) error {
	if s.player == nil {
		return nil
	}
	quiet := false // that there is none has been said
	for ctx.Err() == nil {
		out, err := audio.Open(audio.OutputConfig{})
		if err != nil {
			if !quiet {
				s.log.Warn("no sound", "err", err)
			}
			quiet = true
			wait(ctx, reopenSound)
			continue
		}
		quiet = false
		if s.far != nil {
			s.player.SetDevice(s.far.Tap(out, audio.Channels))
		} else {
			s.player.SetDevice(out)
		}
		select {
		case <-s.lost:
		case <-ctx.Done():
		}
		s.player.SetDevice(nil)
		if err := out.Close(); err != nil {
			s.log.Debug("close sound device", "err", err)
		}
	}
	return nil
}

// close frees the decoder; nothing may push any longer.
func (s *sound) close() error {
	if s.decoder == nil {
		return nil
	}
	return s.decoder.Close()
}

// push takes a packet on pion's goroutine.
func (s *sound) push(packet []byte, lost int) {
	if s.player != nil {
		s.player.Push(packet, lost)
	}
}

// wait waits for d or ctx's end.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// SoundSummary is how the sound went.
type SoundSummary struct {
	Muted bool `json:"muted"`
	audio.PlayerStats
}

// String is the sound's line in a summary.
func (s SoundSummary) String() string {
	if s.Muted {
		return "muted"
	}
	return fmt.Sprintf("%d packets played, %d concealed, %d recovered, %d dropped, %d underruns",
		s.Played, s.Concealed, s.FEC, s.Dropped, s.Underruns)
}

func (s *sound) summary() SoundSummary {
	if s.player == nil {
		return SoundSummary{Muted: true}
	}
	return SoundSummary{PlayerStats: s.player.Stats()}
}
