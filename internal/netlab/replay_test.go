package netlab_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/rtpdump"
)

const (
	mediaSSRC  = 0x11111111
	repairSSRC = 0x22222222
)

// rtp returns a packet whose payload is its number; one with an extension if it is odd.
func rtp(ssrc uint32, seq uint16) []byte {
	b := []byte{0x80, 96}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, uint32(seq)*3000)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if seq%2 == 1 {
		b[0] |= 0x10
		b = append(b, 0xBE, 0xDE, 0, 1, 0x30, 1, 0, 0)
	}
	return binary.BigEndian.AppendUint32(b, uint32(seq))
}

// dump records n packets, one every 2 ms, with RTCP and an old repair between.
func dump(t testing.TB, n int) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := rtpdump.NewWriter(&file, rtpdump.Header{})
	for i := range n {
		at := time.Duration(i) * 2 * time.Millisecond
		err = errors.Join(err, w.Packet(at, rtp(mediaSSRC, uint16(60000+i)), false))
		if i%100 == 0 {
			err = errors.Join(err, w.Packet(at, []byte{0x80, 200, 0, 0}, true), w.Packet(at, rtp(repairSSRC, 1), false))
		}
	}
	if err = errors.Join(err, w.Flush()); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// taker is a receiver that asks at once for every packet missing, and again after 40 ms.
type taker struct {
	t       *testing.T
	replay  *netlab.Replay
	next    uint16 // the next in order
	started bool
	missing map[uint16]time.Duration // since
	asked   map[uint16]time.Duration
	took    []time.Duration // from missing to repaired
	got     int
	log     strings.Builder
}

func (k *taker) deliver(at time.Duration, ssrc uint32, packet []byte) {
	if at != k.replay.Now() {
		k.t.Errorf("delivered at %v, but now is %v", at, k.replay.Now())
	}
	seq := binary.BigEndian.Uint16(packet[2:])
	if ssrc == repairSSRC {
		original := packet[12 : len(packet)-4]
		if packet[0]&0x10 != 0 {
			original = packet[20 : len(packet)-4]
		}
		if len(original) != 2 || packet[1] != 97 {
			k.t.Fatalf("repair % x has no room for a number or is of type %d", packet, packet[1])
		}
		seq = binary.BigEndian.Uint16(original)
	}
	if got := binary.BigEndian.Uint32(packet[len(packet)-4:]); got != uint32(seq) {
		k.t.Fatalf("payload of %d is that of %d", seq, got)
	}
	fmt.Fprintln(&k.log, at, seq, ssrc == repairSSRC)
	if since, ok := k.missing[seq]; ok {
		k.took = append(k.took, at-since)
		delete(k.missing, seq)
		k.got++
		return
	}
	if !k.started {
		k.started, k.next = true, seq
	}
	if int16(seq-k.next) < 0 {
		return
	}
	var gap []uint16
	for ; k.next != seq; k.next++ {
		gap = append(gap, k.next)
		k.missing[k.next], k.asked[k.next] = at, at
	}
	k.next++
	k.got++
	if len(gap) > 0 {
		k.replay.NACK(mediaSSRC, gap)
	}
}

func (k *taker) tick(at time.Duration) time.Duration {
	var again []uint16
	for seq := k.next - 500; seq != k.next; seq++ {
		if _, ok := k.missing[seq]; ok && at-k.asked[seq] >= 40*time.Millisecond {
			again = append(again, seq)
			k.asked[seq] = at
		}
	}
	if len(again) > 0 {
		k.replay.NACK(mediaSSRC, again)
	}
	return 5 * time.Millisecond
}

