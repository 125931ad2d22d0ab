package receive_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/bitstream/bitstest"
	"github.com/blade-shadow/terminal/internal/media"
)

const ltrNumbers = 6 // log2_max_frame_num

// ltrSets are parameter sets of a stream that keeps so many pictures.
func ltrSets(refs uint64) [][]byte {
	var sps, pps bitstest.Bits
	sps.U(24, 66<<16|0xc0<<8|40)
	sps.UE(0, ltrNumbers-4, 2, refs)
	sps.U(1, 0)
	sps.UE(19, 14)
	sps.U(4, 0b1100)
	pps.UE(0, 0)
	pps.U(2, 0)
	pps.UE(0, 0, 0)
	pps.U(3, 0)
	pps.UE(0, 0, 0)
	pps.U(3, 0b000)
	return [][]byte{sps.Unit(0x67), pps.Unit(0x68)}
}

// ltrSlice is what a test says of a P slice, or with idr of a keyframe's.
type ltrSlice struct {
	num    uint64
	idr    bool
	long   bool     // long_term_reference_flag
	spare  bool     // nal_ref_idc 0
	active uint64   // 0: 1, as the parameter set says
	mods   []uint64 // operation, value, ...
	marks  []uint64 // the same, as they are coded, without the last 0
	kind   uint64   // slice_type, 0: P
}

func (s ltrSlice) nalu() []byte {
	var w bitstest.Bits
	header := byte(0x61)
	kind := s.kind
	if s.idr {
		header, kind = 0x65, 7
	} else if s.spare {
		header = 0x01
	}
	w.UE(0, kind, 0)
	w.U(ltrNumbers, s.num)
	if s.idr {
		w.UE(0)
	}
	if kind%5 == 0 {
		w.U(1, min(s.active, 1))
		if s.active > 0 {
			w.UE(s.active - 1)
		}
		if w.U(1, uint64(min(len(s.mods), 1))); len(s.mods) > 0 {
			w.UE(append(s.mods, 3)...)
		}
	}
	switch {
	case s.idr:
		w.U(1, 0)
		if s.long {
			w.U(1, 1)
		} else {
			w.U(1, 0)
		}
	case s.spare:
	case len(s.marks) > 0:
		w.U(1, 1)
		w.UE(append(s.marks, 0)...)
	default:
		w.U(1, 0)
	}
	w.UE(9, 11) // slice_qp_delta and something of the data
	return w.Unit(header)
}

// unit is an access unit of one slice or several.
func (s ltrSlice) unit(refs uint64, more ...ltrSlice) (data []byte) {
	var nalus [][]byte
	if s.idr {
		nalus = ltrSets(refs)
	}
	nalus = append(nalus, s.nalu())
	for _, m := range more {
		nalus = append(nalus, m.nalu())
	}
	for _, n := range nalus {
		data = append(append(data, 0, 0, 0, 1), n...)
	}
	return data
}

