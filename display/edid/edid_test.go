package edid_test

import (
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/edid"
)

// sample reads bytes of testdata.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	words, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(words)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t testing.TB, data []byte) *edid.EDID {
	t.Helper()
	e, err := edid.Parse(data)
	if err != nil {
		t.Fatalf("Parse(%d bytes) = %v; want an EDID", len(data), err)
	}
	return e
}

// fix makes a block's checksum right after a test changed its bytes.
func fix(block []byte) []byte {
	var sum byte
	for _, b := range block[:127] {
		sum += b
	}
	block[127] = -sum
	return block
}

// base is a plain base block with extensions announced.
func base(extensions byte) []byte {
	b := make([]byte, edid.BlockSize)
	copy(b, []byte{0, 255, 255, 255, 255, 255, 255, 0, 0x4c, 0x2d, 0x34, 0x12, 0, 0, 0, 0, 10, 30, 1, 4, 0xb5, 60, 34, 120, 2})
	for i := 38; i < 54; i++ {
		b[i] = 1
	}
	copy(b[54:], []byte{0x02, 0x3a, 0x80, 0x18, 0x71, 0x38, 0x2d, 0x40, 0x58, 0x2c, 0x45, 0, 0x55, 0x50, 0x21, 0, 0, 0x1e})
	b[126] = extensions
	return fix(b)
}

// cta is a CTA-861 block with the data blocks given.
func cta(blocks ...[]byte) []byte {
	b := []byte{2, 3, 0, 0xf1}
	for _, p := range blocks {
		b = append(b, p...)
	}
	b[2] = byte(len(b))
	return fix(append(b, make([]byte, edid.BlockSize-len(b))...))
}

// block is a CTA data block.
func block(tag byte, payload ...byte) []byte {
	return append([]byte{tag<<5 | byte(len(payload))}, payload...)
}

func TestSamples(t *testing.T) {
	tests := []struct {
		name, label          string
		blocks, defects      int
		width, height        int
		widthMM              int
		minHz, maxHz         int
		variable             bool
		timings, vics, also4 int
	}{
		{"goldstar", "LG ULTRAGEAR", 4, 0, 5120, 1440, 1090, 80, 200, true, 7, 16, 3},
		{"samsung", "SAMSUNG", 2, 0, 3840, 2160, 1210, 0, 0, false, 4, 19, 0},
		{"philips", "227E4QH", 2, 2, 1920, 1080, 477, 0, 0, false, 6, 15, 0},
		{"blockmap", "HDMI2.0 KVM", 4, 2, 1920, 1080, 480, 0, 0, false, 10, 26, 0},
		{"displayid2", "AUS 0000", 2, 0, 3840, 2160, 597, 40, 144, true, 2, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := parse(t, sample(t, tt.name))
			w, h, _ := e.Native()
			lo, hi, ok := e.VRRRange()
			got := []any{e.Label(), e.Blocks, len(e.Defects), w, h, e.WidthMM, lo, hi, ok, len(e.Timings), len(e.CTA.Video), len(e.CTA.Also420)}
			want := []any{tt.label, tt.blocks, tt.defects, tt.width, tt.height, tt.widthMM, tt.minHz, tt.maxHz, tt.variable, tt.timings, tt.vics, tt.also4}
			if !slices.Equal(got, want) {
				t.Errorf("Parse(%s) = %v; want %v; defects %q", tt.name, got, want, e.Defects)
			}
		})
	}
}

func TestDisplayID2(t *testing.T) {
	e := parse(t, sample(t, "displayid2"))
	want := edid.Timing{
		Clock: 1332750, HActive: 3840, HFront: 48, HSync: 32, HBlank: 160, VActive: 2160, VFront: 3, VSync: 5, VBlank: 154,
		HPositive: true, Source: edid.FromDisplayID, Preferred: true,
	}
	if got := e.Timings[1]; got != want {
		t.Errorf("type VII timing = %+v; want %+v", got, want)
	}
	if got := e.Timings[1].MilliHz(); got != 143988 {
		t.Errorf("MilliHz() = %d; want 143988", got)
	}
	ranges := []edid.VRR{{MinHz: 48, MaxHz: 164, Source: edid.DynamicRange}, {MinHz: 40, MaxHz: 144, Source: edid.AdaptiveSync}}
	if !slices.Equal(e.VRR, ranges) {
		t.Errorf("VRR = %v; want %v", e.VRR, ranges)
	}
	if size := (edid.Size{Width: 2560, Height: 1440, Hz: 120}); !slices.Contains(e.Sizes, size) {
		t.Errorf("Sizes = %v; want %v in it", e.Sizes, size)
	}
	d := e.DisplayID
	if d.Version != 0x20 || d.MaxClock != 1400000 || !d.SeamlessRange {
		t.Errorf("DisplayID = %+v; want 2.0, 1400000 kHz, seamless", d)
	}
}

