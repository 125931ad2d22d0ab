package edid_test

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/display/edid"
)

// formats are edid-decode's names of audio codings.
var formats = map[string]edid.AudioFormat{
	"Linear PCM": edid.PCM, "AC-3": edid.AC3, "MPEG 1 (Layers 1 & 2)": edid.MPEG1, "MPEG 1 Layer 3 (MP3)": edid.MP3,
	"MPEG2 (multichannel)": edid.MPEG2, "AAC LC": edid.AACLC, "DTS": edid.DTS, "One Bit Audio": edid.OneBit,
	"Enhanced AC-3 (DD+)": edid.EAC3, "DTS-HD": edid.DTSHD, "MAT (MLP)": edid.MAT, "DST": edid.DST, "WMA Pro": edid.WMAPro,
}

var (
	modeLine  = regexp.MustCompile(`^(DTD|VIC|HDMI VIC|DMT|Apple|IBM|GTF|CVT)\s*([0-9a-fx]*)\s*:\s+(\d+)x(\d+)(i?)\s+([\d.]+) Hz\s+\S+\s+([\d.]+) kHz\s+([\d.]+) MHz(.*)$`)
	porchLine = regexp.MustCompile(`^Hfront\s+(\d+) Hsync\s+(\d+) Hback\s+(-?\d+)(?: Hpol (.))?`)
	vertLine  = regexp.MustCompile(`^Vfront\s+(\d+) Vsync\s+(\d+) Vback\s+(-?\d+)(?: Vpol (.))?`)
	sizeMM    = regexp.MustCompile(`(\d+) mm x (\d+) mm`)
	rangeLine = regexp.MustCompile(`(\d+)-(\d+) Hz V, (\d+)-(\d+) kHz H(?:, max dotclock (\d+) MHz)?`)
	numbers   = regexp.MustCompile(`[\d.]+`)
)

// answer gathers edid-decode's words.
type answer struct {
	facts   map[string][]string
	section string // heading of a data block
	base    bool   // inside the base block
	first   bool   // no detailed timing yet
	mm      [2]int
	last    *edid.Timing // waits for its porches
	audio   *edid.Audio
}

func (a *answer) add(kind, format string, args ...any) {
	a.facts[kind] = append(a.facts[kind], fmt.Sprintf(format, args...))
}

// readAnswer reads a file of hex bytes and edid-decode's text.
func readAnswer(t *testing.T, file string) (map[string][]string, []byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var data []byte
	a := &answer{facts: map[string][]string{}}
	hexed := false
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		switch {
		case strings.HasPrefix(line, "edid-decode (hex)"):
			hexed = true
		case strings.HasPrefix(line, "-----"):
			hexed = false
		case hexed:
			b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(line), " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, b...)
		case line == "Warnings:" || line == "Failures:":
			a.flush()
			return a.done(data), data
		case len(data) > 0:
			a.read(line)
		}
	}
	a.flush()
	return a.done(data), data
}

// read takes one line of edid-decode's text.
func (a *answer) read(line string) {
	trimmed := strings.TrimSpace(line)
	switch {
	case strings.HasPrefix(line, "Block 0,"):
		a.base, a.first = true, true
	case strings.HasPrefix(line, "Block "):
		a.flush()
		a.base, a.section = false, ""
	case modeLine.MatchString(trimmed):
		a.mode(modeLine.FindStringSubmatch(trimmed), trimmed)
		return
	case a.last != nil && porchLine.MatchString(trimmed):
		m := porchLine.FindStringSubmatch(trimmed)
		a.last.HFront, a.last.HSync = atoi(m[1]), atoi(m[2])
		a.last.HBlank = a.last.HFront + a.last.HSync + atoi(m[3]) + border(trimmed)
		a.last.HBorder, a.last.HPositive = border(trimmed)/2, m[4] == "P"
		return
	case a.last != nil && vertLine.MatchString(trimmed):
		m := vertLine.FindStringSubmatch(trimmed)
		a.last.VFront, a.last.VSync = atoi(m[1]), atoi(m[2])
		a.last.VBlank = a.last.VFront + a.last.VSync + atoi(m[3]) + border(trimmed)
		a.last.VBorder, a.last.VPositive = border(trimmed)/2, m[4] == "P"
		return
	}
	if indent := len(line) - len(strings.TrimLeft(line, " ")); indent == 2 {
		a.flush()
		a.section = strings.TrimSuffix(trimmed, ":")
	}
	a.sentence(trimmed)
}

var borderWord = regexp.MustCompile(`[HV]border (\d+)`)

// border is what both borders of a line take of its blanking.
func border(line string) int {
	if m := borderWord.FindStringSubmatch(line); m != nil {
		return 2 * atoi(m[1])
	}
	return 0
}

