//go:build linux && !nonative

package hostile_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
)

// picture sends an access unit in Annex B, of the present RTP time.
func (s *stream) picture(unit []byte) {
	payloads := (&codecs.H264Payloader{}).Payload(1200, unit)
	for i, p := range payloads {
		s.next(p, i == len(payloads)-1)
		if i%16 == 15 {
			time.Sleep(time.Millisecond) // or the socket's buffer overflows
		}
	}
}

// burst sends n packets, as fast as the terminal's socket may take them.
func burst(ctx context.Context, n int, send func(i int)) {
	for i := range n {
		if i%64 == 63 {
			time.Sleep(time.Millisecond)
		}
		if ctx.Err() != nil {
			return
		}
		send(i)
	}
}

func garbage(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func chance() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

// packets is what a host can do by RTP.
func packets() []attack {
	return []attack{
		{name: "SSRC flood", then: ssrcFlood, want: "RTP sources"},
		{name: "sequence jumps", then: sequenceJumps},
		{name: "wrong payload types", then: payloadTypes},
		{name: "header extensions", then: extensions},
		{name: "no RTP", then: noRTP},
		{name: "garbage in NAL units", then: garbageUnits},
		{name: "frame without end", then: endlessFrame},
		{name: "large frames", then: largeFrames},
		{name: "times jump", then: timeJumps},
		{name: "duplicates", then: duplicates},
		{name: "repairs of everything", then: repairs},
		{name: "FEC", then: fecLoops},
		{name: "garbage sound", then: garbageSound},
	}
}

func ssrcFlood(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 100_000, func(int) {
		h := v.video.header
		h.SSRC, h.SequenceNumber = r.Uint32(), uint16(r.Uint32())
		v.video.send(&h, garbage(r, 64))
	})
}

func sequenceJumps(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 100_000, func(i int) {
		h := v.video.header
		h.SequenceNumber, h.Timestamp, h.Marker = uint16(r.Uint32()), uint32(i), i%3 == 0
		if i%4 == 0 { // as if a new sequence had begun
			h.SequenceNumber = uint16(i/4) * 30011
		}
		v.video.send(&h, append([]byte{0x65}, garbage(r, 900)...))
	})
}

func payloadTypes(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 30_000, func(i int) {
		h := v.video.header
		h.PayloadType, h.SequenceNumber, h.Timestamp = uint8(i%128), uint16(i), uint32(i/10*3000)
		v.video.send(&h, garbage(r, r.IntN(1200)))
	})
}

func extensions(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	profiles := []uint16{0xbede, 0x1000, 0x100f, 0, 0xffff, uint16(r.Uint32())}
	burst(ctx, 30_000, func(i int) {
		// A header by hand: what pion's own reading lets through goes on.
		words := r.IntN(40)
		b := []byte{0x90 | byte(r.IntN(16)), 0x80 | ptH264, byte(i >> 8), byte(i), 0, 0, byte(i), 0}
		b = binary.BigEndian.AppendUint32(b, v.video.header.SSRC)
		b = append(b, garbage(r, 4*int(b[0]&15))...)
		b = binary.BigEndian.AppendUint16(b, profiles[i%len(profiles)])
		b = binary.BigEndian.AppendUint16(b, uint16(words))
		b = append(b, garbage(r, 4*words)...)
		b = append(b, garbage(r, r.IntN(300))...)
		_, _ = v.video.out.WriteStream().Write(b)
		h := rtp.Header{Version: 2, PayloadType: ptH264, SSRC: v.video.header.SSRC, SequenceNumber: uint16(i), Timestamp: uint32(i)}
		for id := uint8(1); id < 15; id++ {
			_ = h.SetExtension(id, garbage(r, 1+r.IntN(16))) // sizes that the extensions do not have
		}
		v.video.send(&h, garbage(r, 100))
	})
}

// noRTP throws bytes at the terminal's socket that no key protects.
func noRTP(ctx context.Context, t *testing.T, v *visit) {
	pair, err := v.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil {
		t.Error(err)
		return
	}
	to := &net.UDPAddr{IP: net.ParseIP(pair.Remote.Address), Port: int(pair.Remote.Port)}
	r := chance()
	burst(ctx, 60_000, func(i int) {
		b := garbage(r, r.IntN(1400))
		if len(b) > 0 { // STUN, DTLS, TURN channels, RTP, and all others (RFC 7983)
			b[0] = []byte{0, 1, 20, 22, 23, 64, 128, 144, 200}[i%9]
		}
		_, _ = v.udp.WriteTo(b, to)
	})
}

