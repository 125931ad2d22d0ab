package host

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/blade-shadow/terminal/internal/media"
)

// refusal is an offer that gets no session: an HTTP status and a sentence for
// whoever reads the terminal's log.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return r.text }

func badOffer(text string) error { return &refusal{http.StatusBadRequest, text} }

// maxSections bounds the work an offer makes.
const maxSections = 32

// plan is what the host makes of an offer.
type plan struct {
	codec    media.Codec
	video    format
	repair   format // number 0: the terminal offers no retransmission format
	protect  format // number 0: the terminal offers no FEC that we make
	arrivals bool   // the terminal reports every packet's arrival (transport-wide feedback)
	audio    format
	copies   format // sound with copies of earlier packets; number 0: not offered
	hasAudio bool
	mic      format // of the terminal's microphone
	hasMic   bool
	hasData  bool
	screens  int // video sections accepted

	offered  []*sdp.MediaDescription // every section, in the offer's order
	accepted []bool
	reduced  string // the offer with the accepted sections and formats only
}

// limits are what the host can give.
type limits struct {
	codecs  []media.Codec
	screens int
	sound   bool
	mic     bool
	// loopback: the terminal is on this machine, so nothing goes elsewhere.
	loopback bool
}

// readOffer decides section by section. Pion then sees only what was
// accepted, so its answer holds exactly one format of each kind; the others
// are rejected by [plan.answer].
func readOffer(raw string, have limits) (*plan, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(raw); err != nil || !strings.HasPrefix(raw, "v=") {
		return nil, badOffer("the offer is not SDP")
	}
	if n := len(d.MediaDescriptions); n == 0 || n > maxSections {
		return nil, badOffer("the offer has no media section or too many")
	}
	p := &plan{offered: d.MediaDescriptions, accepted: make([]bool, len(d.MediaDescriptions))}
	wantsVideo := false
	for i, m := range d.MediaDescriptions {
		if mid, ok := m.Attribute("mid"); !ok || mid == "" {
			return nil, badOffer("a media section of the offer has no a=mid")
		}
		wantsVideo = wantsVideo || m.MediaName.Media == "video" && !isOff(m)
		p.accepted[i] = p.accept(&d, m, have)
	}
	switch {
	case !wantsVideo:
		return nil, badOffer("the offer asks for no video: at least one recvonly video section is needed")
	case p.screens == 0:
		return nil, &refusal{http.StatusNotAcceptable, "no video codec in common: this host can send " + codecNames(have.codecs)}
	}
	return p, p.reduce(d, have.loopback)
}

// accept decides on one section and notes its formats.
func (p *plan) accept(d *sdp.SessionDescription, m *sdp.MediaDescription, have limits) bool {
	if isOff(m) {
		return false
	}
	switch m.MediaName.Media {
	case "video":
		return receives(d, m) && p.screens < have.screens && p.acceptVideo(m, have.codecs)
	case "audio":
		if !receives(d, m) {
			return have.mic && !p.hasMic && p.acceptMic(m)
		}
		return receives(d, m) && have.sound && !p.hasAudio && p.acceptAudio(m)
	case "application":
		if p.hasData || !slices.Contains(m.MediaName.Protos, "SCTP") {
			return false
		}
		p.hasData = true
		return true
	}
	return false
}

// acceptVideo takes the first format in the offer's order that the host can
// make; further screens use the same one.
func (p *plan) acceptVideo(m *sdp.MediaDescription, codecs []media.Codec) bool {
	formats := formatsOf(m)
	for _, f := range formats {
		codec, ok := f.videoCodec()
		if !ok || !slices.Contains(codecs, codec) || (p.screens > 0 && f.number != p.video.number) {
			continue
		}
		if p.screens == 0 {
			p.codec, p.video, p.repair, p.protect = codec, f, repairOf(formats, f.number), protectionOf(formats)
			p.arrivals = reportsArrivals(m, f)
		}
		p.screens++
		return true
	}
	return false
}

func (p *plan) acceptAudio(m *sdp.MediaDescription) bool {
	formats := formatsOf(m)
	for _, f := range formats {
		if strings.EqualFold(f.name, "opus") && f.clock == 48000 {
			p.audio, p.copies, p.hasAudio = f, redundancyOf(formats, f.number), true
			return true
		}
	}
	return false
}

// reduce writes the offer that pion gets.
// acceptMic takes a section in which the terminal sends Opus. Two sections of
// sound have one number for it.
func (p *plan) acceptMic(m *sdp.MediaDescription) bool {
	if inactive(m) {
		return false
	}
	for _, f := range formatsOf(m) {
		if strings.EqualFold(f.name, "opus") && f.clock == 48000 && (!p.hasAudio || f.number == p.audio.number) {
			p.mic, p.hasMic = f, true
			return true
		}
	}
	return false
}

func sendsOnly(m *sdp.MediaDescription) bool {
	_, is := m.Attribute("sendonly")
	return is
}

