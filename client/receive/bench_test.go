package receive_test

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/flexfec"
	"github.com/blade-shadow/terminal/internal/media"
)

// BenchmarkReceive measures the whole pipeline on a stream like 720p60 at
// 10 Mb/s: about 17 packets a frame. One operation is one packet sent; loss2
// loses every fiftieth and repairs it by RTX; fec has one repair packet for
// every frame besides, and repairs by that. Feedback is built every 50 ms. At 50
// Mb/s there are some 5300 packets a second.
func BenchmarkReceive(b *testing.B) {
	b.Run("clean", func(b *testing.B) { benchReceive(b, 0, false) })
	b.Run("loss2", func(b *testing.B) { benchReceive(b, 50, false) })
	b.Run("fec", func(b *testing.B) { benchReceive(b, 0, true) })
	b.Run("fec loss2", func(b *testing.B) { benchReceive(b, 50, true) })
}

type benchStream struct {
	packets, repairs [][]byte // a whole number of turns of the sequence space
	perFrame         int
}

// newBenchStream makes the packets of 65536 sequence numbers.
func newBenchStream() benchStream {
	const perFrame = 16 // divides 65536, so that the stream can be repeated
	h := newHost(media.CodecH264, 1)
	h.mtu = 1200
	s := benchStream{perFrame: perFrame}
	for n := 0; len(s.packets) < 65536; n++ {
		h.skip()
		body := h.nalu([]byte{0x41}, 1)[:1]
		if n == 0 {
			body[0] = 0x65
		}
		body = append(body, make([]byte, (perFrame-1)*(h.mtu-3)-500)...)
		payloads := h.fragments(body)
		first := []byte{9, 0x10} // access unit delimiter
		if n == 0 {
			first = h.aggregate(h.parameterSets())
		}
		payloads = append([][]byte{first}, payloads...)
		for i, p := range payloads {
			packet := h.packet(p, i == 0, i == len(payloads)-1, epoch)
			s.packets = append(s.packets, packet)
			s.repairs = append(s.repairs, rtx(packet, seqOf(packet)))
		}
	}
	return s
}

// protect makes one repair packet for each frame.
func (s *benchStream) protect(b *testing.B) (all [][]byte) {
	e := flexfec.NewEncoder(flexfec.Mutable{TransportCC: extIDs.TWCC})
	for i := 0; i < len(s.packets); i += s.perFrame {
		if err := e.Begin(mediaSSRC, seqOf(s.packets[i]), s.perFrame, 1); err != nil {
			b.Fatal(err)
		}
		for k, p := range s.packets[i : i+s.perFrame] {
			e.Add(k, p)
		}
		all = append(all, e.Repair(0, rtpHeader(fecSSRC, uint16(len(all)), 0, false, nil)))
	}
	return all
}

func benchReceive(b *testing.B, loseEvery int, fec bool) {
	s := newBenchStream()
	if len(s.packets) != 65536 {
		b.Fatalf("%d packets in the stream; want 65536", len(s.packets))
	}
	var protection [][]byte
	if fec {
		protection = s.protect(b)
	}
	frames := 0
	wanted := make([]uint16, 0, receive.MaxNACKs)
	twcc, reports := receive.NewTWCC(1), receive.NewReports(1)
	v, err := receive.NewVideo(receive.VideoConfig{
		Codec:        media.CodecH264,
		Extensions:   extIDs,
		FEC:          fec,
		OnAccessUnit: func(au *media.AccessUnit) { frames++; au.Release() },
		SendNACK:     func(_ uint32, seqs []uint16) { wanted = append(wanted, seqs...) },
		RTT:          func() time.Duration { return time.Millisecond },
		TWCC:         twcc,
		Reports:      reports.Add(90000),
	})
	if err != nil {
		b.Fatal(err)
	}
	now := epoch
	turn := func(from, to int) {
		for i := from; i < to; i++ {
			now = now.Add(time.Second / 60 / 16)
			if loseEvery == 0 || i%loseEvery != loseEvery-1 {
				v.Packet(now, s.packets[i&0xffff])
			}
			if fec && i%s.perFrame == s.perFrame-1 {
				v.FEC(now, protection[i&0xffff/s.perFrame])
			}
			if i%3 == 0 {
				for _, seq := range wanted {
					v.RTX(now, s.repairs[seq])
				}
				wanted = wanted[:0]
			}
			if i%48 == 0 {
				twcc.Feedback()
				v.Tick(now)
			}
		}
	}
	const warm = 8192
	turn(0, warm)
	var before, after runtime.MemStats
	frames = 0
	b.ReportAllocs()
	b.ResetTimer()
	runtime.ReadMemStats(&before)
	turn(warm, warm+b.N)
	runtime.ReadMemStats(&after)
	b.StopTimer()
	allocs := float64(after.Mallocs - before.Mallocs)
	// Whatever else the program allocates, once in some thousand packets, is not theirs.
	b.ReportMetric(math.Round(1000*allocs/float64(b.N))/1000, "allocs/packet")
	b.ReportMetric(allocs/float64(max(frames, 1)), "allocs/frame")
	b.ReportMetric(float64(b.N)/float64(max(frames, 1)), "packets/frame")
	if lost := v.Stats().LostBy; lost != [media.NumCauses]uint64{} && b.N < 50000 {
		b.Fatalf("LostBy = %v; want none", lost)
	}
}
