package receive_test

import (
	"bytes"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/flexfec"
	"github.com/blade-shadow/terminal/internal/media"
)

// network is what a model run does to packets.
type network struct {
	loss, duplicate, reorder, skip float64       // probabilities
	burst                          int           // packets lost in a row
	delay                          time.Duration // one way
	noRTX                          bool          // repairs come on the media SSRC
	noMarker, noExt                bool
	fec                            int // repair packets a frame
	screens                        media.Codec
	firstSeq                       uint16
	firstTime                      uint32
}

// event is something that happens to the terminal at a time.
type event struct {
	at  time.Time
	seq int
	do  func(now time.Time)
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

// world runs one Video against a host over a network in simulated time.
type world struct {
	t       *testing.T
	net     network
	rng     *rand.Rand
	host    *host
	video   *receive.Video
	now     time.Time
	queue   events
	n       int
	sent    map[uint16][]byte // by sequence number, for repairs
	frames  map[uint32]*frame // by RTP time
	clean   bool              // lose nothing now
	lose    int               // packets of a burst still to lose
	wantKey bool
	rtxSeq  uint16

	got     []uint32 // RTP times delivered
	pending []*media.AccessUnit
	last    *frame
	order   []*frame
}

func newWorld(t *testing.T, net network, seed uint64) *world {
	w := &world{
		t: t, net: net, rng: rand.New(rand.NewPCG(seed, 2)), now: epoch,
		host: newHost(net.screens, seed), sent: map[uint16][]byte{}, frames: map[uint32]*frame{},
	}
	w.host.seq, w.host.rtpTime = net.firstSeq, net.firstTime
	w.host.noMarker, w.host.noExt = net.noMarker, net.noExt
	cfg := receive.VideoConfig{
		Codec: net.screens, OnAccessUnit: w.deliver, SendNACK: w.nack, SendPLI: func(uint32) { w.pli() },
		RTT: func() time.Duration { return 2 * net.delay }, Extensions: extIDs, FEC: net.fec > 0,
	}
	v, err := receive.NewVideo(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.video = v
	return w
}

func (w *world) after(d time.Duration, do func(now time.Time)) {
	w.n++
	heap.Push(&w.queue, event{w.now.Add(d), w.n, do})
}

// send puts a packet on the wire towards the terminal.
func (w *world) send(packet []byte, in func(time.Time, []byte)) {
	if !w.clean {
		if w.lose == 0 && w.rng.Float64() < w.net.loss {
			w.lose = 1 + w.rng.IntN(max(w.net.burst, 1))
		}
		if w.lose > 0 {
			w.lose--
			return
		}
	}
	d := w.net.delay
	if w.rng.Float64() < w.net.reorder {
		d += time.Duration(w.rng.IntN(3000)) * time.Microsecond
	}
	w.after(d, func(now time.Time) { in(now, packet) })
	if w.rng.Float64() < w.net.duplicate {
		w.after(d+time.Duration(w.rng.IntN(5000))*time.Microsecond, func(now time.Time) { in(now, packet) })
	}
}

func (w *world) nack(_ uint32, seqs []uint16) {
	if len(seqs) == 0 || len(seqs) > receive.MaxNACKs {
		w.t.Errorf("SendNACK got %d numbers", len(seqs))
	}
	for _, seq := range seqs {
		packet, ok := w.sent[seq]
		if !ok {
			continue
		}
		w.after(w.net.delay, func(time.Time) {
			if w.net.noRTX {
				w.send(packet, w.video.Packet)
				return
			}
			w.rtxSeq++
			w.send(rtx(packet, w.rtxSeq), w.video.RTX)
		})
	}
}

func (w *world) pli() { w.after(w.net.delay, func(time.Time) { w.wantKey = true }) }

// deliver checks an access unit against what was sent.
func (w *world) deliver(au *media.AccessUnit) {
	f := w.frames[au.RTPTime]
	if f == nil {
		w.t.Fatalf("access unit of RTP time %d was never sent", au.RTPTime)
	}
	if !bytes.Equal(au.Data, f.data) {
		w.t.Fatalf("frame %d differs from what was sent: %d bytes; want %d", f.number, len(au.Data), len(f.data))
	}
	if tail := au.Data[len(au.Data) : len(au.Data)+media.Padding]; !bytes.Equal(tail, make([]byte, media.Padding)) {
		w.t.Fatalf("frame %d: padding is not zero", f.number)
	}
	if au.Keyframe != f.key {
		w.t.Errorf("frame %d: Keyframe = %v; want %v", f.number, au.Keyframe, f.key)
	}
	if !w.net.noExt && au.FrameID != f.number {
		w.t.Errorf("frame %d: FrameID = %d", f.number, au.FrameID)
	}
	if au.Timing.Received.Before(au.Timing.Arrived) || au.Timing.Received.After(w.now) {
		w.t.Errorf("frame %d: arrived %v, received %v, now %v", f.number, au.Timing.Arrived, au.Timing.Received, w.now)
	}
	w.checkOrder(au, f)
	w.last = f
	w.got = append(w.got, f.number)
	w.pending = append(w.pending, au)
	w.after(time.Duration(w.rng.IntN(20))*time.Millisecond, func(time.Time) {
		w.pending[0].Release()
		w.pending = w.pending[1:]
	})
}

func (w *world) checkOrder(au *media.AccessUnit, f *frame) {
	if w.last == nil {
		return
	}
	if f.number <= w.last.number {
		w.t.Fatalf("frame %d after frame %d", f.number, w.last.number)
	}
	missing := false
	for _, s := range w.order {
		missing = missing || s.number > w.last.number && s.number < f.number
	}
	if missing && !(au.Keyframe && au.Discontinuity) {
		w.t.Fatalf("frame %d follows %d: frames between were sent, and it is no marked keyframe", f.number, w.last.number)
	}
	if !missing && au.Discontinuity {
		w.t.Errorf("frame %d: Discontinuity without a missing frame", f.number)
	}
}

// emit sends the next frame, its packets 0.3 ms apart.
func (w *world) emit(key bool) {
	f := w.host.next(key || w.wantKey, 1+w.rng.IntN(3), 200+w.rng.IntN(6000), w.now)
	w.wantKey = false
	w.frames[f.rtpTime] = &f
	w.order = append(w.order, &f)
	for i, p := range f.packets {
		w.sent[seqOf(p)] = p
		w.after(time.Duration(i)*300*time.Microsecond, func(time.Time) { w.send(p, w.video.Packet) })
	}
	w.protect(f.packets)
}

// protect sends the repair packets of a frame behind it.
func (w *world) protect(packets [][]byte) {
	if w.net.fec == 0 {
		return
	}
	e := flexfec.NewEncoder(flexfec.Mutable{TransportCC: extIDs.TWCC})
	repairs := min(w.net.fec, len(packets))
	if err := e.Begin(mediaSSRC, seqOf(packets[0]), len(packets), repairs); err != nil {
		w.t.Fatal(err)
	}
	for i, p := range packets {
		e.Add(i, p)
	}
	for k := range repairs {
		p := e.Repair(k, rtpHeader(fecSSRC, uint16(k), 0, false, nil))
		w.after(time.Duration(len(packets))*300*time.Microsecond, func(time.Time) { w.send(p, w.video.FEC) })
	}
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	tick := w.now
	for {
		next := end
		if len(w.queue) > 0 && w.queue[0].at.Before(next) {
			next = w.queue[0].at
		}
		if tick.Before(next) {
			w.now = tick
			tick = tick.Add(w.video.Tick(w.now))
		} else if len(w.queue) > 0 && !w.queue[0].at.After(end) {
			e := heap.Pop(&w.queue).(event)
			w.now = e.at
			e.do(w.now)
		} else {
			w.now = end
			return
		}
		if s := receive.Broken(w.video); s != "" {
			w.t.Fatalf("at %v: %s", w.now.Sub(epoch), s)
		}
	}
}

// play sends count frames at 60 Hz, then one keyframe that arrives for certain.
func (w *world) play(count int) {
	w.clean = true
	w.emit(true)
	w.run(17 * time.Millisecond)
	w.clean = false
	for range count {
		if w.rng.Float64() < w.net.skip {
			w.host.skip()
		} else {
			w.emit(false)
		}
		w.run(16667 * time.Microsecond)
	}
	w.clean = true
	for range 3 { // what is asked for after an outage comes with the last one
		w.run(time.Second)
		w.emit(true)
	}
	w.run(time.Second)
	if w.net.noMarker { // the last frame ends with the next one
		w.emit(true)
		w.run(time.Second)
	}
}

func TestVideoModel(t *testing.T) {
	cases := []struct {
		name string
		net  network
	}{
		{"clean", network{skip: 0.05}},
		{"loss", network{loss: 0.02, skip: 0.05}},
		{"heavy loss", network{loss: 0.15, skip: 0.05, duplicate: 0.1}},
		{"bursts", network{loss: 0.005, burst: 40, skip: 0.05}},
		{"outages", network{loss: 0.001, burst: 900}},
		{"far away", network{loss: 0.05, delay: 60 * time.Millisecond}},
		{"reordering", network{reorder: 0.2, duplicate: 0.05}},
		{"everything", network{loss: 0.03, burst: 5, reorder: 0.1, duplicate: 0.1, skip: 0.1, delay: 8 * time.Millisecond}},
		{"fec", network{loss: 0.05, burst: 2, fec: 2, skip: 0.05, delay: 8 * time.Millisecond}},
		{"fec and everything", network{loss: 0.1, burst: 3, reorder: 0.1, duplicate: 0.1, fec: 2, delay: 20 * time.Millisecond}},
		{"fec without rtx", network{loss: 0.05, fec: 1, noRTX: true, delay: 4 * time.Millisecond}},
		{"no rtx", network{loss: 0.03, noRTX: true, duplicate: 0.05, delay: 4 * time.Millisecond}},
		{"no marker", network{loss: 0.03, noMarker: true}},
		{"no extensions", network{loss: 0.05, burst: 3, noExt: true}},
	}
	for _, tc := range cases {
		for _, codec := range []media.Codec{media.CodecH264, media.CodecHEVC} {
			for seed := range uint64(2) {
				net := tc.net
				net.screens = codec
				net.delay = max(net.delay, time.Millisecond)
				net.firstSeq, net.firstTime = uint16(65500+seed*9), 0xffffffff-uint32(seed)*70000
				t.Run(fmt.Sprintf("%s/%v/%d", tc.name, codec, seed), func(t *testing.T) {
					w := newWorld(t, net, seed)
					w.play(250)
					w.check(tc.name)
				})
			}
		}
	}
}

// check looks at the books when all is over.
func (w *world) check(name string) {
	s := w.video.Stats()
	if free := receive.FreeBuffers(w.video); free != receive.DefaultBuffers-b2i(w.net.noMarker) {
		w.t.Errorf("%d access units are in the pool; want %d", free, receive.DefaultBuffers)
	}
	if int(s.Frames) != len(w.got) {
		w.t.Errorf("Stats.Frames = %d; want %d", s.Frames, len(w.got))
	}
	last := w.last.number
	if sent := w.order[len(w.order)-1-b2i(w.net.noMarker)].number; last != sent {
		w.t.Errorf("last frame delivered = %d; want %d", last, sent)
	}
	var lost uint64
	for _, n := range s.LostBy {
		lost += n
	}
	if !w.net.noExt && s.Frames+lost != uint64(last) {
		w.t.Errorf("%d delivered and %v lost of %d frames", s.Frames, s.LostBy, last)
	}
	if w.net.loss == 0 {
		w.checkClean(s)
	}
	if s.Damaged+s.Malformed+s.Starved+s.Restarts+s.Waiting != 0 {
		w.t.Errorf("Stats = %+v; want nothing damaged, malformed, starved, restarted, waiting", s)
	}
	if testing.Verbose() {
		w.t.Logf("%s: %+v", name, s)
	}
}

func (w *world) checkClean(s receive.VideoStats) {
	skipped := uint64(w.last.number) - uint64(len(w.order))
	if s.LostBy[media.CauseHost] != skipped || s.LostBy[media.CauseNetwork] != 0 || s.GivenUp != 0 {
		w.t.Errorf("LostBy = %v, given up %d; want %d by the host only", s.LostBy, s.GivenUp, skipped)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
