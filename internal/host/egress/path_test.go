package egress_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/host/congestion"
	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/netlab"
)

// link is an impaired path with the terminal's receive pipeline at its end. It
// is the socket of all tracks.
type link struct {
	rig    *rig
	nextID uint32 // of pictures; the sending goroutine's
	wanted int32  // keyframes asked for that were sent
	video  *receive.Video
	twcc   *receive.TWCC
	epoch  time.Time

	mu       sync.Mutex
	down, up *netlab.Model
	last     time.Duration // of arrivals, so that equal ones keep their order
	frames   []shown
	bytes    map[uint32]int // on the wire, by SSRC
	packets  map[uint32]int
	queueMax time.Duration // of the link, since it was cleared
	window   [200]int      // bytes sent in each ms, a ring
	at       int           // newest ms of it
	burst5   int           // most bytes within 5 ms
}

// shown is a frame that the terminal has got whole.
type shown struct {
	id      uint32
	at      time.Duration
	latency time.Duration
	key     bool
}

const (
	fecSSRC = 4000
	fecPT   = 118
	wireAdd = 16 + 28 // SRTP's tag, UDP and IPv4
)

// newLink joins a host's Sender, whose first target is start, with a terminal.
func newLink(t *testing.T, start int, down, up netlab.Conditions) *link {
	t.Helper()
	l := &link{
		epoch: time.Now(), down: netlab.NewModel(7, down), up: netlab.NewModel(8, up),
		twcc: receive.NewTWCC(1), bytes: make(map[uint32]int), packets: make(map[uint32]int),
	}
	l.rig = l.newRig(t, start)
	var err error
	l.video, err = receive.NewVideo(receive.VideoConfig{
		Codec: media.CodecH264, SSRC: mediaSSRC, FEC: true, TWCC: l.twcc,
		Extensions: receive.ExtIDs{TWCC: 1, AbsCaptureTime: 2, FrameTiming: 3},
		RTT:        func() time.Duration { return down.Delay + up.Delay },
		OnAccessUnit: func(au *media.AccessUnit) {
			l.mu.Lock()
			l.frames = append(l.frames, shown{au.FrameID, time.Since(l.epoch), time.Since(au.Timing.Captured), au.Keyframe})
			l.mu.Unlock()
			au.Release()
		},
		SendNACK: func(ssrc uint32, seqs []uint16) {
			l.back(&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
		},
		SendPLI: func(ssrc uint32) { l.back(&rtcp.PictureLossIndication{MediaSSRC: ssrc}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *link) newRig(t *testing.T, start int) *rig {
	t.Helper()
	r := &rig{}
	var err error
	r.Sender, err = egress.New(egress.Config{
		WriteRTCP:  func([]rtcp.Packet) error { return nil },
		OnKeyframe: func(int, bool) { r.keyframes.Add(1) },
		Arrivals:   true,
		Path:       congestion.Config{StartBps: start},
		QueueDelay: &metric.Latency{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.video, err = r.AddVideo(egress.VideoConfig{Codec: media.CodecH264, FPS: 60}); err != nil {
		t.Fatal(err)
	}
	r.audio = r.AddAudio()
	h264 := codec(webrtc.MimeTypeH264, "", mediaPT)
	_, err = r.video.Bind(binding{
		ssrc: mediaSSRC, repair: repairSSRC, fec: fecSSRC, socket: l,
		codecs: []webrtc.RTPCodecParameters{h264, codec(webrtc.MimeTypeRTX, "apt=102", repairPT), codec(webrtc.MimeTypeFlexFEC03, "repair-window=10000000", fecPT)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.audio.Bind(binding{ssrc: audioSSRC, codecs: []webrtc.RTPCodecParameters{codec(webrtc.MimeTypeOpus, "", audioPT)}, socket: l}); err != nil {
		t.Fatal(err)
	}
	return r
}

// back sends RTCP to the host.
func (l *link) back(p rtcp.Packet) {
	b, err := p.Marshal()
	if err != nil {
		panic(err)
	}
	b = bytes.Clone(b) // a raw packet is its own bytes
	at := time.Since(l.epoch)
	l.mu.Lock()
	arrivals, n := l.up.Packet(at, len(b)+wireAdd)
	l.mu.Unlock()
	for _, a := range arrivals[:n] {
		time.AfterFunc(a-at, func() { l.rig.HandleRTCP(time.Now(), b) })
	}
}

func (l *link) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (l *link) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	raw, err := h.Marshal()
	if err != nil {
		return 0, err
	}
	raw = append(raw, payload...)
	at := time.Since(l.epoch)
	size := len(raw) + wireAdd
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes[h.SSRC] += size
	l.packets[h.SSRC]++
	l.count(int(at/time.Millisecond), size)
	arrivals, n := l.down.Packet(at, size)
	l.queueMax = max(l.queueMax, l.down.Backlog(at))
	for _, a := range arrivals[:n] {
		if a == l.last {
			a++
		}
		l.last = max(l.last, a)
		time.AfterFunc(a-at, func() { l.deliver(h.SSRC, raw) })
	}
	return len(raw), nil
}

// count keeps the most bytes within 5 ms.
func (l *link) count(ms, size int) {
	for ; l.at < ms; l.at++ {
		l.window[(l.at+1)%len(l.window)] = 0
	}
	l.window[ms%len(l.window)] += size
	sum := 0
	for i := range 5 {
		if ms >= i {
			sum += l.window[(ms-i)%len(l.window)]
		}
	}
	l.burst5 = max(l.burst5, sum)
}

func (l *link) deliver(ssrc uint32, raw []byte) {
	now := time.Now()
	switch ssrc {
	case mediaSSRC:
		l.video.Packet(now, raw)
	case repairSSRC:
		l.video.RTX(now, raw)
	case fecSSRC:
		l.video.FEC(now, raw)
	case audioSSRC:
		var h rtp.Header
		if _, err := h.Unmarshal(raw); err == nil {
			l.twcc.Record(now, ssrc, binary.BigEndian.Uint16(h.GetExtension(1)))
		}
	}
}

// set changes the way to the terminal.
func (l *link) set(down netlab.Conditions) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down.Set(down)
	l.queueMax = 0
}

// run sends a screen of 60 pictures a second, whose encoder makes at most
// that many bits, and sound, for so long. Each picture is as large as the
// path allows, keyframes five times that, and those that would wait are left
// out as the host does it.
func (l *link) run(t *testing.T, d time.Duration, most int) (skipped int) {
	t.Helper()
	const interval = time.Second / 60
	bps, row := 0, 0
	l.rig.SetBounds(0, most)
	start := time.Now()
	for n := uint32(0); time.Since(start) < d; n++ {
		next := start.Add(time.Duration(n+1) * interval)
		path := min(l.rig.PictureBps(), most)
		if path < bps || n%15 == 0 {
			bps = path
		}
		l.nextID++
		if l.rig.video.Backlog() > interval && row < 4 {
			row++
			skipped++
		} else {
			row = 0
			l.picture(t, bps/60/8)
		}
		for range 3 {
			if err := l.rig.audio.Send(make([]byte, 80), 0, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Until(next))
	}
	return skipped
}

// picture sends one picture, a keyframe where one is wanted.
func (l *link) picture(t *testing.T, size int) {
	t.Helper()
	l.mu.Lock()
	key := l.nextID == 1 || l.rig.keyframes.Load() > l.wanted
	l.wanted = l.rig.keyframes.Load()
	l.mu.Unlock()
	au := annexB(nalu(media.CodecH264, 1, max(size, 200)))
	if key { // VBV of one frame: little larger
		au = annexB(nalu(media.CodecH264, 7, 20), nalu(media.CodecH264, 8, 8), nalu(media.CodecH264, 5, max(size*5/4, 200)))
	}
	now := time.Now()
	err := l.rig.video.Send(egress.Frame{Data: au, ID: l.nextID, Keyframe: key, Captured: now, Encoded: now})
	if errors.Is(err, egress.ErrCongested) {
		l.mu.Lock()
		l.rig.keyframes.Add(1)
		l.mu.Unlock()
	} else if err != nil {
		t.Fatal(err)
	}
}

// start runs the host's sender and the terminal's timers until the test ends.
func (l *link) start(t *testing.T) {
	t.Helper()
	l.rig.start(t)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(max(l.video.Tick(time.Now()), time.Millisecond)):
			}
		}
	})
	wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var last time.Time
		for {
			select {
			case <-done:
				return
			case now := <-tick.C:
				if !l.twcc.Due(now, last) {
					continue
				}
				last = now
				for _, p := range l.twcc.Feedback() {
					l.back(p)
				}
			}
		}
	})
	t.Cleanup(func() { close(done); wg.Wait() })
}

// freezes returns the longest time without a new picture from then on, and how
// often it was longer than 100 ms.
func (l *link) freezes(from time.Duration) (longest time.Duration, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last := from
	for _, f := range l.frames {
		if f.at < from {
			continue
		}
		longest = max(longest, f.at-last)
		if f.at-last > 100*time.Millisecond {
			n++
		}
		last = f.at
	}
	return longest, n
}

// since returns the frames shown from then on.
func (l *link) since(from time.Duration) (frames []shown) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.frames {
		if f.at >= from {
			frames = append(frames, f)
		}
	}
	return frames
}