// flush ends a timing or an audio format whose lines are read.
func (a *answer) flush() {
	if t := a.last; t != nil {
		kind := "timings"
		if t.Source == edid.FromDisplayID {
			kind = "DisplayID timings"
		}
		a.add(kind, "%s", timing(*t))
	}
	if a.audio != nil {
		a.add("audio", "%s", audio(*a.audio))
	}
	a.last, a.audio = nil, nil
}

// mode takes a line that begins a timing.
func (a *answer) mode(m []string, line string) {
	a.flush()
	t := edid.Timing{
		HActive: atoi(m[3]), VActive: atoi(m[4]), Interlaced: m[5] == "i",
		Clock: uint32(math.Round(atof(m[8]) * 1000)),
	}
	switch m[1] {
	case "DTD":
		if m[2] == "" {
			t.Source = edid.FromDisplayID
		}
		if mm := sizeMM.FindStringSubmatch(m[9]); mm != nil {
			t.WidthMM, t.HeightMM = atoi(mm[1]), atoi(mm[2])
			if a.first && (a.mm == [2]int{} || (abs(t.WidthMM-a.mm[0]) < 10 && abs(t.HeightMM-a.mm[1]) < 10)) && t.WidthMM > 0 && t.HeightMM > 0 {
				a.mm, a.first = [2]int{t.WidthMM, t.HeightMM}, false
			}
		}
		a.last = &t
	case "VIC":
		a.video(m[2], t, strings.Contains(line, "(native)"))
	case "HDMI VIC":
		a.add("HDMI VICs", "%s", m[2])
	default:
		a.add("sizes", "%s", size(edid.Size{Width: t.HActive, Height: t.VActive, Hz: int(math.Round(atof(m[6]))), Interlaced: t.Interlaced}))
	}
}

