package host

import (
	"fmt"

	"github.com/pion/sdp/v3"
)

// answer puts the rejected sections back between those that pion answered,
// so that the answer has the offer's sections in the offer's order (RFC 3264, 6).
func (p *plan) answer(raw string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(raw); err != nil {
		return "", fmt.Errorf("internal error: parse own answer: %w", err)
	}
	answered := d.MediaDescriptions
	d.MediaDescriptions = nil
	for i, m := range p.offered {
		if !p.accepted[i] {
			d.MediaDescriptions = append(d.MediaDescriptions, reject(m))
			continue
		}
		if len(answered) == 0 {
			return "", fmt.Errorf("internal error: own answer lacks section %d", i)
		}
		d.MediaDescriptions = append(d.MediaDescriptions, answered[0])
		answered = answered[1:]
	}
	out, err := d.Marshal()
	if err != nil {
		return "", fmt.Errorf("internal error: write answer: %w", err)
	}
	return string(out), nil
}

// reject answers a section with port 0. The connection line is there because
// some parsers want one in every section, and the format is a static one
// because some look up every format in the section's own rtpmaps.
func reject(m *sdp.MediaDescription) *sdp.MediaDescription {
	mid, _ := m.Attribute("mid")
	formats := m.MediaName.Formats
	if m.MediaName.Media == "video" || m.MediaName.Media == "audio" {
		formats = []string{"0"}
	}
	return &sdp.MediaDescription{
		MediaName: sdp.MediaName{
			Media: m.MediaName.Media, Port: sdp.RangedPort{Value: 0},
			Protos: m.MediaName.Protos, Formats: formats,
		},
		ConnectionInformation: &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		},
		Attributes: []sdp.Attribute{{Key: "mid", Value: mid}, {Key: "inactive"}},
	}
}
