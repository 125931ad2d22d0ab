package flexfec_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/blade-shadow/terminal/internal/flexfec"
)

// chromium are the numbers of the header extensions in the recordings.
var chromium = flexfec.Mutable{TransportCC: 4, AbsSendTime: 2, TransmissionOffset: 1, VideoTiming: 7}

// recording is RTP as Chromium 156 sent it, decrypted: for each packet a u16
// length, a byte that is 1 for FEC, and the packet.
type recording struct {
	media map[uint16][]byte
	order []uint16
	ssrc  uint32
	fec   [][]byte // payloads
}

func readRecording(tb testing.TB, name string) recording {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	r := recording{media: map[uint16][]byte{}}
	for len(b) > 3 {
		size, fec := int(binary.BigEndian.Uint16(b)), b[2] == 1
		p := b[3 : 3+size]
		b = b[3+size:]
		if fec {
			r.fec = append(r.fec, payloadOf(p))
			continue
		}
		seq := binary.BigEndian.Uint16(p[2:])
		r.media[seq], r.ssrc = p, binary.BigEndian.Uint32(p[8:])
		r.order = append(r.order, seq)
	}
	return r
}

// payloadOf cuts the header and its extensions off.
func payloadOf(p []byte) []byte {
	at := 12 + 4*int(p[0]&15)
	if p[0]&0x10 != 0 {
		at += 4 + 4*int(binary.BigEndian.Uint16(p[at+2:]))
	}
	return p[at:]
}

// stripped is a packet with its mutable extensions zero.
func stripped(p []byte) []byte { return flexfec.Stripped(chromium, p) }

// group reads whom a repair packet protects, by the letter of the draft and
// not by the package's own parser.
func group(payload []byte) (seqs []uint16) {
	base := binary.BigEndian.Uint16(payload[16:])
	at, n := 18, 0
	for _, size := range []int{16, 32, 64} {
		k := payload[at]&0x80 != 0
		for bit := 1; bit < size; bit++ {
			if payload[at+bit/8]>>(7-bit%8)&1 == 1 {
				seqs = append(seqs, base+uint16(n))
			}
			n++
		}
		at += size / 8
		if k {
			break
		}
	}
	return seqs
}

func recordings(t *testing.T, do func(t *testing.T, r recording, complete [][]byte)) {
	for _, name := range []string{"chromium-small.packets", "chromium-large.packets"} {
		t.Run(name, func(t *testing.T) {
			r := readRecording(t, name)
			var complete [][]byte
			for _, f := range r.fec {
				all := true
				for _, seq := range group(f) {
					all = all && r.media[seq] != nil
				}
				if all {
					complete = append(complete, f)
				}
			}
			if len(complete) < 20 {
				t.Fatalf("%d repair packets with all their media; want 20 at least", len(complete))
			}
			do(t, r, complete)
		})
	}
}

// TestDecodeChromium drops every protected packet of every recorded repair
// packet, one at a time, and gets it back bit by bit.
func TestDecodeChromium(t *testing.T) {
	recordings(t, func(t *testing.T, r recording, complete [][]byte) {
		drops := 0
		for _, f := range complete {
			seqs := group(f)
			for _, drop := range seqs {
				var got []byte
				d := flexfec.NewDecoder(flexfec.DecoderConfig{
					Mutable: chromium, Recovered: func(p []byte) { got = bytes.Clone(p) },
				})
				d.Reset(r.ssrc)
				d.Media(r.media[seqs[0]-1]) // so that a group of one knows where it is
				for _, seq := range seqs {
					if seq != drop {
						d.Media(r.media[seq])
					}
				}
				d.Repair(f)
				if r.media[seqs[0]-1] == nil && len(seqs) == 1 {
					continue
				}
				if !bytes.Equal(got, stripped(r.media[drop])) {
					t.Fatalf("packet %d of %v: recovered %d bytes; want %d:\n%x\n%x", drop, seqs, len(got), len(r.media[drop]), got, stripped(r.media[drop]))
				}
				drops++
			}
		}
		t.Logf("%d repair packets, %d packets dropped and recovered", len(complete), drops)
	})
}

