package kms

import (
	"time"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/edid"
	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
)

// head is a monitor on its connector, as it was found at one time. It is not
// changed any more.
type head struct {
	connector
	edid     *edid.EDID // nil: it has none that can be read
	identity string
	label    string
	choice   mode.Choice
	capable  bool // of variable refresh, by the kernel
	minHz    int  // of it; 0: not said
	maxHz    int
	linkBad  bool // its link was lost and has to be trained anew
}

// sees finds out about the monitor on c, but for what was chosen for it.
func sees(dev card, c connector) (*head, error) {
	h := &head{connector: c}
	o, err := readObject(dev, kindConnector, c.ID)
	if err != nil {
		return nil, err
	}
	h.capable = o.value("vrr_capable") == 1
	h.linkBad = o.value("link-status") == 1
	if id := o.value("EDID"); id != 0 {
		h.readEDID(dev, uint32(id))
	}
	return h, nil
}

// monitor is what choices are made for.
func (h *head) monitor() mode.Monitor {
	return mode.Monitor{Connector: h.Name, Identity: h.identity}
}

// readEDID leaves the fields empty where there is none to be read.
func (h *head) readEDID(dev card, blob uint32) {
	raw, err := dev.Blob(blob)
	if err != nil {
		return
	}
	e, err := edid.Parse(raw)
	if err != nil {
		return
	}
	h.edid, h.identity, h.label = e, e.Identity(), e.Label()
	if lo, hi, ok := e.VRRRange(); ok {
		h.minHz, h.maxHz = lo, hi
	}
}

// Connector types (drm_mode.h).
const (
	connectorDVII        = 2
	connectorDVID        = 3
	connectorDisplayPort = 10
	connectorHDMIA       = 11
	connectorHDMIB       = 12
	connectorEDP         = 14
	connectorVirtual     = 15
)

// link is what is known of the cable: the kernel has already left out what
// does not fit.
func (h *head) link() mode.Link {
	l := mode.Link{MaxBPC: maxBPC}
	switch h.Kind {
	case connectorDisplayPort, connectorEDP:
		l.Kind = mode.DisplayPort
	case connectorHDMIA, connectorHDMIB, connectorDVII, connectorDVID:
		l.Kind = mode.HDMI
	case connectorVirtual:
		l.Kind = mode.Virtual
	}
	return l
}

// maxBPC is what every output is set to: streams have 8 bits, and the link's
// bandwidth is better spent on pictures a second.
const maxBPC = 8

// candidates are the modes worth trying, best first.
func (h *head) candidates(cfg *Config, s *stream) []mode.Mode {
	r := mode.Request{Modes: h.Modes, EDID: h.edid, Link: h.link(), Variable: h.variable(cfg), Wish: h.choice}
	if s != nil {
		r.StreamWidth, r.StreamHeight, r.StreamRate = s.width, s.height, s.rate
	}
	list := mode.Candidates(r)
	if own, ok := cfg.Modes[h.Name]; ok {
		return append([]mode.Mode{own}, list...)
	}
	return list
}

// variable reports whether variable refresh is to be used: only where the
// kernel says that monitor and connector can.
func (h *head) variable(cfg *Config) bool {
	wanted := cfg.Policy == pace.Auto || cfg.Policy == pace.Variable
	return h.capable && wanted && h.choice.VRR != mode.VRROff
}

// slowestHz is assumed of a variable panel that does not say its minimum.
const slowestHz = 48

// longest is how long a variable panel keeps a picture.
func (h *head) longest() time.Duration {
	hz := h.minHz
	if hz <= 0 {
		hz = slowestHz
	}
	return time.Second / time.Duration(hz)
}

func (h *head) fit() gl.Fit {
	if h.choice.Fit == mode.Stretch {
		return gl.Stretch
	}
	return gl.Letterbox
}

// describe fills in what the monitor is, for OnOutputs.
func (h *head) describe(o *display.Output) {
	o.Connector, o.Connected = h.Name, true
	o.Monitor, o.Identity = h.label, h.identity
	o.WidthMM, o.HeightMM = h.WidthMM, h.HeightMM
	o.VRRMinMilliHz, o.VRRMaxMilliHz = uint32(h.minHz)*1000, uint32(h.maxHz)*1000
}

// fastest is the highest refresh in the list at a size.
func (h *head) fastest(width, height uint16) (milliHz uint32) {
	for _, m := range h.Modes {
		if m.HDisplay == width && m.VDisplay == height && m.Flags&mode.Interlaced == 0 {
			milliHz = max(milliHz, m.MilliHz())
		}
	}
	return milliHz
}

// same reports whether nothing that matters differs.
func (h *head) same(o *head) bool {
	if h.identity != o.identity || h.choice != o.choice || h.capable != o.capable || h.linkBad || len(h.Modes) != len(o.Modes) {
		return false
	}
	for i := range h.Modes {
		if h.Modes[i] != o.Modes[i] {
			return false
		}
	}
	return h.Connected == o.Connected
}