// replay runs a dump and returns what came of it.
func replay(t *testing.T, file []byte, seed uint64, profile string, repair netlab.Repair) *taker {
	t.Helper()
	p, err := netlab.Find(profile)
	if err != nil {
		t.Fatal(err)
	}
	k := &taker{t: t, missing: map[uint16]time.Duration{}, asked: map[uint16]time.Duration{}}
	k.replay, err = netlab.NewReplay(netlab.ReplayConfig{
		Seed: seed, Profile: p, Repairs: map[uint32]netlab.Repair{mediaSSRC: repair}, Deliver: k.deliver, Tick: k.tick,
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := rtpdump.NewReader(bytes.NewReader(file))
	if err == nil {
		err = k.replay.Run(r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestReplayRepairs(t *testing.T) {
	const n = 10_000
	k := replay(t, dump(t, n), 1, "loss2", netlab.Repair{SSRC: repairSSRC, PayloadType: 97})
	s := k.replay.Stats()
	if s.Sent != n {
		t.Errorf("%d packets sent; want the %d of the media only", s.Sent, n)
	}
	if k.got < n-2 || len(k.took) < n/60 || s.Repairs < uint64(len(k.took)) {
		t.Errorf("%d of %d packets, %d repaired, stats %+v", k.got, n, len(k.took), s)
	}
	exact := 0
	for _, took := range k.took {
		if took == 20*time.Millisecond {
			exact++
		} else if took < 20*time.Millisecond {
			t.Fatalf("repaired after %v; want a round trip of 20 ms or more", took)
		}
	}
	if share := float64(exact) / float64(len(k.took)); share < 0.93 || share > 0.99 {
		t.Errorf("%.1f %% were repaired after one round trip; want 96 %%, as requests and repairs are lost too", 100*share)
	}
}

func TestReplayRepeatsThePacketItself(t *testing.T) {
	var r *netlab.Replay
	var got []byte
	p := netlab.Profile{Up: netlab.Conditions{Delay: time.Millisecond}}
	r, err := netlab.NewReplay(netlab.ReplayConfig{
		Profile: p, Repairs: map[uint32]netlab.Repair{mediaSSRC: {}},
		Deliver: func(at time.Duration, ssrc uint32, packet []byte) {
			switch {
			case ssrc == repairSSRC: // recorded
			case got == nil: // asked for twice in a row: the second comes too soon
				r.NACK(mediaSSRC, []uint16{60000, 59999})
				r.NACK(mediaSSRC, []uint16{60000})
				r.NACK(7, []uint16{60000})
				got = packet
			case at != time.Millisecond || ssrc != mediaSSRC || !bytes.Equal(packet, got):
				t.Errorf("repeated % x at %v; want % x after 1 ms", packet, at, got)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	in, err := rtpdump.NewReader(bytes.NewReader(dump(t, 1)))
	if err == nil {
		err = r.Run(in)
	}
	if s := r.Stats(); err != nil || s.Repairs != 1 || s.Unknown != 2 || s.NACKs != 3 || r.Now() != time.Second {
		t.Errorf("Run = %v, %+v, at %v; want one repair, two unknown, 1 s", err, s, r.Now())
	}
}

func TestReplayIsExact(t *testing.T) {
	file := dump(t, 3000)
	for _, p := range []string{"loss10", "wifi-busy", "4g-handover"} {
		repair := netlab.Repair{SSRC: repairSSRC, PayloadType: 97}
		first := replay(t, file, 9, p, repair).log.String()
		if replay(t, file, 9, p, repair).log.String() != first {
			t.Errorf("%s: the same seed gives another replay", p)
		}
		if replay(t, file, 10, p, repair).log.String() == first {
			t.Errorf("%s: another seed gives the same replay", p)
		}
	}
}

func TestReplayRefuses(t *testing.T) {
	for name, cfg := range map[string]netlab.ReplayConfig{
		"nobody":  {},
		"profile": {Profile: netlab.Profile{Up: netlab.Conditions{Loss: 2}}, Deliver: func(time.Duration, uint32, []byte) {}},
	} {
		if _, err := netlab.NewReplay(cfg); err == nil {
			t.Errorf("%s: NewReplay = nil; want an error", name)
		}
	}
	r, err := netlab.NewReplay(netlab.ReplayConfig{Deliver: func(time.Duration, uint32, []byte) {}})
	if err != nil {
		t.Fatal(err)
	}
	file := dump(t, 10)
	in, err := rtpdump.NewReader(bytes.NewReader(file[:len(file)-3]))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(in); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Run over half a recording = %v; want io.ErrUnexpectedEOF", err)
	}
}

// FuzzReplay has hostile packets recorded.
func FuzzReplay(f *testing.F) {
	f.Add([]byte{0x9f, 96, 0, 1, 0, 0, 0, 0, 0x11, 0x11, 0x11, 0x11, 0, 0, 0xff, 0xff})
	f.Add(rtp(mediaSSRC, 5))
	f.Fuzz(func(t *testing.T, packet []byte) {
		if len(packet) == 0 || len(packet) > rtpdump.MaxPacket {
			return
		}
		var file bytes.Buffer
		w, err := rtpdump.NewWriter(&file, rtpdump.Header{})
		if err = errors.Join(err, w.Packet(0, packet, false), w.Flush()); err != nil {
			t.Fatal(err)
		}
		var r *netlab.Replay
		r, err = netlab.NewReplay(netlab.ReplayConfig{
			Repairs: map[uint32]netlab.Repair{mediaSSRC: {SSRC: repairSSRC}},
			Deliver: func(_ time.Duration, ssrc uint32, p []byte) {
				if ssrc != repairSSRC {
					r.NACK(ssrc, []uint16{binary.BigEndian.Uint16(p[2:])})
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		in, err := rtpdump.NewReader(&file)
		if err == nil {
			err = r.Run(in)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
