package client

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/wire"
)

// soundOnly stands for a screen where an SSRC carries sound.
const soundOnly = -1

// routes is what an answer promises, read before pion sees it so that no
// packet comes too early. It does not change after the receiver has it.
type routes struct {
	screenOf map[uint32]int // by SSRC, those of repairs and FEC included; soundOnly
	fec      bool           // screens may be protected by FlexFEC
	plain    bool           // the host speaks WHEP only: no control channel bounds it
	screens  int            // video sections that the host accepted
	last     int            // the last of them
	sound    bool
	mic      bool // so was that of our microphone
	data     bool // the data channel section was accepted
	ext      receive.ExtIDs
}

// readAnswer checks a host's answer against our offer of the same number of
// sections and takes from it what pion does not tell us.
func readAnswer(raw string, sections int) (*routes, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(raw); err != nil {
		return nil, errors.New("the host's answer is not SDP")
	}
	if len(d.MediaDescriptions) != sections {
		return nil, fmt.Errorf("the host answered %d sections to our %d", len(d.MediaDescriptions), sections)
	}
	r := &routes{screenOf: make(map[uint32]int)}
	screen, audio := 0, 0
	for _, m := range d.MediaDescriptions {
		accepted := m.MediaName.Port.Value != 0
		switch m.MediaName.Media {
		case "video":
			if accepted {
				r.addVideo(m, screen)
				r.screens, r.last = r.screens+1, screen
			}
			screen++
		case "audio":
			if audio++; audio > 1 {
				r.mic = accepted
			} else if accepted {
				r.sound = true
				for ssrc := range ssrcs(m) {
					r.screenOf[ssrc] = soundOnly
				}
			}
		case "application":
			r.data = r.data || accepted
		}
	}
	if r.screens == 0 {
		return nil, errors.New("the host offers no screen")
	}
	return r, nil
}

func (r *routes) addVideo(m *sdp.MediaDescription, screen int) {
	for ssrc := range ssrcs(m) {
		r.screenOf[ssrc] = screen
	}
	for _, a := range m.Attributes {
		switch a.Key {
		case "ssrc-group":
			// FID: media and its repairs (RFC 5576, 4.2); FEC-FR: media and what
			// protects it (RFC 5956, 4.3).
			if f := strings.Fields(a.Value); len(f) == 3 && (f[0] == "FID" || f[0] == "FEC-FR") {
				if other, err := strconv.ParseUint(f[2], 10, 32); err == nil {
					r.screenOf[uint32(other)] = screen
				}
			}
		case "rtpmap":
			r.fec = r.fec || strings.HasPrefix(strings.ToLower(a.Value), strconv.Itoa(ptFEC)+" flexfec-03/")
		case "extmap":
			r.addExtension(a.Value)
		}
	}
}

func (r *routes) addExtension(value string) {
	f := strings.Fields(value)
	if len(f) < 2 {
		return
	}
	number, _, _ := strings.Cut(f[0], "/")
	id, err := strconv.ParseUint(number, 10, 8)
	if err != nil || id == 0 {
		return
	}
	switch f[1] {
	case wire.ExtTWCC:
		r.ext.TWCC = uint8(id)
	case wire.ExtAbsCaptureTime:
		r.ext.AbsCaptureTime = uint8(id)
	case wire.ExtFrameTiming:
		r.ext.FrameTiming = uint8(id)
	case extPlayoutDelay:
		r.ext.PlayoutDelay = uint8(id)
	}
}

func ssrcs(m *sdp.MediaDescription) map[uint32]bool {
	set := make(map[uint32]bool)
	for _, a := range m.Attributes {
		if a.Key != "ssrc" {
			continue
		}
		number, _, _ := strings.Cut(a.Value, " ")
		if n, err := strconv.ParseUint(number, 10, 32); err == nil {
			set[uint32(n)] = true
		}
	}
	return set
}

// find returns the screen that ssrc belongs to, which may be soundOnly. A host
// that names no SSRC in its answer can still show one screen: there everything
// that is not sound belongs to it.
func (r *routes) find(ssrc uint32) (screen int, ok bool) {
	if screen, ok := r.screenOf[ssrc]; ok {
		return screen, true
	}
	return r.last, r.screens == 1
}
