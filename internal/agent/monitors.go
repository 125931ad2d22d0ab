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
	mu       sync.Mutex // guards all
	outputs  []display.Output
	decoders []decode.Capability
	share    float64 // of the pixels a second that there is heat for, 1 for all
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

// onCapabilities notes what can still be decoded and tells the host; a
// decoder's thread.
func (a *Agent) onCapabilities(all []decode.Capability) {
	a.wants.mu.Lock()
	a.wants.decoders = all
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
	time.AfterFunc(noteTime, func() {
		for i := range a.screens {
			if !a.overlay.Load() {
				a.display.SetOverlay(i, nil)
			}
		}
	})
}

// greet tells a new session all that the last one was told.
func (a *Agent) greet(s *client.Session) {
	a.tellDecoders(s)
	a.tellLayout(s)
	a.tellLimits(s)
}

func (a *Agent) tellDecoders(s *client.Session) {
	a.wants.mu.Lock()
	defer a.wants.mu.Unlock()
	var all []wire.Decoder
	for _, c := range a.wants.decoders {
		all = append(all, wire.Decoder{
			Codec: c.Codec, Hardware: c.Hardware,
			MaxWidth: uint16(min(c.MaxWidth, 1<<16-1)), MaxHeight: uint16(min(c.MaxHeight, 1<<16-1)),
			MacroblocksPerSecond: c.MacroblocksPerSecond,
		})
	}
	if len(all) > 0 {
		s.SetDecoders(all)
	}
}

// tellLayout tells the host where the monitors stand. Windows are placed by
// their window manager, so there is nothing to tell.
func (a *Agent) tellLayout(s *client.Session) {
	a.wants.mu.Lock()
	outputs, limits := a.wants.outputs, decoderLimits(a.wants.decoders)
	a.wants.mu.Unlock()
	if len(outputs) == 0 {
		return
	}
	s.SetLayout(placements(outputs, limits, a.choice))
}

// placements is the layout of the monitors that show a screen. Every screen is
// named: one that no monitor shows is to be sent by nobody.
func placements(outputs []display.Output, limits mode.Limits, choice func(mode.Monitor) mode.Choice) []wire.Placement {
	shown := slices.DeleteFunc(slices.Clone(outputs), func(o display.Output) bool {
		return !o.Connected || o.Screen < 0 || o.Screen >= MaxScreens || o.Width <= 0
	})
	total := uint64(0)
	for _, o := range shown {
		total += work(o)
	}
	var screens []mode.Screen
	for _, o := range shown {
		part := limits // one decoder serves all, each by what it shows
		part.MacroblocksPerSecond = uint32(uint64(limits.MacroblocksPerSecond) * work(o) / max(total, 1))
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

// decoderLimits are those of the best decoder.
func decoderLimits(all []decode.Capability) (l mode.Limits) {
	if len(all) > 0 {
		l = mode.Limits{MaxWidth: all[0].MaxWidth, MaxHeight: all[0].MaxHeight, MacroblocksPerSecond: all[0].MacroblocksPerSecond}
	}
	return l
}

// tellLimits asks for the share of the pixels that there is heat for: smaller
// sides first, because a lower rate is felt more.
func (a *Agent) tellLimits(s *client.Session) {
	a.wants.mu.Lock()
	share, outputs := a.wants.share, a.wants.outputs
	a.wants.mu.Unlock()
	for _, o := range outputs {
		if !o.Connected || o.Screen < 0 {
			continue
		}
		l := wire.Limit{Screen: uint8(o.Screen)}
		if share < 1 {
			side := sideShare(share)
			l.MaxWidth, l.MaxHeight = uint16(float64(o.Width)*side), uint16(float64(o.Height)*side)
			if share < 0.5 {
				l.MaxMilliFPS = o.MilliHz / 2
			}
		}
		s.SetLimit(l)
	}
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
