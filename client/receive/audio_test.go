package receive_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/wire"
)

func audioPacket(seq uint16, payload string) []byte {
	return append(rtpHeader(mediaSSRC, seq, uint32(seq)*240, false, nil), payload...)
}

func TestAudioOrder(t *testing.T) {
	const window = 5 * time.Millisecond
	cases := []struct {
		name   string
		window time.Duration
		seqs   string // one packet a millisecond; "-" none came
		want   string // sequence number, "+n" lost before it
	}{
		{"in order", 0, "1 2 3", "1 2 3"},
		{"wrap", 0, "65534 65535 0 1", "65534 65535 0 1"},
		{"gap, no window", 0, "1 3 4", "1 3+1 4"},
		{"late, no window", 0, "1 3 2 4", "1 3+1 4"},
		{"late, in window", window, "1 3 2 4", "1 2 3 4"},
		{"gap, in window", window, "1 3 4 5 6 7 8 9", "1 3+1 4 5 6 7 8 9"},
		{"gap, window ends in silence", window, "1 3 - - - - - - - -", "1 3+1"},
		{"two gaps", window, "1 3 5 - - - - - - - -", "1 3+1 5+1"},
		{"twice", window, "1 1 3 3 2 2 4", "1 2 3 4"},
		{"first ones swapped", window, "2 1 3", "2 3"},
		{"far jump", window, "1 1000 1001", "1 1000+998 1001"},
		{"new sequence space", 0, "1 2 40000 40001 40002", "1 2 40001 40002"},
		{"stray", 0, "1 2 40000 3", "1 2 3"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			a, err := receive.NewAudio(receive.AudioConfig{ReorderWindow: tc.window, OnPacket: func(p *receive.AudioPacket) {
				s := fmt.Sprint(p.Seq)
				if string(p.Payload) != "p"+s || p.RTPTime != uint32(p.Seq)*240 {
					t.Errorf("packet %d: payload %q, RTP time %d", p.Seq, p.Payload, p.RTPTime)
				}
				if p.Lost > 0 {
					s += fmt.Sprintf("+%d", p.Lost)
				}
				got = append(got, s)
				p.Release()
			}})
			if err != nil {
				t.Fatal(err)
			}
			now := epoch
			for _, s := range strings.Fields(tc.seqs) {
				now = now.Add(time.Millisecond)
				var seq uint16
				if n, _ := fmt.Sscan(s, &seq); n == 1 {
					a.Packet(now, audioPacket(seq, "p"+s))
				}
				a.Tick(now)
			}
			if want := strings.Fields(tc.want); !slices.Equal(got, want) {
				t.Errorf("Audio(%s) = %v; want %v", tc.seqs, got, want)
			}
		})
	}
}

func TestAudioBounds(t *testing.T) {
	if _, err := receive.NewAudio(receive.AudioConfig{}); err == nil {
		t.Error("NewAudio without OnPacket = nil; want an error")
	}
	var kept []*receive.AudioPacket
	a, err := receive.NewAudio(receive.AudioConfig{PayloadType: 96, OnPacket: func(p *receive.AudioPacket) { kept = append(kept, p) }})
	if err != nil {
		t.Fatal(err)
	}
	a.Packet(epoch, []byte{1})
	a.Packet(epoch, audioPacket(0, strings.Repeat("x", 1501)))
	for seq := range uint16(400) {
		a.Packet(epoch, audioPacket(seq, "x"))
	}
	if s := a.Stats(); len(kept) != 256 || s.Starved != 144 || s.Malformed != 2 || s.Packets != 400 {
		t.Errorf("%d packets out, Stats = %+v; want 256 out, 144 starved, 2 malformed of 400", len(kept), s)
	}
	for _, p := range kept {
		p.Release()
	}
	kept = nil
	a.Packet(epoch, audioPacket(400, ""))
	other := audioPacket(401, "y")
	other[1] = 13
	a.Packet(epoch, other)
	a.Packet(epoch, audioPacket(402, "z"))
	if len(kept) != 1 || string(kept[0].Payload) != "z" {
		t.Errorf("%d packets after padding; want the one", len(kept))
	}
}

func FuzzAudio(f *testing.F) {
	f.Add([]byte{0, 1, 3, 2, 2, 9, 4, 250, 5, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		out := 0
		a, err := receive.NewAudio(receive.AudioConfig{ReorderWindow: 3 * time.Millisecond, OnPacket: func(p *receive.AudioPacket) {
			out++
			p.Release()
		}})
		if err != nil {
			t.Fatal(err)
		}
		now, seq := epoch, uint16(0)
		for _, s := range steps {
			now = now.Add(time.Duration(s%4) * time.Millisecond)
			seq += uint16(int8(s)) * uint16(1+s>>6*40)
			a.Packet(now, audioPacket(seq, "x"))
			a.Tick(now)
		}
		a.Tick(now.Add(time.Second))
		s := a.Stats()
		if uint64(out)+s.Duplicates+s.Starved > s.Packets {
			t.Errorf("%d handed out; Stats = %+v", out, s)
		}
	})
}