// video takes a VIC line of whatever block it stands in.
func (a *answer) video(code string, t edid.Timing, native bool) {
	switch {
	case strings.Contains(a.section, "4:2:0 Capability"):
		a.add("4:2:0 too", "%s", code)
	case strings.Contains(a.section, "4:2:0 Video"):
		a.add("4:2:0 only", "%s", code)
	case a.section == "Video Data Block":
		a.add("VICs", "%s%s", code, map[bool]string{true: " native"}[native])
		a.add("VIC rates", "%s %dx%d %v %d kHz", code, t.HActive, t.VActive, t.Interlaced, t.Clock)
	}
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

func atof(s string) float64 { x, _ := strconv.ParseFloat(s, 64); return x }

func abs(n int) int { return max(n, -n) }

// sentence takes a line of words.
func (a *answer) sentence(s string) {
	if strings.HasPrefix(s, "Unknown (VIC") {
		code := numbers.FindString(s)
		a.add("VICs", "%s%s", code, map[bool]string{true: " native"}[strings.Contains(s, "native")])
		return
	}
	if format, ok := formats[strings.TrimSuffix(s, ":")]; ok && a.section == "Audio Data Block" {
		a.flush()
		a.audio = &edid.Audio{Format: format}
		return
	}
	label, value, found := strings.Cut(s, ": ")
	if !found {
		a.word(s)
		return
	}
	if a.audio != nil {
		a.audioLine(label, value)
		return
	}
	a.labelled(label, value)
}

func (a *answer) audioLine(label, value string) {
	var n []int
	for _, w := range numbers.FindAllString(value, -1) {
		n = append(n, int(math.Round(atof(w)*1000)))
	}
	slices.Sort(n)
	switch label {
	case "Max channels":
		a.audio.Channels = n[0] / 1000
	case "Supported sample rates (kHz)":
		a.audio.RatesHz = n
	case "Supported sample sizes (bits)":
		for _, b := range n {
			a.audio.Bits = append(a.audio.Bits, b/1000)
		}
	case "Maximum bit rate":
		a.audio.MaxKbps = n[0] / 1000
	}
}

// word takes a line that is a fact by itself.
func (a *answer) word(s string) {
	switch {
	case s == "DisplayPort interface", s == "DVI interface", s == "HDMI-a interface", s == "HDMI-b interface":
		a.add("interface", "%s", strings.TrimSuffix(s, " interface"))
	case strings.HasPrefix(s, "First detailed timing includes the native"):
		a.add("native flag", "native")
	case s == "Display is continuous frequency":
		a.add("continuous", "continuous")
	case s == "Basic audio support":
		a.add("basic audio", "yes")
	case s == "SCDC Present":
		a.add("SCDC", "yes")
	case strings.HasPrefix(s, "DC_"):
		a.add("deep", "%s", s)
	case strings.HasPrefix(s, "Supports ") && strings.HasSuffix(s, "Deep Color 4:2:0 Pixel Encoding"):
		a.add("deep 4:2:0", "%s", numbers.FindString(s))
	case strings.HasPrefix(s, "Traditional gamma - SDR"), strings.HasPrefix(s, "Traditional gamma - HDR"), s == "SMPTE ST2084", s == "Hybrid Log-Gamma":
		a.add("transfer", "%s", s)
	case a.section == "Speaker Allocation Data Block" && strings.Contains(s, " - "):
		a.add("speaker", "%s", s)
	}
}

// labels are lines whose value is the fact.
var labels = map[string]string{
	"Manufacturer": "manufacturer", "Model": "product", "Serial Number": "serial", "EDID Structure Version & Revision": "version",
	"Bits per primary color channel": "bits", "Source physical address": "CEC", "Display native pixel format": "DisplayID native",
}

// figures are lines whose first number is the fact.
var figures = map[string]string{
	"Maximum TMDS clock": "TMDS", "Maximum TMDS Character Rate": "character rate",
	"Minimum Refresh Rate": "FreeSync min", "Maximum Refresh Rate": "FreeSync max", "VRRmin": "HDMI min", "VRRmax": "HDMI max",
	"Desired content max luminance": "HDR max", "Desired content max frame-average luminance": "HDR average",
	"Desired content min luminance": "HDR min",
}

// quotes are lines whose value stands in quotes, or is left out as "...".
var quotes = map[string]string{
	"Display Product Name": "name", "Display Product Serial Number": "serial text", "Alphanumeric Data String": "text",
}

func (a *answer) labelled(label, value string) {
	if kind, ok := labels[label]; ok && !(kind == "product" && !a.base) {
		a.add(kind, "%s", value)
		return
	}
	if kind, ok := figures[label]; ok {
		a.add(kind, "%s", numbers.FindString(value))
		return
	}
	if kind, ok := quotes[label]; ok {
		if value = strings.TrimRight(strings.Trim(value, "'"), " "); value != "" {
			a.add(kind, "%s", value)
		}
		return
	}
	switch {
	case label == "Made in" || label == "Model year":
		n := numbers.FindAllString(value, -1)
		week := "0"
		if len(n) == 2 {
			week = n[0]
		}
		a.add("made", "%s %s %v", week, n[len(n)-1], label == "Model year")
	case label == "Maximum image size":
		n := numbers.FindAllString(value, -1)
		a.mm = [2]int{10 * atoi(n[0]), 10 * atoi(n[1])}
	case strings.HasPrefix(label, "Monitor ranges"):
		m := rangeLine.FindStringSubmatch(value)
		a.facts["range"] = []string{fmt.Sprintf("%s-%s Hz V, %s-%s kHz H %d kHz", m[1], m[2], m[3], m[4], 1000*atoi(m[5]))}
	case label == "Image size" && strings.Contains(value, "mm"):
		n := numbers.FindAllString(value, -1)
		a.add("DisplayID size", "%d %d", int(math.Round(atof(n[0]))), int(math.Round(atof(n[1]))))
	case label == "Max Fixed Rate Link":
		a.add("FRL", "yes")
	case label == "Version" && a.section == "Version: "+value:
		a.add("DisplayID version", "%s", value)
	}
}

// done puts together the facts that several lines say.
func (a *answer) done(data []byte) map[string][]string {
	f := a.facts
	slices.Sort(f["sizes"])
	for _, kind := range []string{"deep", "deep 4:2:0", "basic audio", "CEC", "DisplayID version", "TMDS", "character rate", "SCDC"} {
		slices.Sort(f[kind]) // the same said by several blocks is one fact
		f[kind] = slices.Compact(f[kind])
	}
	if a.mm != [2]int{} {
		f["size"] = []string{fmt.Sprintf("%d %d", a.mm[0], a.mm[1])}
	}
	for _, r := range []string{"FreeSync", "HDMI"} {
		lo, hi := f[r+" min"], f[r+" max"]
		delete(f, r+" min")
		delete(f, r+" max")
		kind := map[string]string{"FreeSync": "FreeSync", "HDMI": "HDMI VRR"}[r]
		for i := range lo {
			top := "0"
			if i < len(hi) {
				top = hi[i]
			}
			f[kind] = append(f[kind], lo[i]+"-"+top)
		}
	}
	if s := f["speaker"]; len(s) > 0 {
		slices.Sort(s)
		f["speakers"] = []string{strconv.Itoa(len(slices.Compact(s)))}
	}
	delete(f, "speaker")
	a.hdr()
	return f
}

// hdr puts the lines of the static metadata block into one.
func (a *answer) hdr() {
	f := a.facts
	one := func(kind string) int {
		v := f[kind]
		delete(f, kind)
		if len(v) == 0 {
			return 0
		}
		return atoi(v[len(v)-1])
	}
	has := func(prefix string) bool {
		return slices.ContainsFunc(f["transfer"], func(s string) bool { return strings.HasPrefix(s, prefix) })
	}
	lights := []int{one("HDR max"), one("HDR average"), one("HDR min")}
	if len(f["transfer"]) > 0 {
		a.add("HDR", "%v %v %v %v %d %d %d", has("Traditional gamma - SDR"), has("Traditional gamma - HDR"), has("SMPTE"),
			has("Hybrid"), lights[0], lights[1], lights[2])
	}
	delete(f, "transfer")
}
