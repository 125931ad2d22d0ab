package mode_test

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/mode"
)

// at is a mode of a size and a rate with the blanking of a flat panel.
func at(w, h int, milliHz uint32, types ...uint32) mode.Mode {
	m := mode.CVTReduced2(w, h, mode.FromMilliHz(milliHz), false)
	m.Type = 0
	for _, t := range types {
		m.Type |= t
	}
	return m
}

var film = mode.NewRate(60000, 1001)

// names are the first modes as text.
func names(modes []mode.Mode, n int) string {
	var out []string
	for _, m := range modes[:min(n, len(modes))] {
		out = append(out, m.String())
	}
	return strings.Join(out, " ")
}

func TestCandidates(t *testing.T) {
	stereo := at(3840, 2160, 60000)
	stereo.Flags |= 1 << 14
	gaming := []mode.Mode{
		at(2560, 1440, 60000, mode.Preferred), at(2560, 1440, 144000), at(2560, 1440, 120000), at(2560, 1440, 99900),
		at(1920, 1080, 60000), at(1920, 1080, 120000), at(1920, 1080, 144000),
	}
	cinema := []mode.Mode{vic(t, 16), at(1920, 1080, 59940), vic(t, 5), at(1920, 1080, 50000), at(1920, 1080, 119880), at(1280, 720, 60000)}
	uhd := []mode.Mode{vic(t, 97), vic(t, 95), vic(t, 16), at(2560, 1440, 60000), at(1920, 1080, 144000)}
	uhd[0].Type = mode.Preferred
	tests := []struct {
		name string
		r    mode.Request
		want string // the first of them
	}{
		{"no stream yet: the highest", mode.Request{Modes: gaming}, "2560x1440@144.000 2560x1440@120.000 2560x1440@99.900 2560x1440@60.000 1920x1080@144.000"},
		{"60 on 144 Hz: 120", mode.Request{Modes: gaming, StreamRate: mode.Hz(60)}, "2560x1440@120.000 2560x1440@60.000 2560x1440@144.000"},
		{"1080p144 streamed", mode.Request{Modes: gaming[4:], StreamWidth: 1920, StreamHeight: 1080, StreamRate: mode.Hz(144)}, "1920x1080@144.000 1920x1080@120.000"},
		{"30: any multiple", mode.Request{Modes: gaming, StreamRate: mode.Hz(30)}, "2560x1440@120.000 2560x1440@60.000"},
		{"72: 144", mode.Request{Modes: gaming, StreamRate: mode.Hz(72)}, "2560x1440@144.000"},
		{"variable refresh: the highest whatever comes", mode.Request{Modes: gaming, StreamRate: mode.Hz(60), Variable: true}, "2560x1440@144.000 2560x1440@120.000"},
		{"59.94: its multiples, not 60", mode.Request{Modes: cinema, StreamRate: film}, "1920x1080@119.880 1920x1080@59.940 1920x1080@60.000"},
		{"60: 60, then nearly", mode.Request{Modes: cinema, StreamRate: mode.Hz(60)}, "1920x1080@60.000 1920x1080@119.880 1920x1080@59.940 1920x1080@50.000"},
		{"24: 119.88 is nearly 5 x 24", mode.Request{Modes: cinema, StreamRate: mode.Hz(24)}, "1920x1080@119.880"},
		{"4K60 where the link allows", mode.Request{Modes: uhd, Link: dp(4, mode.HBR2), StreamRate: mode.Hz(60)}, "3840x2160@60.000 3840x2160@30.000 2560x1440@60.000"},
		{"4K30 where it does not", mode.Request{Modes: uhd, Link: dp(4, mode.HBR), StreamRate: mode.Hz(60)}, "3840x2160@30.000 2560x1440@60.000 1920x1080@60.000"},
		{"4K30 on Carrizo's HDMI", mode.Request{Modes: uhd, Link: mode.Link{Kind: mode.HDMI, MaxTMDS: 300_000}}, "3840x2160@30.000"},
		{"4K60 shows 4K30 of half a decoder", mode.Request{Modes: uhd, StreamRate: mode.Hz(60), Decoder: mode.Limits{MacroblocksPerSecond: 1_036_800}}, "3840x2160@60.000 3840x2160@30.000"},
		{
			"a rate whose parts the decoder takes",
			mode.Request{Modes: []mode.Mode{at(3840, 2160, 144000), at(3840, 2160, 120000), at(3840, 2160, 60000)}, StreamRate: mode.Hz(60), Decoder: mode.Limits{MacroblocksPerSecond: 1_036_800}},
			"3840x2160@120.000 3840x2160@60.000 3840x2160@144.000",
		},
		{"no 4K at all: the stream's size, then the largest of the shape", mode.Request{Modes: uhd, Link: dp(2, mode.HBR), StreamWidth: 1920, StreamHeight: 1080}, "1920x1080@60.000"},
		{"no 4K, no stream: the largest", mode.Request{Modes: uhd, Link: mode.Link{Kind: mode.HDMI, MaxTMDS: 250_000}}, "2560x1440@60.000 1920x1080@60.000"},
		{
			"the first is not the best",
			mode.Request{Modes: []mode.Mode{at(5120, 2160, 50000), at(1920, 1080, 60000), at(1280, 720, 60000)}, Link: mode.Link{Kind: mode.Virtual}},
			"1920x1080@60.000 1280x720@59.999 5120x2160@50.000",
		},
		{"the kernel's command line", mode.Request{Modes: []mode.Mode{at(5120, 2160, 50000, mode.Preferred), at(1280, 720, 60000, mode.UserDefined)}}, "1280x720@59.999 5120x2160@50.000"},
		{"without a preferred one the stream's size", mode.Request{Modes: []mode.Mode{at(1024, 768, 60000), at(800, 600, 60000)}, StreamWidth: 800, StreamHeight: 600}, "800x600@59.999"},
		{"the smallest where all are large", mode.Request{Modes: []mode.Mode{at(5120, 2160, 50000), at(4096, 2160, 50000)}}, "4096x2160@50.000"},
		{"interlaced last, also where wished", mode.Request{Modes: []mode.Mode{vic(t, 5), at(640, 480, 60000)}, Wish: mode.Choice{Width: 1920, Height: 1080}}, "640x480@60.000 1920x1080i@60.000"},
		{"interlaced where nothing else", mode.Request{Modes: []mode.Mode{vic(t, 5)}}, "1920x1080i@60.000"},
		{"no stereo", mode.Request{Modes: []mode.Mode{stereo, at(640, 480, 60000)}}, "640x480@60.000"},
		{
			"wish: size and rate",
			mode.Request{Modes: gaming, StreamRate: mode.Hz(60), Wish: mode.Choice{Width: 1920, Height: 1080, MilliHz: 144000}},
			"1920x1080@144.000 1920x1080@120.000 1920x1080@60.000 2560x1440@120.000",
		},
		{"wish: size", mode.Request{Modes: gaming, StreamRate: mode.Hz(60), Wish: mode.Choice{Width: 1920, Height: 1080}}, "1920x1080@120.000 1920x1080@60.000 1920x1080@144.000 2560x1440@120.000"},
		{"wish: rate", mode.Request{Modes: gaming, StreamRate: mode.Hz(60), Wish: mode.Choice{MilliHz: 144000}}, "2560x1440@144.000 2560x1440@120.000"},
		{"wish: a rate that is near", mode.Request{Modes: cinema, Wish: mode.Choice{MilliHz: 59940}}, "1920x1080@59.940 1920x1080@60.000"},
		{"wish: not listed, not virtual", mode.Request{Modes: gaming, Wish: mode.Choice{Width: 1000, Height: 600}}, "2560x1440@144.000"},
		{"empty", mode.Request{}, "1920x1080@60.000 1280x720@60.000 640x480@59.940"},
		{"only what cannot be", mode.Request{Modes: []mode.Mode{{}, stereo}}, "1920x1080@60.000 1280x720@60.000 640x480@59.940"},
		{"empty, virtual", mode.Request{Link: mode.Link{Kind: mode.Virtual}, StreamWidth: 640, StreamHeight: 360, StreamRate: mode.Hz(60)}, "640x360@60.000"},
	}
	for _, tt := range tests {
		got := mode.Candidates(tt.r)
		if s := names(got, strings.Count(tt.want, " ")+1); s != tt.want {
			t.Errorf("%s: Candidates = %s; want %s", tt.name, s, tt.want)
		}
	}
}

