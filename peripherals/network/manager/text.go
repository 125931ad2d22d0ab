package manager

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSSID is the length of the longest SSID in bytes (IEEE 802.11-2020,
// 9.4.2.2).
const maxSSID = 32

// SSID is the name of a Wi-Fi network: up to 32 bytes of any kind, chosen by
// a stranger. Two networks are the same only if the bytes are.
type SSID string

// String returns the name fit for one line of a screen or a log, which is not
// the SSID any more.
func (s SSID) String() string { return sanitise(string(s)) }

// blank reports whether an access point hides its name: no bytes, or zeros of
// the name's length.
func (s SSID) blank() bool { return strings.Trim(string(s), "\x00") == "" }

// Bounds of foreign text.
const (
	maxText  = 64 // characters
	maxMarks = 2  // combining marks in a row
	maxRaw   = 4096
)

// sanitise makes foreign text fit to be shown: valid UTF-8 of one line, without
// control and format characters (direction overrides and zero-width ones among
// them), runs of spaces as one, not more than maxText characters. Bytes that
// are no UTF-8 show as U+FFFD.
func sanitise(s string) string {
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range s[:min(len(s), maxRaw)] {
		switch {
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case !unicode.IsGraphic(r) && r != utf8.RuneError:
			continue
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || n == 0 {
				continue
			}
		default:
			marks = 0
		}
		if space {
			b.WriteByte(' ')
			n++
			space = false
		}
		if n++; n > maxText {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}
