package edid_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/edid"
)

// realMonitors returns the files of EDIDs of real monitors; a checkout without
// it skips.
func realMonitors(t *testing.T) []string {
	t.Helper()
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
	return files
}

// differs names what is known to differ from edid-decode's answer, by file and
// by what is compared, and says why ours is right or harmless.
var differs = map[string]map[string]string{
	"badsum-Sony-SNY4B04-BA8DDEAD5539": {
		"VICs": "the maker filled its block with 0xff; edid-decode lists 255, which is reserved, we leave it out",
	},
	"displayid-Others-TMX1420-B1971B93DE8C": {
		"serial text": "the text is empty; the file hides serial numbers, and shows an empty one as hidden too",
	},
}

// TestRealMonitors compares every fact that both know with what edid-decode
// says of the same bytes.
func TestRealMonitors(t *testing.T) {
	agreed := 0
	files := realMonitors(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			want, data := readAnswer(t, file)
			got, err := edid.Parse(data)
			if err != nil {
				t.Fatalf("Parse(%s) = %v; want an EDID", name, err)
			}
			if compare(t, name, facts(got), want) {
				agreed++
			}
		})
	}
	t.Logf("%d of %d monitors agree with edid-decode in every fact compared", agreed, len(files))
}

// compare says whether all facts are the same without an exception.
func compare(t *testing.T, name string, got, want map[string][]string) bool {
	t.Helper()
	keys := map[string]bool{}
	for k := range got {
		keys[k] = true
	}
	for k := range want {
		keys[k] = true
	}
	same := true
	for k := range keys {
		reason, known := differs[name][k]
		equal := slices.Equal(got[k], want[k]) || (slices.Equal(want[k], []string{"..."}) && len(got[k]) == 1)
		same = same && equal
		switch {
		case equal && known:
			t.Errorf("%s: %s agrees; want the exception %q taken away", name, k, reason)
		case !equal && !known:
			t.Errorf("Parse(%s): %s =\n\t%s; want\n\t%s", name, k, strings.Join(got[k], "\n\t"), strings.Join(want[k], "\n\t"))
		}
	}
	return same
}

// facts says what was parsed in edid-decode's words, one list per kind of fact.
func facts(e *edid.EDID) map[string][]string {
	f := map[string][]string{}
	add := func(kind, format string, args ...any) { f[kind] = append(f[kind], fmt.Sprintf(format, args...)) }
	add("manufacturer", "%s", e.Manufacturer)
	add("product", "%d", e.Product)
	add("version", "%d.%d", e.Version, e.Revision)
	if e.SerialNumber != 0 {
		add("serial", "%d", e.SerialNumber)
	}
	add("made", "%d %d %v", e.Week, e.Year, e.ModelYear)
	if e.WidthMM > 0 {
		add("size", "%d %d", e.WidthMM, e.HeightMM)
	}
	if e.BitsPerColor > 0 {
		add("bits", "%d", e.BitsPerColor)
	}
	if e.Interface > 0 {
		add("interface", "%s", []string{"", "DVI", "HDMI-a", "HDMI-b", "MDDI", "DisplayPort"}[e.Interface])
	}
	if e.PreferredNative {
		add("native flag", "native")
	}
	if e.Continuous {
		add("continuous", "continuous")
	}
	if e.Name != "" {
		add("name", "%s", e.Name)
	}
	if e.SerialText != "" {
		add("serial text", "%s", e.SerialText)
	}
	f["text"] = append(f["text"], e.Text...)
	if r := e.Range; r.MaxHz > 0 {
		add("range", "%d-%d Hz V, %d-%d kHz H %d kHz", r.MinHz, r.MaxHz, r.MinKHz, r.MaxKHz, r.MaxClock)
	}
	for _, t := range e.Timings {
		kind := "timings"
		if t.Source == edid.FromDisplayID {
			kind = "DisplayID timings"
		}
		add(kind, "%s", timing(t))
	}
	for _, s := range e.Sizes {
		add("sizes", "%s", size(s))
	}
	slices.Sort(f["sizes"])
	ctaFacts(e, add)
	displayIDFacts(e, add)
	return f
}