// TestMadeModes wishes for sizes that no list has.
func TestMadeModes(t *testing.T) {
	wish := mode.Choice{Width: 640, Height: 360, MilliHz: 60000}
	list := []mode.Mode{at(1920, 1080, 60000, mode.Preferred)}
	continuous := &edid.EDID{Continuous: true, Range: edid.Range{MinHz: 48, MaxHz: 75, MinKHz: 15, MaxKHz: 90, MaxClock: 170_000}}
	tests := []struct {
		name string
		r    mode.Request
		want bool
	}{
		{"virtual", mode.Request{Modes: list, Link: mode.Link{Kind: mode.Virtual}, Wish: wish}, true},
		{"continuous and in range", mode.Request{Modes: list, EDID: continuous, Wish: wish}, true},
		{"out of range", mode.Request{Modes: list, EDID: continuous, Wish: mode.Choice{Width: 640, Height: 360, MilliHz: 90000}}, false},
		{"larger than the panel", mode.Request{Modes: list, EDID: continuous, Wish: mode.Choice{Width: 2000, Height: 360}}, false},
		{"only the listed", mode.Request{Modes: list, EDID: &edid.EDID{}, Wish: wish}, false},
		{"another rate of a listed size", mode.Request{Modes: list, EDID: continuous, Wish: mode.Choice{Width: 1920, Height: 1080, MilliHz: 50000}}, true},
		{"nearly a listed rate", mode.Request{Modes: list, EDID: continuous, Wish: mode.Choice{Width: 1920, Height: 1080, MilliHz: 59940}}, false},
	}
	for _, tt := range tests {
		got := mode.Candidates(tt.r)[0]
		if made := !got.Same(list[0]); made != tt.want {
			t.Errorf("%s: Candidates[0] = %v; want one made: %v", tt.name, got, tt.want)
		}
	}
	slow := mode.Choice{Width: 320, Height: 180, MilliHz: 10_000}
	if m := mode.Candidates(mode.Request{Modes: list, Link: mode.Link{Kind: mode.Virtual}, Wish: slow})[0]; !slow.Met(m) {
		t.Errorf("Candidates[0] for 320x180@10 = %v; want that rate", m)
	}
	odd := mode.Candidates(mode.Request{Modes: list, Link: mode.Link{Kind: mode.Virtual}, Wish: mode.Choice{Width: 1366, Height: 768}})[0]
	if odd.HDisplay != 1366 || odd.VDisplay != 768 {
		t.Errorf("Candidates[0] for 1366x768 = %v; want that size", odd)
	}
}

