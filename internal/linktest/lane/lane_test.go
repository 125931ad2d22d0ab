package lane_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
)

// wire takes what is sent.
type wire struct {
	mu    sync.Mutex
	at    []time.Time
	bytes []int
	kinds map[linktest.Kind]int
	delay func(n int) time.Duration // how long the nth write takes
}

func (w *wire) WriteRTP(_ *rtp.Header, payload []byte) (int, error) {
	p, err := linktest.ParsePacket(payload)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kinds == nil {
		w.kinds = map[linktest.Kind]int{}
	}
	w.kinds[p.Kind]++
	w.at = append(w.at, time.Now())
	w.bytes = append(w.bytes, len(payload)+linktest.Overhead)
	if w.delay != nil {
		time.Sleep(w.delay(len(w.at)))
	}
	return len(payload), nil
}

func (w *wire) Write(b []byte) (int, error) { return len(b), nil }

// most is the most bytes in any window of that length.
func (w *wire) most(window time.Duration) (most int) {
	first, sum := 0, 0
	for i, at := range w.at {
		sum += w.bytes[i]
		for at.Sub(w.at[first]) >= window {
			sum -= w.bytes[first]
			first++
		}
		most = max(most, sum)
	}
	return most
}

// TestSendNeverExceeds measures the sender in virtual time, undisturbed and held
// up now and then: in no 100 ms more than asked, but for the frame that a window
// cuts in two, and in all no more than asked.
func TestSendNeverExceeds(t *testing.T) {
	heldUp := func(n int) time.Duration {
		if n%97 == 0 {
			return 30 * time.Millisecond
		}
		return 0
	}
	for _, rate := range linktest.Ladder(linktest.DefaultMax) {
		for name, delay := range map[string]func(int) time.Duration{"undisturbed": nil, "held up": heldUp} {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{delay: delay}
				sent := lane.NewSender(w).Send(t.Context(), 1, rate, linktest.StepDuration)
				total := 0
				for _, n := range w.bytes {
					total += n
				}
				if total != sent.Bytes || len(w.bytes) != sent.Packets {
					t.Errorf("%d %s: said %d bytes in %d packets, sent %d in %d", rate, name, sent.Bytes, sent.Packets, total, len(w.bytes))
				}
				if most := rate / 8 * int(linktest.StepDuration/time.Millisecond) / 1000; total > most {
					t.Errorf("%d %s: %d bytes in all; want at most %d", rate, name, total, most)
				}
				frame := rate / 8 / linktest.FrameRate
				if got, most := w.most(100*time.Millisecond), rate/80+frame; got > most {
					t.Errorf("%d %s: %d bytes within 100 ms; want at most %d", rate, name, got, most)
				}
				if got, most := w.most(time.Second), rate/8+frame; got > most {
					t.Errorf("%d %s: %d bytes within a second; want at most %d", rate, name, got, most)
				}
				if delay == nil && (sent.Slow() || sent.LateFrames != 0 || total < rate/8*108/100) {
					t.Errorf("%d %s: %d bytes, %+v; want nearly what was asked", rate, name, total, sent)
				}
				if delay != nil && !sent.Slow() && rate > 10_000_000 {
					t.Errorf("%d %s: %+v; want a sender that knows it was too slow", rate, name, sent)
				}
			})
		}
	}
}

// TestSendEnds leaves at once when it is told to.
func TestSendEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		sent := lane.NewSender(&wire{}).Send(ctx, 1, 50_000_000, 3*time.Second)
		if took := time.Since(begun); took > 210*time.Millisecond || !sent.Slow() {
			t.Errorf("Send() took %v, %+v; want an end with the context, and to say that it is not all", took, sent)
		}
	})
}

func packet(kind linktest.Kind, payload int, p linktest.Packet) []byte {
	b := make([]byte, 12+payload)
	b[0] = 0x80
	p.Kind = kind
	p.Put(b[12:])
	return b
}

// TestAnswersAreBounded sends far too many pings and probes: few are answered.
func TestAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		l := lane.NewReceiver(linktest.MaxMax, w)
		ping, probe := packet(linktest.KindPing, linktest.PacketHeader, linktest.Packet{}), packet(linktest.KindProbe, 1400, linktest.Packet{Number: 1452})
		for i := range 100_000 {
			l.Take(ping)
			if i%10 == 0 {
				l.Take(probe)
			}
			if i%100 == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		if n := w.kinds[linktest.KindPong]; n < 100 || n > 300 {
			t.Errorf("pongs in a second = %d; want some 200", n)
		}
		if n := w.kinds[linktest.KindProbeBack]; n > 64 || n != w.kinds[linktest.KindProbeAck] {
			t.Errorf("answers to probes = %d and %d; want at most 64", n, w.kinds[linktest.KindProbeAck])
		}
	})
}