// TestDisplayID1 reads blocks that no real monitor at hand has.
func TestDisplayID1(t *testing.T) {
	ext := []byte{
		0x70, 0x13, 0, 3, 0,
		0x04, 0, 11, 0x01, 0x3a, 0, 0x8c, 0xef, 0x22, 0x55, 0x37, 0x04, 0x2c, 0x34, // type II: 1920x1080 at 148.5 MHz and a little
		0x05, 0, 3, 4, 239, 59, // type III: 1920x1080 at 60 Hz
		0x06, 0, 1, 0x52, // DMT 0x52
		0x0a, 0, 4, 'A', 'B', '1', '2',
		0x12, 0, 8, 0x80, 0x10, 0x10, 0, 0x7f, 0x07, 0x6f, 0x08, // two columns, this is the right
	}
	ext[2] = byte(len(ext) - 5)
	var sum byte
	for _, b := range ext[1:] {
		sum += b
	}
	ext = append(ext, -sum)
	e := parse(t, append(base(1), fix(append(ext, make([]byte, edid.BlockSize-len(ext))...))...))
	if len(e.Defects) > 0 {
		t.Errorf("Defects = %q; want none", e.Defects)
	}
	want := edid.Timing{
		Clock: 10 * (0x3a01 + 1), HActive: 1920, HFront: 48, HSync: 48, HBlank: 144, VActive: 1080, VFront: 4, VSync: 5, VBlank: 45,
		HPositive: true, VPositive: true, Source: edid.FromDisplayID, Preferred: true,
	}
	if got := e.Timings[1]; got != want {
		t.Errorf("type II timing = %+v; want %+v", got, want)
	}
	size := edid.Size{Width: 1920, Height: 1080, Hz: 60}
	if got := e.Sizes; !slices.Equal(got, []edid.Size{size, size}) {
		t.Errorf("Sizes = %v; want %v twice", got, size)
	}
	tile := edid.Tile{Columns: 2, Rows: 1, Column: 1, Width: 1920, Height: 2160}
	if got := e.DisplayID.Tile; got != tile {
		t.Errorf("Tile = %+v; want %+v", got, tile)
	}
	if got := e.DisplayID.SerialText; got != "AB12" {
		t.Errorf("SerialText = %q; want AB12", got)
	}
}

func TestIdentity(t *testing.T) {
	with := func(number uint32, text string) string {
		b := base(0)
		b[12], b[13], b[14], b[15] = byte(number), byte(number>>8), byte(number>>16), byte(number>>24)
		if text != "" {
			copy(b[72:90], append([]byte{0, 0, 0, 0xff, 0}, (text + "\n            ")[:13]...))
		}
		return parse(t, fix(b)).Identity()
	}
	tests := []struct {
		name   string
		number uint32
		text   string
		want   string
	}{
		{"both", 0x1234, "H4ZR", "SAM-1234-00001234-H4ZR"},
		{"number", 0x1234, "", "SAM-1234-00001234"},
		{"number beside an empty text", 0x1234, "0000000000", "SAM-1234-00001234"},
		{"text", 0x01010101, "H4ZR 1", "SAM-1234-H4ZR 1"},
		{"neither", 0, "", with(0, "")},
	}
	for _, tt := range tests {
		if got := with(tt.number, tt.text); got != tt.want {
			t.Errorf("%s: Identity() = %q; want %q", tt.name, got, tt.want)
		}
	}
	none := with(0, "")
	if !strings.HasPrefix(none, "SAM-1234-#") || none == with(1, "") {
		t.Errorf("Identity() without a serial = %q and %q; want hashes that differ", none, with(1, ""))
	}
}

