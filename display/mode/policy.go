package mode

import (
	"cmp"
	"math"
	"slices"

	"github.com/blade-shadow/terminal/display/edid"
)

// How far a refresh may be from a multiple of the stream's rate, as a part of it.
const (
	exactRate = 100e-6 // rounding of clocks to kHz; 59.94 is 1000e-6 from 60
	nearRate  = 5e-3   // what CVT's steps make of 60: down to 59.79
)

// minStreamHz is the slowest stream that is asked for to keep its size.
const minStreamHz = 29

// Limits bound the stream that the decoder takes. Zero fields limit nothing.
type Limits struct {
	MaxWidth, MaxHeight  int    // pixels
	MacroblocksPerSecond uint32 // of 16x16 luma samples
}

// Request is what [Candidates] decides from.
type Request struct {
	Modes                     []Mode     // the connector's list, as the kernel gives it
	EDID                      *edid.EDID // nil: none
	Link                      Link
	StreamWidth, StreamHeight int    // pixels; 0: no stream yet
	StreamRate                Rate   // of frames; zero: no stream yet
	Decoder                   Limits // of what may be asked from the host
	Variable                  bool   // refresh will vary: the highest is then best whatever the stream's rate
	Wish                      Choice // the user's; zero: none
}

// Candidates returns the modes worth trying, best first and never none. The
// caller tries each with TEST_ONLY and takes the first that the driver accepts.
//
// What the user wished comes first, then the panel's own size, then the
// stream's, then the largest. Of one size the highest refresh that is a
// multiple of the stream's rate is best: exactly, else nearly, else the highest
// of all. What the link cannot carry at 8 bits per colour is left out, and
// interlaced modes come last. Where the list is empty the monitor's own timings
// take its place, then 1920x1080, 1280x720 and 640x480.
func Candidates(r Request) []Mode {
	modes := r.listed()
	width, height := r.native(modes)
	wished, ok := r.made(modes, width, height)
	if ok {
		modes = append([]Mode{wished}, modes...)
	}
	ranks := make([]rank, len(modes))
	for i, m := range modes {
		ranks[i] = r.rank(m, width, height)
	}
	slices.SortStableFunc(ranks, rank.compare)
	out := make([]Mode, len(ranks))
	for i, k := range ranks {
		out[i] = k.mode
	}
	return out
}

// listed is the list without what cannot be shown, or what replaces it.
func (r Request) listed() []Mode {
	if modes := r.carried(r.Modes); len(modes) > 0 {
		return modes
	}
	var own []Mode
	if r.EDID != nil {
		own = r.carried(FromEDID(r.EDID))
	}
	if r.Link.Kind == Virtual && len(own) == 0 && r.StreamWidth > 0 {
		own = r.carried([]Mode{CVT(r.StreamWidth, r.StreamHeight, r.rate(), true)})
	}
	return append(own, commonModes()...)
}

// carried leaves out what cannot be made, is stereo or is too much for the link.
func (r Request) carried(modes []Mode) []Mode {
	var out []Mode
	for _, m := range modes {
		if m.Valid() && m.Flags&Stereo == 0 && r.Link.Fits(m, min(8, cmp.Or(r.Link.MaxBPC, 8))) {
			out = append(out, m)
		}
	}
	return out
}

// FromEDID are the modes whose exact timings a monitor says: its detailed ones
// and those that it names by the numbers of CTA-861 and HDMI.
func FromEDID(e *edid.EDID) []Mode {
	var out []Mode
	for _, t := range e.Timings {
		out = append(out, FromTiming(t))
	}
	var codes []uint8
	for _, v := range e.CTA.Video {
		if !slices.Contains(e.CTA.Only420, v.Code) {
			codes = append(codes, v.Code)
		}
	}
	for _, code := range e.CTA.HDMI.VICs {
		codes = append(codes, edid.HDMIVIC(code))
	}
	for _, code := range codes {
		if t, ok := edid.VICTiming(code); ok {
			out = append(out, FromTiming(t))
		}
	}
	return out
}

// commonModes are what nearly every monitor takes: VIC 16, 4 and 1.
func commonModes() []Mode {
	var out []Mode
	for _, code := range []uint8{16, 4, 1} {
		t, _ := edid.VICTiming(code)
		out = append(out, FromTiming(t))
	}
	return out
}

// rate is the stream's, else 60.
func (r Request) rate() Rate {
	if r.StreamRate.Known() {
		return r.StreamRate
	}
	return Hz(60)
}

