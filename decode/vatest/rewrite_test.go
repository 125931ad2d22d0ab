//go:build linux && cgo && !nonative

package vatest_test

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
)

// bitString is bits, one a byte.
type bitString []byte

func (b *bitString) put(count int, value uint32) {
	for i := count - 1; i >= 0; i-- {
		*b = append(*b, byte(value>>i&1))
	}
}

func (b *bitString) ue(value uint32) {
	length := bits.Len32(value + 1)
	b.put(length-1, 0)
	b.put(length, value+1)
}

func (b *bitString) se(value int) {
	if value > 0 {
		b.ue(uint32(2*value - 1))
	} else {
		b.ue(uint32(-2 * value))
	}
}

// cursor reads the bits of a NAL unit.
type cursor struct {
	bits bitString
	at   int
}

func (c *cursor) get(count int) (value uint32) {
	for range count {
		value = value<<1 | uint32(c.bits[c.at])
		c.at++
	}
	return value
}

func (c *cursor) ue() uint32 {
	length := 0
	for c.get(1) == 0 {
		length++
	}
	return 1<<length - 1 + c.get(length)
}

func (c *cursor) skipUE(count int) {
	for range count {
		c.ue()
	}
}

func toBits(nalu []byte) (b bitString) {
	zeros := 0
	for _, v := range nalu {
		if zeros >= 2 && v == 3 {
			zeros = 0
			continue
		}
		if zeros++; v != 0 {
			zeros = 0
		}
		b.put(8, uint32(v))
	}
	return b
}

func fromBits(b bitString) (nalu []byte) {
	zeros := 0
	for i := 0; i+8 <= len(b); i += 8 {
		v := byte(0)
		for _, bit := range b[i : i+8] {
			v = v<<1 | bit
		}
		if zeros >= 2 && v <= 3 {
			nalu, zeros = append(nalu, 3), 0
		}
		if zeros++; v != 0 {
			zeros = 0
		}
		nalu = append(nalu, v)
	}
	return nalu
}

// spsPlaces are bits of an SPS of x265 (H.265, 7.3.2.2).
type spsPlaces struct {
	matrix  int // sps_scaling_list_data_present_flag; 0: not there
	sets    int // num_short_term_ref_pic_sets
	pocBits int
}

func findPlaces(t *testing.T, sps bitString) (p spsPlaces) {
	c := cursor{bits: sps}
	c.get(16 + 4 + 3 + 1 + 96) // NAL header, ids, profile and level
	c.skipUE(4)
	if c.get(1) == 1 { // conformance window
		c.skipUE(4)
	}
	c.skipUE(2)
	p.pocBits = int(c.ue()) + 4
	c.get(1)
	c.skipUE(3 + 6) // buffering, block sizes
	if c.get(1) == 1 {
		p.matrix = c.at
		c.get(1)
	}
	c.get(2)
	if c.get(1) == 1 {
		t.Fatal("the SPS has PCM; want none")
	}
	p.sets = c.at
	if n := c.ue(); n != 0 {
		t.Fatalf("the SPS has %d reference picture sets; want 0", n)
	}
	return p
}

// own is scaling_list_data of 7.3.4 with random lists.
func ownMatrix() (b bitString) {
	random := rand.New(rand.NewPCG(1, 2))
	for size, lists := range []int{6, 6, 6, 2} {
		for range lists {
			last, count := 8, 64
			if size == 0 {
				count = 16
			}
			b.put(1, 1)
			if size > 1 {
				last = 10 + random.IntN(30)
				b.se(last - 8)
			}
			for range count {
				next := 8 + random.IntN(100)
				b.se(next - last)
				last = next
			}
		}
	}
	return b
}

// The set that slices will name, among as many as make its index 6 bits long.
const setIndex, setCount = 43, 64

