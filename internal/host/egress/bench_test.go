package egress_test

import (
	"context"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
)

// discard is a socket that costs nothing.
type discard struct{}

func (discard) WriteRTP(*rtp.Header, []byte) (int, error) { return 0, nil }
func (discard) Write([]byte) (int, error)                 { return 0, nil }

// perFrame is how many packets a frame of the benchmarks has.
const perFrame = 11

// benchPackets sends b.N packets in frames and calls after for each frame.
func benchPackets(b *testing.B, r *rig, after func(packets int)) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	frame := annexB(nalu(media.CodecH264, 1, 12_000))
	b.ReportAllocs()
	b.SetBytes(1200)
	b.ResetTimer()
	for i := 0; i < b.N; i += perFrame {
		err := r.video.Send(egress.Frame{Data: frame, ID: uint32(i), Captured: time.Now(), Encoded: time.Now()})
		if err != nil {
			b.Fatal(err)
		}
		for r.video.Stats().Packets < uint64(i+perFrame) {
			runtime.Gosched()
		}
		after(perFrame)
	}
	b.StopTimer()
	cancel()
	<-done
}

// BenchmarkPacket measures one packet of a 10 kB frame from Send to socket.
func BenchmarkPacket(b *testing.B) {
	benchPackets(b, newRig(b, true, discard{}), func(int) {})
}

// BenchmarkPacketProtected is BenchmarkPacket with two FEC packets for each
// frame of eleven, and with transport feedback.
func BenchmarkPacketProtected(b *testing.B) {
	r := &rig{}
	var err error
	if r.Sender, err = egress.New(egress.Config{WriteRTCP: func([]rtcp.Packet) error { return nil }}); err != nil {
		b.Fatal(err)
	}
	if r.video, err = r.AddVideo(egress.VideoConfig{Codec: media.CodecH264, FPS: 60}); err != nil {
		b.Fatal(err)
	}
	_, err = r.video.Bind(binding{
		ssrc: mediaSSRC, repair: repairSSRC, fec: fecSSRC, socket: discard{},
		codecs: []webrtc.RTPCodecParameters{
			codec(webrtc.MimeTypeH264, "", mediaPT), codec(webrtc.MimeTypeRTX, "apt=102", repairPT), codec(webrtc.MimeTypeFlexFEC03, "", fecPT),
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	r.Protect(0.15)
	report := newReport()
	next, sent := uint16(1), 0
	benchPackets(b, r, func(packets int) {
		for sent += packets; sent >= 64; sent -= 64 {
			r.HandleRTCP(time.Now(), report.of(next))
			next += 64
		}
	})
	s := r.Stats()
	b.ReportMetric(float64(r.video.Stats().FECPackets)/float64(max(s.Packets, 1)), "fec/packet")
	if n := r.video.Stats().FECPackets; b.N > 1000 && n < uint64(b.N)/10 {
		b.Errorf("%d FEC packets of %d; want 2 for each frame", n, b.N)
	}
}

// report is feedback about 64 packets, of which the last is lost.
type report []byte

func newReport() report {
	b := report{0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 64, 0, 0, 0, 0, 0x20, 63, 0, 1}
	for range 63 {
		b = append(b, 1)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)/4-1))
	return b
}

func (r report) of(first uint16) []byte {
	binary.BigEndian.PutUint16(r[12:], first)
	return r
}