// TestLongTermReferences plays streams that keep the keyframe as a long-term
// picture, lose pictures and then refer to what is left.
func TestLongTermReferences(t *testing.T) {
	const (
		given = iota
		torn  // its header came
		gone  // as if it had never been sent
	)
	type step struct {
		s    ltrSlice
		fate int
	}
	key := step{ltrSlice{idr: true, long: true}, given}
	p := func(num uint64, fate int) step { return step{ltrSlice{num: num}, fate} }
	marked := func(num uint64, fate int, marks ...uint64) step { return step{ltrSlice{num: num, marks: marks}, fate} }
	cases := []struct {
		name  string
		steps []step
		last  ltrSlice
		want  bool
	}{
		{"long-term after a torn picture", []step{key, p(1, given), p(2, torn), p(3, torn)}, ltrSlice{num: 4, mods: []uint64{2, 0}}, true},
		{"the newest after a torn picture", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3}, false},
		{"short-term after a torn picture", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3, mods: []uint64{0, 1}}, true},
		{"the torn one by its number", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3, mods: []uint64{0, 0}}, false},
		{"both that are left", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3, active: 2, mods: []uint64{2, 0, 0, 1}}, true},
		{"a list longer than what is named", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3, active: 2, mods: []uint64{2, 0}}, false},
		{"long-term after one never seen", []step{key, p(1, given), p(2, gone)}, ltrSlice{num: 3, mods: []uint64{2, 0}}, false},
		{"short-term after one never seen", []step{key, p(1, given), p(2, gone)}, ltrSlice{num: 3, mods: []uint64{0, 1}}, true},
		{"the one never seen", []step{key, p(1, given), p(2, gone)}, ltrSlice{num: 3, mods: []uint64{0, 0}}, false},
		{"index given to a torn picture", []step{key, p(1, given), marked(2, torn, 6, 0)}, ltrSlice{num: 3, mods: []uint64{2, 0}}, false},
		{"another index given to it", []step{key, p(1, given), marked(2, torn, 4, 2, 6, 1)}, ltrSlice{num: 3, mods: []uint64{2, 0}}, true},
		{"index that only the host has", []step{key, p(1, given), marked(2, torn, 4, 2, 3, 0, 1)}, ltrSlice{num: 3, mods: []uint64{2, 1}}, false},
		{"index given by a picture that came", []step{key, p(1, given), marked(2, given, 4, 2, 3, 0, 1), p(3, torn)}, ltrSlice{num: 4, mods: []uint64{2, 1}}, true},
		{"index freed by a torn picture", []step{key, p(1, given), marked(2, torn, 2, 0)}, ltrSlice{num: 3, mods: []uint64{2, 0}}, false},
		{"numbers begun anew", []step{key, p(1, given), marked(2, torn, 5)}, ltrSlice{num: 1, mods: []uint64{2, 0}}, false},
		{"B slice", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3, kind: 1}, false},
		{"no reference at all", []step{key, p(1, given), p(2, torn)}, ltrSlice{num: 3, kind: 7}, true},
		{"a lost keyframe", []step{key, p(1, given), {ltrSlice{idr: true, long: true}, torn}, p(1, torn)}, ltrSlice{num: 2, mods: []uint64{2, 0}}, false},
		{"a keyframe lost after a keyframe", []step{key, {ltrSlice{idr: true}, gone}}, ltrSlice{num: 1}, false},
		{"nothing that matters", []step{key, p(1, given), {ltrSlice{num: 2, spare: true}, gone}}, ltrSlice{num: 2}, true},
	}
	for _, tc := range cases {
		r := receive.NewReferences(media.CodecH264)
		for i, s := range tc.steps {
			switch data := s.s.unit(4); s.fate {
			case given:
				if i > 0 && !r.Follows(data) {
					t.Errorf("%s: picture %d does not follow", tc.name, i)
				}
				r.Delivered(data, s.s.idr)
			case torn:
				r.Dropped(data)
				r.Lost(2)
			case gone:
				r.Lost(2)
			}
		}
		if got := r.Follows(tc.last.unit(4)); got != tc.want {
			t.Errorf("%s: Follows = %v; want %v", tc.name, got, tc.want)
		}
		if !tc.want {
			continue
		}
		other := tc.last
		other.mods, other.active, other.kind = nil, 2, 0
		if got := r.Follows(tc.last.unit(4, other)); got && tc.name != "nothing that matters" {
			t.Errorf("%s: follows with a second slice that refers to others", tc.name)
		}
	}
}

// TestDoubtAfterRecovery shows that what follows a picture that referred to a
// long-term one is looked at until nothing lost can be referred to.
func TestDoubtAfterRecovery(t *testing.T) {
	r := receive.NewReferences(media.CodecH264)
	give := func(s ltrSlice) { t.Helper(); r.Delivered(s.unit(4), s.idr) }
	give(ltrSlice{idr: true, long: true})
	give(ltrSlice{num: 1})
	r.Dropped(ltrSlice{num: 2}.unit(4))
	r.Lost(1)
	give(ltrSlice{num: 3, mods: []uint64{2, 0}})
	if r.Follows(ltrSlice{num: 4, active: 2}.unit(4)) {
		t.Error("a picture follows that refers to the lost one too")
	}
	for num := uint64(4); num < 6; num++ {
		if s := (ltrSlice{num: num}); !r.Doubtful() || !r.Follows(s.unit(4)) {
			t.Fatalf("picture %d: doubtful %v, follows %v; want both", num, r.Doubtful(), r.Follows(s.unit(4)))
		}
		give(ltrSlice{num: num})
	}
	if r.Doubtful() {
		t.Error("doubtful after three more pictures, of which the window holds three")
	}
}

