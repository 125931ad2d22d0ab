package receive_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

// rig is a Video whose callbacks are written down.
type rig struct {
	t     *testing.T
	video *receive.Video
	host  *host
	now   time.Time
	rtt   time.Duration
	keep  bool // do not release access units

	units []*media.AccessUnit
	got   []uint32   // frame numbers
	nacks [][]uint16 // one entry a call
	plis  int
}

func newRig(t *testing.T, change func(*receive.VideoConfig)) *rig {
	t.Helper()
	r := &rig{t: t, host: newHost(media.CodecH264, 1), now: epoch, rtt: 8 * time.Millisecond}
	cfg := receive.VideoConfig{
		Screen: 1, Codec: media.CodecH264, Extensions: extIDs,
		OnAccessUnit: r.unit,
		SendNACK:     func(_ uint32, seqs []uint16) { r.nacks = append(r.nacks, slices.Clone(seqs)) },
		SendPLI:      func(uint32) { r.plis++ },
		RTT:          func() time.Duration { return r.rtt },
	}
	if change != nil {
		change(&cfg)
	}
	v, err := receive.NewVideo(cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.video = v
	return r
}

func (r *rig) unit(au *media.AccessUnit) {
	r.units = append(r.units, au)
	r.got = append(r.got, au.FrameID)
	if !r.keep {
		au.Release()
	}
}

// frame makes a frame of exactly n packets, the first of a keyframe its
// parameter sets.
func (r *rig) frame(key bool, n int) frame {
	f := r.host.next(key, n-b2i(key), 100, r.now)
	if len(f.packets) != n {
		r.t.Fatalf("%d packets; want %d", len(f.packets), n)
	}
	return f
}

func (r *rig) send(packets ...[]byte) {
	for _, p := range packets {
		r.video.Packet(r.now, p)
	}
}

// pass lets time go by as the session's timer does.
func (r *rig) pass(d time.Duration) {
	for end := r.now.Add(d); ; {
		next := r.video.Tick(r.now)
		if r.now.Add(next).After(end) {
			r.now = end
			return
		}
		r.now = r.now.Add(next)
	}
}

func (r *rig) wantFrames(want ...uint32) {
	r.t.Helper()
	if !slices.Equal(r.got, want) {
		r.t.Errorf("frames delivered = %v; want %v", r.got, want)
	}
}

func (r *rig) wantNACKs(want ...[]uint16) {
	r.t.Helper()
	if !slices.EqualFunc(r.nacks, want, slices.Equal) {
		r.t.Errorf("NACKs = %v; want %v", r.nacks, want)
	}
	r.nacks = nil
}

func TestNewVideoRefuses(t *testing.T) {
	good := receive.VideoConfig{Codec: media.CodecH264, OnAccessUnit: func(*media.AccessUnit) {}}
	cases := []struct {
		name        string
		change      func(*receive.VideoConfig)
		unsupported bool
	}{
		{"no callback", func(c *receive.VideoConfig) { c.OnAccessUnit = nil }, false},
		{"no codec", func(c *receive.VideoConfig) { c.Codec = 0 }, true},
		{"slots no power of two", func(c *receive.VideoConfig) { c.Slots = 5000 }, false},
		{"few slots", func(c *receive.VideoConfig) { c.Slots = 1024 }, false},
		{"negative buffers", func(c *receive.VideoConfig) { c.Buffers = -1 }, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			if _, err := receive.NewVideo(cfg); err == nil || errors.Is(err, errors.ErrUnsupported) != tc.unsupported {
				t.Errorf("NewVideo(%+v) = %v; want an error, unsupported %v", cfg, err, tc.unsupported)
			}
		})
	}
}

