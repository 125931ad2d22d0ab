package egress_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

func TestPacing(t *testing.T) {
	tests := []struct {
		name  string
		bytes int
		spans [2]time.Duration // the last packet leaves between
	}{
		{"small at once", 15_000, [2]time.Duration{0, 0}},
		{"large within half an interval", 250_000, [2]time.Duration{6 * time.Millisecond, 8333 * time.Microsecond}},
		{"medium in bursts of 16", 40_000, [2]time.Duration{2 * time.Millisecond, 2 * time.Millisecond}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, true, &fakeSocket{})
				r.start(t)
				start := time.Now()
				r.send(t, 1, tt.bytes)
				time.Sleep(100 * time.Millisecond)
				sent := r.socket.of(mediaSSRC)
				last := sent[len(sent)-1]
				if span := last.at.Sub(start); !last.Marker || span < tt.spans[0] || span > tt.spans[1] {
					t.Errorf("Send(%d bytes): marker %v after %v; want true, %v", tt.bytes, last.Marker, span, tt.spans)
				}
			})
		})
	}
}

func TestNewFrameReleasesOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		start := time.Now()
		r.send(t, 1, 250_000)
		time.Sleep(2 * time.Millisecond)
		r.send(t, 2, 1000)
		time.Sleep(100 * time.Millisecond)
		sent := r.socket.of(mediaSSRC)
		if late := sent[len(sent)-1].at.Sub(start); late != 2*time.Millisecond {
			t.Errorf("frame 2 left after %v; want 2ms, with the rest of frame 1 before it", late)
		}
		if !slices.IsSortedFunc(sent, func(a, b sentPacket) int { return int(int16(a.SequenceNumber - b.SequenceNumber)) }) {
			t.Error("packets left out of order")
		}
	})
}

func TestPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.send(t, 1, 10_000)
		if err := r.audio.Send([]byte("opus"), 0, time.Now()); err != nil {
			t.Fatal(err)
		}
		r.start(t)
		synctest.Wait()
		if got := r.socket.packets[0].SSRC; got != audioSSRC {
			t.Errorf("first SSRC = %d; want %d, the sound", got, audioSSRC)
		}
		for i, p := range r.socket.packets {
			if got := binary.BigEndian.Uint16(p.GetExtension(1)); got != uint16(i+1) {
				t.Errorf("transport-wide number of packet %d = %d; want %d", i, got, i+1)
			}
		}
	})
}

func TestExtensions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		captured := time.Now().Add(-5 * time.Millisecond)
		r.send(t, 77, 30_000) // 26 packets, two bursts
		time.Sleep(50 * time.Millisecond)
		sent := r.socket.of(mediaSSRC)
		for i, p := range sent {
			first, last := i == 0, i == len(sent)-1
			if has := p.GetExtension(2) != nil; has != first {
				t.Errorf("packet %d has abs-capture-time %v; want %v", i, has, first)
			}
			if has := p.GetExtension(3) != nil; has != last || p.Marker != last {
				t.Errorf("packet %d has frame-timing %v, marker %v; want %v", i, has, p.Marker, last)
			}
		}
		if got := wire.NTPToTime(binary.BigEndian.Uint64(sent[0].GetExtension(2))); !got.Equal(captured) {
			t.Errorf("abs-capture-time = %v; want %v", got, captured)
		}
		got, err := wire.ParseFrameTiming(sent[len(sent)-1].GetExtension(3))
		want := wire.FrameTiming{Frame: 77, Encoded: 5 * time.Millisecond, SentFirst: 5 * time.Millisecond, Sent: 6 * time.Millisecond}
		if err != nil || got != want {
			t.Errorf("frame-timing = %+v, %v; want %+v", got, err, want)
		}
	})
}

func TestRepairsAreNumberedWhenSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		r.send(t, 1, 50_000)
		time.Sleep(20 * time.Millisecond)
		sent := r.socket.of(mediaSSRC)
		wanted := []int{3, 4, 17, 30, 41}
		for _, i := range wanted {
			r.nack(sent[i].SequenceNumber)
			time.Sleep(time.Millisecond)
		}
		repairs := r.socket.of(repairSSRC)
		if len(repairs) != len(wanted) {
			t.Fatalf("%d repairs; want %d", len(repairs), len(wanted))
		}
		for i, p := range repairs {
			original := sent[wanted[i]]
			if want := repairs[0].SequenceNumber + uint16(i); p.SequenceNumber != want {
				t.Errorf("repair %d has number %d; want %d, without holes", i, p.SequenceNumber, want)
			}
			if osn := binary.BigEndian.Uint16(p.payload); osn != original.SequenceNumber || !bytes.Equal(p.payload[2:], original.payload) {
				t.Errorf("repair %d is of packet %d; want %d with its payload", i, osn, original.SequenceNumber)
			}
			if p.PayloadType != repairPT || p.Timestamp != original.Timestamp || p.Marker != original.Marker {
				t.Errorf("repair %d has header %+v; want payload type %d and the original's time", i, p.Header, repairPT)
			}
		}
	})
}

func TestResendGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		r.send(t, 1, 1000)
		synctest.Wait()
		seq := r.socket.of(mediaSSRC)[0].SequenceNumber
		steps := []struct {
			after time.Duration
			want  int
		}{
			{0, 1}, // at once: the peer saw the gap
			{2 * time.Millisecond, 1},
			{time.Millisecond, 2},
			{time.Millisecond, 2},
		}
		for i, s := range steps {
			time.Sleep(s.after)
			r.nack(seq)
			synctest.Wait()
			if got := len(r.socket.of(repairSSRC)); got != s.want {
				t.Errorf("step %d: %d repairs; want %d", i, got, s.want)
			}
		}
		r.nack(seq+1, seq-1)
		synctest.Wait()
		if got := len(r.socket.of(repairSSRC)); got != 2 {
			t.Errorf("NACK of packets never sent: %d repairs; want still 2", got)
		}
	})
}

// Without RTX a repair must be the same bits: SRTP would protect two packets
// with one key stream otherwise.
func TestRepeatIsIdentical(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, false, &fakeSocket{})
		r.start(t)
		r.send(t, 1, 5000)
		r.send(t, 2, 5000)
		synctest.Wait()
		sent := r.socket.of(mediaSSRC)
		for _, i := range []int{0, 2, 4} {
			r.nack(sent[i].SequenceNumber)
			synctest.Wait()
			all := r.socket.of(mediaSSRC)
			if got := all[len(all)-1]; !bytes.Equal(got.raw, sent[i].raw) {
				t.Errorf("repeated packet %d differs from the first time", i)
			}
		}
	})
}

func TestKeyframeRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		pli, err := (&rtcp.PictureLossIndication{MediaSSRC: mediaSSRC}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			r.HandleRTCP(time.Now(), pli)
			time.Sleep(30 * time.Millisecond)
		}
		if got := r.video.Stats().KeyframeRequests; r.keyframes.Load() != 3 || got != 10 {
			t.Errorf("10 PLI in 270 ms: %d passed on, %d counted; want 3, 10", r.keyframes.Load(), got)
		}
	})
}

// A peer that asks once more when it has got the keyframe is not forgotten: some
// ask only once. What it asks while the keyframe is on its way is for that one.
func TestKeyframeAskedTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		pli, err := (&rtcp.PictureLossIndication{MediaSSRC: mediaSSRC}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		ask := func() { r.HandleRTCP(time.Now(), pli) }
		ask()
		time.Sleep(10 * time.Millisecond)
		ask()
		frame := egress.Frame{Data: annexB(nalu(media.CodecH264, 5, 3000)), ID: 1, Keyframe: true, Captured: time.Now(), Encoded: time.Now()}
		if err := r.video.Send(frame); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if r.keyframes.Load() != 1 {
			t.Errorf("two PLI before a keyframe: %d passed on; want 1", r.keyframes.Load())
		}
		ask()
		frame.ID = 2
		if err := r.video.Send(frame); err != nil {
			t.Fatal(err)
		}
		time.Sleep(60 * time.Millisecond)
		ask()
		time.Sleep(39 * time.Millisecond)
		synctest.Wait()
		if r.keyframes.Load() != 2 {
			t.Errorf("99 ms after one was passed on: %d; want 2, another one not yet", r.keyframes.Load())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if r.keyframes.Load() != 3 {
			t.Errorf("PLI 60 ms after a keyframe: %d passed on; want 3", r.keyframes.Load())
		}
	})
}

func TestCongestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := &fakeSocket{blocked: make(chan struct{})}
		r := newRig(t, true, socket)
		r.start(t)
		data := annexB(nalu(media.CodecH264, 1, 3_000_000))
		var err error
		sent := 0
		for ; err == nil && sent < 100; sent++ {
			err = r.video.Send(egress.Frame{Data: data, ID: uint32(sent), Captured: time.Now(), Encoded: time.Now()})
		}
		if !errors.Is(err, egress.ErrCongested) {
			t.Fatalf("Send with a blocked socket = %v after %d frames; want ErrCongested", err, sent)
		}
		close(socket.blocked)
		time.Sleep(time.Second)
		r.send(t, 200, 1000)
		time.Sleep(time.Second)
		packets := r.socket.of(mediaSSRC)
		for i := 1; i < len(packets); i++ {
			if packets[i].SequenceNumber != packets[i-1].SequenceNumber+1 {
				t.Fatalf("packet %d has number %d after %d; want no hole", i, packets[i].SequenceNumber, packets[i-1].SequenceNumber)
			}
		}
		// The refused frame overwrote the oldest slots: they must not be sent.
		r.nack(packets[0].SequenceNumber)
		synctest.Wait()
		if got := r.video.Stats(); got.Sent != uint64(sent) || got.Dropped != 1 {
			t.Errorf("Stats() = %+v; want %d sent, 1 dropped", got, sent)
		}
	})
}

func TestReportsAndRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		r.send(t, 1, 1000)
		time.Sleep(450 * time.Millisecond)
		synctest.Wait()
		if len(r.reports) != 2 {
			t.Fatalf("%d sender reports in 450 ms; want 2", len(r.reports))
		}
		sr := r.reports[1].(*rtcp.SenderReport)
		if sr.SSRC != mediaSSRC || sr.PacketCount != 1 || sr.OctetCount != 1000 {
			t.Errorf("sender report = %+v; want 1 packet of 1000 bytes", sr)
		}
		// RTP time of the report and of the frame are on one line.
		first := r.socket.of(mediaSSRC)[0]
		elapsed := wire.NTPToTime(sr.NTPTime).Sub(first.at.Add(-5 * time.Millisecond))
		if got, want := sr.RTPTime-first.Timestamp, uint32(elapsed.Seconds()*90000); got-want+1 > 2 {
			t.Errorf("RTP clock advanced %d; want %d", got, want)
		}
		// The peer kept the report for 20 ms, the path takes 30 ms.
		rr := &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{
			SSRC: mediaSSRC, LastSenderReport: uint32(sr.NTPTime >> 16), Delay: 20 * 65536 / 1000,
		}}}
		b, err := rr.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		r.HandleRTCP(wire.NTPToTime(sr.NTPTime).Add(50*time.Millisecond), b)
		if got := r.Stats().RTT.Round(time.Millisecond); got != 30*time.Millisecond {
			t.Errorf("RTT = %v; want 30ms", got)
		}
		// A report that we never sent says nothing.
		rr.Reports[0].LastSenderReport -= 1 << 16
		if b, err = rr.Marshal(); err != nil {
			t.Fatal(err)
		}
		r.HandleRTCP(wire.NTPToTime(sr.NTPTime).Add(70*time.Millisecond), b)
		if got := r.Stats().RTT.Round(time.Millisecond); got != 30*time.Millisecond {
			t.Errorf("RTT after a false report = %v; want 30ms still", got)
		}
	})
}