// hostPicture is one of a random host: its number and whether it was delivered.
type hostPicture struct {
	num   uint64
	given bool
}

// TestReferencesAreNeverWrong plays random hosts that keep, name, mark and free
// pictures, over a network that loses some and tears some, against the truth: what
// follows refers to nothing but what was delivered.
func TestReferencesAreNeverWrong(t *testing.T) {
	follow, refused := 0, 0
	for seed := range uint64(4000) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		const limit = 5
		r := receive.NewReferences(media.CodecH264)
		r.Delivered(ltrSlice{idr: true, long: seed%2 == 0}.unit(limit), true)
		var short []hostPicture // the newest first
		long := map[uint64]hostPicture{}
		if seed%2 == 0 {
			long[0] = hostPicture{0, true}
		} else {
			short = []hostPicture{{0, true}}
		}
		lossy := false
		for num := uint64(1); num < 60; num++ {
			s := ltrSlice{num: num, active: 1}
			all := true
			if rnd.IntN(2) == 0 { // names what it refers to
				s.active = uint64(1 + rnd.IntN(2))
				last := num
				for range s.active {
					if i := rnd.IntN(len(short) + len(long)); i < len(short) {
						d := (short[i].num - last) & (1<<ltrNumbers - 1)
						s.mods = append(s.mods, 1, d-1)
						if d == 0 {
							s.mods[len(s.mods)-1] = 1<<ltrNumbers - 1
						}
						last, all = short[i].num, all && short[i].given
						continue
					}
					for index := range uint64(3) {
						if p, ok := long[index]; ok {
							s.mods = append(s.mods, 2, index)
							all = all && p.given
							break
						}
					}
				}
			} else if len(short) > 0 {
				all = short[0].given
			} else {
				for i := range uint64(3) {
					if p, ok := long[i]; ok {
						all = p.given
						break
					}
				}
			}
			me := hostPicture{num: num}
			mark := uint64(99)
			switch index := uint64(rnd.IntN(3)); rnd.IntN(6) {
			case 0:
				mark, s.marks = index, []uint64{4, 4, 6, index}
				delete(long, index)
			case 1:
				if len(short) > 0 {
					i := rnd.IntN(len(short))
					s.marks = []uint64{4, 4, 3, num - short[i].num - 1, index}
					long[index] = short[i]
					short = append(short[:i:i], short[i+1:]...)
				}
			case 2:
				if len(short) > 0 && len(short)+len(long) > 1 {
					i := rnd.IntN(len(short))
					s.marks = []uint64{1, num - short[i].num - 1}
					short = append(short[:i:i], short[i+1:]...)
				}
			}
			for len(short)+len(long) >= limit && len(short) > 0 {
				if old := short[len(short)-1]; len(s.marks) > 0 {
					s.marks = append(s.marks, 1, num-old.num-1)
				}
				short = short[:len(short)-1]
			}
			data := s.unit(limit)
			switch fate := rnd.IntN(10); {
			case fate == 0:
				r.Lost(int64(1 + rnd.IntN(3)))
				lossy = true
			case fate == 1:
				r.Dropped(data)
				r.Lost(1)
				lossy = true
			case r.Follows(data):
				if !all {
					t.Fatalf("seed %d, picture %d (%+v) follows and refers to a lost one", seed, num, s)
				}
				r.Delivered(data, false)
				me.given = true
				if lossy {
					follow++
				}
			default:
				if !lossy {
					t.Fatalf("seed %d, picture %d (%+v) does not follow though nothing was lost", seed, num, s)
				}
				refused++
				r.Dropped(data)
			}
			if mark != 99 {
				long[mark] = me
			} else {
				short = append([]hostPicture{me}, short...)
			}
		}
	}
	t.Logf("after losses %d pictures follow, %d do not", follow, refused)
	if follow < 3000 {
		t.Errorf("%d pictures follow after losses; want 3000 or more", follow)
	}
}

