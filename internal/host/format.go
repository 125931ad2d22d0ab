package host

import (
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// format is one payload type of a section.
type format struct {
	number uint8
	name   string // as in rtpmap
	clock  uint32
	fmtp   string
}

func (f format) payloadType() string { return strconv.Itoa(int(f.number)) }

// videoCodec says what the format is to us. H.264 without packetization mode
// 1 allows no fragments and is of no use.
func (f format) videoCodec() (media.Codec, bool) {
	switch {
	case f.clock != 90000:
	case strings.EqualFold(f.name, "H264") && f.parameter("packetization-mode") == "1":
		return media.CodecH264, true
	case strings.EqualFold(f.name, "H265"):
		return media.CodecHEVC, true
	}
	return 0, false
}

func (f format) parameter(name string) string {
	for part := range strings.SplitSeq(f.fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(key, name) {
			return value
		}
	}
	return ""
}

// formatsOf reads a section's dynamic formats in the order of preference.
func formatsOf(m *sdp.MediaDescription) []format {
	maps, params := byFormat(m, "rtpmap"), byFormat(m, "fmtp")
	var all []format
	for _, pt := range m.MediaName.Formats {
		n, err := strconv.ParseUint(pt, 10, 7)
		name, rest, ok := strings.Cut(maps[pt], "/")
		if err != nil || !ok {
			continue
		}
		rate, _, _ := strings.Cut(rest, "/")
		clock, err := strconv.ParseUint(rate, 10, 32)
		if err != nil {
			continue
		}
		all = append(all, format{number: uint8(n), name: name, clock: uint32(clock), fmtp: params[pt]})
	}
	return all
}

// byFormat maps payload types to what an attribute says of them.
func byFormat(m *sdp.MediaDescription, key string) map[string]string {
	all := make(map[string]string)
	for _, a := range m.Attributes {
		if a.Key == key {
			pt, value, _ := strings.Cut(a.Value, " ")
			all[pt] = strings.TrimSpace(value)
		}
	}
	return all
}

// repairOf finds the retransmission format of a payload type (RFC 4588, 8.6).
func repairOf(formats []format, number uint8) format {
	for _, f := range formats {
		if strings.EqualFold(f.name, "rtx") && f.parameter("apt") == strconv.Itoa(int(number)) {
			return f
		}
	}
	return format{}
}

// protectionOf finds the format of forward error correction.
func protectionOf(formats []format) format {
	for _, f := range formats {
		if strings.EqualFold(f.name, egress.MimeFlexFEC) && f.clock == 90000 {
			return f
		}
	}
	return format{}
}

// redundancyOf finds the format that carries copies of a payload type (RFC 2198, 5).
func redundancyOf(formats []format, number uint8) format {
	for _, f := range formats {
		first, _, _ := strings.Cut(f.fmtp, "/")
		if "audio/"+strings.ToLower(f.name) == wire.MimeRED && f.clock == 48000 && first == strconv.Itoa(int(number)) {
			return f
		}
	}
	return format{}
}

// reportsArrivals reports whether the section offers transport-wide feedback
// for a format and the numbers that it is about.
func reportsArrivals(m *sdp.MediaDescription, f format) bool {
	numbered, reported := false, false
	for _, a := range m.Attributes {
		id, value, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "extmap":
			numbered = numbered || strings.HasPrefix(value+" ", wire.ExtTWCC+" ")
		case "rtcp-fb":
			reported = reported || (id == "*" || id == f.payloadType()) && strings.TrimSpace(value) == webrtc.TypeRTCPFBTransportCC
		}
	}
	return numbered && reported
}