// TestEncodeAsChromium makes the recorded repair packets again.
func TestEncodeAsChromium(t *testing.T) {
	recordings(t, func(t *testing.T, r recording, complete [][]byte) {
		e := flexfec.NewEncoder(chromium)
		wide := 0
		for _, f := range complete {
			seqs := group(f)
			first := binary.BigEndian.Uint16(f[16:])
			var mask flexfec.Mask
			for _, seq := range seqs {
				mask = mask.With(int(seq - first))
			}
			n := int(seqs[len(seqs)-1]-first) + 1
			if err := e.BeginMasks(r.ssrc, first, n, []flexfec.Mask{mask}); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if p := r.media[first+uint16(i)]; p != nil {
					e.Add(i, p)
				}
			}
			got := e.Repair(0, nil)
			if f[18]&0x80 == 0 && n <= 15 { // Chromium's masks may be longer than they need to be
				wide++
				got = append(widen(got[:20]), got[20:]...)
			}
			if !bytes.Equal(got, f) {
				t.Fatalf("repair of %v:\n%x\nwant\n%x", seqs, got[:min(len(got), 64)], f[:min(len(f), 64)])
			}
		}
		t.Logf("%d repair packets, %d with a mask longer than needed", len(complete), wide)
	})
}

// widen turns a header with a mask of 15 bits into one of 46.
func widen(header []byte) []byte {
	h := append(bytes.Clone(header), 0x80, 0, 0, 0)
	h[18] &= 0x7f
	return h
}

// packet makes a random RTP packet.
func packet(rng *rand.Rand, ssrc uint32, seq uint16, twcc bool) []byte {
	p := make([]byte, 12, flexfec.MaxPacket)
	p[0], p[1] = 0x80, byte(rng.Uint32())
	binary.BigEndian.PutUint16(p[2:], seq)
	binary.BigEndian.PutUint32(p[4:], rng.Uint32())
	binary.BigEndian.PutUint32(p[8:], ssrc)
	if twcc {
		p[0] |= 0x10
		p = append(p, 0xbe, 0xde, 0, 2, 0x41, byte(rng.Uint32()), byte(rng.Uint32()), 0x52, 1, 2, 3, 0)
	}
	for range rng.IntN(1200) {
		p = append(p, byte(rng.Uint32()))
	}
	return p
}

// TestRoundTrip loses random packets of random groups: what comes back is what
// was sent, and what should come back does.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 7))
		ssrc, first := rng.Uint32(), uint16(65400+rng.IntN(300))
		e := flexfec.NewEncoder(chromium)
		sent := map[uint16][]byte{}
		back := map[uint16]bool{}
		d := flexfec.NewDecoder(flexfec.DecoderConfig{Mutable: chromium, Recovered: func(p []byte) {
			seq := binary.BigEndian.Uint16(p[2:])
			if !bytes.Equal(p, stripped(sent[seq])) {
				t.Fatalf("seed %d: packet %d came back wrong", seed, seq)
			}
			back[seq] = true
		}})
		d.Reset(ssrc)
		for round := range 6 {
			n := 1 + rng.IntN(flexfec.MaxGroup)
			r := 1 + rng.IntN(min(n, 12))
			if err := e.Begin(ssrc, first, n, r); err != nil {
				t.Fatal(err)
			}
			lost := map[uint16]bool{}
			for i := range n {
				seq := first + uint16(i)
				sent[seq] = packet(rng, ssrc, seq, rng.IntN(2) == 0)
				e.Add(i, sent[seq])
				lost[seq] = rng.IntN(n) < 2 && (round > 0 || i > 0)
			}
			for _, i := range rng.Perm(n) {
				if seq := first + uint16(i); !lost[seq] {
					d.Media(sent[seq])
				}
			}
			gone := 0
			for seq := range lost {
				if lost[seq] {
					gone++
				}
			}
			for k := range r {
				d.Repair(e.Repair(k, nil))
			}
			for seq := range lost {
				if lost[seq] && gone == 1 && !back[seq] {
					t.Fatalf("seed %d: the only packet lost of %d, %d, did not come back", seed, n, seq)
				}
			}
			first += uint16(n)
		}
		if s := d.Stats(); s.Malformed != 0 || s.Used != uint64(len(back)) {
			t.Fatalf("seed %d: %+v, %d packets back", seed, s, len(back))
		}
	}
}

