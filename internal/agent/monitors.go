package agent

import (
	"context"
	"fmt"
	"image"
	"slices"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/peripherals/thermal"
)

// console is what a display does that owns its monitors. Windows do not.
type console interface {
	timed
	SetStream(screen, width, height int, rate mode.Rate)
}

// timed is a display that knows its vertical blanks.
type timed interface {
	Phase(screen int) (display.Phase, bool)
	Figures(screen int) (display.Figures, bool)
}

// phaseEvery is how often the host is told when to capture: crystals drift by
// some 50 us a second against each other, a twentieth of what is kept in hand.
const phaseEvery = time.Second

// noteTime is how long a sentence stays in the corner.
const noteTime = 8 * time.Second

// wants is what the host is told of the terminal, again in every session.
type wants struct {
	mu       sync.Mutex // guards all, and keeps the order of what the host is told
	outputs  []display.Output
	decoders []decode.Capability             // of the machine, for a decoder that left no link
	left     [MaxScreens][]decode.Capability // of a screen's decoder that did; nil: decoders
	share    float64                         // of the pixels a second that there is heat for, 1 for all
	noted    *time.Timer                     // takes the sentence off; nil before the first
}

// leastLocked is what every screen's decoder can do.
func (w *wants) leastLocked() []decode.Capability {
	all := slices.Clone(w.decoders)
	for _, left := range w.left {
		for _, c := range left {
			if i := slices.IndexFunc(all, func(o decode.Capability) bool { return o.Codec == c.Codec }); i >= 0 {
				all[i] = lesser(all[i], c)
			}
		}
	}
	return all
}

// lesser is what two ways to decode a codec both do.
func lesser(a, b decode.Capability) decode.Capability {
	if b.MacroblocksPerSecond < a.MacroblocksPerSecond {
		a, b = b, a
	}
	a.Hardware = a.Hardware && b.Hardware
	a.MaxWidth, a.MaxHeight = min(a.MaxWidth, b.MaxWidth), min(a.MaxHeight, b.MaxHeight)
	return a
}

// proved leaves out what cannot be decoded.
func proved(all []decode.Capability) []decode.Capability {
	return slices.DeleteFunc(all, func(c decode.Capability) bool { return !c.Proved })
}

// renewDecoders lets every decoder begin anew at the best link.
func (a *Agent) renewDecoders() {
	for _, s := range a.screens {
		s.decoder.Reset()
	}
	if a.hardware == nil {
		return
	}
	able := proved(a.hardware.Capabilities())
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	a.wants.decoders, a.wants.left = able, [MaxScreens][]decode.Capability{}
}

// onOutputs notes what monitors there are and tells the host; any thread.
func (a *Agent) onOutputs(all []display.Output) {
	a.wants.mu.Lock()
	a.wants.outputs = all
	a.wants.mu.Unlock()
	if s := a.session.Load(); s != nil {
		a.tellLayout(s.Session)
	}
}

// onCapabilities notes what a screen's decoder can still do and tells the host;
// the decoder's thread.
func (a *Agent) onCapabilities(screen int, all []decode.Capability) {
	a.wants.mu.Lock()
	a.wants.left[screen] = all
	a.wants.mu.Unlock()
	if s := a.session.Load(); s != nil {
		a.tellDecoders(s.Session)
		a.tellLayout(s.Session) // which is bounded by it
	}
}

// onHeat asks for fewer pixels, or for all of them again, and says so.
func (a *Agent) onHeat(st thermal.State) {
	a.wants.mu.Lock()
	a.wants.share = st.Share
	a.wants.mu.Unlock()
	a.log.Warn("heat", "share", st.Share, "sensor", st.Sensor, "celsius", st.Celsius, "clock", st.Clock)
	if s := a.session.Load(); s != nil {
		a.tellLimits(s.Session)
	}
	text := "Full picture again."
	if why := st.String(); why != "" {
		text = "Smaller picture: " + why + "."
	}
	a.note(text)
}