// native is the size to show: what the kernel's command line names, else what
// the monitor calls its own, else what the list prefers, else the stream's,
// else the largest up to 1920x1080. The list's first is none of these: it may
// be the largest that a virtual GPU can think of. The size counts also where
// the link cannot carry it: what is shown then has its shape.
func (r Request) native(modes []Mode) (width, height int) {
	known := modes
	if all := slices.DeleteFunc(slices.Clone(r.Modes), func(m Mode) bool { return !m.Valid() }); len(all) > 0 {
		known = all
	}
	if m, ok := largest(known, func(m Mode) bool { return m.Type&UserDefined != 0 }); ok {
		return int(m.HDisplay), int(m.VDisplay)
	}
	own := false
	if r.EDID != nil {
		width, height, own = r.EDID.Native()
	}
	if own && has(known, width, height) {
		return width, height
	}
	if m, ok := largest(known, func(m Mode) bool { return m.Type&Preferred != 0 }); ok {
		return int(m.HDisplay), int(m.VDisplay)
	}
	if own {
		return width, height
	}
	return r.guessed(modes)
}

// guessed is the size where neither the monitor nor the list says one.
func (r Request) guessed(modes []Mode) (width, height int) {
	if has(modes, r.StreamWidth, r.StreamHeight) {
		return r.StreamWidth, r.StreamHeight
	}
	m, ok := largest(modes, func(m Mode) bool { return m.HDisplay <= 1920 && m.VDisplay <= 1080 })
	if !ok {
		m = slices.MinFunc(modes, func(a, b Mode) int { return cmp.Compare(a.area(), b.area()) })
	}
	return int(m.HDisplay), int(m.VDisplay)
}

// has says whether a mode of the list has the size.
func has(modes []Mode, w, h int) bool {
	return slices.ContainsFunc(modes, func(m Mode) bool { return m.sized(w, h) })
}

// largest is the mode of most pixels of those that keep wants.
func largest(modes []Mode, keep func(Mode) bool) (Mode, bool) {
	var best Mode
	for _, m := range modes {
		if keep(m) && m.area() > best.area() {
			best = m
		}
	}
	return best, best.area() > 0
}

func (m Mode) sized(w, h int) bool { return int(m.HDisplay) == w && int(m.VDisplay) == h }

func (m Mode) area() int { return int(m.HDisplay) * int(m.VDisplay) }

// made is a modeline of the size and rate that the user wished where the list
// has none and the monitor takes any: a virtual one, or one of continuous
// frequency that is inside its range.
func (r Request) made(modes []Mode, nativeW, nativeH int) (Mode, bool) {
	w := r.Wish
	if w.Width <= 0 || slices.ContainsFunc(modes, w.Met) {
		return Mode{}, false
	}
	rate := r.rate()
	if w.MilliHz > 0 {
		rate = FromMilliHz(w.MilliHz)
	}
	m := CVT(w.Width, w.Height, rate, true)
	if !m.sized(w.Width, w.Height) || !w.Met(m) { // its steps are 8 pixels and 250 kHz
		m = CVTReduced2(w.Width, w.Height, rate, false)
	}
	if len(r.carried([]Mode{m})) == 0 {
		return Mode{}, false
	}
	m.Type = 0
	return m, r.Link.Kind == Virtual ||
		r.EDID != nil && w.Width <= nativeW && w.Height <= nativeH && follows(r.EDID, m)
}

// follows says whether the monitor takes m though it does not list it.
func follows(e *edid.EDID, m Mode) bool {
	lines := float64(m.Clock) / float64(m.HTotal) // kHz
	hz := m.Refresh().Float()
	g := e.Range
	return e.Continuous && g.MaxHz > 0 && hz >= float64(g.MinHz) && hz <= float64(g.MaxHz) &&
		lines >= float64(g.MinKHz) && lines <= float64(g.MaxKHz) && (g.MaxClock == 0 || m.Clock <= g.MaxClock)
}

// rank is a mode and what puts it before others; lower is better but for the
// fields that say so.
type rank struct {
	mode     Mode
	scan     int    // 0 progressive, 1 doubled lines, 2 interlaced
	wish     uint32 // 1/1000 Hz from the wish; the highest of all for another size
	size     int    // 0 native, 1 the stream's, 2 inside native, 3 beyond it
	aspect   int    // 1: another shape than native, where size is 2 or 3
	area     int    // higher is better, where size is 2 or 3
	multiple int    // 0 exactly of the stream's rate, 1 nearly or with a smaller stream, 2 not
	refresh  Rate   // higher is better
}