func inactive(m *sdp.MediaDescription) bool {
	_, is := m.Attribute("inactive")
	return is
}

func (p *plan) reduce(d sdp.SessionDescription, loopback bool) error {
	var kept []*sdp.MediaDescription
	bundle := "BUNDLE"
	for i, m := range p.offered {
		if !p.accepted[i] {
			continue
		}
		mid, _ := m.Attribute("mid")
		bundle += " " + mid
		kept = append(kept, p.reduceSection(m))
	}
	if group, _ := d.Attribute("group"); !bundles(group, bundle) {
		return badOffer("the sections of the offer are not bundled (a=group:BUNDLE)")
	}
	lendTransport(p.offered, kept[0])
	keepCandidates(kept, loopback)
	d.Attributes = slices.DeleteFunc(slices.Clone(d.Attributes), func(a sdp.Attribute) bool {
		return a.Key == "group" || a.Key == "candidate"
	})
	d.Attributes = append(d.Attributes, sdp.Attribute{Key: "group", Value: bundle})
	d.MediaDescriptions = kept
	out, err := d.Marshal()
	if err != nil {
		return badOffer("the offer is not SDP")
	}
	p.reduced = string(out)
	return nil
}

// reduceSection leaves the chosen format, its retransmissions, and recvonly:
// we never take media, so a sendrecv section is answered like that too.
func (p *plan) reduceSection(m *sdp.MediaDescription) *sdp.MediaDescription {
	c := *m
	if c.MediaName.Port.Value == 0 {
		c.MediaName.Port.Value = 9 // bundle-only (RFC 9143, 6)
	}
	if m.MediaName.Media == "application" {
		return &c
	}
	keep := []string{p.video.payloadType()}
	if p.repair.number != 0 {
		keep = append(keep, p.repair.payloadType())
	}
	if p.protect.number != 0 {
		keep = append(keep, p.protect.payloadType())
	}
	if m.MediaName.Media == "audio" {
		keep = []string{p.audio.payloadType()}
		if p.copies.number != 0 {
			keep = append(keep, p.copies.payloadType())
		}
	}
	c.MediaName.Formats = keep
	direction := "recvonly"
	if spoken := p.hasMic && m.MediaName.Media == "audio" && sendsOnly(m); spoken {
		keep, direction = []string{p.mic.payloadType()}, "sendonly"
		c.MediaName.Formats = keep
	}
	c.Attributes = nil
	for _, a := range m.Attributes {
		// pion has to know whose packets those of the microphone are.
		if keepAttribute(a, keep) || direction == "sendonly" && (a.Key == "ssrc" || a.Key == "msid") {
			c.Attributes = append(c.Attributes, a)
		}
	}
	c.Attributes = append(c.Attributes, sdp.Attribute{Key: direction})
	return &c
}

func keepAttribute(a sdp.Attribute, formats []string) bool {
	switch a.Key {
	case "rtpmap", "fmtp", "rtcp-fb":
		number, _, _ := strings.Cut(a.Value, " ")
		return number == "*" || slices.Contains(formats, number)
	case "sendrecv", "recvonly", "sendonly", "inactive", "bundle-only",
		"ssrc", "ssrc-group", "msid", "rid", "simulcast":
		return false
	}
	return true
}

// lendTransport gives the first accepted section the transport parameters of
// the bundle when the offer has them in a section that was rejected.
func lendTransport(offered []*sdp.MediaDescription, first *sdp.MediaDescription) {
	for _, key := range []string{"ice-ufrag", "ice-pwd", "fingerprint", "setup"} {
		if _, ok := first.Attribute(key); ok {
			continue
		}
		for _, m := range offered {
			if v, ok := m.Attribute(key); ok {
				first.Attributes = append(first.Attributes, sdp.Attribute{Key: key, Value: v})
				break
			}
		}
	}
}

// bundles reports whether the offered group holds every wanted section.
func bundles(offered, wanted string) bool {
	have := strings.Fields(offered)
	for _, mid := range strings.Fields(wanted) {
		if !slices.Contains(have, mid) {
			return false
		}
	}
	return true
}

// isOff reports a section that the terminal itself has switched off.
func isOff(m *sdp.MediaDescription) bool {
	_, bundleOnly := m.Attribute("bundle-only")
	return m.MediaName.Port.Value == 0 && !bundleOnly
}

// receives reports whether the terminal wants media in the section.
func receives(d *sdp.SessionDescription, m *sdp.MediaDescription) bool {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case "recvonly", "sendrecv":
				return true
			case "sendonly", "inactive":
				return false
			}
		}
	}
	return true // sendrecv is SDP's default
}

func codecNames(codecs []media.Codec) string {
	names := make([]string, len(codecs))
	for i, c := range codecs {
		names[i] = c.String()
	}
	return strings.Join(names, " and ")
}
