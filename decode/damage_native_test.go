//go:build linux && cgo && !nonative

package decode_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// tracked opens software decoders and keeps them to be counted.
type tracked struct {
	mu  sync.Mutex
	all []*libav.Decoder
}

func (k *tracked) open(codec media.Codec) (decode.Backend, error) {
	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: codec, Threads: 1})
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.all = append(k.all, d)
	k.mu.Unlock()
	return d, nil
}

func (k *tracked) check(t testing.TB) {
	t.Helper()
	for i, d := range k.all {
		if got := d.Outstanding(); got != 0 {
			t.Errorf("backend %d: %d pictures out; want 0", i, got)
		}
	}
}

// damage returns a changed copy: cut short, a part left out or repeated, or
// bits flipped, in the parameter sets as likely as in the slices.
func damage(rnd *rand.Rand, data []byte) []byte {
	b := append([]byte(nil), data...)
	at := rnd.IntN(len(b))
	if rnd.IntN(2) == 0 {
		at = rnd.IntN(min(60, len(b)))
	}
	switch rnd.IntN(4) {
	case 0:
		return b[:at]
	case 1:
		return append(b[:at:at], data[rnd.IntN(len(data)):]...)
	case 2:
		return append(b, data[at:]...)
	}
	for range 1 + rnd.IntN(20) {
		b[at] ^= 1 << rnd.IntN(8)
		at = rnd.IntN(len(b))
	}
	return b
}

// TestDamagedStream breaks half of a stream in many ways, with keyframes that
// are none among them. Nothing may crash, hang or stay behind, and an unbroken
// keyframe has to decode afterwards.
func TestDamagedStream(t *testing.T) {
	for _, codec := range codecs {
		for _, link := range []string{"software", "vaapi", "vaapi-copy"} {
			t.Run(codec.String()+" "+link, func(t *testing.T) {
				var k tracked
				open, rounds := k.open, 40
				if link != "software" {
					open, rounds = hardware(t, vatest.Knobs{}, link == "vaapi").Open, 10
				}
				units := stream(t, codec, 176, 144, 10, 10)
				p := newPlayer(t, open, 0)
				id := uint32(0)
				give := func(key bool, data []byte) {
					id++
					p.submit(codec, id, key, data)
					p.back(id)
				}
				rnd := rand.New(rand.NewPCG(7, 8))
				for range rounds {
					for i, data := range units {
						if rnd.IntN(2) == 0 {
							data = damage(rnd, data)
						}
						give(i == 0 || rnd.IntN(8) == 0, data)
					}
				}
				before := p.d.Stats()
				give(true, units[0])
				s := p.stop()
				k.check(t)
				if s.Decoded != before.Decoded+1 || s.Hangs != 0 || s.Dropped[decode.DropRefused] == 0 {
					t.Errorf("Stats() = %+v after %+v; want one picture more, none hung, some refused", s, before)
				}
			})
		}
	}
}

// TestTwentyRealFailures: garbage rebuilds the backend, and a keyframe repairs
// the picture.
func TestTwentyRealFailures(t *testing.T) {
	for _, codec := range codecs {
		t.Run(codec.String(), func(t *testing.T) {
			var k tracked
			p := newPlayer(t, k.open, 0)
			units := stream(t, codec, 176, 144, 2, 2)
			p.submit(codec, 1, true, units[0])
			p.back(1)
			for id := uint32(2); id <= 21; id++ {
				p.submit(codec, id, false, []byte{0, 0, 0, 1, 0x09})
				p.back(id)
			}
			if s := p.d.Stats(); s.Rebuilds != 1 {
				t.Errorf("Rebuilds after 20 failures = %d; want 1: %+v", s.Rebuilds, s)
			}
			p.submit(codec, 22, true, units[0])
			p.back(22)
			if s := p.stop(); s.Decoded != 2 || len(k.all) != 2 {
				t.Errorf("decoded %d with %d backends; want 2, 2", s.Decoded, len(k.all))
			}
			k.check(t)
		})
	}
}

// FuzzDecoder feeds whole decoders. The first byte says the codec and which of
// the access units, cut at each 0xff 0xfe, are keyframes.
func FuzzDecoder(f *testing.F) {
	for i, codec := range codecs {
		var seed []byte
		for j, data := range stream(f, codec, 64, 64, 3, 3) {
			if j > 0 {
				seed = append(seed, 0xff, 0xfe)
			}
			seed = append(seed, data...)
		}
		f.Add(byte(i|2), seed)
		f.Add(byte(i|0x7e), seed)
	}
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		if len(data) > 1<<16 {
			return // libavcodec conceals what a size that is made up asks for
		}
		codec := codecs[kind&1]
		var k tracked
		p := newPlayer(t, k.open, 0)
		id := uint32(0)
		for _, unit := range split(data) {
			id++
			p.submit(codec, id, kind>>(1+(id-1)%7)&1 == 1, unit)
			p.back(id)
		}
		s := p.stop()
		k.check(t)
		if s.Hangs != 0 {
			t.Errorf("%d hangs; want none", s.Hangs)
		}
		if len(p.shown) != int(s.Decoded) {
			t.Errorf("%d shown; want %d", len(p.shown), s.Decoded)
		}
	})
}

// split cuts at 0xff 0xfe, into at most 20 access units.
func split(data []byte) (units [][]byte) {
	start := 0
	for i := 0; i+1 < len(data) && len(units) < 19; i++ {
		if data[i] == 0xff && data[i+1] == 0xfe {
			units = append(units, data[start:i])
			start = i + 2
			i++
		}
	}
	return append(units, data[start:])
}
