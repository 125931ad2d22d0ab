package receive_test

import (
	"container/heap"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/flexfec"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/netlab"
)

const fecSSRC = 0x33333333

// lab runs one Video against a host like ours, paced and answering as
// docs/PROTOCOL.md says, over a modelled link in virtual time.
type lab struct {
	t        testing.TB
	video    *receive.Video
	host     *host
	down, up *netlab.Model
	rtt      time.Duration
	now      time.Duration
	queue    events
	n        int
	fec      float64 // repair packets for each media packet
	encoder  *flexfec.Encoder
	fecSeq   uint16
	single   int // one of so many media packets is lost, and no other; 0: as the link has it
	count    int // media packets

	sent     map[uint16][]byte
	repeated map[uint16]time.Duration // when a packet was repeated last
	due      map[uint16]time.Duration // when a lost packet would have arrived
	rtxSeq   uint16
	wantKey  bool
	lastKey  time.Duration

	shown    []time.Duration
	key      []bool
	late     []time.Duration // how much later than without loss lost packets came
	nacked   int
	lost     int
	spurious int // requests for packets that were not lost
	recorded map[uint16]bool
}

func newLab(t testing.TB, down, up netlab.Conditions, fec float64, seed uint64) *lab {
	l := &lab{
		t: t, host: newHost(media.CodecH264, seed), fec: fec, encoder: flexfec.NewEncoder(flexfec.Mutable{TransportCC: extIDs.TWCC}),
		down: netlab.NewModel(seed, down), up: netlab.NewModel(seed+1000, up), rtt: down.Delay + up.Delay,
		sent: map[uint16][]byte{}, repeated: map[uint16]time.Duration{}, due: map[uint16]time.Duration{}, recorded: map[uint16]bool{},
		lastKey: -time.Second,
	}
	v, err := receive.NewVideo(receive.VideoConfig{
		Codec: media.CodecH264, Extensions: extIDs, FEC: fec > 0,
		OnAccessUnit: func(au *media.AccessUnit) {
			l.shown = append(l.shown, l.now)
			l.key = append(l.key, au.Keyframe)
			au.Release()
		},
		SendNACK: l.nack, SendPLI: l.pli,
		RTT: func() time.Duration { return l.rtt },
	})
	if err != nil {
		t.Fatal(err)
	}
	l.video = v
	l.host.plain = true
	return l
}

func (l *lab) at(when time.Duration, do func()) {
	l.n++
	heap.Push(&l.queue, event{epoch.Add(when), l.n, func(time.Time) { do() }})
}

func (l *lab) time() time.Time { return epoch.Add(l.now) }

// deliver sends a packet down; it says whether it arrives at all.
func (l *lab) deliver(p []byte, in func(time.Time, []byte)) bool {
	arrivals, n := l.down.Packet(l.now, len(p)+28)
	for _, a := range arrivals[:n] {
		l.at(a, func() { in(l.time(), p) })
	}
	return n > 0
}

func (l *lab) media(p []byte) {
	seq := seqOf(p)
	l.sent[seq] = p
	delete(l.repeated, seq)
	delete(l.recorded, seq)
	delete(l.due, seq)
	l.count++
	alone := l.single > 0 && l.count%l.single == 0
	if alone || !l.deliver(p, func(now time.Time, p []byte) { l.recorded[seqOf(p)] = true; l.video.Packet(now, p) }) {
		l.lost++
		l.due[seq] = l.now + l.down.Conditions().Delay
	}
}

func (l *lab) nack(_ uint32, seqs []uint16) {
	l.nacked++
	for _, seq := range seqs {
		if _, ok := l.due[seq]; !ok && l.sent[seq] != nil {
			l.spurious++
		}
	}
	seqs = slices.Clone(seqs)
	arrivals, n := l.up.Packet(l.now, 28+16+4*len(seqs))
	for _, a := range arrivals[:n] {
		l.at(a, func() { l.answer(seqs) })
	}
}