// note shows a sentence in the corner of every screen for a while. Statistics
// have that corner when they are on.
func (a *Agent) note(text string) {
	if a.overlay.Load() {
		return
	}
	for i := range a.screens {
		a.display.SetOverlay(i, &ui.Stats{Title: text})
	}
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	if a.wants.noted != nil {
		a.wants.noted.Stop() // the sentence before has gone already
	}
	a.wants.noted = time.AfterFunc(noteTime, func() {
		for i := range a.screens {
			if !a.overlay.Load() {
				a.display.SetOverlay(i, nil)
			}
		}
	})
}

// stopNotes is for the end of Run: the display is gone.
func (a *Agent) stopNotes() {
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	if a.wants.noted != nil {
		a.wants.noted.Stop()
	}
}

// greet tells a new session all that the last one was told.
func (a *Agent) greet(s *client.Session) {
	a.tellDecoders(s)
	a.tellLayout(s)
}

// tellDecoders tells the host what can be decoded. A PC that decodes in software
// is not told of: what is promised of software is what the box does, and a
// decoder that cannot keep up says so by itself.
func (a *Agent) tellDecoders(s *client.Session) {
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	if a.cfg.Display != outputs.Card && !a.accelerated {
		return
	}
	var all []wire.Decoder
	for _, c := range a.wants.leastLocked() {
		rate := uint64(c.MacroblocksPerSecond)
		if !c.Hardware { // is told for each screen, and the host counts all together
			rate *= uint64(len(a.screens))
		}
		all = append(all, wire.Decoder{
			Codec: c.Codec, Hardware: c.Hardware,
			MaxWidth: uint16(min(c.MaxWidth, 1<<16-1)), MaxHeight: uint16(min(c.MaxHeight, 1<<16-1)),
			MacroblocksPerSecond: uint32(min(rate, 1<<32-1)),
		})
	}
	if len(all) > 0 {
		s.SetDecoders(all)
	}
}

// tellLayout tells the host where the monitors stand, and what there is heat
// for, which depends on it. Windows are placed by their window manager, so
// there is nothing to tell.
func (a *Agent) tellLayout(s *client.Session) {
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	if len(a.wants.outputs) == 0 {
		return
	}
	all := a.layoutLocked()
	s.SetLayout(all)
	for _, l := range heatLimits(all, a.wants.share) {
		s.SetLimit(l)
	}
}

// tellLimits tells the host what there is heat for.
func (a *Agent) tellLimits(s *client.Session) {
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	if len(a.wants.outputs) == 0 {
		return
	}
	for _, l := range heatLimits(a.layoutLocked(), a.wants.share) {
		s.SetLimit(l)
	}
}

func (a *Agent) layoutLocked() []wire.Placement {
	limits, shared := decoderLimits(a.wants.leastLocked(), a.cfg.Codecs)
	return placements(a.wants.outputs, limits, shared, a.choice)
}

// placements is the layout of the monitors that show a screen. Every screen is
// named: one that no monitor shows is to be sent by nobody. shared says that
// the limits' rate is of all screens together rather than of each.
func placements(outputs []display.Output, limits mode.Limits, shared bool, choice func(mode.Monitor) mode.Choice) []wire.Placement {
	shown := slices.DeleteFunc(slices.Clone(outputs), func(o display.Output) bool {
		return !o.Connected || o.Screen < 0 || o.Screen >= MaxScreens || o.Width <= 0
	})
	total := uint64(0)
	for _, o := range shown {
		total += work(o)
	}
	var screens []mode.Screen
	for _, o := range shown {
		part := limits
		if shared { // one decoder serves all, each by what it shows
			part.MacroblocksPerSecond = uint32(uint64(limits.MacroblocksPerSecond) * work(o) / max(total, 1))
		}
		width, height, rate := mode.StreamFor(modeOf(o), part)
		screens = append(screens, mode.Screen{Width: width, Height: height, MilliHz: rate.MilliHz(), Choice: choice(mode.Monitor{Connector: o.Connector, Identity: o.Identity})})
	}
	var all [MaxScreens]wire.Placement
	for i := range all {
		all[i].Index = uint8(i)
	}
	for _, p := range mode.Arrange(screens) {
		o := shown[p.Index]
		all[o.Screen] = wire.Placement{
			Index: uint8(o.Screen), Connected: true, Primary: p.Primary,
			X: int32(p.X), Y: int32(p.Y), Width: uint16(p.W), Height: uint16(p.H),
			MilliHz: p.MilliHz, ScalePercent: uint16(p.Scale),
			VRRMin: o.VRRMinMilliHz, VRRMax: o.VRRMaxMilliHz,
		}
	}
	return all[:]
}