// TestLongTermRecovery shows the pipeline going on without a keyframe when the
// host answers a loss with a picture that refers to the kept keyframe.
func TestLongTermRecovery(t *testing.T) {
	var pictures []coded
	for _, s := range []ltrSlice{
		{idr: true, long: true},
		{num: 1},
		{num: 2},
		{num: 3},
		{num: 4},
		{num: 5, mods: []uint64{2, 0}},
		{num: 6},
		{num: 7},
	} {
		c := coded{key: s.idr}
		if s.idr {
			c.nalus = ltrSets(4)
		}
		c.nalus = append(c.nalus, append(s.nalu(), make([]byte, 40)...))
		for i := range 40 {
			c.nalus[len(c.nalus)-1][len(c.nalus[len(c.nalus)-1])-1-i] = 0x55
		}
		pictures = append(pictures, c)
	}
	r := newRig(t, nil)
	r.keep = true
	r.play(pictures, 2)
	r.pass(time.Second)
	s := r.video.Stats()
	if len(r.got) != 5 || s.Spared != 1 || s.LostBy != [media.NumCauses]uint64{media.CauseNetwork: 3} {
		t.Fatalf("frames %v, %+v; want 5, one spared, three lost", r.got, s)
	}
	for _, au := range r.units {
		if au.Discontinuity || au.Healing {
			t.Errorf("frame %d: Discontinuity %v, Healing %v; want neither", au.FrameID, au.Discontinuity, au.Healing)
		}
	}
}

// BenchmarkReferences is what following the references costs a picture: delivered
// while nothing is missing, and judged and delivered after a loss.
func BenchmarkReferences(b *testing.B) {
	for _, lossy := range []bool{false, true} {
		name := "clean"
		if lossy {
			name = "after loss"
		}
		b.Run(name, func(b *testing.B) {
			var units [64][]byte
			for i := range units {
				units[i] = ltrSlice{num: uint64(i), mods: []uint64{2, 0}}.unit(4)
			}
			r := receive.NewReferences(media.CodecH264)
			r.Delivered(ltrSlice{idr: true, long: true}.unit(4), true)
			num := 1
			b.ReportAllocs()
			for b.Loop() {
				if lossy {
					r.Dropped(units[num&63])
					r.Lost(1)
					num++
					if !r.Follows(units[num&63]) {
						b.Fatalf("picture %d does not follow", num)
					}
				}
				r.Delivered(units[num&63], false)
				num++
			}
		})
	}
}

// FuzzReferences feeds whatever pictures and losses, and wants no panic.
func FuzzReferences(f *testing.F) {
	f.Add(ltrSlice{num: 1}.unit(4), ltrSlice{num: 2, marks: []uint64{4, 3, 3, 0, 1, 6, 0}}.unit(4), ltrSlice{num: 4, active: 3, mods: []uint64{2, 0, 0, 1}}.unit(4), uint16(0x1b6c))
	f.Add(ltrSlice{num: 1, spare: true}.unit(4), ltrSlice{num: 3, mods: []uint64{0, 63, 1, 4}, active: 32}.unit(4), ltrSlice{num: 4, marks: []uint64{5}}.unit(4), uint16(0x7777))
	f.Fuzz(func(_ *testing.T, a, b, c []byte, script uint16) {
		r := receive.NewReferences(media.CodecH264)
		r.Delivered(ltrSlice{idr: true, long: script&1 == 1}.unit(1+uint64(script&7)), true)
		units := [][]byte{a, b, c}
		for i := range 16 {
			u := units[i%3]
			switch script >> i & 3 {
			case 0:
				r.Delivered(u, false)
			case 1:
				r.Dropped(u)
			case 2:
				r.Lost(1)
			default:
				if r.Follows(u) {
					r.Delivered(u, false)
				}
			}
		}
	})
}