func ownSets() (b bitString) {
	b.ue(setCount)
	for i := range setCount {
		if i > 0 {
			b.put(1, 0) // inter_ref_pic_set_prediction_flag
		}
		b.ue(1)
		b.ue(0)
		if i == setIndex {
			b.ue(0) // the picture before
		} else {
			b.ue(uint32(1 + i%8))
		}
		b.put(1, 1)
	}
	return b
}

// rewriteSPS replaces what VA-API does not carry as it was written.
func rewriteSPS(sps bitString, p spsPlaces) bitString {
	out := slices.Clone(sps[:p.matrix])
	out.put(1, 1)
	out = append(out, ownMatrix()...)
	out = append(out, sps[p.matrix+1:p.sets]...)
	out = append(out, ownSets()...)
	rest := sps[p.sets+1:]
	out = append(out, rest[:bytes.LastIndexByte(rest, 1)+1]...)
	for len(out)%8 != 0 {
		out.put(1, 0)
	}
	return out
}

// rewriteSlice names a set of the SPS where the slice had it written out, in
// as many bits: flag 0, one before, none after, distance 1, used.
func rewriteSlice(t *testing.T, slice bitString, p spsPlaces) {
	c := cursor{bits: slice}
	c.get(16)
	if c.get(1) == 0 {
		t.Fatal("more than one slice; want one")
	}
	c.skipUE(2) // PPS, slice type
	c.get(p.pocBits)
	if got := c.get(7); got != 0b0_010_1_1_1 {
		t.Fatalf("reference picture set = %07b; want one picture before", got)
	}
	var set bitString
	set.put(1, 1)
	set.put(6, setIndex)
	copy(slice[c.at-7:], set)
}

func rewrite(t *testing.T, stream []byte) []byte {
	var out []byte
	var places spsPlaces
	slicesSeen := 0
	for _, nalu := range bytes.Split(stream, []byte{0, 0, 1})[1:] {
		b := toBits(bytes.TrimRight(nalu, "\x00"))
		switch kind := nalu[0] >> 1 & 63; {
		case kind == 33:
			places = findPlaces(t, b)
			b = rewriteSPS(b, places)
		case kind < 10:
			rewriteSlice(t, b, places)
			slicesSeen++
		}
		out = append(append(out, 0, 0, 0, 1), fromBits(b)...)
	}
	if slicesSeen != 20 {
		t.Fatalf("%d slices with references; want 20", slicesSeen)
	}
	return out
}

// TestOwnSets is a stream as encoders in hardware make it, of which VA-API
// leaves parts out: the slices name reference picture sets of the SPS. Its
// scaling lists are asymmetric.
func TestOwnSets(t *testing.T) {
	library := compileC(t, "node.so", "-shared", "-fPIC", "node.c")
	dir := t.TempDir()
	plain, path := filepath.Join(dir, "plain.hevc"), filepath.Join(dir, "own.hevc")
	run(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=rate=30:size=320x180,format=yuv420p",
		"-frames:v", "40", "-c:v", "libx265", "-tune", "zerolatency",
		"-x265-params", "keyint=2:min-keyint=1:no-open-gop=1:scenecut=0:scaling-list=default:log-level=none", plain)
	stream, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, rewrite(t, stream), 0o644); err != nil {
		t.Fatal(err)
	}
	want := sums(t, "ffmpeg", "-v", "error", "-xerror", "-i", path, "-vf", "format=nv12")
	if want == sums(t, "ffmpeg", "-v", "error", "-i", plain, "-vf", "format=nv12") {
		t.Error("the rewritten stream gives the pictures of the plain one; want its own scaling lists to show")
	}
	use(t, vatest.Knobs{})
	if got := hardwareSums(t, library, path); got != want {
		t.Errorf("framemd5 through VA-API =\n%s\nwant\n%s", got, want)
	}
	if c := logged(t); c.Pictures != 40 || c.Failures != 0 {
		t.Errorf("Logs() = %+v; want 40 pictures, no failure", c)
	}
}
