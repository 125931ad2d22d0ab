package receive_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/client/receive"
)

func TestReceiverReport(t *testing.T) {
	r := receive.NewReports(7)
	video, audio := r.Add(90000), r.Add(48000)
	if rr := r.ReceiverReport(epoch); rr != nil {
		t.Fatalf("ReceiverReport() before any packet = %v; want nil", rr)
	}
	// 100 packets over the wrap, every tenth lost, 10 ms apart as they say.
	for i := range 100 {
		if i%10 != 9 {
			video.Packet(epoch.Add(time.Duration(i)*10*time.Millisecond), mediaSSRC, uint16(65500+i), uint32(i*900))
		}
	}
	now := epoch.Add(time.Second)
	r.SenderReport(now, &rtcp.SenderReport{SSRC: mediaSSRC, NTPTime: 0x1111222233334444})
	r.SenderReport(now, &rtcp.SenderReport{SSRC: 99, NTPTime: 1})
	rr := r.ReceiverReport(now.Add(500 * time.Millisecond))
	if rr == nil || rr.SSRC != 7 || len(rr.Reports) != 1 {
		t.Fatalf("ReceiverReport() = %+v; want one block from 7", rr)
	}
	want := rtcp.ReceptionReport{
		SSRC: mediaSSRC, FractionLost: 9 * 256 / 99, TotalLost: 9, LastSequenceNumber: 1<<16 | (65500+98)&0xffff,
		LastSenderReport: 0x22223333, Delay: 32768,
	}
	if got := rr.Reports[0]; got != want {
		t.Errorf("block = %+v; want %+v", got, want)
	}
	audio.Packet(now, 5, 1, 0)
	audio.Packet(now.Add(10*time.Millisecond), 5, 2, 240) // 5 ms of sound 10 ms later
	rr = r.ReceiverReport(now)
	if len(rr.Reports) != 2 || rr.Reports[0].FractionLost != 0 || rr.Reports[0].TotalLost != 9 {
		t.Fatalf("second ReceiverReport() = %+v; want two blocks, nothing new lost", rr)
	}
	if got := rr.Reports[1].Jitter; got != 240/16 {
		t.Errorf("jitter = %d; want %d", got, 240/16)
	}
	if _, err := rr.Marshal(); err != nil {
		t.Errorf("Marshal() = %v", err)
	}
}

func TestReceiverReportRestart(t *testing.T) {
	r := receive.NewReports(7)
	s := r.Add(90000)
	for _, seq := range []uint16{1, 2, 3, 40000, 4, 5, 40001, 30000, 30001, 30002} {
		s.Packet(epoch, mediaSSRC, seq, 0)
	}
	b := r.ReceiverReport(epoch).Reports[0]
	if b.TotalLost != 0 || uint16(b.LastSequenceNumber) != 30002 {
		t.Errorf("block = %+v; want nothing lost, sequence number 30002", b)
	}
}