func (r Request) rank(m Mode, width, height int) rank {
	k := rank{mode: m, refresh: m.Refresh(), wish: r.fromWish(m, width, height)}
	switch {
	case m.Flags&Interlaced != 0:
		k.scan = 2
	case m.Flags&DoubleScan != 0 || m.VScan > 1:
		k.scan = 1
	}
	switch {
	case m.sized(width, height):
	case m.sized(r.StreamWidth, r.StreamHeight):
		k.size = 1
	default:
		k.size, k.area = 2, m.area()
		if int(m.HDisplay) > width || int(m.VDisplay) > height {
			k.size = 3
			k.area = -k.area // the smallest of those first
		}
		k.aspect = b2i(!sameShape(int(m.HDisplay), int(m.VDisplay), width, height))
	}
	k.multiple = r.multiple(m)
	return k
}

// fromWish is how far m is from what the user wished; without a wish all modes
// are equally far.
func (r Request) fromWish(m Mode, width, height int) uint32 {
	w := r.Wish
	if w.Width > 0 {
		width, height = w.Width, w.Height
	}
	if (w.Width <= 0 && w.MilliHz == 0) || !m.sized(width, height) {
		return math.MaxUint32
	}
	if w.MilliHz == 0 {
		return 0
	}
	hz := m.MilliHz()
	return max(hz, w.MilliHz) - min(hz, w.MilliHz)
}

// sameShape says whether two sizes have the same aspect ratio to 1 %.
func sameShape(w1, h1, w2, h2 int) bool {
	a, b := w1*h2, w2*h1
	return 100*max(a-b, b-a) <= max(a, b)
}

// multiple is rank.multiple. Where the decoder cannot keep up with the stream at
// the mode's size the host is asked for a rate that divides the refresh, so that
// only counts which mode leaves the size as it is.
func (r Request) multiple(m Mode) int {
	refresh := m.Refresh()
	asked := refresh
	if r.StreamRate.Known() {
		asked = r.StreamRate
	}
	if w, _ := shrink(int(m.HDisplay), int(m.VDisplay), r.Decoder); !r.Decoder.takes(int(m.HDisplay), int(m.VDisplay), asked) {
		got, _, _ := StreamFor(m, r.Decoder)
		return b2i(got < w)
	}
	if r.Variable || !r.StreamRate.Known() {
		return 0
	}
	switch k, wrong := refresh.Multiple(r.StreamRate); {
	case k == 0:
		return 2
	case wrong <= exactRate:
		return 0
	case wrong <= nearRate:
		return 1
	}
	return 2
}

func (k rank) compare(o rank) int {
	return cmp.Or(
		cmp.Compare(k.scan, o.scan),
		cmp.Compare(k.wish, o.wish),
		cmp.Compare(k.size, o.size),
		cmp.Compare(k.aspect, o.aspect),
		-cmp.Compare(k.area, o.area),
		cmp.Compare(k.multiple, o.multiple),
		-k.refresh.Compare(o.refresh),
		-cmp.Compare(k.mode.Type&Preferred, o.mode.Type&Preferred),
		cmp.Compare(k.mode.Clock, o.mode.Clock),
	)
}

// StreamFor returns what to ask from the host for an output in mode m: its size
// and its exact rate, or what of them the decoder takes. First the size shrinks
// to the decoder's; then the rate is halved, thirded and so on, which leaves
// every frame shown for as long as the next, but not below 29 Hz; then the size
// shrinks further. Sizes stay even and keep their shape. A mode without a rate
// asks for nothing.
func StreamFor(m Mode, dec Limits) (width, height int, rate Rate) {
	refresh := m.Refresh()
	if !refresh.Known() {
		return 0, 0, Rate{}
	}
	width, height = shrink(int(m.HDisplay), int(m.VDisplay), dec)
	rate = refresh
	for k := 2; !dec.takes(width, height, rate) && refresh.Divided(k).Float() >= minStreamHz; k++ {
		rate = refresh.Divided(k)
	}
	full := width
	for step := 1; !dec.takes(width, height, rate) && full-16*step >= 64; step++ {
		width = full - 16*step
		height = max(int(m.VDisplay)*width/int(m.HDisplay)&^1, 2)
	}
	return width, height, rate
}

// shrink is the largest even size of the same shape inside the limits.
func shrink(w, h int, dec Limits) (width, height int) {
	width, height = w, h
	if dec.MaxWidth > 0 && width > dec.MaxWidth {
		width, height = dec.MaxWidth, h*dec.MaxWidth/w
	}
	if dec.MaxHeight > 0 && height > dec.MaxHeight {
		width, height = w*dec.MaxHeight/h, dec.MaxHeight
	}
	return max(width&^1, 2), max(height&^1, 2)
}

// takes says whether the decoder keeps up with a stream, in whole macroblocks.
func (l Limits) takes(w, h int, rate Rate) bool {
	if l.MacroblocksPerSecond == 0 {
		return true
	}
	blocks := uint64((w+15)/16) * uint64((h+15)/16)
	return float64(blocks)*rate.Float() <= float64(l.MacroblocksPerSecond)
}
