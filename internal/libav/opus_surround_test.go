//go:build linux && cgo && !nonative

package libav_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
)

// pitch is the tone of a channel in Hz: low enough that LFE has it too.
func pitch(channel int) float64 { return 50 + 10*float64(channel) }

// strength is how much of a tone is in one channel of pcm.
func strength(pcm []int16, channel, channels int, hertz float64) float64 {
	var re, im float64
	n := len(pcm) / channels
	for i := range n {
		v := float64(pcm[i*channels+channel])
		re += v * math.Cos(2*math.Pi*hertz*float64(i)/48000)
		im += v * math.Sin(2*math.Pi*hertz*float64(i)/48000)
	}
	return 2 * math.Hypot(re, im) / float64(n)
}

func openSurround(t testing.TB, channels int) (*libav.OpusSurroundEncoder, *libav.OpusSurroundDecoder) {
	t.Helper()
	e, err := libav.NewOpusSurroundEncoder(channels, 96000*channels)
	if err != nil {
		t.Fatal(err)
	}
	layout, err := libav.OpusFamily1(channels)
	if err != nil {
		t.Fatal(err)
	}
	d, err := libav.NewOpusSurroundDecoder(layout)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(); d.Close() })
	return e, d
}

// TestSurroundChannels gives each channel a tone of its own: it must come out
// of the same channel, and of no other.
func TestSurroundChannels(t *testing.T) {
	for _, channels := range []int{2, 6, 8} {
		t.Run(fmt.Sprint(channels), func(t *testing.T) {
			e, d := openSurround(t, channels)
			in, out := make([]int16, 480*channels), make([]int16, 5760*channels)
			var all []int16
			for frame := range 120 {
				for i := range in {
					at := float64(frame*480 + i/channels)
					in[i] = int16(8000 * math.Sin(2*math.Pi*pitch(i%channels)*at/48000))
				}
				packet, err := e.Encode(nil, in)
				if err != nil {
					t.Fatal(err)
				}
				n, err := d.Decode(out, packet)
				if err != nil || n != 480 {
					t.Fatalf("Decode() = %d, %v; want 480", n, err)
				}
				if frame >= 20 { // a whole second
					all = append(all, out[:n*channels]...)
				}
			}
			for channel := range channels {
				for other := range channels {
					got := strength(all, channel, channels, pitch(other))
					if channel == other && got < 4000 {
						t.Errorf("channel %d has its own tone at %.0f; want about 8000", channel, got)
					}
					if channel != other && got > 1000 {
						t.Errorf("channel %d has the tone of channel %d at %.0f; want none", channel, other, got)
					}
				}
			}
		})
	}
}

// TestFamily1Mapping puts a tone in where Vorbis' order has it: that the
// encoder and the decoder agree with each other does not say that they are right.
func TestFamily1Mapping(t *testing.T) {
	// A layout that gives the streams of a 5.1 packet in Vorbis' order to a
	// decoder of eight channels, which has an order of its own.
	e, _ := openSurround(t, 6)
	layout, _ := libav.OpusFamily1(6)
	d, err := libav.NewOpusSurroundDecoder(libav.OpusLayout{ // five channels keep their order
		Channels: 5, Streams: layout.Streams, Coupled: layout.Coupled, Mapping: layout.Mapping,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	in, out := make([]int16, 480*6), make([]int16, 5760*5)
	var all []int16
	for frame := range 100 {
		for i := 2; i < len(in); i += 6 { // the centre, third in WAVE's order
			in[i] = int16(8000 * math.Sin(2*math.Pi*300*float64(frame*480+i/6)/48000))
		}
		packet, err := e.Encode(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		n, err := d.Decode(out, packet)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out[:n*5]...)
	}
	for channel := range 5 { // the centre is second in Vorbis' order
		got := strength(all, channel, 5, 300)
		if (channel == 1) != (got > 4000) || channel != 1 && got > 1000 {
			t.Errorf("Vorbis channel %d has the centre's tone at %.0f", channel, got)
		}
	}
}

func TestSurroundLossAndErrors(t *testing.T) {
	e, d := openSurround(t, 6)
	in, out := make([]int16, 480*6), make([]int16, 480*6)
	for frame := range 30 {
		tone(in, 6, frame*480)
		packet, err := e.Encode(nil, in)
		if err != nil {
			t.Fatal(err)
		}
		if frame == 25 {
			if n, err := d.Conceal(out); n != 480 || err != nil || energy(out) < 1000 {
				t.Fatalf("Conceal() = %d, %v with energy %.0f; want the tone to go on", n, err, energy(out))
			}
			if n, err := d.DecodeFEC(out, packet); n != 480 || err != nil {
				t.Fatalf("DecodeFEC() = %d, %v; want 480", n, err)
			}
		}
		if _, err := d.Decode(out, packet); err != nil {
			t.Fatal(err)
		}
	}
	for _, packet := range [][]byte{nil, {0xff}, {0xfc, 1, 2}} {
		if _, err := d.Decode(out, packet); !errors.Is(err, libav.ErrInvalidData) {
			t.Errorf("Decode(% x) = %v; want ErrInvalidData", packet, err)
		}
	}
	if _, err := libav.NewOpusSurroundDecoder(libav.OpusLayout{}); err == nil {
		t.Error("NewOpusSurroundDecoder(no layout) = nil; want an error")
	}
	if _, err := libav.NewOpusSurroundEncoder(3, 96000); err == nil {
		t.Error("NewOpusSurroundEncoder(3) = nil; want an error")
	}
	e.Close()
	d.Close()
	if _, err := e.Encode(nil, in); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Encode() after Close = %v; want os.ErrClosed", err)
	}
	if _, err := d.Conceal(out); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Conceal() after Close = %v; want os.ErrClosed", err)
	}
}