// TestDeliveredAtOnce shows that an access unit leaves in the call that
// brings its last packet, with its times.
func TestDeliveredAtOnce(t *testing.T) {
	r := newRig(t, func(c *receive.VideoConfig) {
		c.ClockOffset = func() time.Duration { return time.Second }
	})
	r.keep = true
	f := r.frame(true, 3)
	r.now = r.now.Add(7 * time.Millisecond)
	r.send(f.packets[:2]...)
	r.wantFrames()
	r.now = r.now.Add(2 * time.Millisecond)
	r.send(f.packets[2])
	r.wantFrames(1)
	au := r.units[0]
	captured := epoch.Add(time.Second)
	want := media.Timing{
		Captured: captured, Encoded: captured.Add(2 * time.Millisecond),
		SentFirst: captured.Add(3 * time.Millisecond), Sent: captured.Add(5 * time.Millisecond),
		Arrived: epoch.Add(7 * time.Millisecond), Received: epoch.Add(9 * time.Millisecond),
	}
	got := au.Timing
	for _, s := range []struct {
		name      string
		got, want time.Time
	}{
		{"Captured", got.Captured, want.Captured},
		{"Encoded", got.Encoded, want.Encoded},
		{"SentFirst", got.SentFirst, want.SentFirst},
		{"Sent", got.Sent, want.Sent},
		{"Arrived", got.Arrived, want.Arrived},
		{"Received", got.Received, want.Received},
	} {
		if !s.got.Equal(s.want) {
			t.Errorf("Timing.%s = %v; want %v", s.name, s.got, s.want)
		}
	}
	if au.Screen != 1 || au.Codec != media.CodecH264 || !au.Keyframe || au.Discontinuity || au.RTPTime != f.rtpTime {
		t.Errorf("access unit = %+v", au)
	}
	au.Release()
	au.Release() // a second one must do nothing
	if free := receive.FreeBuffers(r.video); free != receive.DefaultBuffers {
		t.Errorf("free buffers = %d; want %d", free, receive.DefaultBuffers)
	}
}

// TestRepairSchedule follows one lost packet: asked for at once, again after
// 1.25 RTT while no repair has shown how long one takes; after two of them a
// keyframe is asked for besides, which the stream goes on with.
func TestRepairSchedule(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	f := r.frame(false, 4)
	lost := seqOf(f.packets[1])
	r.send(f.packets[0], f.packets[2], f.packets[3])
	r.wantNACKs([]uint16{lost})
	r.pass(9 * time.Millisecond)
	r.wantNACKs()
	r.pass(2 * time.Millisecond)
	r.wantNACKs([]uint16{lost})
	r.pass(8 * time.Millisecond)
	if r.plis != 0 {
		t.Errorf("PLIs before the deadline = %d; want 0", r.plis)
	}
	r.pass(2 * time.Millisecond)
	if r.plis != 1 {
		t.Errorf("PLIs after the deadline = %d; want 1", r.plis)
	}
	r.send(r.frame(false, 2).packets...)
	r.wantFrames(1)
	r.pass(255 * time.Millisecond)
	if n := r.video.Stats().PLIs; n != 2 || r.plis < 3 || r.plis > 4 {
		t.Errorf("PLIs after a retry = %d, with copies %d; want 2, 3 or 4", n, r.plis)
	}
	r.keep = true
	r.send(r.frame(true, 2).packets...)
	r.wantFrames(1, 4)
	if au := r.units[1]; !au.Keyframe || !au.Discontinuity {
		t.Errorf("keyframe after a loss: Keyframe %v, Discontinuity %v; want both", au.Keyframe, au.Discontinuity)
	}
	s := r.video.Stats()
	if s.LostBy != [media.NumCauses]uint64{media.CauseNetwork: 2} || s.GivenUp != 1 || s.Lost != 1 || s.Retries < 1 || s.Retries > 8 {
		t.Errorf("Stats = %+v; want 2 frames lost by the network, 1 packet given up, 1 to 8 retries", s)
	}
}

func TestRTXRepairs(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	f, g := r.frame(false, 4), r.frame(false, 2)
	r.send(f.packets[0], f.packets[3])
	r.send(g.packets...)
	r.wantNACKs([]uint16{seqOf(f.packets[1]), seqOf(f.packets[2])})
	r.wantFrames(1)
	r.video.RTX(r.now, rtx(f.packets[2], 1))
	r.video.RTX(r.now, rtx(f.packets[2], 2))
	r.wantFrames(1)
	r.video.RTX(r.now, rtx(f.packets[1], 3))
	r.wantFrames(1, 2, 3)
	r.video.RTX(r.now, rtpHeader(rtxSSRC, 4, 0, false, nil))              // a probe
	r.video.RTX(r.now, append(rtpHeader(rtxSSRC, 5, 0, false, nil), 'x')) // half a number
	s := r.video.Stats()
	if s.Repaired != 2 || s.Duplicates != 1 || s.Malformed != 1 || s.RTXPackets != 4 || s.Lost != 2 {
		t.Errorf("Stats = %+v; want 2 repaired, 1 duplicate, 1 malformed, 4 by RTX, 2 lost", s)
	}
}