// work is the samples a second of an output, in thousandths.
func work(o display.Output) uint64 { return uint64(o.Width) * uint64(o.Height) * uint64(o.MilliHz) }

// modeOf is a mode of an output's size and refresh, without blanking.
func modeOf(o display.Output) mode.Mode {
	return mode.Mode{
		Clock:    uint32((work(o) + 500_000) / 1_000_000),
		HDisplay: uint16(o.Width), HTotal: uint16(o.Width), VDisplay: uint16(o.Height), VTotal: uint16(o.Height),
	}
}

// decoderLimits are those of the decoder of the first codec asked for. shared
// says that all screens share its rate.
func decoderLimits(all []decode.Capability, codecs []media.Codec) (l mode.Limits, shared bool) {
	for _, codec := range codecs {
		if i := slices.IndexFunc(all, func(c decode.Capability) bool { return c.Codec == codec }); i >= 0 {
			c := all[i]
			return mode.Limits{MaxWidth: c.MaxWidth, MaxHeight: c.MaxHeight, MacroblocksPerSecond: c.MacroblocksPerSecond}, c.Hardware
		}
	}
	return l, false
}

// heatLimits asks for a share of the pixels of a layout: smaller sides first,
// because a lower rate is felt more. A screen without a monitor has no limit,
// or an old one would wait for its return.
func heatLimits(all []wire.Placement, share float64) []wire.Limit {
	side := sideShare(share)
	out := make([]wire.Limit, len(all))
	for i, p := range all {
		out[i].Screen = p.Index
		if share >= 1 || !p.Connected {
			continue
		}
		out[i].MaxWidth, out[i].MaxHeight = uint16(float64(p.Width)*side), uint16(float64(p.Height)*side)
		if share < 0.5 {
			out[i].MaxMilliFPS = p.MilliHz / 2
		}
	}
	return out
}

// sideShare is the part of each side that leaves a part of the pixels. A
// quarter of the work is half the pixels at half the rate.
func sideShare(share float64) float64 {
	switch {
	case share >= 1:
		return 1
	case share >= 0.75:
		return 0.866
	}
	return 0.707
}

// phases tells the host once a second when it should capture, so that frames
// are there just before their output draws.
func (a *Agent) phases(ctx context.Context, c timed) {
	tick := time.NewTicker(phaseEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		at := a.session.Load()
		if at == nil || !at.live.Load() {
			continue
		}
		for i := range a.screens {
			if p, ok := c.Phase(i); ok && !p.Capture.IsZero() {
				at.SetPhase(i, p.Capture, p.Period)
			}
		}
	}
}

// onScreen is told how the host codes a screen; the session's goroutine.
func (a *Agent) onScreen(s wire.Screen) {
	if int(s.Index) < MaxScreens {
		a.pointer.mu.Lock()
		a.pointer.sizes[s.Index] = image.Pt(int(s.Width), int(s.Height))
		a.placePointerLocked()
		a.pointer.mu.Unlock()
	}
	if c, ok := a.display.(console); ok {
		c.SetStream(int(s.Index), int(s.Width), int(s.Height), mode.FromMilliHz(s.MilliFPS))
	}
}

// onImportFailed is told that the GPU cannot draw what the decoder exports.
func (a *Agent) onImportFailed(screen int) {
	if screen < len(a.screens) {
		a.screens[screen].decoder.Downgrade(fmt.Sprintf("the display cannot draw its pictures on screen %d", screen))
	}
}