func TestMet(t *testing.T) {
	m := at(1920, 1080, 59940)
	tests := []struct {
		c    mode.Choice
		want bool
	}{
		{mode.Choice{}, true},
		{mode.Choice{Scale: 200}, true},
		{mode.Choice{Width: 1920, Height: 1080}, true},
		{mode.Choice{Width: 1920, Height: 1200}, false},
		{mode.Choice{Width: 1920, Height: 1080, MilliHz: 60000}, true},
		{mode.Choice{Width: 1920, Height: 1080, MilliHz: 59400}, true},
		{mode.Choice{Width: 1920, Height: 1080, MilliHz: 50000}, false},
		{mode.Choice{MilliHz: 60000}, true},
		{mode.Choice{MilliHz: 72000}, false},
	}
	for _, tt := range tests {
		if got := tt.c.Met(m); got != tt.want {
			t.Errorf("%+v.Met(%v) = %v; want %v", tt.c, m, got, tt.want)
		}
	}
}

// TestMonitorsOwn has no list from the kernel, only the EDID.
func TestMonitorsOwn(t *testing.T) {
	data := hexFile(t, filepath.Join("..", "edid", "testdata", "goldstar.hex"))
	e, err := edid.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	got := mode.Candidates(mode.Request{EDID: e, Link: dp(4, mode.HBR3), StreamRate: mode.Hz(60)})
	if s := names(got, 2); s != "5120x1440@119.970 5120x1440@59.977" {
		t.Errorf("Candidates = %s; want 5120x1440@119.970 5120x1440@59.977: nearly of 60, the rest is too much or no multiple", s)
	}
	slow := mode.Candidates(mode.Request{EDID: e, Link: dp(2, mode.HBR2), StreamRate: mode.Hz(60)})
	if s := names(slow, 1); s != "3840x1080@59.968" {
		t.Errorf("Candidates on HBR2 x2 = %s; want 3840x1080@59.968", s)
	}
}