func TestDataBlocks(t *testing.T) {
	e := parse(t, append(base(1), cta(
		block(1, 0x09, 0x07, 0x07, 0x15, 0x07, 0x50, 0x7f, 0x04, 0x30),
		block(2, 0x90, 4, 0, 97, 255),
		block(7, 0x0f, 0b01001), // the first and the fourth descriptor
		block(7, 0x0e, 96, 101),
		block(3, 0x03, 0x0c, 0x00, 0x21, 0x34, 0xb8, 60, 0xe0, 1, 2, 3, 4, 0, 0x40, 1, 2),
		block(3, 0xd8, 0x5d, 0xc4, 1, 120, 0x88, 0x63, 2, 40|0x40, 0x20),
		block(3, 0x1a, 0, 0, 2, 3, 48, 165, 0),
		block(4, 0x4f, 0, 1),
		block(7, 6, 0x0d, 1, 100, 90, 8),
		block(7, 5, 0xc0, 0x80),
		block(7, 0, 0x40),
	)...))
	c := e.CTA
	if want := []edid.VIC{{Code: 16, Native: true}, {Code: 4}, {Code: 97}}; !slices.Equal(c.Video, want) {
		t.Errorf("Video = %v; want %v", c.Video, want)
	}
	if want := []uint8{16, 97}; !slices.Equal(c.Also420, want) {
		t.Errorf("Also420 = %v; want %v: unknown descriptors count", c.Also420, want)
	}
	if want := []uint8{96, 101}; !slices.Equal(c.Only420, want) {
		t.Errorf("Only420 = %v; want %v", c.Only420, want)
	}
	if len(c.Audio) != 3 || !slices.Equal(c.Audio[0].RatesHz, []int{32000, 44100, 48000}) ||
		!slices.Equal(c.Audio[0].Bits, []int{16, 20, 24}) || c.Audio[0].Channels != 2 ||
		c.Audio[1].Format != edid.AC3 || c.Audio[1].MaxKbps != 640 || c.Audio[1].Channels != 6 || c.Audio[2].Format != 16+6 {
		t.Errorf("Audio = %+v; want PCM, AC-3 of 640 kb/s and the extension's 6", c.Audio)
	}
	h := c.HDMI
	if h.PhysicalAddress != 0x2134 || h.MaxTMDS != 300000 || !h.Deep30 || !h.Deep36 || h.Deep48 || !h.DeepY444 ||
		!slices.Equal(h.VICs, []uint8{1, 2}) {
		t.Errorf("HDMI = %+v; want 2.1.3.4, 300 MHz, 30, 36, Y444, VICs 1 2", h)
	}
	if !h.Forum || h.MaxCharRate != 600000 || !h.SCDC || !h.Scrambled340 || h.FRL != 6 || !h.LowLatency || h.Deep420 != [3]bool{true, true, false} {
		t.Errorf("HDMI Forum = %+v; want 600 MHz, SCDC, FRL 6", h)
	}
	if want := []edid.VRR{{MinHz: 40, MaxHz: 288, Source: edid.HDMIForum}, {MinHz: 48, MaxHz: 165, Source: edid.FreeSync}}; !slices.Equal(e.VRR, want) {
		t.Errorf("VRR = %v; want %v", e.VRR, want)
	}
	if lo, hi, _ := e.VRRRange(); lo != 48 || hi != 165 {
		t.Errorf("VRRRange() = %d, %d; want FreeSync's 48, 165", lo, hi)
	}
	if want := (edid.HDR{SDR: true, PQ: true, HLG: true, Max: 100, Average: 90, Min: 8}); c.HDR != want {
		t.Errorf("HDR = %+v; want %+v", c.HDR, want)
	}
	if c.Speakers != 0x01004f || c.Color != 0x80c0 || !c.Quantized.RGB || c.Quantized.YCbCr {
		t.Errorf("speakers, color, quantized = %#x, %#x, %+v; want 0x1004f, 0x80c0, RGB", c.Speakers, c.Color, c.Quantized)
	}
}

