package mode

import "github.com/blade-shadow/terminal/display/edid"

// LinkKind is the kind of a connector, as far as bandwidth goes.
type LinkKind uint8

// Kinds of links.
const (
	Unknown     LinkKind = iota // no limit known: the kernel decides
	DisplayPort                 // DP, eDP, USB-C
	HDMI                        // HDMI, DVI
	Virtual                     // a virtual machine's: no limit, and any size
)

// Rates of a DisplayPort lane, kb/s (DisplayPort 1.4, 3.5.2.9). Each carries 8
// bits in 10.
const (
	RBR  uint32 = 1_620_000
	HBR  uint32 = 2_700_000
	HBR2 uint32 = 5_400_000
	HBR3 uint32 = 8_100_000
)

// Highest TMDS clocks, kHz.
const (
	DVISingle  uint32 = 165_000 // DVI 1.0; what an HDMI monitor takes that says nothing
	TMDSHDMI14 uint32 = 340_000
	TMDSHDMI20 uint32 = 600_000
)

// Link is the way from the GPU to the panel. Zero fields are unknown and limit
// nothing.
type Link struct {
	Kind     LinkKind
	Lanes    int    // DisplayPort: 1, 2 or 4
	LaneRate uint32 // DisplayPort: kb/s of one lane, such as HBR2
	MaxTMDS  uint32 // HDMI: the highest clock of both ends, kHz
	MaxBPC   int    // bits per colour that both ends take; 0: not said
}

// HDMILink is the link from a source of maxTMDS kHz, 0 for not known, to the
// monitor of e, nil for one that says nothing.
func HDMILink(maxTMDS uint32, e *edid.EDID) Link {
	l := Link{Kind: HDMI, MaxTMDS: maxTMDS}
	if e == nil {
		return l
	}
	sink := sinkTMDS(e)
	if l.MaxTMDS == 0 || sink < l.MaxTMDS {
		l.MaxTMDS = sink
	}
	l.MaxBPC = 8
	if e.CTA.HDMI.Deep30 {
		l.MaxBPC = 10
	}
	if e.CTA.HDMI.Deep36 {
		l.MaxBPC = 12
	}
	return l
}

// sinkTMDS is the highest clock that the monitor takes, kHz.
func sinkTMDS(e *edid.EDID) uint32 {
	h := e.CTA.HDMI
	best := max(DVISingle, h.MaxTMDS, h.MaxCharRate)
	for _, code := range h.VICs { // 4K at 297 MHz is then taken whatever the clock says
		if edid.HDMIVIC(code) != 0 {
			best = max(best, 300_000)
		}
	}
	return best
}

// Payload is what the link carries of pixels, kb/s: lanes x rate x 0.8. 0 is no
// known limit.
func (l Link) Payload() uint64 {
	switch l.Kind {
	case DisplayPort:
		return uint64(l.Lanes) * uint64(l.LaneRate) * 8 / 10
	case HDMI:
		return uint64(l.MaxTMDS) * 24
	}
	return 0
}

// Need is what m takes of a link at bpc bits per colour, RGB 4:4:4, kb/s.
func (m Mode) Need(bpc int) uint64 {
	clock := uint64(m.Clock)
	if m.Flags&DoubleClock != 0 {
		clock *= 2
	}
	return clock * 3 * uint64(max(bpc, 0))
}

// Fits says whether the link carries m at bpc bits per colour, RGB 4:4:4. On
// HDMI more than 8 bits raise the clock (HDMI 1.4b, 6.5.2), fewer do not lower
// it.
func (l Link) Fits(m Mode, bpc int) bool {
	if l.MaxBPC > 0 && bpc > l.MaxBPC {
		return false
	}
	if l.Kind == HDMI {
		bpc = max(bpc, 8)
	}
	payload := l.Payload()
	return payload == 0 || m.Need(bpc) <= payload
}

// Depth is the most bits per colour of 16, 12, 10, 8 and 6 at which the link
// carries m; 0 for none.
func (l Link) Depth(m Mode) int {
	for _, bpc := range []int{16, 12, 10, 8, 6} {
		if l.Fits(m, bpc) {
			return bpc
		}
	}
	return 0
}
