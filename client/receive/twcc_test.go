package receive_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/client/receive"
)

// readFeedback decodes feedback with pion's parser into arrival times by
// extended sequence number, counted from the one near.
func readFeedback(t *testing.T, packets []rtcp.Packet, near int, into map[int]time.Duration) (highest int) {
	t.Helper()
	highest = near
	for _, p := range packets {
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > 1000 {
			t.Errorf("feedback of %d bytes; want 1000 at most", len(raw))
		}
		var cc rtcp.TransportLayerCC
		if err := cc.Unmarshal(raw); err != nil {
			t.Fatalf("feedback % x: %v", raw, err)
		}
		highest = max(highest, readStatuses(t, &cc, highest, into))
	}
	return highest
}

func readStatuses(t *testing.T, cc *rtcp.TransportLayerCC, near int, into map[int]time.Duration) (last int) {
	t.Helper()
	at := time.Duration(cc.ReferenceTime) * 64 * time.Millisecond
	seq := near + int(int16(cc.BaseSequenceNumber-uint16(near)))
	left, deltas := int(cc.PacketStatusCount), cc.RecvDeltas
	status := func(symbol uint16) {
		if left == 0 {
			return
		}
		if symbol != rtcp.TypeTCCPacketNotReceived {
			at += time.Duration(deltas[0].Delta) * time.Microsecond
			deltas = deltas[1:]
			into[seq] = at
		}
		seq++
		left--
	}
	for _, chunk := range cc.PacketChunks {
		switch c := chunk.(type) {
		case *rtcp.RunLengthChunk:
			for range c.RunLength {
				status(c.PacketStatusSymbol)
			}
		case *rtcp.StatusVectorChunk:
			for _, s := range c.SymbolList {
				status(s)
			}
		}
	}
	if left != 0 || len(deltas) != 0 {
		t.Errorf("feedback ends with %d statuses and %d deltas left", left, len(deltas))
	}
	return seq - 1
}

// TestTWCC checks feedback by decoding it: every packet is reported with its
// time, and none that was not received.
func TestTWCC(t *testing.T) {
	cases := []struct {
		name          string
		loss, reorder float64
		spacing       time.Duration // at most, between packets
		every         int           // packets between feedbacks
	}{
		{"steady", 0, 0, 200 * time.Microsecond, 100},
		{"loss", 0.1, 0, 200 * time.Microsecond, 100},
		{"heavy loss", 0.95, 0, time.Millisecond, 100},
		{"reordering", 0.01, 0.1, time.Millisecond, 30},
		{"slow", 0.05, 0, 300 * time.Millisecond, 20},
		{"very slow", 0, 0, 20 * time.Second, 5},
		{"rare feedback", 0.02, 0, 20 * time.Microsecond, 3000},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			twcc := receive.NewTWCC(7)
			sent, got := map[int]time.Duration{}, map[int]time.Duration{}
			now, near, held := time.Duration(0), 65000, -1
			record := func(seq int) {
				twcc.Record(epoch.Add(now), mediaSSRC, uint16(seq))
				sent[seq] = now
			}
			for i := range 10000 {
				seq := 65000 + i
				if i > 0 { // the first packet is at the recorder's epoch
					now += time.Duration(rng.Int64N(int64(tc.spacing)))
				}
				switch {
				case i > 0 && rng.Float64() < tc.loss:
				case i > 0 && held < 0 && rng.Float64() < tc.reorder:
					held = seq
				default:
					record(seq)
				}
				if held >= 0 && seq-held > 3 {
					record(held)
					held = -1
				}
				if i%tc.every == tc.every-1 {
					near = readFeedback(t, twcc.Feedback(), near, got)
				}
			}
			readFeedback(t, twcc.Feedback(), near, got)
			compareArrivals(t, sent, got)
			if again := twcc.Feedback(); again != nil {
				t.Errorf("Feedback() with nothing new = %v; want nil", again)
			}
		})
	}
}

func compareArrivals(t *testing.T, sent, got map[int]time.Duration) {
	t.Helper()
	if len(got) != len(sent) {
		t.Errorf("%d packets reported; want %d", len(got), len(sent))
	}
	for seq, at := range sent {
		if d := got[seq] - at; d > 0 || d <= -250*time.Microsecond {
			t.Fatalf("packet %d reported at %v; want %v", seq, got[seq], at)
		}
	}
}

// TestTWCCNil shows that a stream without feedback needs no branches.
func TestTWCCNil(t *testing.T) {
	var twcc *receive.TWCC
	twcc.Record(epoch, 1, 1)
	var source *receive.Source
	source.Packet(epoch, 1, 1, 1)
}

func TestTWCCJump(t *testing.T) {
	twcc := receive.NewTWCC(7)
	got := map[int]time.Duration{}
	for _, seq := range []int{10, 11, 20000, 20001, 52000} {
		twcc.Record(epoch, mediaSSRC, uint16(seq))
		readFeedback(t, twcc.Feedback(), seq, got)
	}
	if len(got) != 5 {
		t.Errorf("packets reported = %v; want 5", got)
	}
}

// TestTWCCDue sends feedback at once where a host could see a change in it,
// and every 20 ms as long as anything comes.
func TestTWCCDue(t *testing.T) {
	const ms = time.Millisecond
	twcc := receive.NewTWCC(7)
	for seq, tt := range []struct {
		after   time.Duration // the last feedback
		packets int
		want    bool
	}{
		{time.Hour, 0, false}, {5 * ms, 30, false}, {10 * ms, 1, false}, {10 * ms, 8, true}, {20 * ms, 1, true},
	} {
		for n := range tt.packets {
			twcc.Record(epoch, mediaSSRC, uint16(100*seq+n))
		}
		if got := twcc.Due(epoch.Add(tt.after), epoch); got != tt.want {
			t.Errorf("Due() %v after the last with %d packets = %v; want %v", tt.after, tt.packets, got, tt.want)
		}
		twcc.Feedback()
	}
}
