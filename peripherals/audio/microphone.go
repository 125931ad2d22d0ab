package audio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Capture is an open microphone: [Input], for one. Run calls it.
type Capture interface {
	Read(pcm []int16) (int, error) // mono; does not block; an error means that the device is gone
	Queued() time.Duration         // recorded and not yet read
	Close() error
}

// Canceller takes echo and noise out of one frame: see internal/speexdsp.
type Canceller interface {
	Process(out, near, far []int16) error
	Reset() // another room is heard
}

// VoiceEncoder appends one packet of a frame to dst: see internal/libav.
type VoiceEncoder interface {
	Encode(dst []byte, pcm []int16) ([]byte, error)
	SetLoss(percent int)
}

// VoicePacket is one frame of speech.
type VoicePacket struct {
	Payload  []byte        // Opus, with a copy of the frame before; belongs to the microphone again after the call
	Position uint64        // of its first sample, at 48 kHz; goes on while nothing is sent
	Length   time.Duration // of its sound
	First    bool          // nothing was sent just before: RTP's marker (RFC 7587, 4.1)
	Captured time.Time     // when its first sample was recorded, as well as is known
}

// MicrophoneConfig describes a microphone.
type MicrophoneConfig struct {
	// Open opens the device that is to be heard now. Run calls it when the
	// microphone is wanted, and once a second while that fails.
	Open      func() (Capture, error) // required
	Encoder   VoiceEncoder            // required; the caller closes it after Run
	Canceller Canceller               // nil: echo and noise stay; its frames are Frame long
	FarEnd    *FarEnd                 // what is played; nil: silence
	Resampler Resampler               // follows the two devices' clocks; may be nil
	Frame     time.Duration           // 10 or 20 ms; 0 means 10

	// OnPacket takes what is said. Run calls it; it must not block.
	OnPacket func(VoicePacket) // required
	// OnState shows what the microphone is doing. Run calls it: with MicOpen
	// before anything leaves. It must not block. nil ignores it.
	OnState func(MicState)
	Logger  *slog.Logger // nil discards
}

// MicrophoneStats counts.
type MicrophoneStats struct {
	Packets uint64 `json:"packets"` // sent
	Muted   uint64 `json:"muted"`   // frames that the mute key took
	Dropped uint64 `json:"dropped"` // samples thrown away, because they waited too long
	Lost    uint64 `json:"lost"`    // times that the device went away
	Failed  uint64 `json:"failed"`  // frames that could not be cancelled or encoded
}

const (
	reopenInput = time.Second
	// Sound that waited longer is thrown away: nobody can talk with that.
	inputMost = 60 * time.Millisecond
	// A device that is silent for so long, in the sense that it hands out not
	// even zeros, has hung.
	inputPatience = 2 * time.Second
)

// Microphone records, takes echo and noise away and encodes. It is closed
// until Open is called. Its methods may be called from any goroutine.
type Microphone struct {
	cfg    MicrophoneConfig
	want   atomic.Int32 // of type want
	muted  atomic.Bool
	reopen atomic.Bool
	loss   atomic.Int32
	poke   chan struct{} // capacity 1, never closed: something was asked
	count  struct{ packets, muted, dropped, lost, failed atomic.Uint64 }

	// Owned by Run.
	state           MicState
	told            bool // state was reported
	quiet           bool // that there is no device has been said
	near, far, pcm  []int16
	fill            int // samples in near
	packet          []byte
	align           *aligner // nil: no canceller or nothing is played
	position        uint64   // of the next sample to be read
	heard           time.Time
	talking         bool // the frame before was sent
	lossTold        int32
	frame           int // samples
	timer           *time.Timer
	cancellerFailed bool
}