// TestTailLoss shows that a frame whose last packets are lost is asked for
// before the next frame shows the gap.
func TestTailLoss(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	f := r.frame(false, 5)
	r.send(f.packets[:3]...)
	r.pass(2 * time.Millisecond)
	r.wantNACKs()
	r.pass(2 * time.Millisecond)
	r.wantNACKs([]uint16{seqOf(f.packets[3]), seqOf(f.packets[4])})
	r.video.RTX(r.now, rtx(f.packets[4], 1))
	r.wantNACKs()
	r.video.RTX(r.now, rtx(f.packets[3], 2))
	r.wantFrames(1, 2)
	r.pass(50 * time.Millisecond)
	r.wantNACKs()
}

// TestTailGivenUp shows that a tail that never comes ends in a keyframe
// request, since a still screen sends no next frame.
func TestTailGivenUp(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	r.send(r.frame(false, 5).packets[:3]...)
	r.pass(245 * time.Millisecond)
	if r.plis != 0 || len(r.nacks) < 3 || len(r.nacks) > 6 {
		t.Errorf("after 245 ms: %d PLIs, %d NACKs; want 0, 3 to 6", r.plis, len(r.nacks))
	}
	r.pass(10 * time.Millisecond)
	if r.plis != 1 {
		t.Errorf("after 255 ms: %d PLIs; want 1", r.plis)
	}
}

// TestReorderGuard shows that gaps are asked for at once until reordering has
// been seen, and later after two packets or 2 ms.
func TestReorderGuard(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	f := r.frame(false, 3)
	r.send(f.packets[1], f.packets[0], f.packets[2])
	r.wantNACKs([]uint16{seqOf(f.packets[0])}) // too early, as it turns out
	r.wantFrames(1, 2)
	g := r.frame(false, 5)
	r.send(g.packets[0], g.packets[2])
	r.wantNACKs()
	r.send(g.packets[3], g.packets[4])
	r.wantNACKs([]uint16{seqOf(g.packets[1])})
	r.send(g.packets[1])
	r.wantFrames(1, 2, 3)
	k := r.frame(false, 3)
	r.send(k.packets[0], k.packets[2])
	r.wantNACKs()
	r.pass(3 * time.Millisecond)
	r.wantNACKs([]uint16{seqOf(k.packets[1])})
	if s := r.video.Stats(); s.Reordered != 2 || s.Repaired != 0 {
		t.Errorf("Stats = %+v; want 2 reordered, 0 repaired", s)
	}
}

// TestRestart shows that a host which begins a new sequence space, on the
// same or another SSRC, is followed within two packets and loses none.
func TestRestart(t *testing.T) {
	cases := []struct {
		name string
		jump uint16
		ssrc uint32
		near bool
	}{
		{"far ahead", 20000, mediaSSRC, false},
		{"far behind", 45000, mediaSSRC, false},
		{"little behind", 65000, mediaSSRC, true},
		{"another SSRC", 65535, 0x33333333, false},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, nil)
			r.send(r.frame(true, 3).packets...)
			r.send(r.frame(false, 3).packets...)
			r.host.seq += tc.jump
			r.host.number = 0
			f := r.frame(true, 40)
			for _, p := range f.packets {
				p[8], p[9], p[10], p[11] = byte(tc.ssrc>>24), byte(tc.ssrc>>16), byte(tc.ssrc>>8), byte(tc.ssrc)
			}
			r.send(f.packets...)
			for _, seqs := range r.nacks {
				for _, seq := range seqs {
					r.video.RTX(r.now, rtx(f.packets[seq-seqOf(f.packets[0])], 1))
				}
			}
			r.wantFrames(1, 2, 1)
			if s := r.video.Stats(); s.Restarts != 1 || s.Lost != s.Repaired {
				t.Errorf("Stats = %+v; want 1 restart, nothing lost for good", s)
			}
		})
	}
}