func TestFeedback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		r.send(t, 1, 11_000) // 10 packets, numbers 1..10
		synctest.Wait()
		time.Sleep(40 * time.Millisecond)
		fb := &rtcp.TransportLayerCC{
			Header:             rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback},
			MediaSSRC:          mediaSSRC,
			BaseSequenceNumber: 1,
			PacketStatusCount:  10,
			PacketChunks: []rtcp.PacketStatusChunk{
				&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketNotReceived, RunLength: 3},
				&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 7},
			},
		}
		for range 7 {
			fb.RecvDeltas = append(fb.RecvDeltas, &rtcp.RecvDelta{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250})
		}
		fb.Header.Length = uint16(fb.MarshalSize()/4 - 1)
		b, err := fb.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a repeated report counts once
			r.HandleRTCP(time.Now(), b)
		}
		if got := r.Stats(); got.Reported != 10 || got.Lost != 3 || got.RTT != 40*time.Millisecond {
			t.Errorf("Stats() = %+v; want 10 reported, 3 lost, 40ms", got)
		}
	})
}

func TestWindowOfHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		for i := range 3 * egress.HistorySize / 10 { // the ring turns three times
			r.send(t, uint32(i+1), 11_000)
			time.Sleep(time.Millisecond)
		}
		sent := r.socket.of(mediaSSRC)
		oldest := len(sent) - egress.HistorySize
		r.nack(sent[oldest-1].SequenceNumber)
		r.nack(sent[oldest].SequenceNumber)
		synctest.Wait()
		repairs := r.socket.of(repairSSRC)
		if len(repairs) != 1 || !bytes.Equal(repairs[0].payload[2:], sent[oldest].payload) {
			t.Errorf("%d repairs; want 1, of the oldest packet that is kept", len(repairs))
		}
	})
}

// A peer that asks for everything again and again gets no more repairs than
// there were pictures, beyond one history.
func TestRepairsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		const frames, packets = 300, 10
		for id := range uint32(frames) {
			r.send(t, id+1, 11_000)
			synctest.Wait()
			sent := r.socket.of(mediaSSRC)
			var all []uint16
			for _, p := range sent[max(0, len(sent)-2000):] {
				all = append(all, p.SequenceNumber)
			}
			for range 4 {
				r.nack(all...)
				time.Sleep(4 * time.Millisecond)
			}
		}
		got, bound := r.video.Stats().Repaired, uint64(frames*packets+egress.HistorySize)
		if got > bound || got < egress.HistorySize {
			t.Errorf("%d repairs of %d packets; want at most %d", got, frames*packets, bound)
		}
		// It is credit, not a lifetime: later losses are repaired.
		for id := range uint32(10) {
			r.send(t, frames+id+1, 11_000)
			time.Sleep(16 * time.Millisecond)
		}
		before := r.video.Stats().Repaired
		sent := r.socket.of(mediaSSRC)
		r.nack(sent[len(sent)-1].SequenceNumber)
		synctest.Wait()
		if n := r.video.Stats().Repaired - before; n != 1 {
			t.Errorf("%d repairs after the flood; want 1", n)
		}
	})
}

// Every count on the wire goes over its end without a hole.
func TestWrapAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, true, &fakeSocket{})
		r.start(t)
		for id := range uint32(7000) { // 70 000 packets
			r.send(t, id+1, 11_000)
			synctest.Wait()
			if id%10 == 0 {
				r.nack(uint16(r.socket.last(mediaSSRC).SequenceNumber - 5))
				synctest.Wait()
			}
			time.Sleep(4 * time.Millisecond)
		}
		last := map[uint32]sentPacket{}
		for i, p := range r.socket.packets {
			if got := binary.BigEndian.Uint16(p.GetExtension(1)); got != uint16(i+1) {
				t.Fatalf("transport-wide number of packet %d = %d; want %d", i, got, uint16(i+1))
			}
			if before, ok := last[p.SSRC]; ok && p.SequenceNumber != before.SequenceNumber+1 {
				t.Fatalf("packet %d of stream %d has number %d after %d", i, p.SSRC, p.SequenceNumber, before.SequenceNumber)
			}
			last[p.SSRC] = p
		}
		if got := r.video.Stats(); got.Packets != 70_000 || got.Repaired != 700 {
			t.Errorf("Stats() = %+v; want 70000 packets, 700 repaired", got)
		}
	})
}
