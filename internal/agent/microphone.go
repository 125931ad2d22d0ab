package agent

import (
	"context"
	"errors"
	"io"

	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/speexdsp"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/peripherals/audio"
)

// What happens when a program of the host wants to hear the microphone.
const (
	MicrophoneAsk   = "ask"   // the person is asked, once
	MicrophoneNever = "never" // there is none
)

// voiceBitrate is for speech of one channel with a copy of each packet in the
// next.
const voiceBitrate = 40_000

// voice is the way from the microphone to the host.
type voice struct {
	mic     *audio.Microphone
	far     *audio.FarEnd
	closers []io.Closer
	allowed bool // the person said yes; of the goroutine of the session
}

// openVoice makes what records, where this build and the configuration have it.
// It records nothing before somebody asks for it and the person agrees.
func (a *Agent) openVoice() error {
	if a.cfg.Mute || a.cfg.Microphone == MicrophoneNever {
		return nil
	}
	v := &voice{far: audio.NewFarEnd()}
	encoder, err := libav.NewOpusVoiceEncoder(voiceBitrate)
	if err != nil {
		return err
	}
	v.closers = append(v.closers, encoder)
	cfg := audio.MicrophoneConfig{
		Open:     func() (audio.Capture, error) { return audio.OpenInput(audio.InputConfig{}) },
		Encoder:  encoder,
		FarEnd:   v.far,
		OnPacket: a.onVoice, OnState: a.onMicState, Logger: a.log,
	}
	canceller, err := speexdsp.NewCanceller(speexdsp.Config{Frame: speexdsp.Rate / 100})
	if err == nil {
		v.closers = append(v.closers, canceller)
		cfg.Canceller = canceller
		resampler, rerr := speexdsp.NewResampler()
		if err = rerr; err == nil {
			v.closers = append(v.closers, resampler)
			cfg.Resampler = resampler
		}
	}
	if err == nil {
		v.mic, err = audio.NewMicrophone(cfg)
	}
	if err != nil {
		return errors.Join(err, v.close())
	}
	a.voice = v
	a.sound.far = v.far
	return nil
}

// close frees what Run used; it has ended.
func (v *voice) close() (err error) {
	for _, c := range v.closers {
		err = errors.Join(err, c.Close())
	}
	return err
}

// onVoice sends what is said; the microphone's goroutine.
func (a *Agent) onVoice(p audio.VoicePacket) {
	if at := a.session.Load(); at != nil {
		if err := at.SendVoice(p.Payload, p.Position, p.First); err != nil {
			a.log.Debug("send voice", "err", err)
		}
	}
}

// onMicState tells the host, and shows a sign for as long as the microphone is
// open; the microphone's goroutine.
func (a *Agent) onMicState(s audio.MicState) {
	what := map[audio.MicState]uint8{audio.MicOpen: wire.MicOpened, audio.MicMuted: wire.MicMuted, audio.MicRefused: wire.MicRefused}
	said, known := what[s]
	if !known {
		said = wire.MicClosed
	}
	switch s {
	case audio.MicOpen:
		a.setSign("The microphone is open")
	case audio.MicMuted:
		a.setSign("The microphone is muted")
	default:
		a.setSign("")
	}
	if at := a.session.Load(); at != nil {
		at.SayMic(said)
	}
}

// setSign shows words in the corner until others are set, "" none.
func (a *Agent) setSign(text string) {
	var sign *ui.Stats
	if text != "" {
		sign = &ui.Stats{Title: text}
	}
	a.sign.Store(sign)
	if a.overlay.Load() {
		return // with the figures, once a second
	}
	a.showOver()
}

// onMic takes what the host wants of the microphone; a goroutine of the
// session's.
func (a *Agent) onMic(what uint8) {
	if at := a.session.Load(); at != nil {
		select {
		case at.mic <- what:
		default: // the host asks faster than a person answers
		}
	}
}

// serveVoice opens and closes the microphone as the host wants and the person
// allows, until ctx ends; it is closed then.
func (a *Agent) serveVoice(ctx context.Context, at *attempt) {
	v := a.voice
	if v == nil {
		return
	}
	defer v.mic.Shut()
	for {
		select {
		case <-ctx.Done():
			return
		case what := <-at.mic:
			if what == wire.MicClose {
				v.mic.Shut()
				continue
			}
			if !v.allowed {
				n, err := a.ask(ctx, "A program on the PC wants to hear the microphone", "", "Let it, until this terminal is restarted", "No")
				v.allowed = err == nil && n == 0
			}
			if v.allowed {
				v.mic.Open()
			} else {
				v.mic.Refuse()
			}
		}
	}
}

// muteMicrophone is for the key that does: it works whatever the session does.
func (a *Agent) muteMicrophone() {
	if a.voice != nil {
		a.voice.mic.Mute(!a.voice.mic.Muted())
	}
}
