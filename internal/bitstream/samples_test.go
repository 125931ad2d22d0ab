package bitstream_test

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
)

// Sequence parameter sets as x264 and x265 write them, by what is peculiar
// about each. ffmpeg's trace_headers filter reads the same from them as the
// tests here want.
var h264Samples = map[string]string{
	"baseline":   "6742c00dda05067e7c0440000003004000000f23c50aa8",
	"full range": "674d400deca0a0cfcf80db5280000003008000001e078a14cb",
	"high":       "6764000dacd941419f9f0110000003001000000303c0f1429960",
	"1080p60":    "6764002aacb200f0044fcb80b501010140000003004000001e23c60c92",
	"high 10":    "676e000da6cd941419f9f0110000030001000003003c0f142996",
	"4:2:2":      "677a000dbcd941419f8dc044000003000400000300f03c50a658",
	"4:4:4":      "67f4000d919b282833f1b80880000003008000001e078a14cb",
	"hrd":        "6764000dacd941419f9f0110000003001000000303c602001e840007a13930c03e28532c",
	"interlaced": "6764001facd940b424d8088000000300800000320f8b16cb",
}

var hevcSamples = map[string]string{
	"main":       "42010101600000030090000003000003003ca00a080b9f796566924caf016808000003000800000300f040",
	"1080p60":    "42010121600000030090000003000003007ba003c0801107cb96e92930bc05a808080820000003002000000781",
	"main 10":    "42010102200000030090000003000003003ca00a080b9f6d96566924e1780b4040000003004000000782",
	"4:4:4":      "4201010408000003009e0800000300003c9001410173e5cb2b349265780b4040000003004000000782",
	"sub-layers": "42010201600000030090000003000003003c0000a00a080b9f7965662b349265780b4040000003004000000782",
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rbspBits is the RBSP of a NAL unit with a header of one byte as a string of
// ones and zeros, without its trailing bits.
func rbspBits(nalu []byte) string {
	s := strings.TrimRight(bitstest.Text(nalu[1:]), "0")
	return s[:len(s)-1]
}

// randomH264 makes a valid sequence parameter set out of anything the standard
// allows, with a bitstream restriction of these two values or, when reorder is
// negative, without one.
func randomH264(rnd *rand.Rand, vui bool, refs, reorder, buffering int) []byte {
	var b bitstest.Bits
	coin := func() bool { return rnd.IntN(2) == 0 }
	profile := []uint64{66, 77, 100, 110, 122, 244}[rnd.IntN(6)]
	b.U(8, profile)
	b.U(8, uint64(rnd.IntN(16))<<4&^0x10)
	b.U(8, []uint64{10, 31, 42, 52}[rnd.IntN(4)])
	b.UE(uint64(rnd.IntN(32)))
	if profile >= 100 {
		chroma := uint64(rnd.IntN(4))
		b.UE(chroma)
		if chroma == 3 {
			b.Flag(false)
		}
		b.UE(uint64(rnd.IntN(3)))
		b.UE(uint64(rnd.IntN(3)))
		b.Flag(coin())
		lists(rnd, &b, chroma)
	}
	b.UE(uint64(rnd.IntN(13)))
	switch kind := rnd.IntN(3); kind {
	case 0:
		b.UE(0)
		b.UE(uint64(rnd.IntN(13)))
	case 1:
		b.UE(1)
		b.Flag(coin())
		b.SE(int64(rnd.IntN(100) - 50))
		b.SE(int64(rnd.IntN(100) - 50))
		n := rnd.IntN(6)
		b.UE(uint64(n))
		for range n {
			b.SE(int64(rnd.IntN(2000) - 1000))
		}
	default:
		b.UE(2)
	}
	b.UE(uint64(refs))
	b.Flag(coin())
	b.UE(uint64(3 + rnd.IntN(250)))
	b.UE(uint64(3 + rnd.IntN(130)))
	if frame := coin(); frame {
		b.Flag(true)
	} else {
		b.Flag(false)
		b.Flag(coin())
	}
	b.Flag(true)
	if crop := coin(); crop {
		b.Flag(true)
		for range 4 {
			b.UE(uint64(rnd.IntN(4)))
		}
	} else {
		b.Flag(false)
	}
	b.Flag(vui)
	if vui {
		randomVUI(rnd, &b, reorder, buffering)
	}
	return b.Unit(0x67)
}

func lists(rnd *rand.Rand, b *bitstest.Bits, chroma uint64) {
	if rnd.IntN(2) == 0 {
		b.Flag(false)
		return
	}
	b.Flag(true)
	n := 8
	if chroma == 3 {
		n = 12
	}
	for i := range n {
		if rnd.IntN(2) == 0 {
			b.Flag(false)
			continue
		}
		b.Flag(true)
		size, last := 16, 8
		if i >= 6 {
			size = 64
		}
		stop := rnd.IntN(2 * size) // some lists end early
		for j := range size {
			next := 1 + rnd.IntN(255)
			if j == stop {
				next = 0
			}
			delta := next - last
			if delta > 127 {
				delta -= 256
			}
			if delta < -128 {
				delta += 256
			}
			b.SE(int64(delta))
			if next == 0 {
				break
			}
			last = next
		}
	}
}

func randomVUI(rnd *rand.Rand, b *bitstest.Bits, reorder, buffering int) {
	option := func(write func()) {
		on := rnd.IntN(2) == 0
		b.Flag(on)
		if on {
			write()
		}
	}
	some := func(n int) func() { return func() { b.U(n, rnd.Uint64N(1<<n)) } }
	option(func() {
		b.U(8, 255)
		b.U(32, 0) // long rows of zeros want emulation prevention
	})
	option(some(1))
	option(func() {
		some(4)()
		option(some(24))
	})
	option(func() { b.UE(2); b.UE(3) })
	option(func() { b.U(32, 1); b.U(32, 50<<8); b.Flag(true) })
	hrd := false
	for range 2 {
		option(func() {
			hrd = true
			n := rnd.IntN(3)
			b.UE(uint64(n))
			some(8)()
			for range n + 1 {
				b.UE(uint64(rnd.IntN(1 << 20)))
				b.UE(uint64(rnd.IntN(1 << 20)))
				b.Flag(true)
			}
			some(20)()
		})
	}
	if hrd {
		b.Flag(rnd.IntN(2) == 0)
	}
	b.Flag(rnd.IntN(2) == 0)
	b.Flag(reorder >= 0)
	if reorder >= 0 {
		b.Flag(true)
		for _, v := range []int{rnd.IntN(17), rnd.IntN(17), rnd.IntN(16), rnd.IntN(16), reorder, buffering} {
			b.UE(uint64(v))
		}
	}
}