// answer repeats packets, one no more often than every 3/4 RTT or 3 ms.
func (l *lab) answer(seqs []uint16) {
	for _, seq := range seqs {
		p, ok := l.sent[seq]
		if last, again := l.repeated[seq]; !ok || again && l.now-last < max(l.rtt*3/4, 3*time.Millisecond) {
			continue
		}
		l.repeated[seq] = l.now
		l.rtxSeq++
		l.deliver(rtx(p, l.rtxSeq), func(now time.Time, p []byte) {
			l.arrive(seq)
			l.video.RTX(now, p)
		})
	}
}

// arrive notes how much later than it should have a lost packet came.
func (l *lab) arrive(seq uint16) {
	if due, ok := l.due[seq]; ok && !l.recorded[seq] {
		l.recorded[seq] = true
		l.late = append(l.late, l.now-due)
	}
}

func (l *lab) pli(uint32) {
	arrivals, n := l.up.Packet(l.now, 60)
	for _, a := range arrivals[:n] {
		l.at(a, func() {
			if l.now-l.lastKey >= 100*time.Millisecond {
				l.wantKey, l.lastKey = true, l.now
			}
		})
	}
}

// frame sends a picture: five packets a millisecond, then its FEC.
func (l *lab) frame() {
	size := 14000
	key := l.wantKey || l.host.number == 0
	if key {
		size = 36000
	}
	f := l.host.next(key, 1, size, l.time())
	l.wantKey = false
	gap := time.Duration(0)
	for i, p := range f.packets {
		gap = time.Duration(i/5) * time.Millisecond
		l.at(l.now+gap, func() { l.media(p) })
	}
	if l.fec > 0 {
		l.at(l.now+gap, func() { l.protect(f.packets) })
	}
}

func (l *lab) protect(packets [][]byte) {
	for len(packets) > 0 {
		n := min(len(packets), 48)
		repairs := max(1, int(float64(n)*l.fec+0.5))
		if err := l.encoder.Begin(mediaSSRC, seqOf(packets[0]), n, repairs); err != nil {
			l.t.Fatal(err)
		}
		for i, p := range packets[:n] {
			l.encoder.Add(i, p)
		}
		for k := range repairs {
			l.fecSeq++
			head := rtpHeader(fecSSRC, l.fecSeq, 0, false, nil)
			head[1] = head[1]&0x80 | 118
			l.deliver(l.encoder.Repair(k, head), l.video.FEC)
		}
		packets = packets[n:]
	}
}

// run lets d pass with 60 pictures a second.
func (l *lab) run(d time.Duration) {
	end := l.now + d
	for at := l.now; at < end; at += time.Second / 60 {
		l.at(at, l.frame)
	}
	for at := l.now; at < end; at += 10 * time.Millisecond { // input and feedback
		l.at(at, func() { l.up.Packet(l.now, 100) })
	}
	tick := l.now
	for l.now < end {
		next := end
		if len(l.queue) > 0 {
			next = min(next, l.queue[0].at.Sub(epoch))
		}
		if tick < next {
			l.now = tick
			tick += l.video.Tick(l.time())
		} else if next < end {
			e := heap.Pop(&l.queue).(event)
			l.now = next
			e.do(l.time())
		} else {
			l.now = end
		}
		if s := receive.Broken(l.video); s != "" {
			l.t.Fatalf("at %v: %s", l.now, s)
		}
	}
}

// longest returns the longest time without a new picture.
func (l *lab) longest() (longest time.Duration) {
	for i := 1; i < len(l.shown); i++ {
		longest = max(longest, l.shown[i]-l.shown[i-1])
	}
	return longest
}

func percentile(d []time.Duration, p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return d[min(int(float64(len(d))*p), len(d)-1)]
}

