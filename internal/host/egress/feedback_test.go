package egress_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
)

// What the terminal records of a path that loses and delays is what the host
// reads, to the 250 us of the format, over the end of every count.
func TestFeedbackRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	recorder, reader := receive.NewTWCC(1), egress.NewFeedback()
	start := time.Now()
	arrived, lost := map[uint16]time.Duration{}, 0
	var clock, offset time.Duration // the receiver's clock less ours
	known := false
	check := func(all []egress.Arrival) {
		for _, a := range all {
			want, ok := arrived[a.Seq]
			if ok == a.Lost || a.Probe != a.Seq {
				t.Fatalf("packet %d lost %v, probe %d; want %v, %d", a.Seq, a.Lost, a.Probe, !ok, a.Seq)
			}
			if a.Lost {
				lost++
				continue
			}
			if !known {
				known, offset = true, a.Received-want
			}
			if d := (a.Received - offset - want).Abs(); d > 500*time.Microsecond {
				t.Fatalf("packet %d arrived at %v; want %v", a.Seq, a.Received-offset, want)
			}
		}
	}
	seq := uint16(65000)
	sent, dropped := 0, 0
	for range 400 {
		for range rnd.IntN(60) {
			seq++
			sent++
			reader.Sent(seq, clock)
			delete(arrived, seq)
			clock += time.Duration(rnd.ExpFloat64() * float64(time.Millisecond))
			if rnd.IntN(10) == 0 && sent > 1 {
				dropped++
				continue
			}
			arrived[seq] = clock
			recorder.Record(start.Add(clock), 9, seq)
		}
		clock += time.Duration(rnd.IntN(200)) * time.Millisecond
		for _, p := range recorder.Feedback() {
			b, err := p.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			check(reader.Read(b[12:]))
			if again := reader.Read(b[12:]); len(again) != 0 {
				t.Fatalf("the same report again = %v; want nothing new", again)
			}
		}
	}
	reported, gotLost := reader.Counts()
	if tail := sent - int(reported); tail < 0 || tail > 60 || int(gotLost) != lost || dropped-lost > 60 {
		t.Errorf("%d of %d reported, %d lost; want all but the end, %d", reported, sent, gotLost, lost)
	}
}

// A packet that was reported lost and then received was late, not lost.
func TestLatePacket(t *testing.T) {
	f := egress.NewFeedback()
	for seq := range uint16(3) {
		f.Sent(seq, 0)
	}
	// Three statuses: received, lost, received; then 1 alone, received.
	all := f.Read([]byte{0, 0, 0, 3, 0, 0, 1, 0, 0b10_101000, 0, 4, 4, 0, 0})
	if len(all) != 3 || !all[1].Lost {
		t.Fatalf("Read() = %v; want 1 lost", all)
	}
	all = f.Read([]byte{0, 1, 0, 1, 0, 0, 1, 1, 0b001_00000, 1, 8, 0})
	if reported, lost := f.Counts(); len(all) != 1 || all[0].Lost || reported != 3 || lost != 0 {
		t.Errorf("Read() = %v, %d reported, %d lost; want 1 received, 3, 0", all, reported, lost)
	}
}

// FuzzHandleRTCP gives the host what a hostile terminal could.
func FuzzHandleRTCP(f *testing.F) {
	add := func(p rtcp.Packet) {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	add(&rtcp.TransportLayerNack{MediaSSRC: mediaSSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1, 2, 9})})
	add(&rtcp.PictureLossIndication{MediaSSRC: mediaSSRC})
	add(&rtcp.FullIntraRequest{FIR: []rtcp.FIREntry{{SSRC: mediaSSRC}}})
	add(&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e6, SSRCs: []uint32{mediaSSRC}})
	add(&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: mediaSSRC, LastSenderReport: 1, Delay: 2}}})
	add(&rtcp.SenderReport{Reports: []rtcp.ReceptionReport{{SSRC: mediaSSRC}}})
	f.Add([]byte{0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0xff, 0xff, 1, 2, 3, 4, 0x3f, 0xff, 0xdf, 0xff})
	f.Add([]byte{0xaf, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 200})
	r := newRig(f, true, discard{})
	if err := r.video.Send(egress.Frame{Data: annexB(nalu(media.CodecH264, 1, 9000)), ID: 1, Captured: time.Now(), Encoded: time.Now()}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r.HandleRTCP(time.Now(), b)
		if s := r.Stats(); s.Lost > s.Reported || s.Reported > s.Packets {
			t.Errorf("Stats() = %+v; want lost <= reported <= packets", s)
		}
	})
}

// Feedback costs no memory.
func TestFeedbackAllocates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, discard{})
		nack, err := (&rtcp.TransportLayerNack{MediaSSRC: mediaSSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1, 2, 9})}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		recorder := receive.NewTWCC(1)
		for seq := range uint16(500) {
			recorder.Record(time.Now(), mediaSSRC, seq)
		}
		report, err := recorder.Feedback()[0].Marshal()
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		if n := testing.AllocsPerRun(100, func() { r.HandleRTCP(now, nack); r.HandleRTCP(now, report) }); n != 0 {
			t.Errorf("HandleRTCP allocates %v times; want 0", n)
		}
	})
}
