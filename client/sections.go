package client

import (
	"errors"
	"slices"

	"github.com/pion/sdp/v3"
)

// keepSections returns the answer for pion: what the host rejected is inactive
// there, with the formats of our offer. pion forgets the formats of a rejected
// section, and makes no second offer from then on.
func keepSections(answer, offer string) (string, error) {
	var a, o sdp.SessionDescription
	if a.UnmarshalString(answer) != nil || o.UnmarshalString(offer) != nil || len(a.MediaDescriptions) != len(o.MediaDescriptions) {
		return "", errors.New("the answer has other sections than the offer")
	}
	for i, m := range a.MediaDescriptions {
		ours := o.MediaDescriptions[i]
		if m.MediaName.Media != ours.MediaName.Media {
			return "", errors.New("the answer has sections of other kinds than the offer")
		}
		if m.MediaName.Port.Value != 0 || m.MediaName.Media == "application" {
			continue
		}
		m.MediaName = ours.MediaName
		m.Attributes = slices.DeleteFunc(slices.Clone(ours.Attributes), func(at sdp.Attribute) bool {
			switch at.Key {
			case "mid", "rtpmap", "fmtp", "rtcp-fb", "rtcp-mux", "rtcp-rsize":
				return false
			}
			return true
		})
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "inactive"})
	}
	out, err := a.Marshal()
	return string(out), err
}
