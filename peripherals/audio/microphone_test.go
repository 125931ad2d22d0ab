package audio_test

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/peripherals/audio"
)

// fakeInput records in the bubble's time; every sample is 1000.
type fakeInput struct {
	from   time.Time
	read   int
	fail   atomic.Bool
	hung   atomic.Bool
	closed atomic.Bool
}

func newFakeInput() *fakeInput { return &fakeInput{from: time.Now()} }

func (f *fakeInput) have() int {
	if f.hung.Load() {
		return 0
	}
	return int(time.Since(f.from)*audio.Rate/time.Second) - f.read
}

func (f *fakeInput) Read(pcm []int16) (int, error) {
	if f.fail.Load() {
		return 0, audio.ErrLost
	}
	n := min(f.have(), len(pcm))
	fill(pcm[:max(n, 0)], 1000)
	f.read += max(n, 0)
	return max(n, 0), nil
}

func (f *fakeInput) Queued() time.Duration {
	return time.Duration(max(f.have(), 0)) * time.Second / audio.Rate
}
func (f *fakeInput) Close() error { f.closed.Store(true); return nil }

// fakeVoice makes a packet of the first and the last sample.
type fakeVoice struct{ loss atomic.Int32 }

func (*fakeVoice) Encode(dst []byte, pcm []int16) ([]byte, error) {
	a, b := pcm[0], pcm[len(pcm)-1]
	return append(dst, byte(a>>8), byte(a), byte(b>>8), byte(b)), nil
}
func (f *fakeVoice) SetLoss(percent int) { f.loss.Store(int32(percent)) }

// mic is a microphone in a bubble with what it did.
type mic struct {
	*audio.Microphone
	voice *fakeVoice
	gate  chan struct{} // what OnPacket waits for while it is full
	mu    sync.Mutex    // guards below
	in    *fakeInput
	gone  bool // there is no device
	opens int
	heard []audio.VoicePacket
	state []audio.MicState
}

func startMic(t *testing.T) *mic {
	t.Helper()
	m := &mic{voice: &fakeVoice{}, gate: make(chan struct{}, 1)}
	var err error
	m.Microphone, err = audio.NewMicrophone(audio.MicrophoneConfig{
		Open: func() (audio.Capture, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.opens++
			if m.gone {
				return nil, errors.New("none is plugged in")
			}
			m.in = newFakeInput()
			return m.in, nil
		},
		Encoder: m.voice,
		OnPacket: func(p audio.VoicePacket) {
			m.gate <- struct{}{}
			<-m.gate
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.state[len(m.state)-1] != audio.MicOpen {
				t.Errorf("packet in state %v; want nothing sent", m.state[len(m.state)-1])
			}
			if m.Muted() {
				t.Error("packet while muted; want nothing sent")
			}
			p.Payload = append([]byte(nil), p.Payload...)
			m.heard = append(m.heard, p)
		},
		OnState: func(s audio.MicState) {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.state = append(m.state, s)
		},
	})
	if err != nil {
		t.Fatalf("NewMicrophone() = %v; want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		if s := m.state[len(m.state)-1]; s != audio.MicClosed {
			t.Errorf("state after Run = %v; want closed", s)
		}
	})
	return m
}

// after lets d pass and takes what was heard.
func (m *mic) after(d time.Duration) (heard []audio.VoicePacket, state audio.MicState) {
	time.Sleep(d)
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	heard, m.heard = m.heard, nil
	return heard, m.state[len(m.state)-1]
}

func TestMicrophoneIsOffUntilAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMic(t)
		if heard, s := m.after(time.Hour); len(heard) != 0 || s != audio.MicClosed || m.opens != 0 {
			t.Errorf("%d packets, state %v, %d devices opened; want none and closed", len(heard), s, m.opens)
		}
		m.Refuse()
		if _, s := m.after(time.Second); s != audio.MicRefused || m.opens != 0 {
			t.Errorf("state = %v, %d devices opened; want refused, none", s, m.opens)
		}
		m.SetLoss(30)
		m.Open()
		heard, s := m.after(time.Second)
		if len(heard) < 98 || len(heard) > 100 || s != audio.MicOpen {
			t.Fatalf("%d packets in 1 s, state %v; want 100, open", len(heard), s)
		}
		for i, p := range heard {
			if i > 0 && p.Position != heard[i-1].Position+480 || p.First != (i == 0) || p.Length != 10*time.Millisecond {
				t.Fatalf("packet %d = %+v; want them one after the other", i, p)
			}
		}
		if late := time.Since(heard[len(heard)-1].Captured); late > 25*time.Millisecond {
			t.Errorf("the last packet is %v old; want at most two frames", late)
		}
		if l := m.voice.loss.Load(); l != 30 {
			t.Errorf("encoder's loss = %d; want 30", l)
		}
		last := heard[len(heard)-1].Position
		m.Shut()
		if heard, s := m.after(10 * time.Second); len(heard) > 1 || s != audio.MicClosed || !m.in.closed.Load() {
			t.Errorf("%d packets, state %v; want the device closed", len(heard), s)
		}
		m.Open()
		heard, _ = m.after(time.Second)
		if gap := heard[0].Position - last; gap < 10*audio.Rate || gap > 11*audio.Rate || !heard[0].First {
			t.Errorf("first packet 10 s later = %+v, %d samples on; want the time to have gone on", heard[0], gap)
		}
	})
}

func TestMuteTakesEverySample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMic(t)
		m.Mute(true)
		m.Open()
		if heard, s := m.after(time.Second); len(heard) != 0 || s != audio.MicMuted {
			t.Errorf("%d packets, state %v; want none, muted", len(heard), s)
		}
		m.Mute(false)
		heard, s := m.after(1003 * time.Millisecond)
		if len(heard) < 99 || s != audio.MicOpen || !heard[0].First {
			t.Fatalf("%d packets, state %v; want 100, open", len(heard), s)
		}
		m.Mute(true)
		if heard, s := m.after(time.Second); len(heard) != 0 || s != audio.MicMuted {
			t.Errorf("%d packets, state %v; want none, muted", len(heard), s)
		}
		if st := m.Stats(); st.Muted < 190 {
			t.Errorf("Stats() = %+v; want two seconds muted", st)
		}
	})
}

func TestMicrophoneComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMic(t)
		m.Open()
		m.after(time.Second)
		m.mu.Lock()
		m.gone = true
		m.in.fail.Store(true)
		m.mu.Unlock()
		if _, s := m.after(5 * time.Second); s != audio.MicMissing || m.opens < 5 || m.opens > 7 {
			t.Errorf("state = %v, opened %d times in 5 s; want missing, once a second", s, m.opens)
		}
		m.mu.Lock()
		m.gone = false
		m.mu.Unlock()
		if heard, s := m.after(2 * time.Second); len(heard) < 95 || s != audio.MicOpen || !heard[0].First {
			t.Errorf("%d packets, state %v; want it open again", len(heard), s)
		}
		m.in.hung.Store(true)
		if _, s := m.after(2500 * time.Millisecond); s != audio.MicMissing {
			t.Errorf("state of a device that hangs = %v; want missing", s)
		}
		if heard, s := m.after(2 * time.Second); len(heard) < 95 || s != audio.MicOpen {
			t.Errorf("%d packets, state %v; want it open again", len(heard), s)
		}
		opens := m.opens
		m.Reopen()
		if heard, _ := m.after(time.Second); m.opens != opens+1 || len(heard) < 95 {
			t.Errorf("opened %d times after Reopen, %d packets; want another device at once", m.opens-opens, len(heard))
		}
		if st := m.Stats(); st.Lost != 2 {
			t.Errorf("Stats() = %+v; want 2 lost", st)
		}
	})
}

func TestOldSoundIsThrownAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := startMic(t)
		m.Open()
		before, _ := m.after(time.Second)
		m.gate <- struct{}{} // somebody blocks OnPacket
		time.Sleep(500 * time.Millisecond)
		<-m.gate
		heard, _ := m.after(500 * time.Millisecond)
		if len(heard) > 60 || m.Stats().Dropped < 20000 {
			t.Errorf("%d packets, Stats() = %+v; want half a second dropped", len(heard), m.Stats())
		}
		if d := heard[len(heard)-1].Position - before[len(before)-1].Position; d < 46000 || d > 50000 {
			t.Errorf("positions go on by %d in 1 s; want 48000", d)
		}
	})
}

// steady is a device in step with a clock that is ppm fast.
type steady struct {
	from  time.Time
	wrote int
	ppm   float64
}

func (s *steady) Write(pcm []int16) error { s.wrote += len(pcm); return nil }
func (s *steady) Queued() time.Duration {
	played := float64(time.Since(s.from)) * (1 + s.ppm/1e6)
	d := time.Duration(float64(s.wrote)/audio.Rate*float64(time.Second) - played)
	return max(0, d-d%(5*time.Millisecond)) // the device takes periods
}

// farTimes is a canceller that notes where in the far end's sound it is.
type farTimes struct{ far []int16 }

func (f *farTimes) Process(out, near, far []int16) error {
	copy(out, near)
	f.far = append(f.far, far...)
	return nil
}
func (*farTimes) Reset() {}

func TestFarEndStaysInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		far, canceller := audio.NewFarEnd(), &farTimes{}
		dev := &steady{from: time.Now()}
		tap := far.Tap(dev, 1)
		m, err := audio.NewMicrophone(audio.MicrophoneConfig{
			Open:    func() (audio.Capture, error) { return newFakeInput(), nil },
			Encoder: &fakeVoice{}, Canceller: canceller, FarEnd: far, OnPacket: func(audio.VoicePacket) {},
		})
		if err != nil {
			t.Fatal(err)
		}
		m.Open()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- m.Run(ctx) }()
		pcm, n := make([]int16, 240), 0
		for range 2000 { // 10 s; a saw tooth of 16384 samples
			for dev.Queued() > 15*time.Millisecond {
				time.Sleep(time.Millisecond)
			}
			for i := range pcm {
				pcm[i] = int16(n & 0x3fff)
				n++
			}
			if err := tap.Write(pcm); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		jumps := 0
		for i := audio.Rate; i < len(canceller.far); i++ {
			if d := (int(canceller.far[i]) - int(canceller.far[i-1])) & 0x3fff; d != 1 {
				jumps++
			}
		}
		if jumps > 0 || len(canceller.far) < 9*audio.Rate {
			t.Errorf("%d jumps in %d samples; want none", jumps, len(canceller.far))
		}
	})
}

func TestRefusedMicrophones(t *testing.T) {
	ok := audio.MicrophoneConfig{
		Open:    func() (audio.Capture, error) { return newFakeInput(), nil },
		Encoder: &fakeVoice{}, OnPacket: func(audio.VoicePacket) {},
	}
	none, odd := audio.MicrophoneConfig{}, ok
	odd.Frame = 15 * time.Millisecond
	for _, cfg := range []audio.MicrophoneConfig{none, odd} {
		if _, err := audio.NewMicrophone(cfg); err == nil {
			t.Errorf("NewMicrophone(%+v) = nil; want an error", cfg.Frame)
		}
	}
	for s := audio.MicClosed; s <= audio.MicRefused; s++ {
		if s.String() == "unknown" {
			t.Errorf("MicState(%d).String() = unknown; want a word", s)
		}
	}
}

// power is the mean square of pcm.
func power(pcm []int16) (sum float64) {
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum / math.Max(1, float64(len(pcm)))
}
