package microphone

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeDecoder gives a packet's last byte as every sample, its own number by
// FEC with 100 on top, and -1 for what is made up.
type fakeDecoder struct{}

func fill(dst []int16, v int16) {
	for i := range dst {
		dst[i] = v
	}
}

func (fakeDecoder) Decode(dst []int16, b []byte) (int, error) {
	if b[len(b)-1] == 0xff {
		return 0, errors.New("not opus")
	}
	fill(dst[:480], int16(b[len(b)-1]))
	return 480, nil
}

func (fakeDecoder) DecodeFEC(dst []int16, b []byte) (int, error) {
	fill(dst, int16(b[len(b)-1])+100)
	return len(dst), nil
}
func (fakeDecoder) Conceal(dst []int16) (int, error) { fill(dst, -1); return len(dst), nil }

// fakeSink keeps the first sample of each 10 ms, silence once.
type fakeSink struct {
	heard []int16
	taken atomic.Bool
	ticks atomic.Int32
	fail  error
}

func (s *fakeSink) Write(pcm []int16) error {
	s.ticks.Add(1)
	if n := len(s.heard); pcm[0] != 0 || n > 0 && s.heard[n-1] != 0 {
		s.heard = append(s.heard, pcm[0])
	}
	return s.fail
}
func (s *fakeSink) Taken() bool { return s.taken.Load() }

// rtp makes a packet of 10 ms.
func rtp(seq uint16, v byte) []byte {
	b := make([]byte, 14)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], uint32(seq)*480)
	b[12], b[13] = 30<<3, v // CELT, 10 ms
	return b
}

func start(t *testing.T, sink *fakeSink, wanted func(bool)) *Playout {
	t.Helper()
	p, err := New(Config{Decoder: fakeDecoder{}, Sink: sink, OnWanted: wanted})
	if err != nil {
		t.Fatalf("New() = %v; want nil", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && sink.fail == nil {
			t.Errorf("Run() = %v; want nil", err)
		}
	})
	return p
}

func same(a, b []int16) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestOrderAndLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		p := start(t, sink, nil)
		time.Sleep(time.Second)
		for _, seq := range []uint16{65534, 65535, 1, 0, 3, 6, 7} { // 2 is in 3; 4 is gone and 5 is in 6
			p.Packet(rtp(seq, byte(seq%16+10)))
			time.Sleep(9 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		want := []int16{24, 25, 10, 11, 113, 13, -1, 116, 16, 17}
		if len(sink.heard) < len(want) || !same(sink.heard[:len(want)], want) {
			t.Errorf("heard %v; want %v", sink.heard, want)
		}
		if s := p.Stats(); s.Played != 7 || s.Restored != 2 || s.Late != 0 {
			t.Errorf("Stats() = %+v; want 7 played and 2 restored", s)
		}
	})
}

func TestWaitIsBounded(t *testing.T) {
	for _, period := range []time.Duration{9 * time.Millisecond, 9900 * time.Microsecond, 10100 * time.Microsecond} {
		synctest.Test(t, func(t *testing.T) {
			sink := &fakeSink{}
			sink.taken.Store(true)
			p := start(t, sink, nil)
			for seq := range uint16(6000) {
				p.Packet(rtp(seq, 1))
				if seq > 100 {
					p.mu.Lock()
					if n := p.queue.waiting(); n > samples(mostWaits)+480 {
						t.Fatalf("%v: %d samples wait; want at most 100 ms", period, n)
					}
					p.mu.Unlock()
				}
				time.Sleep(period)
			}
			if s := p.Stats(); period > tick && s.Concealed > 120 || period < tick && s.Dropped == 0 {
				t.Errorf("%v: Stats() = %+v; want what the clocks differ and no more", period, s)
			}
		})
	}
}

func TestBurstAfterAStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		sink.taken.Store(true)
		p := start(t, sink, nil)
		for seq := range uint16(30) {
			p.Packet(rtp(seq, byte(seq+1)))
		}
		time.Sleep(15 * time.Millisecond)
		synctest.Wait()
		if s := p.Stats(); s.Dropped < 19 {
			t.Errorf("Stats() = %+v; want all but 100 ms dropped", s)
		}
	})
}

func TestWantedAndIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{}
		var mu sync.Mutex
		var wanted []bool
		start(t, sink, func(on bool) {
			mu.Lock()
			defer mu.Unlock()
			wanted = append(wanted, on)
		})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if n := sink.ticks.Load(); n > 110 {
			t.Errorf("%d writes in 10 idle seconds; want about 100", n)
		}
		sink.taken.Store(true)
		time.Sleep(3 * time.Second)
		sink.taken.Store(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(wanted) != 2 || !wanted[0] || wanted[1] {
			t.Errorf("OnWanted calls = %v; want true, false", wanted)
		}
	})
}

func TestSinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &fakeSink{fail: errors.New("server ended")}
		p, _ := New(Config{Decoder: fakeDecoder{}, Sink: sink})
		if err := p.Run(t.Context()); !errors.Is(err, sink.fail) {
			t.Errorf("Run() = %v; want the sink's error", err)
		}
	})
}

func TestRubbishIsRefused(t *testing.T) {
	p, _ := New(Config{Decoder: fakeDecoder{}, Sink: &fakeSink{}})
	long := append(rtp(1, 1), make([]byte, mostBytes)...)
	for _, b := range [][]byte{nil, make([]byte, 12), rtp(1, 1)[:12], long, {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}} {
		p.Packet(b)
	}
	if s := p.Stats(); s.Refused != 5 {
		t.Errorf("Refused = %d; want 5", s.Refused)
	}
	p.Packet(rtp(1, 1))
	p.Packet(rtp(1, 1))
	if s := p.Stats(); s.Late != 1 {
		t.Errorf("Late = %d; want the packet that came twice", s.Late)
	}
}

func TestPacketAllocatesNothing(t *testing.T) {
	p, _ := New(Config{Decoder: fakeDecoder{}, Sink: &fakeSink{}})
	b, seq := rtp(0, 1), uint16(0)
	if n := testing.AllocsPerRun(1000, func() {
		seq++
		binary.BigEndian.PutUint16(b[2:], seq)
		p.Packet(b)
		p.next()
		p.drop(480)
	}); n != 0 {
		t.Errorf("allocations a packet = %v; want 0", n)
	}
}

func TestStale(t *testing.T) {
	list := "1\tmodule-null-sink\tsink_name=x\n7\tmodule-pipe-source\tsource_name=mine file=/x\t\n8\tmodule-pipe-source\tsource_name=mine2 file=/x\n9\tmodule-pipe-source\n"
	if got := stale(list, "mine"); len(got) != 1 || got[0] != "7" {
		t.Errorf("stale() = %v; want 7", got)
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(rtp(1, 1))
	f.Add([]byte{0xb1, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 1, 2, 3, 4, 0xf0, 1, 2, 3, 2})
	f.Add([]byte{0xa0, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, _ := New(Config{Decoder: fakeDecoder{}, Sink: &fakeSink{}})
		p.Packet(rtp(1000, 1))
		p.Packet(b)
		for range 20 {
			p.next()
			p.drop(480)
		}
		if _, _, payload, err := parseRTP(b); err == nil && (len(payload) == 0 || opusSamples(payload) > longest) {
			t.Errorf("parseRTP(%x) = %x; want a payload", b, payload)
		}
	})
}
