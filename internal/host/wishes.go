package host

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// shape is the size and rate of a screen's pictures.
type shape struct {
	width, height int
	milliFPS      int // pictures per 1000 s
}

// Bounds of what a terminal's wishes can bring a picture to.
const (
	leastWidth    = 160 // or the source's width, where that is less
	leastHeight   = 90
	leastMilliFPS = 1000
	// smoothMilliFPS is the rate below which a picture is made smaller rather
	// than rarer.
	smoothMilliFPS = 24_000
)

// wishes is what the terminal said about the pictures that it wants: what it
// can decode, how much it wants, and the outputs that show them. Its methods
// may be called from any goroutine.
type wishes struct {
	codec  media.Codec
	change atomic.Uint64 // counts changes of what shape depends on
	wake   []chan struct{}

	mu       sync.Mutex // guards below
	decoders []wire.Decoder
	all      wire.Limit
	each     []wire.Limit
	outputs  []wire.Placement // by screen
	given    []shape          // by screen, what the source gives; zero while nothing is taken from it
	levels   []int            // by screen, what the path does to it (degrader)
}

func newWishes(codec media.Codec, screens int) *wishes {
	w := &wishes{codec: codec, each: make([]wire.Limit, screens), outputs: make([]wire.Placement, screens), given: make([]shape, screens), levels: make([]int, screens)}
	for i := range screens {
		w.outputs[i].Connected = true // until the terminal says something else
		w.wake = append(w.wake, make(chan struct{}, 1))
	}
	return w
}

// changed tells the screens to look again.
func (w *wishes) changed() {
	w.change.Add(1)
	for _, c := range w.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// setDecoders notes a DECODERS.
func (w *wishes) setDecoders(all []wire.Decoder) {
	w.mu.Lock()
	w.decoders = all
	w.mu.Unlock()
	w.changed()
}

// limit notes a LIMIT; screens that do not exist are ignored.
func (w *wishes) limit(l wire.Limit) {
	w.mu.Lock()
	switch {
	case l.Screen == wire.AllScreens:
		w.all = l
	case int(l.Screen) < len(w.each):
		w.each[l.Screen] = l
	}
	w.mu.Unlock()
	w.changed()
}

// place notes the outputs of a LAYOUT. Screens that it does not name are not
// connected.
func (w *wishes) place(all []wire.Placement) {
	outputs := make([]wire.Placement, len(w.each))
	for _, p := range all {
		if int(p.Index) < len(outputs) {
			outputs[p.Index] = p
		}
	}
	w.mu.Lock()
	w.outputs = outputs
	w.mu.Unlock()
	w.changed()
}

// pause notes which screens nobody sees, before the source is told of the rest.
func (w *wishes) pause(all []wire.Placement) {
	w.mu.Lock()
	outputs := slices.Clone(w.outputs)
	for i := range outputs {
		outputs[i].Connected = outputs[i].Connected && slices.ContainsFunc(all, func(p wire.Placement) bool {
			return int(p.Index) == i && p.Connected
		})
	}
	w.outputs = outputs
	w.mu.Unlock()
	w.changed()
}

// seen reports whether anybody sees a screen.
func (w *wishes) seen(screen int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outputs[screen].Connected
}

// give notes what a screen's source gives, the zero shape when it is closed.
func (w *wishes) give(screen int, s shape) {
	w.mu.Lock()
	same := w.given[screen] == s
	w.given[screen] = s
	w.mu.Unlock()
	if !same {
		w.changed()
	}
}

// degrade notes what the path does to a screen's pictures.
func (w *wishes) degrade(screen, level int) {
	w.mu.Lock()
	w.levels[screen] = level
	w.mu.Unlock()
	w.changed()
}

// decoderLocked returns the decoder that counts, zero for one without bounds.
func (w *wishes) decoderLocked() wire.Decoder {
	for _, d := range w.decoders {
		if d.Codec == w.codec {
			return d
		}
	}
	return wire.Decoder{}
}

// shape returns how a screen's pictures are to be coded.
func (w *wishes) shape(screen int) shape {
	w.mu.Lock()
	defer w.mu.Unlock()
	full := w.fullLocked(screen)
	if level := w.levels[screen]; level > 0 {
		return full.reduced(full.load()*part(level), w.given[screen])
	}
	return full
}

// full returns how a screen's pictures would be coded if the path had no
// bounds.
func (w *wishes) full(screen int) shape {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.fullLocked(screen)
}

func (w *wishes) fullLocked(screen int) shape {
	d := w.decoderLocked()
	own, total := w.boundedLocked(screen, d), 0.0
	if d.MacroblocksPerSecond == 0 {
		return own
	}
	for i := range w.given {
		total += w.boundedLocked(i, d).load()
	}
	if most := float64(d.MacroblocksPerSecond); total > most {
		return own.reduced(own.load()*most/total, w.given[screen])
	}
	return own
}

// boundedLocked is a screen's shape within all bounds but the sum.
func (w *wishes) boundedLocked(screen int, d wire.Decoder) shape {
	s, out := w.given[screen], w.outputs[screen]
	boxes := [...]wire.Limit{
		{MaxWidth: d.MaxWidth, MaxHeight: d.MaxHeight},
		w.all, w.each[screen],
		{MaxWidth: out.Width, MaxHeight: out.Height},
	}
	rate := out.MilliHz
	if s.milliFPS*100 <= int(rate)*102 {
		rate = 0 // 60 pictures for 59.94 Hz: the phase makes them one
	}
	for _, b := range boxes {
		s = s.within(int(b.MaxWidth), int(b.MaxHeight))
		s.milliFPS = atMost(s.milliFPS, int(b.MaxMilliFPS))
	}
	s.milliFPS = max(atMost(s.milliFPS, int(rate)), min(leastMilliFPS, w.given[screen].milliFPS))
	return s.atLeast(w.given[screen])
}

// atMost is v within a bound, of which 0 is none.
func atMost(v, bound int) int {
	if bound > 0 {
		return min(v, bound)
	}
	return v
}

// within scales s down into a box, keeping its proportions; 0 is no bound.
func (s shape) within(width, height int) shape {
	w, h := s.width, s.height
	if width > 0 && w > width {
		w, h = width, (s.height*width+s.width/2)/s.width
	}
	if height > 0 && h > height {
		w, h = (s.width*height+s.height/2)/s.height, height
		w = atMost(w, width)
	}
	if w == s.width && h == s.height {
		return s
	}
	s.width, s.height = w&^1, h&^1
	return s
}

// atLeast keeps a picture from becoming nothing.
func (s shape) atLeast(source shape) shape {
	s.width = max(s.width, min(leastWidth, source.width))
	s.height = max(s.height, min(leastHeight, source.height))
	return s
}

// load is macroblocks of 16x16 luma samples a second.
func (s shape) load() float64 {
	return float64((s.width+15)/16*((s.height+15)/16)) * float64(s.milliFPS) / 1000
}

// reduced brings s to a load: first by leaving out pictures, evenly and down
// to what is still smooth, then by scaling.
func (s shape) reduced(most float64, source shape) shape {
	rate := s.milliFPS
	for n := 2; s.load() > most && rate/n >= smoothMilliFPS; n++ {
		s.milliFPS = rate / n
	}
	full := s
	for part := math.Sqrt(most / s.load()); s.load() > most; part *= 0.98 {
		s.width, s.height = int(float64(full.width)*part)&^1, int(float64(full.height)*part)&^1
		small := s.width <= leastWidth && s.height <= leastHeight
		if s = s.atLeast(source); small {
			break
		}
	}
	return s
}