// TestFlood notices who sends far more than was agreed, and nobody else.
func TestFlood(t *testing.T) {
	flood := func(rate int) bool {
		l := lane.NewReceiver(5_000_000, &wire{})
		b := packet(linktest.KindMedia, 1200, linktest.Packet{})
		for range 200 {
			for range rate / 8 / 100 / len(b) {
				l.Take(b)
			}
			time.Sleep(10 * time.Millisecond)
		}
		select {
		case <-l.Flooded():
			return true
		default:
			return false
		}
	}
	synctest.Test(t, func(t *testing.T) {
		if flood(6_000_000) {
			t.Error("6 of 5 Mb/s counts as a flood; want patience")
		}
		if !flood(40_000_000) {
			t.Error("40 of 5 Mb/s is no flood; want an end")
		}
	})
}

func TestTakeAllocatesNothing(t *testing.T) {
	l := lane.NewReceiver(linktest.MaxMax*50, &wire{})
	l.Begin(1, linktest.NewMeter(linktest.MaxMax, linktest.MaxStepDuration))
	n := uint32(0)
	b := packet(linktest.KindMedia, 1200, linktest.Packet{Step: 1})
	if a := testing.AllocsPerRun(5000, func() {
		linktest.Packet{Kind: linktest.KindMedia, Step: 1, Number: n}.Put(b[12:])
		n++
		l.Take(b)
	}); a != 0 {
		t.Errorf("allocations per packet = %v; want 0", a)
	}
	if m, _ := l.End(); m.Received() < 5000 {
		t.Errorf("received %d; want them all", m.Received())
	}
}

// silent takes packets and keeps nothing of them.
type silent struct{}

func (silent) WriteRTP(_ *rtp.Header, payload []byte) (int, error) { return len(payload), nil }
func (silent) Write(b []byte) (int, error)                         { return len(b), nil }

func BenchmarkTake(b *testing.B) {
	l := lane.NewReceiver(linktest.MaxMax*1000, silent{})
	p := packet(linktest.KindMedia, 1200, linktest.Packet{Step: 1})
	b.ReportAllocs()
	for i := range uint32(b.N) {
		if i%50_000 == 0 {
			l.Begin(1, linktest.NewMeter(linktest.MaxMax, linktest.MaxStepDuration))
		}
		linktest.Packet{Kind: linktest.KindMedia, Step: 1, Number: i % 50_000}.Put(p[12:])
		l.Take(p)
	}
}

const procUDP = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  100: 0100007F:0FA0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0000000000000000 17
  101: 0100007F:0FA1 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 13 2 0000000000000000 3
`

func TestReadDrops(t *testing.T) {
	for port, want := range map[uint16]int{4000: 17, 4001: 3, 4002: -1} {
		if got := lane.ReadDrops(strings.NewReader(procUDP), port); got != want {
			t.Errorf("ReadDrops(%d) = %d; want %d", port, got, want)
		}
	}
}

func FuzzReadDrops(f *testing.F) {
	f.Add(procUDP)
	f.Fuzz(func(t *testing.T, s string) {
		if n := lane.ReadDrops(strings.NewReader(s), 4000); n < -1 {
			t.Errorf("ReadDrops() = %d", n)
		}
	})
}

func FuzzTake(f *testing.F) {
	f.Add(packet(linktest.KindMedia, 100, linktest.Packet{Step: 1, Number: 5}))
	f.Add(packet(linktest.KindPong, 24, linktest.Packet{Echo: time.Second}))
	f.Add(packet(linktest.KindProbe, 1400, linktest.Packet{Number: 1500}))
	f.Add(packet(linktest.KindProbeAck, 24, linktest.Packet{Number: 1 << 31}))
	l := lane.NewReceiver(linktest.MaxMax*1000, silent{})
	f.Fuzz(func(_ *testing.T, b []byte) {
		l.Begin(1, linktest.NewMeter(linktest.MinMax, 100*time.Millisecond))
		l.Take(b)
		l.End()
	})
}

func TestSendAllocatesNothing(t *testing.T) {
	l := lane.NewSender(silent{})
	if a := testing.AllocsPerRun(5000, l.SendOne); a != 0 {
		t.Errorf("allocations per packet = %v; want 0", a)
	}
}
