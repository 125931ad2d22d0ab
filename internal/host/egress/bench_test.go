package egress_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
)

// discard is a socket that costs nothing.
type discard struct{}

func (discard) WriteRTP(*rtp.Header, []byte) (int, error) { return 0, nil }
func (discard) Write([]byte) (int, error)                 { return 0, nil }

// BenchmarkPacket measures one packet of a 10 kB frame from Send to socket.
func BenchmarkPacket(b *testing.B) {
	r := newRig(b, true, discard{})
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	frame := annexB(nalu(media.CodecH264, 1, 12_000)) // 11 packets
	perFrame := 11
	b.ReportAllocs()
	b.SetBytes(1200)
	for i := 0; i < b.N; i += perFrame {
		err := r.video.Send(egress.Frame{Data: frame, ID: uint32(i), Captured: time.Now(), Encoded: time.Now()})
		if err != nil {
			b.Fatal(err)
		}
		for r.video.Stats().Packets < uint64(i+perFrame) {
			runtime.Gosched()
		}
	}
	b.StopTimer()
	cancel()
	<-done
}