func FuzzOpusSurroundDecode(f *testing.F) {
	e, _ := openSurround(f, 6)
	packet, err := e.Encode(nil, make([]int16, 480*6))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packet)
	f.Add([]byte{0xfc, 1, 2, 3})
	f.Fuzz(func(t *testing.T, packet []byte) {
		layout, _ := libav.OpusFamily1(6)
		d, err := libav.NewOpusSurroundDecoder(layout)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if n, err := d.Decode(make([]int16, 5760*6), packet); err == nil && (n < 0 || n > 5760) {
			t.Errorf("Decode() = %d samples", n)
		}
	})
}

// TestVoiceCopies loses every fifth packet of a voice: the copy in the next
// packet must be nearer to what was said than what is made up.
func TestVoiceCopies(t *testing.T) {
	for _, ms := range []int{10, 20} {
		t.Run(fmt.Sprintf("%d ms", ms), func(t *testing.T) {
			e, err := libav.NewOpusVoiceEncoder(32000)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			var decoders [3]*libav.OpusDecoder // without loss, with copies, without copies
			for i := range decoders {
				if decoders[i], err = libav.NewOpusDecoder(1); err != nil {
					t.Fatal(err)
				}
				defer decoders[i].Close()
			}
			n := 48 * ms
			in, clean, got := make([]int16, n), make([]int16, n), make([]int16, n)
			var copied, made float64
			var before, lost []byte
			for frame := range 2000 / ms {
				voice(in, frame*n)
				packet, err := e.Encode(nil, in)
				if err != nil {
					t.Fatal(err)
				}
				if before != nil {
					if _, err := decoders[0].Decode(clean, before); err != nil {
						t.Fatal(err)
					}
					if lost != nil {
						if _, err := decoders[1].DecodeFEC(got, packet); err != nil {
							t.Fatal(err)
						}
						copied += distance(got, clean)
						if _, err := decoders[2].Conceal(got); err != nil {
							t.Fatal(err)
						}
						made += distance(got, clean)
					} else {
						for _, d := range decoders[1:] {
							if _, err := d.Decode(got, before); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				before, lost = packet, nil
				if frame%5 == 4 {
					lost = packet
				}
			}
			t.Logf("distance: %.3g copied, %.3g made up", copied, made)
			if copied > made/2 {
				t.Errorf("copies are %.3g from what was said and made up sound %.3g; want less than half", copied, made)
			}
		})
	}
}

// voice fills pcm with harmonics whose pitch moves quickly, which cannot be
// guessed.
func voice(pcm []int16, at int) {
	for i := range pcm {
		s := float64(at+i) / 48000
		v := 0.0
		for k := 1; k <= 15; k++ {
			v += math.Sin(float64(k)*(2*math.Pi*150*s+12*math.Sin(2*math.Pi*4*s))) / float64(k)
		}
		pcm[i] = int16(5000 * v * (0.6 + 0.4*math.Sin(2*math.Pi*7*s)))
	}
}

func distance(a, b []int16) (sum float64) {
	for i := range a {
		sum += math.Pow(float64(a[i])-float64(b[i]), 2)
	}
	return sum
}