func BenchmarkAudio(b *testing.B) {
	a, err := receive.NewAudio(receive.AudioConfig{OnPacket: (*receive.AudioPacket).Release})
	if err != nil {
		b.Fatal(err)
	}
	packet := audioPacket(0, strings.Repeat("x", 160))
	b.ReportAllocs()
	for i := range b.N {
		packet[2], packet[3] = byte(i>>8), byte(i)
		a.Packet(epoch, packet)
	}
}

// redPacket carries a packet and copies of those before it.
func redPacket(seq uint16, copies int) []byte {
	var blocks []wire.REDBlock
	for back := copies; back >= 0; back-- {
		blocks = append(blocks, wire.REDBlock{
			PayloadType: 111, Offset: uint16(240 * back), Data: fmt.Appendf(nil, "p%d", seq-uint16(back)),
		})
	}
	p := rtpHeader(mediaSSRC, seq, uint32(seq)*240, false, nil)
	p[1] = 63
	return wire.AppendRED(p, blocks...)
}

func TestAudioRedundancy(t *testing.T) {
	cases := []struct {
		name      string
		copies    int
		seqs      string
		want      string
		recovered uint64
	}{
		{"nothing lost", 2, "1 2 3", "1 2 3", 0},
		{"one lost", 1, "1 3 4", "1 2 3 4", 1},
		{"two lost, one copy", 1, "1 4 5", "1 3+1 4 5", 1},
		{"two lost, two copies", 2, "1 4 5", "1 2 3 4 5", 2},
		{"wrap", 2, "65534 1", "65534 65535 0 1", 2},
		{"late original", 1, "1 3 2 4", "1 2 3 4", 1},
		{"copies of what was before the first", 2, "7 8", "7 8", 0},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var got []string
			a, err := receive.NewAudio(receive.AudioConfig{
				PayloadType: 111, Redundant: 63, ReorderWindow: 5 * time.Millisecond,
				OnPacket: func(p *receive.AudioPacket) {
					s := fmt.Sprint(p.Seq)
					// Around the wrap of numbers the test's clock jumps.
					if string(p.Payload) != "p"+s || p.RTPTime != uint32(p.Seq)*240 && p.Seq != 65535 {
						t.Errorf("packet %d: payload %q, RTP time %d", p.Seq, p.Payload, p.RTPTime)
					}
					if p.Lost > 0 {
						s += fmt.Sprintf("+%d", p.Lost)
					}
					got = append(got, s)
					p.Release()
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			now := epoch
			for s := range strings.FieldsSeq(tc.seqs) {
				var seq uint16
				fmt.Sscan(s, &seq)
				a.Packet(now, redPacket(seq, tc.copies))
				now = now.Add(6 * time.Millisecond)
				a.Tick(now)
			}
			if want := strings.Fields(tc.want); !slices.Equal(got, want) {
				t.Errorf("packets = %v; want %v", got, want)
			}
			if st := a.Stats(); st.Recovered != tc.recovered {
				t.Errorf("Recovered = %d; want %d", st.Recovered, tc.recovered)
			}
		})
	}
}

func TestAudioRedundancyMalformed(t *testing.T) {
	var got []uint16
	a, err := receive.NewAudio(receive.AudioConfig{PayloadType: 111, Redundant: 63, OnPacket: func(p *receive.AudioPacket) {
		got = append(got, p.Seq)
		p.Release()
	}})
	if err != nil {
		t.Fatal(err)
	}
	a.Packet(epoch, redPacket(1, 0))
	broken := redPacket(2, 1)
	a.Packet(epoch, broken[:len(broken)-6])
	a.Packet(epoch, redPacket(3, 0))
	if want := []uint16{1, 3}; !slices.Equal(got, want) {
		t.Errorf("packets = %v; want %v", got, want)
	}
	if st := a.Stats(); st.Malformed != 1 {
		t.Errorf("Malformed = %d; want 1", st.Malformed)
	}
}

func BenchmarkAudioRedundant(b *testing.B) {
	a, err := receive.NewAudio(receive.AudioConfig{PayloadType: 111, Redundant: 63, OnPacket: func(p *receive.AudioPacket) { p.Release() }})
	if err != nil {
		b.Fatal(err)
	}
	packet := redPacket(0, 2)
	seq := uint16(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		packet[2], packet[3] = byte(seq>>8), byte(seq)
		a.Packet(epoch, packet)
	}
}