func (l *lab) report(name string) string {
	s := l.video.Stats()
	return fmt.Sprintf("%s: shown %d of %d, longest gap %v; %d lost, repaired after p50 %v p99 %v max %v, %d by FEC, %d given up; %d NACKs %d repeats %d copies %d spurious, %d PLIs, %d keyframes; repairs take %v, loss %.3f",
		name, len(l.shown), l.host.number, l.longest().Round(time.Millisecond/10), l.lost, percentile(l.late, 0.5), percentile(l.late, 0.99),
		percentile(l.late, 1), s.Recovered, s.GivenUp, s.NACKs, s.Retries, s.Copies, l.spurious, s.PLIs, s.Keyframes, s.RepairTime.Round(time.Millisecond/10), s.LossShare)
}

// conditions of one way.
func way(rtt time.Duration, loss float64) netlab.Conditions {
	return netlab.Conditions{Loss: loss, Delay: rtt / 2}
}

// TestRepairTime is the figure of the product: one lost packet is repaired in
// RTT + 2 ms (p50) and RTT + 8 ms (p99), where requests and repairs arrive.
func TestRepairTime(t *testing.T) {
	for _, rtt := range []time.Duration{5, 20, 60, 150} {
		rtt *= time.Millisecond
		l := newLab(t, way(rtt, 0.002), way(rtt, 0), 0, 1)
		l.run(60 * time.Second)
		t.Log(l.report(rtt.String()))
		if len(l.late) < 50 {
			t.Fatalf("RTT %v: %d repairs; want 50 at least", rtt, len(l.late))
		}
		if p50, p99 := percentile(l.late, 0.5), percentile(l.late, 0.98); p50 > rtt+2*time.Millisecond || p99 > rtt+8*time.Millisecond {
			t.Errorf("RTT %v: repaired after %v and %v; want RTT + 2 ms and + 8 ms", rtt, p50, p99)
		}
	}
}

// BenchmarkRepairTime measures how much longer than a round trip of 20 ms it
// takes until a lost packet is there, from when it would have come: of losses
// that stand alone (Single), which the product's figure is about, and where one
// packet of 50 is lost both ways, requests and repairs too (Loss2). Time is
// virtual; one operation is a minute of the stream.
func BenchmarkRepairTime(b *testing.B) {
	const rtt = 20 * time.Millisecond
	measure := func(b *testing.B, loss float64, single int, name string) {
		var late []time.Duration
		for n := range b.N {
			l := newLab(b, way(rtt, loss), way(rtt, loss), 0, uint64(n)+1)
			l.single = single
			l.run(time.Minute)
			late = append(late, l.late...)
		}
		if len(late) < 300*b.N {
			b.Fatalf("%d losses were repaired in %d min; want 300 each", len(late), b.N)
		}
		for _, p := range []int{50, 99} {
			beyond := percentile(late, float64(p)/100) - rtt
			b.ReportMetric(float64(beyond.Microseconds())/1000, fmt.Sprintf("%s_p%d", name, p))
		}
	}
	// No multiple of what a picture has: the last packet of one is lost at times.
	b.Run("Single", func(b *testing.B) { measure(b, 0, 97, "repair_beyond_rtt_ms") })
	b.Run("Loss2", func(b *testing.B) { measure(b, 0.02, 0, "repair_beyond_rtt_ms_loss2") })
}