func ctaFacts(e *edid.EDID, add func(kind, format string, args ...any)) {
	for _, v := range e.CTA.Video {
		add("VICs", "%d%s", v.Code, map[bool]string{true: " native"}[v.Native])
		if t, ok := edid.VICTiming(v.Code); ok {
			add("VIC rates", "%d %dx%d %v %d kHz", v.Code, t.HActive, t.VActive, t.Interlaced, t.Clock)
		}
	}
	for _, v := range e.CTA.HDMI.VICs {
		add("HDMI VICs", "%d", v)
	}
	for _, v := range e.CTA.Only420 {
		add("4:2:0 only", "%d", v)
	}
	for _, v := range e.CTA.Also420 {
		add("4:2:0 too", "%d", v)
	}
	for _, a := range e.CTA.Audio {
		add("audio", "%s", audio(a))
	}
	if s := e.CTA.Speakers; s != 0 {
		add("speakers", "%d", popcount(s))
	}
	if e.CTA.BasicAudio {
		add("basic audio", "yes")
	}
	h := e.CTA.HDMI
	if h.PhysicalAddress != 0 {
		a := h.PhysicalAddress
		add("CEC", "%x.%x.%x.%x", a>>12, a>>8&15, a>>4&15, a&15)
	}
	if h.MaxTMDS > 0 {
		add("TMDS", "%d", h.MaxTMDS/1000)
	}
	for _, d := range []struct {
		on   bool
		name string
	}{{h.Deep30, "DC_30bit"}, {h.Deep36, "DC_36bit"}, {h.Deep48, "DC_48bit"}, {h.DeepY444, "DC_Y444"}} {
		if d.on {
			add("deep", "%s", d.name)
		}
	}
	if h.MaxCharRate > 0 {
		add("character rate", "%d", h.MaxCharRate/1000)
	}
	if h.SCDC {
		add("SCDC", "yes")
	}
	if h.FRL > 0 {
		add("FRL", "yes")
	}
	for i, on := range h.Deep420 {
		if on {
			add("deep 4:2:0", "%d", []int{10, 12, 16}[i])
		}
	}
	for _, v := range e.VRR {
		switch v.Source {
		case edid.FreeSync:
			add("FreeSync", "%d-%d", v.MinHz, v.MaxHz)
		case edid.HDMIForum:
			add("HDMI VRR", "%d-%d", v.MinHz, v.MaxHz)
		}
	}
	if c := e.CTA.HDR; c.SDR || c.Gamma || c.PQ || c.HLG {
		add("HDR", "%v %v %v %v %d %d %d", c.SDR, c.Gamma, c.PQ, c.HLG, c.Max, c.Average, c.Min)
	}
}

func displayIDFacts(e *edid.EDID, add func(kind, format string, args ...any)) {
	d := e.DisplayID
	if d.NativeWidth > 0 {
		add("DisplayID native", "%dx%d", d.NativeWidth, d.NativeHeight)
	}
	if d.WidthMM > 0 {
		add("DisplayID size", "%d %d", d.WidthMM, d.HeightMM)
	}
	if d.Version != 0 {
		add("DisplayID version", "%d.%d", d.Version>>4, d.Version&15)
	}
}

func popcount(n uint32) int { return strings.Count(strconv.FormatUint(uint64(n), 2), "1") }

// timing is one in the form of both: size, totals, porches, polarity, clock, mm.
func timing(t edid.Timing) string {
	return fmt.Sprintf("%s %d %d mm", vic(t), t.WidthMM, t.HeightMM)
}

func vic(t edid.Timing) string {
	scan := map[bool]string{true: "i"}[t.Interlaced]
	return fmt.Sprintf("%dx%d%s %d kHz %d mHz H %d %d %d %v V %d %d %d %v", t.HActive, t.VActive, scan, t.Clock, t.MilliHz(),
		t.HFront, t.HSync, t.HBack(), t.HPositive, t.VFront, t.VSync, t.VBack(), t.VPositive)
}

func size(s edid.Size) string {
	return fmt.Sprintf("%dx%d%s %d", s.Width, s.Height, map[bool]string{true: "i"}[s.Interlaced], s.Hz)
}

func audio(a edid.Audio) string {
	return fmt.Sprintf("%d: %d channels %v Hz %v bits %d kb/s", a.Format, a.Channels, a.RatesHz, a.Bits, a.MaxKbps)
}