// TestRepairBeforeMedia recovers when the repair comes first, when the loss is
// the end of a group, and by a packet that came back by another repair.
func TestRepairBeforeMedia(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var sent [4][]byte
	for i := range sent {
		sent[i] = packet(rng, 9, uint16(100+i), true)
	}
	e := flexfec.NewEncoder(flexfec.Mutable{})
	masks := []flexfec.Mask{flexfec.Mask{}.With(0).With(1).With(2), flexfec.Mask{}.With(2).With(3)}
	if err := e.BeginMasks(9, 100, 4, masks); err != nil {
		t.Fatal(err)
	}
	for i, p := range sent {
		e.Add(i, p)
	}
	var got []string
	d := flexfec.NewDecoder(flexfec.DecoderConfig{Recovered: func(p []byte) {
		got = append(got, fmt.Sprint(binary.BigEndian.Uint16(p[2:]), bytes.Equal(p, sent[binary.BigEndian.Uint16(p[2:])-100])))
	}})
	d.Reset(9)
	d.Media(sent[0])
	d.Repair(e.Repair(1, nil)) // lacks two
	d.Repair(e.Repair(0, nil)) // lacks two
	if len(got) != 0 || d.Pending() != 2 {
		t.Fatalf("recovered %v with %d pending; want none, 2", got, d.Pending())
	}
	d.Media(sent[1])
	if want := "[102 true 103 true]"; fmt.Sprint(got) != want {
		t.Errorf("recovered %v; want %v", got, want)
	}
	d.Repair(e.Repair(0, nil))
	if s := d.Stats(); d.Pending() != 0 || s.Used != 2 || s.Useless != 1 {
		t.Errorf("%d pending, %+v; want none, 2 used, 1 useless", d.Pending(), s)
	}
}

func TestDecoderRefuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	e := flexfec.NewEncoder(flexfec.Mutable{})
	if err := e.Begin(9, 100, 4, 1); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		e.Add(i, packet(rng, 9, uint16(100+i), false))
	}
	good := e.Repair(0, nil)
	change := func(do func(b []byte) []byte) []byte { return do(bytes.Clone(good)) }
	cases := []struct {
		name    string
		payload []byte
	}{
		{"empty", nil},
		{"short", good[:19]},
		{"retransmission", change(func(b []byte) []byte { b[0] |= 0x80; return b })},
		{"fixed mask", change(func(b []byte) []byte { b[0] |= 0x40; return b })},
		{"two sources", change(func(b []byte) []byte { b[8] = 2; return b })},
		{"no mask", change(func(b []byte) []byte { b[18], b[19] = 0x80, 0; return b })},
		{"mask cut", change(func(b []byte) []byte { b[18] = 0; return b[:21] })},
		{"long mask cut", change(func(b []byte) []byte { b[18], b[20] = 0, 0; return b[:30] })},
		{"another SSRC", change(func(b []byte) []byte { b[12]++; return b })},
		{"far away", change(func(b []byte) []byte { b[16] += 0x40; return b })},
		{"too long", append(bytes.Clone(good), make([]byte, flexfec.MaxPacket)...)},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			d := flexfec.NewDecoder(flexfec.DecoderConfig{Recovered: func([]byte) { t.Error("recovered a packet") }})
			d.Reset(9)
			d.Media(packet(rng, 9, 100, false))
			d.Repair(tc.payload)
			if s := d.Stats(); s.Malformed != 1 || d.Pending() != 0 {
				t.Errorf("%+v, %d pending; want malformed", s, d.Pending())
			}
		})
	}
}

func TestEncoderRefuses(t *testing.T) {
	e := flexfec.NewEncoder(flexfec.Mutable{})
	for _, c := range [][2]int{{0, 1}, {1, 0}, {110, 1}, {10, 11}, {100, 49}, {-1, -1}} {
		if err := e.Begin(1, 1, c[0], c[1]); err == nil {
			t.Errorf("Begin(%d packets, %d repairs) = nil; want an error", c[0], c[1])
		}
	}
	if got := e.Repair(0, nil); got != nil {
		t.Errorf("Repair before Begin = %x", got)
	}
	if err := e.Begin(1, 1, 3, 2); err != nil {
		t.Fatal(err)
	}
	e.Add(0, make([]byte, 11))
	e.Add(1, make([]byte, flexfec.MaxPacket+1))
	e.Add(3, make([]byte, 100))
	if got := e.Repair(0, nil); got != nil {
		t.Errorf("Repair of nothing = %x", got)
	}
}