func garbageUnits(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	for _, pt := range []uint8{ptH264, ptHEVC} {
		burst(ctx, 30_000, func(i int) {
			h := &v.video.header
			h.PayloadType, h.Timestamp = pt, uint32(i/5*3000)
			b := garbage(r, 1+r.IntN(1200))
			if pt == ptHEVC {
				b[0] = byte(i%64) << 1
			} else {
				b[0] = byte(i % 128)
			}
			v.video.next(b, i%5 == 4)
		})
	}
}

func endlessFrame(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	b := garbage(r, 1200)
	b[0], b[1] = 28, 0x85
	burst(ctx, 30_000, func(int) {
		v.video.next(b, false) // 36 MB of one time, never a marker
		b[1] = 0x05
	})
}

// largeFrames sends keyframes as large as they may be, for both codecs and of
// all sizes that buffers might grow to.
func largeFrames(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	sets := []byte{24, 0, 22, 0x67, 0x64, 0, 0x0a, 0xac, 0xb4, 0x31, 0xb6, 0x20, 0, 0, 3, 0, 0x20, 0, 0, 0x07, 0x91, 0xe2, 0x44, 0xd4, 0, 0, 6, 0x68, 0xef, 0x0f, 0x2c, 0x8b, 0x80}
	for n := range 24 {
		if ctx.Err() != nil {
			return
		}
		h := &v.video.header
		h.Timestamp += 3000
		kind := []byte{28, 5}
		if h.PayloadType = ptH264; n%2 == 1 {
			h.PayloadType, kind = ptHEVC, []byte{49 << 1, 1, 19}
		} else {
			v.video.next(sets, false)
		}
		b := append(append([]byte{}, kind...), garbage(r, 1200)...)
		last := len(kind) - 1
		b[last] |= 0x80
		count := 6800 - 100*(n/2)       // 8 MB and less
		burst(ctx, count, func(i int) { // slow enough for the terminal to read all
			if i == 1 {
				b[last] &^= 0x80
			}
			if i == count-1 {
				b[last] |= 0x40
			}
			v.video.next(b, i == count-1)
		})
	}
}

func timeJumps(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 30_000, func(i int) {
		v.video.header.Timestamp = r.Uint32()
		v.video.next(append([]byte{0x65}, garbage(r, 500)...), i%2 == 0)
	})
}

func duplicates(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	b := append([]byte{0x65}, garbage(r, 1000)...)
	for range 30 {
		v.video.header.SequenceNumber++
		v.video.header.Timestamp += 3000
		burst(ctx, 1000, func(int) { v.video.send(&v.video.header, b) })
	}
}

// repairs repeats packets that were, that were not, and that never can be.
func repairs(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 60_000, func(i int) {
		if i%3 == 0 {
			v.video.header.SequenceNumber += uint16(r.IntN(4)) // holes
			v.video.header.Timestamp += 3000
			v.video.next(append([]byte{0x65}, garbage(r, 300)...), true)
			return
		}
		h := v.video.header
		h.PayloadType, h.SSRC, h.SequenceNumber = ptH264+1, uint32(v.video.out.SSRCRetransmission()), uint16(i)
		about := h.SequenceNumber
		if i%2 == 0 {
			about = uint16(r.Uint32())
		}
		v.video.send(&h, append(binary.BigEndian.AppendUint16(nil, about), garbage(r, r.IntN(1200))...))
	})
}

// fecLoops sends repair packets that protect each other's repairs, themselves,
// everything and nothing, and nonsense.
func fecLoops(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	media := v.video.header.SSRC
	burst(ctx, 60_000, func(i int) {
		if i%4 == 0 {
			v.video.header.SequenceNumber += uint16(r.IntN(3))
			v.video.header.Timestamp += 3000
			v.video.next(append([]byte{0x65}, garbage(r, 300)...), true)
			return
		}
		h := v.video.header
		h.PayloadType, h.SSRC, h.SequenceNumber = ptFEC, uint32(v.video.out.SSRCForwardErrorCorrection()), uint16(i)
		about := media
		if i%5 == 0 {
			about = h.SSRC
		}
		b := garbage(r, 10) // flags, lengths and time to recover
		b[0] &= 0x3f
		b = append(b[:8], 1, 0, 0, 0)
		b = binary.BigEndian.AppendUint32(b, about)
		b = binary.BigEndian.AppendUint16(b, v.video.header.SequenceNumber-uint16(r.IntN(110)))
		b = append(b, garbage(r, 14)...) // masks of every kind
		if i%7 == 0 {
			b = b[:r.IntN(len(b))]
		} else {
			b = append(b, garbage(r, r.IntN(1100))...)
		}
		v.video.send(&h, b)
	})
}

func garbageSound(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 30_000, func(i int) {
		v.sound.header.Timestamp += []uint32{240, 0, 1 << 31, 3, 48000}[r.IntN(5)]
		v.sound.header.SequenceNumber += uint16(r.IntN(3))
		v.sound.next(garbage(r, r.IntN(1300)), i%9 == 0)
	})
}