// NewMicrophone checks cfg and returns a microphone that is closed.
func NewMicrophone(cfg MicrophoneConfig) (*Microphone, error) {
	cfg.Frame = orDefault(cfg.Frame, 10*time.Millisecond)
	switch {
	case cfg.Open == nil || cfg.Encoder == nil || cfg.OnPacket == nil:
		return nil, errors.New("microphone: a device, an encoder and somebody who hears it are needed")
	case cfg.Frame != 10*time.Millisecond && cfg.Frame != 20*time.Millisecond:
		return nil, fmt.Errorf("microphone: frame of %v; want 10 or 20 ms", cfg.Frame)
	}
	if cfg.OnState == nil {
		cfg.OnState = func(MicState) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Logger = cfg.Logger.With("component", "microphone")
	m := &Microphone{cfg: cfg, poke: make(chan struct{}, 1), frame: samples(cfg.Frame), lossTold: -1}
	m.loss.Store(-1)
	m.near, m.far, m.pcm = make([]int16, m.frame), make([]int16, m.frame), make([]int16, m.frame)
	m.packet = make([]byte, 0, 1275) // RFC 6716, 3.2.1
	if cfg.Canceller != nil && cfg.FarEnd != nil {
		m.align = newAligner(cfg.FarEnd, cfg.Resampler, m.frame)
	}
	return m, nil
}

// Open asks for the microphone: the person did, or allowed it to the host.
func (m *Microphone) Open() { m.ask(wantOpen) }

// Shut closes the device, or leaves it closed.
func (m *Microphone) Shut() { m.ask(wantClosed) }

// Refuse closes the device and shows that the host may not have it.
func (m *Microphone) Refuse() { m.ask(wantRefused) }

func (m *Microphone) ask(w want) {
	m.want.Store(int32(w))
	m.wake()
}

// Mute silences the microphone from the very next sample, whatever it is
// doing and whatever was asked of it, or lets it be heard again.
func (m *Microphone) Mute(on bool) {
	m.muted.Store(on)
	m.wake()
}

// Muted says what Mute was given last.
func (m *Microphone) Muted() bool { return m.muted.Load() }

// Reopen closes the device and asks Open for another: the route has changed.
func (m *Microphone) Reopen() {
	m.reopen.Store(true)
	m.wake()
}

// SetLoss says how many percent of the packets get lost, so that the copies
// in them are as good as need be.
func (m *Microphone) SetLoss(percent int) { m.loss.Store(int32(min(max(percent, 0), 100))) }

// Stats returns the counts so far.
func (m *Microphone) Stats() MicrophoneStats {
	c := &m.count
	return MicrophoneStats{
		Packets: c.packets.Load(), Muted: c.muted.Load(), Dropped: c.dropped.Load(), Lost: c.lost.Load(), Failed: c.failed.Load(),
	}
}

func (m *Microphone) wake() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

// Run records whenever it is asked to, until ctx ends. A device that fails
// ends nothing. It returns nil.
func (m *Microphone) Run(ctx context.Context) error {
	m.timer = time.NewTimer(0)
	defer m.timer.Stop()
	m.heard = time.Now()
	for ctx.Err() == nil {
		m.reopen.Store(false)
		switch want(m.want.Load()) {
		case wantOpen:
			m.record(ctx)
		case wantRefused:
			m.report(MicRefused)
			m.wait(ctx, 0)
		default:
			m.report(MicClosed)
			m.wait(ctx, 0)
		}
	}
	m.report(MicClosed)
	return nil
}

// wait waits for d, for ever when it is 0, or until something is asked.
func (m *Microphone) wait(ctx context.Context, d time.Duration) {
	var due <-chan time.Time
	if d > 0 {
		m.timer.Reset(d)
		due = m.timer.C
	}
	select {
	case <-due:
	case <-m.poke:
	case <-ctx.Done():
	}
}

func (m *Microphone) report(s MicState) {
	if m.told && m.state == s {
		return
	}
	m.state, m.told = s, true
	m.cfg.Logger.Info("microphone", "state", s.String())
	m.cfg.OnState(s)
}

// record opens the device and hears it for as long as it is wanted.
func (m *Microphone) record(ctx context.Context) {
	in, err := m.cfg.Open()
	if err != nil {
		if !m.quiet {
			m.cfg.Logger.Warn("no microphone", "err", err)
		}
		m.quiet = true
		m.report(MicMissing)
		m.wait(ctx, reopenInput)
		return
	}
	m.quiet = false
	err = m.hear(ctx, in)
	if cerr := in.Close(); cerr != nil {
		m.cfg.Logger.Debug("close microphone", "err", cerr)
	}
	if err != nil {
		m.count.lost.Add(1)
		m.cfg.Logger.Warn("microphone failed", "err", err)
		m.report(MicMissing)
		m.wait(ctx, reopenInput)
	}
}

var errHung = fmt.Errorf("microphone hands nothing out: %w", ErrLost)

// hear sends what the device records until it is not wanted any more, or
// fails.
func (m *Microphone) hear(ctx context.Context, in Capture) error {
	m.begin()
	for ctx.Err() == nil && want(m.want.Load()) == wantOpen && !m.reopen.Load() {
		if m.muted.Load() {
			m.report(MicMuted)
		} else {
			m.report(MicOpen)
		}
		if in.Queued() > inputMost {
			if err := m.skip(in); err != nil {
				return err
			}
		}
		n, err := in.Read(m.near[m.fill:])
		if err != nil {
			return err
		}
		if m.took(n); m.fill < m.frame {
			if time.Since(m.heard) > inputPatience {
				return errHung
			}
			m.wait(ctx, duration(m.frame-m.fill))
			continue
		}
		m.fill = 0
		m.process(in.Queued())
	}
	return nil
}