func TestNoAllocations(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	e := flexfec.NewEncoder(chromium)
	d := flexfec.NewDecoder(flexfec.DecoderConfig{Mutable: chromium, Recovered: func([]byte) {}})
	d.Reset(9)
	var group [20][]byte
	for i := range group {
		group[i] = packet(rng, 9, uint16(i), true)
	}
	buf := make([]byte, 0, 2*flexfec.MaxPacket)
	seq := uint16(0)
	run := func() {
		_ = e.Begin(9, seq, len(group), 4)
		for i, p := range group {
			binary.BigEndian.PutUint16(p[2:], seq+uint16(i))
			e.Add(i, p)
			if i%9 != 3 {
				d.Media(p)
			}
		}
		for k := range 4 {
			d.Repair(e.Repair(k, buf))
		}
		seq += uint16(len(group))
	}
	if n := testing.AllocsPerRun(1000, run); n != 0 {
		t.Errorf("%v allocations a group; want 0", n)
	}
	if s := d.Stats(); s.Used < 2000 {
		t.Errorf("%+v; want two used of every group", s)
	}
}

func FuzzDecoder(f *testing.F) {
	for _, name := range []string{"chromium-small.packets", "chromium-large.packets"} {
		r := readRecording(f, name)
		var script []byte
		for _, b := range append([][]byte{r.media[r.order[0]]}, r.fec[:3]...) {
			script = append(append(script, byte(len(b)>>8), byte(len(b))), b...)
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		used := uint64(0)
		d := flexfec.NewDecoder(flexfec.DecoderConfig{Packets: 256, Repairs: 4, Mutable: chromium, Recovered: func(p []byte) {
			if used++; len(p) < 12 || len(p) > flexfec.MaxPacket {
				t.Fatalf("recovered %d bytes", len(p))
			}
		}})
		started := false
		for len(script) > 2 {
			size := min(int(binary.BigEndian.Uint16(script))&0x7ff, len(script)-2)
			p, media := script[2:2+size], script[0]&0x80 == 0 && len(script) > 14
			script = script[2+size:]
			if media && len(p) >= 12 && !started {
				d.Reset(binary.BigEndian.Uint32(p[8:]))
				started = true
			}
			if media {
				d.Media(p)
			}
			d.Repair(p)
		}
		if s := d.Stats(); s.Used != used || s.Used > s.Repairs || d.Pending() > 4 {
			t.Fatalf("%+v, %d recovered, %d pending", s, used, d.Pending())
		}
	})
}

func FuzzEncoder(f *testing.F) {
	f.Add([]byte("some bytes of packets that are not RTP"), uint8(4), uint8(2))
	f.Add(bytes.Repeat([]byte{0x90, 0x60, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xbe, 0xde, 0, 1, 0x41, 1, 2, 0}, 40), uint8(30), uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, n, repairs uint8) {
		e := flexfec.NewEncoder(chromium)
		if e.Begin(1, 65530, int(n), int(repairs)) != nil {
			return
		}
		for i := range int(n) + 1 {
			e.Add(i, data[min(i*3, len(data)):min(i*61, len(data))])
		}
		for k := range int(repairs) + 1 {
			if b := e.Repair(k, nil); len(b) > flexfec.MaxPacket+20 {
				t.Fatalf("repair of %d bytes", len(b))
			}
		}
	})
}

// BenchmarkEncode protects groups of 20 packets of 1200 bytes by 4; one
// operation is one media packet.
func BenchmarkEncode(b *testing.B) {
	e := flexfec.NewEncoder(chromium)
	p := make([]byte, 1200)
	p[0] = 0x80
	buf := make([]byte, 0, flexfec.MaxPacket)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%20 == 0 {
			_ = e.Begin(1, uint16(i), 20, 4)
		}
		e.Add(i%20, p)
		if i%20 == 19 {
			for k := range 4 {
				buf = e.Repair(k, buf[:0])
			}
		}
	}
}

// BenchmarkDecode loses one packet of every group of 20 and gets it back; one
// operation is one media packet.
func BenchmarkDecode(b *testing.B) {
	e := flexfec.NewEncoder(flexfec.Mutable{})
	d := flexfec.NewDecoder(flexfec.DecoderConfig{Recovered: func([]byte) {}})
	d.Reset(0)
	var payloads [][]byte
	var media [65520 / 20 * 20][]byte
	for i := range media {
		p := make([]byte, 1200)
		p[0] = 0x80
		binary.BigEndian.PutUint16(p[2:], uint16(i))
		media[i] = p
		if i%20 == 0 {
			_ = e.Begin(0, uint16(i), 20, 1)
		}
		e.Add(i%20, p)
		if i%20 == 19 {
			payloads = append(payloads, e.Repair(0, nil))
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := i % len(media)
		if k%20 != 7 {
			d.Media(media[k])
		}
		if k%20 == 19 {
			d.Repair(payloads[k/20])
		}
	}
}