// TestFreezes is the figure for random loss both ways at 20 ms RTT, and what is
// reached elsewhere.
func TestFreezes(t *testing.T) {
	cases := []struct {
		name    string
		rtt     time.Duration
		loss    float64
		burst   netlab.Burst
		fec     float64
		longest time.Duration
		share   float64 // of pictures shown
	}{
		{"2 %", 20, 0.02, netlab.Burst{}, 0, 100, 0.999},
		{"10 %", 20, 0.10, netlab.Burst{}, 0, 250, 0.99},
		{"2 % with FEC", 20, 0.02, netlab.Burst{}, 0.2, 80, 0.999},
		{"10 % with FEC", 20, 0.10, netlab.Burst{}, 0.4, 150, 0.995},
		{"bursts", 20, 0, netlab.Burst{Share: 0.02, MeanLen: 10}, 0, 150, 0.99},
		{"5 ms, 10 %", 5, 0.10, netlab.Burst{}, 0, 150, 0.99},
		{"60 ms, 2 %", 60, 0.02, netlab.Burst{}, 0, 300, 0.98},
		{"60 ms, 10 %", 60, 0.10, netlab.Burst{}, 0, 600, 0.7},
		{"150 ms, 2 %", 150, 0.02, netlab.Burst{}, 0, 700, 0.9},
	}
	for _, tc := range cases {
		lasts := 15 * time.Second
		if tc.rtt == 20 && tc.fec == 0 && tc.loss > 0 {
			lasts = time.Minute // what the figure says
		}
		for seed := range uint64(2) {
			rtt := tc.rtt * time.Millisecond
			down, up := way(rtt, tc.loss), way(rtt, tc.loss)
			down.Burst, up.Burst = tc.burst, tc.burst
			l := newLab(t, down, up, tc.fec, seed+1)
			l.run(lasts)
			t.Log(l.report(tc.name))
			came := float64(l.host.number) - 1 - float64(rtt/2/(time.Second/60)) // the rest is on its way
			if share := float64(len(l.shown)) / came; l.longest() > tc.longest*time.Millisecond || share < tc.share {
				t.Errorf("%s, seed %d: longest gap %v, shown %.4f; want %v and %.4f", tc.name, seed+1, l.longest(), share, tc.longest*time.Millisecond, tc.share)
			}
		}
	}
}

// TestReorderingMakesNoStorm asks for few packets that only came late, and at
// once again when reordering has ended.
func TestReorderingMakesNoStorm(t *testing.T) {
	down := way(20*time.Millisecond, 0)
	down.Reorder = 0.05
	l := newLab(t, down, way(20*time.Millisecond, 0), 0, 1)
	l.run(20 * time.Second)
	t.Log(l.report("reordering"))
	s := l.video.Stats()
	if s.Reordered < 200 || l.spurious*20 > int(s.Reordered) {
		t.Errorf("%d asked for in vain of %d reordered; want fewer than one in 20", l.spurious, s.Reordered)
	}
	if len(l.shown) < int(l.host.number)-2 || s.PLIs != 0 {
		t.Errorf("shown %d of %d, %d PLIs; want all, none", len(l.shown), l.host.number, s.PLIs)
	}
	l.down.Set(way(20*time.Millisecond, 0))
	l.run(20 * time.Second)
	l.down.Set(way(20*time.Millisecond, 0.002))
	l.late = nil
	l.run(20 * time.Second)
	if p50 := percentile(l.late, 0.5); len(l.late) < 10 || p50 > 22*time.Millisecond {
		t.Errorf("after reordering: %d repaired after %v; want 10 and 22 ms", len(l.late), p50)
	}
}

// TestBlackout shows the picture back soon after a second without any packet.
func TestBlackout(t *testing.T) {
	for seed := range uint64(5) {
		clean := way(20*time.Millisecond, 0)
		dead := clean
		dead.Down = true
		l := newLab(t, clean, clean, 0, seed)
		l.run(3 * time.Second)
		l.down.Set(dead)
		l.up.Set(dead)
		l.run(time.Second)
		l.down.Set(clean)
		l.up.Set(clean)
		end, before := l.now, len(l.shown)
		l.run(2 * time.Second)
		if len(l.shown) == before {
			t.Fatalf("seed %d: no picture after a blackout", seed)
		}
		back := l.shown[before] - end
		t.Log(back, l.report("blackout"))
		if back > 120*time.Millisecond {
			t.Errorf("seed %d: picture back %v after a blackout; want 120 ms", seed, back)
		}
	}
}