func hexFile(t testing.TB, path string) []byte {
	t.Helper()
	words, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(strings.Join(strings.Fields(string(words)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRealMonitors chooses for the real monitors on every link: always a mode
// that the link carries, progressive where there is one, and the panel's own
// size where the link is fast enough.
func TestRealMonitors(t *testing.T) {
	root := os.Getenv("SHADOW_TESTDATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	files, err := filepath.Glob(filepath.Join(root, "edid", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("SKIP: no EDIDs of real monitors under %s", root)
	}
	line := regexp.MustCompile(`(?m)^(?:[0-9a-f]{2} ){15}[0-9a-f]{2}\s*$`)
	native := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		data, err := hex.DecodeString(strings.Join(strings.Fields(strings.Join(line.FindAllString(string(text), -1), "")), ""))
		if err != nil {
			t.Fatal(err)
		}
		e, err := edid.Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []mode.Link{{}, dp(4, mode.HBR2), dp(2, mode.HBR), mode.HDMILink(300_000, e)} {
			got := mode.Candidates(mode.Request{EDID: e, Link: l, StreamRate: mode.Hz(60)})
			best := got[0]
			if !best.Valid() || !l.Fits(best, 8) || best.Flags&mode.Interlaced != 0 {
				t.Errorf("%s on %+v: Candidates[0] = %v; want a progressive one that the link carries", filepath.Base(file), l, best)
			}
			if w, h, ok := e.Native(); ok && l == (mode.Link{}) && int(best.HDisplay) == w && int(best.VDisplay) == h {
				native++
			}
		}
	}
	if native < len(files)-2 {
		t.Errorf("monitors shown at their own size = %d of %d; want all but two", native, len(files))
	}
}

func TestStreamFor(t *testing.T) {
	carrizo := mode.Limits{MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 2_073_600}
	half := mode.Limits{MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 1_036_800}
	tests := []struct {
		name string
		m    mode.Mode
		dec  mode.Limits
		w, h int
		rate mode.Rate
	}{
		{"no limits", vic(t, 97), mode.Limits{}, 3840, 2160, mode.Hz(60)},
		{"4K60 just fits level 5.2", vic(t, 97), carrizo, 3840, 2160, mode.Hz(60)},
		{"4K60 on half a decoder: 4K30", vic(t, 97), half, 3840, 2160, mode.Hz(30)},
		{"1080p144", mode.Mode{Clock: 333504, HDisplay: 1920, HTotal: 2000, VDisplay: 1080, VTotal: 1158}, carrizo, 1920, 1080, mode.Hz(144)},
		{"4K120: two of three", vic(t, 118), carrizo, 3840, 2160, mode.Hz(60)},
		{"5K is shrunk", at(5120, 1440, 60000), carrizo, 4096, 1152, at(5120, 1440, 60000).Refresh()},
		{"exactly 59.94", mode.Mode{Clock: 148352, HDisplay: 1920, HTotal: 2200, VDisplay: 1080, VTotal: 1125}, carrizo, 1920, 1080, mode.NewRate(148352000, 2475000)},
		{"below 29 Hz the size shrinks", vic(t, 95), mode.Limits{MacroblocksPerSecond: 245_760}, 1920, 1080, mode.Hz(30)},
		{"no rate", mode.Mode{HDisplay: 640, VDisplay: 480}, carrizo, 0, 0, mode.Rate{}},
	}
	for _, tt := range tests {
		w, h, rate := mode.StreamFor(tt.m, tt.dec)
		if w != tt.w || h != tt.h || rate.Compare(tt.rate) != 0 {
			t.Errorf("%s: StreamFor(%v) = %dx%d at %v; want %dx%d at %v", tt.name, tt.m, w, h, rate, tt.w, tt.h, tt.rate)
		}
	}
}

// TestStreamForAlways holds any mode against any limits: what comes out is even,
// keeps its shape and fits.
func TestStreamForAlways(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		m := at(64+rng.IntN(6000), 64+rng.IntN(3000), uint32(24000+rng.IntN(200000)))
		if !m.Valid() {
			continue
		}
		dec := mode.Limits{MaxWidth: 128 + rng.IntN(5000), MaxHeight: 128 + rng.IntN(5000), MacroblocksPerSecond: uint32(200_000 + rng.IntN(4_000_000))}
		w, h, rate := mode.StreamFor(m, dec)
		k, wrong := m.Refresh().Multiple(rate)
		blocks := float64((w+15)/16*((h+15)/16)) * rate.Float()
		if w%2 != 0 || h%2 != 0 || w < 2 || h < 2 || w > dec.MaxWidth || h > dec.MaxHeight || blocks > float64(dec.MacroblocksPerSecond) || k < 1 || wrong > 1e-9 {
			t.Fatalf("StreamFor(%v, %+v) = %dx%d at %v; want an even size inside the limits at a divisor of the refresh", m, dec, w, h, rate)
		}
		if want := float64(m.VDisplay) * float64(w) / float64(m.HDisplay); math.Abs(float64(h)-want) > 3+3*want/float64(w) {
			t.Fatalf("StreamFor(%v, %+v) = %dx%d; want the shape kept, height near %.0f", m, dec, w, h, want)
		}
	}
}

// TestCandidatesAlways asks for any list: never none, and each once.
func TestCandidatesAlways(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		var list []mode.Mode
		for range rng.IntN(12) {
			m := at(8*(10+rng.IntN(500)), 100+rng.IntN(2000), uint32(24000+rng.IntN(100000)), []uint32{0, mode.Preferred, mode.UserDefined}[rng.IntN(3)])
			m.Flags |= []uint32{0, 0, mode.Interlaced, mode.DoubleScan}[rng.IntN(4)]
			list = append(list, m)
		}
		r := mode.Request{Modes: list, StreamWidth: rng.IntN(4000), StreamHeight: rng.IntN(2000), StreamRate: mode.FromMilliHz(uint32(rng.IntN(150000)))}
		got := mode.Candidates(r)
		if len(got) == 0 || (len(list) > 0 && len(got) != len(list)) {
			t.Fatalf("Candidates(%d modes) = %d; want all, or three", len(list), len(got))
		}
		for i := 1; i < len(got); i++ {
			if got[i-1].Flags&mode.Interlaced != 0 && got[i].Flags&mode.Interlaced == 0 {
				t.Fatalf("Candidates = %s; want interlaced last", names(got, len(got)))
			}
		}
	}
}
