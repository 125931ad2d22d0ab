//go:build linux && cgo && !nonative

package speexdsp_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/speexdsp"
)

const frame = 480

// room is a loudspeaker and a microphone: what is played comes back delayed
// and quieter, with one reflection.
type room struct {
	past  []int16
	delay int
}

func (r *room) hear(near, far []int16) {
	r.past = append(r.past, far...)
	start := len(r.past) - len(far)
	for i := range near {
		v := float64(near[i])
		for _, path := range []struct {
			delay int
			gain  float64
		}{{r.delay, 0.4}, {r.delay + 700, -0.15}} {
			if at := start + i - path.delay; at >= 0 {
				v += path.gain * float64(r.past[at])
			}
		}
		near[i] = int16(min(max(v, -32768), 32767))
	}
}

func power(pcm []int16) (sum float64) {
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(pcm))
}

func open(t testing.TB) *speexdsp.Canceller {
	t.Helper()
	c, err := speexdsp.NewCanceller(speexdsp.Config{Frame: frame})
	if err != nil {
		t.Fatalf("NewCanceller() = %v; want nil", err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// speech fills pcm with bursts of a voice's harmonics: 0.2 s on, 0.1 s off.
func speech(pcm []int16, at int) {
	for i := range pcm {
		t := float64(at+i) / speexdsp.Rate
		v := 0.0
		for k := 1; k <= 12; k++ {
			v += math.Sin(2*math.Pi*float64(k)*(140+10*math.Sin(2*math.Pi*3*t))*t) / float64(k)
		}
		if math.Mod(t, 0.3) > 0.2 {
			v = 0
		}
		pcm[i] = int16(4000 * v)
	}
}

func TestEchoIsTakenAway(t *testing.T) {
	for _, delay := range []time.Duration{15 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond} {
		t.Run(delay.String(), func(t *testing.T) {
			c := open(t)
			noise := rand.New(rand.NewPCG(1, uint64(delay)))
			r := room{delay: int(delay * speexdsp.Rate / time.Second)}
			near, far, out := make([]int16, frame), make([]int16, frame), make([]int16, frame)
			var before, after float64
			for i := range 400 { // 4 s
				for k := range far {
					far[k] = int16(noise.IntN(16000) - 8000)
				}
				clear(near)
				r.hear(near, far)
				if err := c.Process(out, near, far); err != nil {
					t.Fatalf("Process() = %v; want nil", err)
				}
				if i >= 200 {
					before, after = before+power(near), after+power(out)
				}
			}
			if erle := 10 * math.Log10(before/(after+1e-9)); erle < 10 {
				t.Errorf("echo return loss after 2 s = %.1f dB; want 10 or more", erle)
			} else {
				t.Logf("%.1f dB", erle)
			}
		})
	}
}

func TestSpeechPassesWhileTheFarEndPlays(t *testing.T) {
	c := open(t)
	noise := rand.New(rand.NewPCG(3, 4))
	r := room{delay: 1500}
	near, far, out, voice := make([]int16, frame), make([]int16, frame), make([]int16, frame), make([]int16, frame)
	var said, heard []float64
	for i := range 600 {
		for k := range far {
			far[k] = int16(noise.IntN(12000) - 6000)
		}
		clear(voice)
		if i >= 300 {
			speech(voice, i*frame)
		}
		copy(near, voice)
		r.hear(near, far)
		if err := c.Process(out, near, far); err != nil {
			t.Fatal(err)
		}
		if i >= 350 {
			said, heard = append(said, power(voice)), append(heard, power(out))
		}
	}
	var on, off float64
	var ons, offs int
	for i := range said {
		j := min(i+1, len(said)-1) // what comes out is about a frame late
		switch {
		case said[i] > 1e6 && said[j] > 1e6:
			on, ons = on+heard[j]/said[i], ons+1
		case said[i] == 0 && said[j] == 0:
			off, offs = off+heard[j], offs+1
		}
	}
	if ons == 0 || offs == 0 {
		t.Fatal("the speech has no bursts")
	}
	if level := 10 * math.Log10(on/float64(ons)); level < -6 || level > 6 {
		t.Errorf("speech comes out at %.1f dB of what was said; want within 6", level)
	}
	if rest := 10 * math.Log10(off/float64(offs)/1e6); rest > 0 {
		t.Errorf("between the words %.1f dB over a thousandth of full power is heard; want silence", rest)
	}
}

func TestNoiseIsTakenDown(t *testing.T) {
	c := open(t)
	noise := rand.New(rand.NewPCG(5, 6))
	near, far, out := make([]int16, frame), make([]int16, frame), make([]int16, frame)
	var before, after float64
	for i := range 300 {
		for k := range near {
			near[k] = int16(noise.IntN(1000) - 500)
		}
		if err := c.Process(out, near, far); err != nil {
			t.Fatal(err)
		}
		if i >= 150 {
			before, after = before+power(near), after+power(out)
		}
	}
	if down := 10 * math.Log10(before/(after+1e-9)); down < 8 {
		t.Errorf("noise is %.1f dB quieter; want 8 or more", down)
	}
}

func TestResamplerFollowsAClock(t *testing.T) {
	for _, ppm := range []int{0, 150, -150, 1 << 20} {
		r, err := speexdsp.NewResampler()
		if err != nil {
			t.Fatal(err)
		}
		r.SetPPM(ppm)
		in, out := make([]int16, frame), make([]int16, frame)
		used, made := 0, 0
		var last int16
		for made < 60*speexdsp.Rate {
			for k := range in {
				in[k] = int16(10000 * math.Sin(2*math.Pi*300*float64(used+k)/speexdsp.Rate))
			}
			u, m := r.Process(out, in)
			if u == 0 && m == 0 {
				t.Fatalf("%d ppm: Process() = 0, 0; want progress", ppm)
			}
			for k, v := range out[:m] {
				if step := int(v) - int(last); made > frame && (step > 600 || step < -600) {
					t.Fatalf("%d ppm: sample %d jumps by %d; want no edge", ppm, made+k, step)
				}
				last = v
			}
			used, made = used+u, made+m
		}
		want := float64(min(ppm, speexdsp.MaxPPM))
		if got := (float64(used)/float64(made) - 1) * 1e6; math.Abs(got-want) > 10 {
			t.Errorf("used %.0f ppm more than was made; want %.0f", got, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if u, m := r.Process(out, in); u != 0 || m != 0 {
			t.Errorf("Process() after Close = %d, %d; want 0, 0", u, m)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, cfg := range []speexdsp.Config{
		{}, {Frame: 100}, {Frame: frame, Tail: time.Hour}, {Frame: frame, Tail: -1}, {Frame: frame, NoiseDB: 100},
	} {
		if c, err := speexdsp.NewCanceller(cfg); err == nil {
			c.Close()
			t.Errorf("NewCanceller(%+v) = nil; want an error", cfg)
		}
	}
	c := open(t)
	pcm := make([]int16, frame)
	if err := c.Process(make([]int16, frame), pcm, pcm[1:]); err == nil {
		t.Error("Process(short far end) = nil; want an error")
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("Close() = %v; want nil", err)
		}
	}
	if err := c.Process(make([]int16, frame), pcm, pcm); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Process() after Close() = %v; want os.ErrClosed", err)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	c := open(t)
	r, err := speexdsp.NewResampler()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a, b, d := make([]int16, frame), make([]int16, frame), make([]int16, frame)
	if n := testing.AllocsPerRun(100, func() {
		_ = c.Process(a, b, d)
		r.Process(a, b)
	}); n != 0 {
		t.Errorf("allocations a frame = %v; want 0", n)
	}
}

func BenchmarkCanceller(b *testing.B) {
	c := open(b)
	near, far, out := make([]int16, frame), make([]int16, frame), make([]int16, frame)
	speech(near, 0)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Process(out, near, far); err != nil {
			b.Fatal(err)
		}
	}
}
