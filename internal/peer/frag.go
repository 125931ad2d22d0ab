package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// FragType is the content type of a fragment (RFC 8840, 9).
const FragType = "application/trickle-ice-sdpfrag"

// Bounds of a fragment from the network.
const (
	MaxFrag       = 16 << 10 // bytes
	maxCandidates = 64       // those after them are ignored
	maxCandidate  = 512      // bytes of one; longer ones are ignored
)

// errFrag says that a body is no fragment; the reason is for people.
func errFrag(why string) error { return errors.New("the ICE fragment " + why) }

// Frag is what changes of a description when ICE finds another path: the
// names and addresses of one side (RFC 8840). All sections are bundled, so
// there is one set.
type Frag struct {
	Ufrag, Pwd string
	// Candidates are values of a=candidate, "candidate:" included, in order of
	// finding. Those of ParseFrag name an IP address.
	Candidates []string
	End        bool // there are no more of this Ufrag

	// Mid and Media name the bundle's first section; "" and "": unknown. They
	// are needed to write a fragment that every server understands.
	Mid, Media string
}

// ParseFrag reads a fragment. What it does not know it skips; what it could
// not act on (names instead of addresses, too many candidates) it leaves out.
func ParseFrag(b []byte) (Frag, error) {
	var f Frag
	if len(b) > MaxFrag {
		return f, errFrag(fmt.Sprintf("is over %d bytes", MaxFrag))
	}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' || line[0] != 'a' && line[0] != 'm' {
			return f, errFrag("has a line that is neither a= nor m=")
		}
		if line[0] == 'm' {
			if media, _, _ := strings.Cut(line[2:], " "); f.Media == "" {
				f.Media = media
			}
			continue
		}
		if err := f.attribute(line[2:]); err != nil {
			return f, err
		}
	}
	return f, f.check()
}

// attribute takes one a= line without its beginning.
func (f *Frag) attribute(text string) error {
	key, value, _ := strings.Cut(text, ":")
	same := func(have *string) error {
		if *have != "" && *have != value {
			return errFrag("has sections with different " + key + ": all must be bundled")
		}
		*have = value
		return nil
	}
	switch key {
	case "ice-ufrag":
		return same(&f.Ufrag)
	case "ice-pwd":
		return same(&f.Pwd)
	case "mid":
		if f.Mid == "" {
			f.Mid = value
		}
	case "candidate":
		if len(f.Candidates) < maxCandidates && isAddress(text) {
			f.Candidates = append(f.Candidates, text)
		}
	case "end-of-candidates":
		f.End = true
	}
	return nil
}

// check refuses names that ICE forbids (RFC 8839, 5.4).
func (f *Frag) check() error {
	switch {
	case f.Ufrag == "" || f.Pwd == "":
		return errFrag("lacks a=ice-ufrag or a=ice-pwd")
	case !iceChars(f.Ufrag, 4) || !iceChars(f.Pwd, 22):
		return errFrag("has an a=ice-ufrag or a=ice-pwd that ICE forbids")
	}
	return nil
}

// iceChars reports between least and 256 letters, digits, + and /.
func iceChars(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
}

// isAddress reports a candidate (RFC 8839, 5.1) whose address is one of IP, of
// the first component: RTCP goes the same way.
func isAddress(candidate string) bool {
	f := strings.Fields(candidate) // candidate:foundation component transport priority address port "typ" type
	if len(candidate) > maxCandidate || len(f) < 8 || f[1] != "1" || f[6] != "typ" {
		return false
	}
	ip, err := netip.ParseAddr(f[4])
	port, perr := strconv.ParseUint(f[5], 10, 16)
	_, qerr := strconv.ParseUint(f[3], 10, 32)
	return err == nil && perr == nil && qerr == nil && !ip.IsUnspecified() && !ip.IsMulticast() && port != 0
}

// String is the fragment as it is sent.
func (f Frag) String() string {
	var b strings.Builder
	b.WriteString("a=ice-options:trickle ice2\r\n")
	media := f.Media
	if media == "" {
		media = "audio"
	}
	if f.Mid != "" {
		fmt.Fprintf(&b, "a=group:BUNDLE %s\r\n", f.Mid)
	}
	fmt.Fprintf(&b, "m=%s 9 UDP/TLS/RTP/SAVPF 0\r\n", media)
	if f.Mid != "" {
		fmt.Fprintf(&b, "a=mid:%s\r\n", f.Mid)
	}
	fmt.Fprintf(&b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", f.Ufrag, f.Pwd)
	for _, c := range f.Candidates {
		fmt.Fprintf(&b, "a=%s\r\n", c)
	}
	if f.End {
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}

// FragOf takes the ICE part out of a description.
func FragOf(description string) (Frag, error) {
	var (
		d sdp.SessionDescription
		f Frag
	)
	if err := d.UnmarshalString(description); err != nil {
		return f, errors.New("the description is not SDP")
	}
	f.Ufrag, _ = d.Attribute("ice-ufrag")
	f.Pwd, _ = d.Attribute("ice-pwd")
	for _, m := range d.MediaDescriptions {
		if rejected(m) {
			continue
		}
		if f.Media == "" {
			f.Media = m.MediaName.Media
			f.Mid, _ = m.Attribute("mid")
		}
		for _, a := range m.Attributes {
			f.fill(a)
		}
	}
	return f, f.check()
}

// fill takes what a description says first; sections may repeat it.
func (f *Frag) fill(a sdp.Attribute) {
	switch a.Key {
	case "ice-ufrag":
		if f.Ufrag == "" {
			f.Ufrag = a.Value
		}
	case "ice-pwd":
		if f.Pwd == "" {
			f.Pwd = a.Value
		}
	case "candidate":
		if c := "candidate:" + a.Value; len(f.Candidates) < maxCandidates && isAddress(c) {
			f.Candidates = append(f.Candidates, c)
		}
	case "end-of-candidates":
		f.End = true
	}
}

// rejected reports a section with port 0 that is not bundle-only.
func rejected(m *sdp.MediaDescription) bool {
	_, bundleOnly := m.Attribute("bundle-only")
	return m.MediaName.Port.Value == 0 && !bundleOnly
}

// With returns the description with the ICE part of f in place of its own.
func (f Frag) With(description string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(description); err != nil {
		return "", errors.New("the description is not SDP")
	}
	named := len(d.Attributes)
	d.Attributes = withoutICE(d.Attributes)
	named -= len(d.Attributes) // by the session itself
	first := true
	for _, m := range d.MediaDescriptions {
		had := len(m.Attributes)
		m.Attributes = withoutICE(m.Attributes)
		if rejected(m) || had == len(m.Attributes) && named == 0 && !first {
			continue
		}
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "ice-ufrag", Value: f.Ufrag}, sdp.Attribute{Key: "ice-pwd", Value: f.Pwd})
		if !first {
			continue
		}
		first = false
		for _, c := range f.Candidates {
			m.Attributes = append(m.Attributes, sdp.Attribute{Key: "candidate", Value: strings.TrimPrefix(c, "candidate:")})
		}
		if f.End {
			m.Attributes = append(m.Attributes, sdp.Attribute{Key: "end-of-candidates"})
		}
	}
	out, err := d.Marshal()
	return string(out), err
}

func withoutICE(all []sdp.Attribute) []sdp.Attribute {
	kept := make([]sdp.Attribute, 0, len(all)+4)
	for _, a := range all {
		switch a.Key {
		case "ice-ufrag", "ice-pwd", "candidate", "end-of-candidates":
		default:
			kept = append(kept, a)
		}
	}
	return kept
}
