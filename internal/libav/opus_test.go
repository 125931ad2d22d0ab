//go:build linux && cgo && !nonative

package libav_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
)

// tone fills pcm with a sine of 440 Hz from sample at on.
func tone(pcm []int16, channels, at int) {
	for i := range pcm {
		pcm[i] = int16(12000 * math.Sin(2*math.Pi*440*float64(at+i/channels)/48000))
	}
}

func energy(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(pcm)))
}

func openOpus(t testing.TB, channels, bps int) (*libav.OpusEncoder, *libav.OpusDecoder) {
	t.Helper()
	e, err := libav.NewOpusEncoder(channels, bps)
	if err != nil {
		t.Fatal(err)
	}
	d, err := libav.NewOpusDecoder(channels)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(); d.Close() })
	return e, d
}

// correlation of the decoded tone with the original at the best delay, 0 to 1.
func correlation(got, want []int16, channels int) float64 {
	best := 0.0
	for delay := range 400 {
		var ab, aa, bb float64
		for i := 4800 * channels; i+delay*channels < len(got); i += channels {
			a, b := float64(got[i+delay*channels]), float64(want[i])
			ab, aa, bb = ab+a*b, aa+a*a, bb+b*b
		}
		best = max(best, ab/math.Sqrt(aa*bb+1))
	}
	return best
}

func TestOpusRoundTrip(t *testing.T) {
	for _, channels := range []int{1, 2} {
		for _, ms := range []int{5, 10, 20} {
			t.Run(fmt.Sprintf("%d channels %d ms", channels, ms), func(t *testing.T) {
				e, d := openOpus(t, channels, 96000)
				n := 48 * ms
				in, out := make([]int16, n*channels), make([]int16, 5760*channels)
				var all, want []int16
				for i := range 500 / ms {
					tone(in, channels, i*n)
					packet, err := e.Encode(nil, in)
					if err != nil {
						t.Fatal(err)
					}
					got, err := d.Decode(out, packet)
					if err != nil || got != n {
						t.Fatalf("Decode() = %d, %v; want %d", got, err, n)
					}
					all, want = append(all, out[:got*channels]...), append(want, in...)
				}
				if c := correlation(all, want, channels); c < 0.95 {
					t.Errorf("correlation = %.3f; want 0.95 or more", c)
				}
			})
		}
	}
}

func TestOpusLoss(t *testing.T) {
	recover := map[string]func(d *libav.OpusDecoder, dst []int16, next []byte) (int, error){
		"conceal": func(d *libav.OpusDecoder, dst []int16, _ []byte) (int, error) { return d.Conceal(dst) },
		"fec":     (*libav.OpusDecoder).DecodeFEC,
		"fec without a next packet": func(d *libav.OpusDecoder, dst []int16, _ []byte) (int, error) {
			return d.DecodeFEC(dst, nil)
		},
	}
	for name, lost := range recover {
		t.Run(name, func(t *testing.T) {
			e, d := openOpus(t, 2, 128000)
			e.SetLoss(20)
			in, out := make([]int16, 960), make([]int16, 960)
			for i := range 40 {
				tone(in, 2, i*480)
				packet, err := e.Encode(nil, in)
				if err != nil {
					t.Fatal(err)
				}
				if i == 30 {
					if n, err := lost(d, out, packet); n != 480 || err != nil {
						t.Fatalf("recover = %d, %v; want 480", n, err)
					}
					if got := energy(out); got < 3000 {
						t.Errorf("recovered energy = %.0f; want the tone to go on", got)
					}
				}
				if _, err := d.Decode(out, packet); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestOpusErrors(t *testing.T) {
	if _, err := libav.NewOpusEncoder(6, 96000); err == nil {
		t.Error("NewOpusEncoder(6) = nil; want an error")
	}
	e, d := openOpus(t, 2, 96000)
	if _, err := e.Encode(nil, make([]int16, 100)); err == nil {
		t.Error("Encode(100 samples) = nil; want an error")
	}
	out := make([]int16, 11520)
	for _, packet := range [][]byte{nil, {0xff}, {0xff, 0xff, 0xff}, make([]byte, 3000)} {
		if _, err := d.Decode(out, packet); err == nil && len(packet) != 3000 {
			t.Errorf("Decode(%d bytes) = nil; want an error", len(packet))
		}
	}
	if _, err := d.Conceal(nil); err == nil {
		t.Error("Conceal(nil) = nil; want an error")
	}
	e.Close()
	d.Close()
	if _, err := e.Encode(nil, make([]int16, 960)); err == nil {
		t.Error("Encode() after Close = nil; want an error")
	}
	if _, err := d.Decode(out, []byte{0xfc}); err == nil {
		t.Error("Decode() after Close = nil; want an error")
	}
}

func FuzzOpusDecode(f *testing.F) {
	f.Add([]byte{0xfc, 1, 2, 3})
	f.Fuzz(func(t *testing.T, packet []byte) {
		d, err := libav.NewOpusDecoder(2)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		out := make([]int16, 11520)
		n, err := d.Decode(out, packet)
		if err == nil && (n < 0 || n > 5760) {
			t.Errorf("Decode() = %d samples", n)
		}
	})
}

func BenchmarkOpus(b *testing.B) {
	e, d := openOpus(b, 2, 128000)
	in, out, buf := make([]int16, 480), make([]int16, 11520), make([]byte, 0, 2000)
	tone(in, 2, 0)
	b.ReportAllocs()
	for b.Loop() {
		packet, err := e.Encode(buf, in)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Decode(out, packet); err != nil {
			b.Fatal(err)
		}
	}
}