// TestMapOfAll reads an empty 4:2:0 map: every video descriptor.
func TestMapOfAll(t *testing.T) {
	e := parse(t, append(base(1), cta(block(7, 0x0f), block(2, 97, 96))...))
	if want := []uint8{97, 96}; !slices.Equal(e.CTA.Also420, want) {
		t.Errorf("Also420 = %v; want %v", e.CTA.Also420, want)
	}
}

// TestOverrun has blocks that say to be longer than what holds them.
func TestOverrun(t *testing.T) {
	long := cta(block(2, 16, 4))
	long[2] = 200 // timings behind the block's end
	e := parse(t, append(base(1), fix(long)...))
	if len(e.CTA.Video) != 2 || len(e.Defects) != 1 {
		t.Errorf("Video = %v, defects %q; want two and one defect", e.CTA.Video, e.Defects)
	}
	e = parse(t, append(base(1), cta(block(2, 16), []byte{1<<5 | 9, 0x09, 7, 7})...))
	if len(e.CTA.Video) != 1 || len(e.CTA.Audio) != 0 || len(e.Defects) != 1 {
		t.Errorf("Video, Audio = %v, %v, defects %q; want nothing of the block that is cut off", e.CTA.Video, e.CTA.Audio, e.Defects)
	}
	e = parse(t, append(base(2), cta()...))
	if e.Blocks != 2 || len(e.Defects) != 1 {
		t.Errorf("Blocks = %d, defects %q; want 2 and the third missed", e.Blocks, e.Defects)
	}
}

// TestSyncs reads polarities, which only separate sync has both of.
func TestSyncs(t *testing.T) {
	for flags, want := range map[byte][2]bool{0x1e: {true, true}, 0x1a: {true, false}, 0x1c: {false, true}, 0x12: {true, false}, 0x06: {}} {
		b := base(0)
		b[71] = flags
		m := parse(t, fix(b)).Timings[0]
		if got := [2]bool{m.HPositive, m.VPositive}; got != want {
			t.Errorf("flags %#02x: polarities = %v; want %v", flags, got, want)
		}
	}
}