// TestFirstPacketsLost shows that the beginning of the first frame, often
// lost while keys are agreed on, is asked for.
func TestFirstPacketsLost(t *testing.T) {
	r := newRig(t, nil)
	f := r.frame(true, 6)
	r.send(f.packets[3:]...)
	if len(r.nacks) != 1 || !slices.Contains(r.nacks[0], seqOf(f.packets[0])) {
		t.Fatalf("NACKs = %v; want one with %d", r.nacks, seqOf(f.packets[0]))
	}
	for i, p := range f.packets[:3] {
		r.video.RTX(r.now, rtx(p, uint16(i)))
	}
	r.pass(30 * time.Millisecond)
	r.wantFrames(1)
	if s := r.video.Stats(); s.GivenUp != 0 || s.LostBy != [media.NumCauses]uint64{} {
		t.Errorf("Stats = %+v; want nothing lost", s)
	}
}

// TestNoBuffers shows that a decoder which keeps everything costs it frames,
// not memory.
func TestNoBuffers(t *testing.T) {
	r := newRig(t, func(c *receive.VideoConfig) { c.Buffers = 2 })
	r.keep = true
	r.send(r.frame(true, 2).packets...)
	r.send(r.frame(false, 2).packets...)
	r.send(r.frame(false, 2).packets...)
	r.send(r.frame(false, 2).packets...)
	r.wantFrames(1, 2)
	for _, au := range r.units {
		au.Release()
	}
	r.send(r.frame(false, 2).packets...)
	r.wantFrames(1, 2)
	r.send(r.frame(true, 2).packets...)
	r.wantFrames(1, 2, 6)
	s := r.video.Stats()
	if s.Starved != 2 || s.LostBy != [media.NumCauses]uint64{media.CauseDecoder: 3} || r.plis != 1 {
		t.Errorf("Stats = %+v, %d PLIs; want 2 starved, 3 lost by the decoder, 1 PLI", s, r.plis)
	}
}

func TestTooLarge(t *testing.T) {
	r := newRig(t, func(c *receive.VideoConfig) { c.MaxAccessUnit = 3000 })
	r.send(r.frame(true, 3).packets...)
	r.send(r.host.next(false, 1, 9000, r.now).packets...)
	r.send(r.frame(true, 3).packets...)
	r.wantFrames(1, 3)
	s := r.video.Stats()
	if s.TooLarge != 1 || s.LostBy != [media.NumCauses]uint64{media.CauseHost: 1} || r.plis != 1 {
		t.Errorf("Stats = %+v, %d PLIs; want 1 too large, 1 lost by the host, 1 PLI", s, r.plis)
	}
}

// TestWaitsForKeyframe shows the start in the middle of a stream, and an IDR
// without parameter sets.
func TestWaitsForKeyframe(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(false, 2).packets...)
	if r.plis != 1 {
		t.Errorf("PLIs after a stream without keyframe = %d; want 1", r.plis)
	}
	bare := r.frame(true, 3)
	for _, p := range bare.packets {
		if n := len(p) - 1; p[n-1]&0x1f == 24 {
			t.Fatal("unexpected")
		}
	}
	r.host.rtpTime += r.host.interval
	r.host.number++
	r.host.seq -= 3
	r.send(r.host.packet([]byte{0x65, 1, 2, 3}, true, true, r.now)) // an IDR with no SPS before it
	r.wantFrames()
	r.send(r.frame(true, 3).packets...)
	r.wantFrames(4)
}

