package receive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/rtpdump"
)

// recordStream records frames at 60 Hz, one keyframe a second, as a host sends
// them: up to 16 packets at once, the rest a millisecond later.
func recordStream(t *testing.T, codec media.Codec, frames int) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := rtpdump.NewWriter(&file, rtpdump.Header{Start: epoch})
	h := newHost(codec, 1)
	for i := range frames {
		at := time.Duration(i) * time.Second / 60
		f := h.next(i%60 == 0, 1, 15_000, epoch.Add(at))
		for j, p := range f.packets {
			err = errors.Join(err, w.Packet(at+time.Duration(j/16)*time.Millisecond, p, false))
		}
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// outcome is what a replay into a Video came to.
type outcome struct {
	stats   receive.VideoStats
	log     string          // every access unit and when
	waits   []time.Duration // between the arrivals of the access units, longest last
	latency []time.Duration // from the first packet's departure to delivery, longest last
}

// replayed is a Video at the end of a replay.
type replayed struct {
	replay *netlab.Replay
	video  *receive.Video
	sent   map[uint32]time.Duration // by RTP time
	last   time.Duration
	log    bytes.Buffer
	out    outcome
}

func (p *replayed) deliver(au *media.AccessUnit) {
	now := p.replay.Now()
	fmt.Fprintln(&p.log, now, au.RTPTime, len(au.Data), au.Keyframe, au.Discontinuity)
	if p.last > 0 {
		p.out.waits = append(p.out.waits, now-p.last)
	}
	p.out.latency = append(p.out.latency, now-p.sent[au.RTPTime])
	p.last = now
	au.Release()
}

// replayInto sends the stream of one SSRC of a recording through a profile
// into a Video.
func replayInto(t *testing.T, file []byte, ssrc uint32, cfg receive.VideoConfig, profile string, seed uint64) outcome {
	t.Helper()
	profileOf, err := netlab.Find(profile)
	if err != nil {
		t.Fatal(err)
	}
	p := &replayed{sent: sendTimes(t, file, ssrc)}
	cfg.SendNACK = func(ssrc uint32, seqs []uint16) { p.replay.NACK(ssrc, seqs) }
	cfg.SendPLI = func(uint32) {} // a recording has the keyframes that it has
	cfg.RTT = func() time.Duration { return p.replay.RTT() }
	cfg.OnAccessUnit = p.deliver
	if p.video, err = receive.NewVideo(cfg); err != nil {
		t.Fatal(err)
	}
	p.replay, err = netlab.NewReplay(netlab.ReplayConfig{
		Seed: seed, Profile: profileOf,
		Repairs: map[uint32]netlab.Repair{ssrc: {SSRC: rtxSSRC, PayloadType: 97}},
		Deliver: func(at time.Duration, from uint32, packet []byte) {
			switch from {
			case ssrc:
				p.video.Packet(epoch.Add(at), packet)
			case rtxSSRC:
				p.video.RTX(epoch.Add(at), packet)
			}
		},
		Tick: func(at time.Duration) time.Duration { return p.video.Tick(epoch.Add(at)) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.replay.Run(openDump(t, file)); err != nil {
		t.Fatal(err)
	}
	p.out.stats, p.out.log = p.video.Stats(), p.log.String()
	slices.Sort(p.out.waits)
	slices.Sort(p.out.latency)
	return p.out
}

func openDump(t *testing.T, file []byte) *rtpdump.Reader {
	t.Helper()
	r, err := rtpdump.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// packets calls f for every RTP packet of a recording.
func packets(t *testing.T, file []byte, f func(at time.Duration, ssrc, rtpTime uint32)) {
	t.Helper()
	r := openDump(t, file)
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if p := rec.Packet; !rec.RTCP && len(p) >= 12 {
			f(rec.At, binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[4:]))
		}
	}
}

// sendTimes returns when the first packet of each RTP time of a stream left.
func sendTimes(t *testing.T, file []byte, ssrc uint32) map[uint32]time.Duration {
	sent := map[uint32]time.Duration{}
	packets(t, file, func(at time.Duration, from, rtpTime uint32) {
		if _, known := sent[rtpTime]; from == ssrc && !known {
			sent[rtpTime] = at
		}
	})
	return sent
}

// TestReplay replays a recorded stream through impaired links, exactly.
func TestReplay(t *testing.T) {
	const frames = 600
	for _, codec := range []media.Codec{media.CodecH264, media.CodecHEVC} {
		file := recordStream(t, codec, frames)
		for _, tc := range []struct {
			profile string
			shown   float64       // of the frames, at least
			p50     time.Duration // of the latency, at most
			longest time.Duration // between two frames, at most
		}{
			{"clean", 1, time.Millisecond + 1, 18 * time.Millisecond},
			{"rtt20", 1, 11*time.Millisecond + 1, 28 * time.Millisecond},
			{"loss2", 0.99, 12 * time.Millisecond, 100 * time.Millisecond},
			{"loss10", 0.95, 40 * time.Millisecond, time.Second},
			{"wifi-busy", 0.95, 40 * time.Millisecond, time.Second},
		} {
			if codec == media.CodecHEVC && tc.profile != "loss2" {
				continue // what differs is the payload format
			}
			t.Run(fmt.Sprintf("%v/%s", codec, tc.profile), func(t *testing.T) {
				cfg := receive.VideoConfig{Codec: codec, Extensions: extIDs}
				got := replayInto(t, file, mediaSSRC, cfg, tc.profile, 1)
				if again := replayInto(t, file, mediaSSRC, cfg, tc.profile, 1); again.log != got.log || again.stats != got.stats {
					t.Errorf("the same seed gives other figures: %+v; want %+v", again.stats, got.stats)
				}
				n := len(got.latency)
				if n < 2 {
					t.Fatalf("hardly a frame came: %+v", got.stats)
				}
				shown, p50, longest := float64(n)/frames, got.latency[n/2], got.waits[len(got.waits)-1]
				t.Logf("%.1f %% shown, latency p50 %v p99 %v, longest wait %v", 100*shown, p50, got.latency[n*99/100], longest)
				if shown < tc.shown || p50 > tc.p50 || longest > tc.longest {
					t.Errorf("%.3f shown, latency p50 %v, longest wait %v; want %+v", shown, p50, longest, tc)
				}
				if tc.profile == "loss2" && replayInto(t, file, mediaSSRC, cfg, tc.profile, 2).log == got.log {
					t.Error("another seed gives the same figures")
				}
			})
		}
	}
}

var (
	replayFile    = flag.String("replay", "", "recording of shadow-host --record to replay")
	replayProfile = flag.String("replay-profile", "loss2", "network profile to replay it through")
	replaySeed    = flag.Uint64("replay-seed", 1, "seed to replay it with")
	replayHEVC    = flag.Bool("replay-hevc", false, "its pictures are HEVC, not H.264")
)

// TestReplayFile replays a recording, its stream with the most packets, and
// prints the figures. It runs when asked to:
//
//	go test ./client/receive -run ReplayFile -v -args -replay session.rtp -replay-profile wifi-busy
func TestReplayFile(t *testing.T) {
	if *replayFile == "" {
		t.Skip("no -replay")
	}
	file, err := os.ReadFile(*replayFile)
	if err != nil {
		t.Fatal(err)
	}
	count := map[uint32]int{}
	var video uint32
	packets(t, file, func(_ time.Duration, ssrc, _ uint32) {
		if count[ssrc]++; count[ssrc] > count[video] {
			video = ssrc
		}
	})
	cfg := receive.VideoConfig{Codec: media.CodecH264}
	if *replayHEVC {
		cfg.Codec = media.CodecHEVC
	}
	got := replayInto(t, file, video, cfg, *replayProfile, *replaySeed)
	n, sent := len(got.latency), len(sendTimes(t, file, video))
	if n < 2 {
		t.Fatalf("%d of %d frames came: %+v", n, sent, got.stats)
	}
	t.Logf("%s, seed %d: %d of %d frames (%.1f %%), latency p50 %v p95 %v p99 %v, longest wait %v", *replayProfile, *replaySeed,
		n, sent, 100*float64(n)/float64(sent), got.latency[n/2], got.latency[n*95/100], got.latency[n*99/100], got.waits[len(got.waits)-1])
	t.Logf("%+v", got.stats)
}
