//go:build linux && cgo && !nonative

package audio_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/speexdsp"
	"github.com/blade-shadow/terminal/peripherals/audio"
)

// room plays on a loudspeaker whose clock is ppm fast and hears that, 40 ms
// later and quieter, with a microphone of a good clock.
type room struct {
	steady
	played []int16
	read   int
	far    *audio.FarEnd
	noise  *rand.Rand
	near   []int16 // what was recorded
}

func (r *room) Write(pcm []int16) error {
	r.played = append(r.played, pcm...)
	return r.steady.Write(pcm)
}

const roomDelay = 40 * time.Millisecond

// Read records the room; before that it keeps the loudspeaker busy.
func (r *room) Read(pcm []int16) (int, error) {
	tap := r.far.Tap(r, 1)
	for r.Queued() <= 15*time.Millisecond {
		piece := make([]int16, 240)
		for i := range piece {
			piece[i] = int16(r.noise.IntN(16000) - 8000)
		}
		if err := tap.Write(piece); err != nil {
			return 0, err
		}
	}
	n := min(int(time.Since(r.from)*audio.Rate/time.Second)-r.read, len(pcm))
	for i := range max(n, 0) {
		at := (float64(r.read+i) - float64(roomDelay*audio.Rate/time.Second)) * (1 + r.ppm/1e6)
		k, rest := int(math.Floor(at)), at-math.Floor(at)
		pcm[i] = 0
		if k >= 0 && k+1 < len(r.played) {
			pcm[i] = int16(0.4 * (float64(r.played[k])*(1-rest) + float64(r.played[k+1])*rest))
		}
	}
	r.read += max(n, 0)
	r.near = append(r.near, pcm[:max(n, 0)]...)
	return max(n, 0), nil
}
func (r *room) Close() error { return nil }

// roomCapture has the microphone's queue, not the loudspeaker's.
type roomCapture struct{ *room }

func (roomCapture) Queued() time.Duration { return 0 }

// listener keeps what would be encoded.
type listener struct{ heard []int16 }

func (l *listener) Encode(dst []byte, pcm []int16) ([]byte, error) {
	l.heard = append(l.heard, pcm...)
	return append(dst, 0), nil
}
func (*listener) SetLoss(int) {}

func TestEchoOfWhatIsPlayedIsTakenAway(t *testing.T) {
	for _, ppm := range []float64{0, 60} {
		t.Run(fmt.Sprint(ppm), func(t *testing.T) {
			canceller, err := speexdsp.NewCanceller(speexdsp.Config{Frame: 480})
			if err != nil {
				t.Fatal(err)
			}
			defer canceller.Close()
			resampler, err := speexdsp.NewResampler()
			if err != nil {
				t.Fatal(err)
			}
			defer resampler.Close()
			synctest.Test(t, func(t *testing.T) {
				r := &room{steady: steady{from: time.Now(), ppm: ppm}, far: audio.NewFarEnd(), noise: rand.New(rand.NewPCG(1, 2))}
				l := &listener{}
				m, err := audio.NewMicrophone(audio.MicrophoneConfig{
					Open:    func() (audio.Capture, error) { return roomCapture{r}, nil },
					Encoder: l, Canceller: canceller, FarEnd: r.far, Resampler: resampler, OnPacket: func(audio.VoicePacket) {},
				})
				if err != nil {
					t.Fatal(err)
				}
				m.Open()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				if err := m.Run(ctx); err != nil {
					t.Error(err)
				}
				from, want := 2*audio.Rate, 10.0
				if ppm != 0 {
					// The clocks are found out first. Noise up to half the sample
					// rate is the hardest sound to keep in step: 6.9 dB were measured.
					from, want = 20*audio.Rate, 6.0
				}
				n := min(len(l.heard), len(r.near))
				erle := 10 * math.Log10(power(r.near[from:n])/(power(l.heard[from:n])+1e-9))
				t.Logf("%.1f dB", erle)
				if erle < want {
					t.Errorf("echo return loss = %.1f dB; want %.0f or more", erle, want)
				}
			})
		})
	}
}

// endless is a microphone that always has sound.
type endless struct{ n int }

func (e *endless) Read(pcm []int16) (int, error) {
	for i := range pcm {
		pcm[i] = int16(3000 * math.Sin(float64(e.n)*0.02))
		e.n++
	}
	return len(pcm), nil
}
func (*endless) Queued() time.Duration { return 0 }
func (*endless) Close() error          { return nil }

// BenchmarkMicrophoneFrame takes 10 ms from the device to the packet.
func BenchmarkMicrophoneFrame(b *testing.B) {
	canceller, err := speexdsp.NewCanceller(speexdsp.Config{Frame: 480})
	if err != nil {
		b.Fatal(err)
	}
	defer canceller.Close()
	resampler, err := speexdsp.NewResampler()
	if err != nil {
		b.Fatal(err)
	}
	defer resampler.Close()
	encoder, err := libav.NewOpusVoiceEncoder(32000)
	if err != nil {
		b.Fatal(err)
	}
	defer encoder.Close()
	ctx, cancel := context.WithCancel(b.Context())
	n := 0
	m, err := audio.NewMicrophone(audio.MicrophoneConfig{
		Open:    func() (audio.Capture, error) { return &endless{}, nil },
		Encoder: encoder, Canceller: canceller, FarEnd: audio.NewFarEnd(), Resampler: resampler,
		OnPacket: func(audio.VoicePacket) {
			if n++; n == b.N {
				cancel()
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	m.Open()
	b.ReportAllocs()
	b.ResetTimer()
	if err := m.Run(ctx); err != nil {
		b.Fatal(err)
	}
}