// TestKeyframeRequests shows the rate limit and the reasons.
func TestKeyframeRequests(t *testing.T) {
	r := newRig(t, nil)
	r.video.RequestKeyframe("decoder")
	r.pass(10 * time.Millisecond)
	if r.plis != 0 {
		t.Errorf("PLIs before any packet = %d; want 0", r.plis)
	}
	r.send(r.frame(true, 2).packets[:1]...)
	if r.plis != 1 {
		t.Errorf("PLIs = %d; want 1", r.plis)
	}
	r.host.seq--
	r.send(r.frame(true, 2).packets...)
	for range 3 {
		r.video.RequestKeyframe("decoder")
		r.video.RequestKeyframe("picture")
		r.pass(10 * time.Millisecond)
	}
	if n := r.video.Stats().PLIs; n != 1 {
		t.Errorf("PLIs within 100 ms = %d; want 1", n)
	}
	r.pass(80 * time.Millisecond)
	if n := r.video.Stats().PLIs; n != 2 {
		t.Errorf("PLIs after 100 ms = %d; want 2", n)
	}
	s := r.video.Stats()
	if c := s.KeyframeRequests; c[0] != (receive.ReasonCount{Reason: "decoder", Count: 2}) || s.PLIs != 2 {
		t.Errorf("KeyframeRequests = %v; want 2 for the decoder", c)
	}
}

// TestKeyframeJump shows that a whole keyframe is not kept waiting by a gap
// before it when nothing else can be shown.
func TestKeyframeJump(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 2).packets...)
	r.send(r.frame(false, 4).packets[1:]...) // its first packet is lost
	r.pass(25 * time.Millisecond)
	r.send(r.frame(false, 4).packets[1:]...)
	r.wantFrames(1)
	r.send(r.frame(true, 4).packets...)
	r.wantFrames(1, 4)
	if s := r.video.Stats(); s.LostBy != [media.NumCauses]uint64{media.CauseNetwork: 2} {
		t.Errorf("LostBy = %v; want 2 by the network", s.LostBy)
	}
}

// TestKeyframeLost shows that the repeat does not wait when the keyframe that
// answered a request is lost as well.
func TestKeyframeLost(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 2).packets...)
	f := r.frame(false, 3)
	r.send(f.packets[0], f.packets[2])
	r.pass(25 * time.Millisecond)
	if r.plis != 1 {
		t.Fatalf("PLIs after a loss = %d; want 1", r.plis)
	}
	k := r.frame(true, 5)
	r.send(k.packets[0], k.packets[1], k.packets[4])
	r.pass(90 * time.Millisecond)
	if n := r.video.Stats().PLIs; n != 1 {
		t.Errorf("PLIs within 100 ms = %d; want 1", n)
	}
	r.pass(10 * time.Millisecond)
	if n := r.video.Stats().PLIs; n != 2 {
		t.Errorf("PLIs after a lost keyframe = %d; want 2", n)
	}
}

// TestTakenBack shows a picture that our host stopped sending, and a keyframe
// under the next numbers: one frame lost by the host, and no keyframe asked for.
func TestTakenBack(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	f := r.host.next(false, 4, 100, r.now) // four slices, one packet each
	r.send(f.packets[:2]...)
	r.host.seq -= 2
	r.send(r.frame(true, 4).packets...)
	r.send(r.frame(false, 2).packets...)
	r.pass(50 * time.Millisecond)
	r.wantFrames(1, 3, 4)
	s := r.video.Stats()
	if s.LostBy != [media.NumCauses]uint64{media.CauseHost: 1} || s.PLIs != 0 || s.Lost != 0 {
		t.Errorf("Stats = %+v; want 1 frame lost by the host, no PLI", s)
	}
}

// TestPadding shows that padding and packets of another payload type take a
// sequence number and nothing else.
func TestPadding(t *testing.T) {
	r := newRig(t, func(c *receive.VideoConfig) { c.PayloadType = 96 })
	f := r.frame(true, 2)
	r.send(f.packets...)
	r.send(rtpHeader(mediaSSRC, r.host.seq, f.rtpTime, false, nil))
	other := append(rtpHeader(mediaSSRC, r.host.seq+1, f.rtpTime, false, nil), 1, 2, 3)
	other[1] = 50
	r.send(other)
	r.host.seq += 2
	r.send(r.frame(false, 2).packets...)
	r.pass(300 * time.Millisecond)
	r.wantFrames(1, 2)
	r.wantNACKs()
}