func TestDescriptors(t *testing.T) {
	b := base(0)
	copy(b[72:], []byte{0, 0, 0, 0xfd, 0x0a, 48, 1, 30, 100, 60, 4, 0x11, 4 << 2, 0, 0, 0, 0, 0}) // CVT, +255 Hz and kHz, -1 MHz
	copy(b[90:], []byte{0, 0, 0, 0xf8, 0, 1, 0x1b, 0x02 | 2<<4, 0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	copy(b[108:], []byte{0, 0, 0, 0xf7, 0, 10, 0x08, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0})
	e := parse(t, fix(b))
	if want := (edid.Range{MinHz: 48, MaxHz: 256, MinKHz: 30, MaxKHz: 355, MaxClock: 599000, CVT: true}); e.Range != want {
		t.Errorf("Range = %+v; want %+v", e.Range, want)
	}
	want := []edid.Size{{Width: 1440, Height: 1080, Hz: 60}, {Width: 848, Height: 480, Hz: 60}, {Width: 1920, Height: 1440, Hz: 75}}
	if !slices.Equal(e.Sizes, want) {
		t.Errorf("Sizes = %v; want %v", e.Sizes, want)
	}
}

// TestVICTimings holds the table against rates that CTA-861 names.
func TestVICTimings(t *testing.T) {
	rates := map[uint8]uint32{
		1: 59940, 2: 59940, 4: 60000, 5: 60000, 6: 59940, 16: 60000, 20: 50000, 21: 50000, 32: 24000, 34: 30000, 39: 50000,
		40: 100000, 46: 120000, 60: 24000, 63: 120000, 93: 24000, 95: 30000, 97: 60000, 98: 24000, 102: 60000, 117: 100000,
		118: 120000, 127: 100000, 193: 120000, 199: 60000, 219: 120000,
	}
	count := 0
	for code := range 256 {
		v, ok := edid.VICTiming(uint8(code))
		if want, listed := rates[uint8(code)]; listed && v.MilliHz() != want {
			t.Errorf("VICTiming(%d).MilliHz() = %d; want %d", code, v.MilliHz(), want)
		}
		if ok {
			count++
		}
		if ok != v.Valid() {
			t.Errorf("VICTiming(%d) = %+v, %v; want ok only with a timing that can be made", code, v, ok)
		}
	}
	if count != 154 {
		t.Errorf("numbers with a timing = %d; want 154", count)
	}
	for code, want := range map[uint8]int{1: 3840, 4: 4096, 5: 0} {
		v, _ := edid.VICTiming(edid.HDMIVIC(code))
		if v.HActive != want {
			t.Errorf("HDMIVIC(%d) has width %d; want %d", code, v.HActive, want)
		}
	}
}

// TestDamage breaks an EDID in every way at hand: no panic, what is left is read.
func TestDamage(t *testing.T) {
	whole := sample(t, "goldstar")
	for n := range len(whole) {
		e, err := edid.Parse(whole[:n])
		if (n < edid.BlockSize) != errors.Is(err, edid.ErrNoBase) {
			t.Fatalf("Parse(%d bytes) = %v; want ErrNoBase below 128 bytes alone", n, err)
		}
		if err == nil && (e.Manufacturer != "GSM" || len(e.Defects) == 0) {
			t.Fatalf("Parse(%d bytes) = %s, defects %q; want GSM and a defect", n, e.Manufacturer, e.Defects)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := slices.Clone(whole)
		for range 1 + rng.IntN(40) {
			b[rng.IntN(len(b))] = byte(rng.Uint32())
		}
		if e, err := edid.Parse(b); err == nil {
			check(t, e)
		}
	}
	if _, err := edid.Parse(make([]byte, 256)); !errors.Is(err, edid.ErrNoBase) {
		t.Errorf("Parse(zeroes) = %v; want ErrNoBase", err)
	}
	bad := slices.Clone(whole)
	bad[3] = 0xfe
	if e := parse(t, append(fix(bad[:128:128]), bad[128:]...)); len(e.Defects) != 1 || !strings.Contains(e.Defects[0], "header") {
		t.Errorf("Defects = %q; want one header", e.Defects)
	}
	bad = slices.Clone(whole)
	bad[127]++
	if e := parse(t, bad); len(e.Defects) != 1 || !strings.Contains(e.Defects[0], "checksum") {
		t.Errorf("Defects = %q; want one checksum", e.Defects)
	}
}

// check holds what every parsed EDID promises.
func check(t testing.TB, e *edid.EDID) {
	t.Helper()
	if len(e.Defects) > 32 || e.Blocks > 256 || len(e.Timings) > 6*e.Blocks+4 {
		t.Fatalf("%d defects, %d timings of %d blocks; want bounds kept", len(e.Defects), len(e.Timings), e.Blocks)
	}
	if e.WidthMM < 0 || e.HeightMM < 0 || e.Identity() == "" || e.Label() == "" {
		t.Fatalf("size %dx%d mm, identity %q; want them sane", e.WidthMM, e.HeightMM, e.Identity())
	}
	for _, v := range e.VRR {
		if v.MinHz <= 0 || (v.MaxHz != 0 && v.MaxHz <= v.MinHz) {
			t.Fatalf("VRR = %+v; want a range", v)
		}
	}
	for _, m := range e.Timings {
		if m.Valid() && m.Lines() <= m.VActive {
			t.Fatalf("timing %+v: %d lines in all; want more than are seen", m, m.Lines())
		}
		if m.Valid() && m.MilliHz() == 0 && m.Clock > 1000 {
			t.Fatalf("timing %+v: MilliHz() = 0; want a rate", m)
		}
	}
	for _, c := range append(slices.Clone(e.CTA.Also420), e.CTA.Only420...) {
		if c == 0 || c >= 254 {
			t.Fatalf("4:2:0 has VIC %d; want none that means nothing", c)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"goldstar", "samsung", "philips", "blockmap", "displayid2"} {
		f.Add(sample(f, name))
	}
	f.Add(append(base(1), cta(block(2, 97, 96), block(7, 0x0f))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := slices.Clone(data)
		e, err := edid.Parse(data)
		if err != nil {
			return
		}
		if !slices.Equal(before, data) {
			t.Fatal("Parse changed its input")
		}
		check(t, e)
	})
}
