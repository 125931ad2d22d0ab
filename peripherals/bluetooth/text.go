package bluetooth

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of text that comes from devices. A name has at most 248 bytes (Core
// Specification 5.4, Vol 3 Part C, 3.2.2); a list shows fewer characters.
const (
	maxName  = 64 // characters
	maxMarks = 2  // combining marks in a row
	maxRaw   = 4096
)

// sanitise makes foreign text fit for one line of a screen or a log: valid
// UTF-8 without control and format characters (direction overrides and
// zero-width ones among them), runs of spaces as one, and not more than
// maxName characters.
func sanitise(s string) string {
	if len(s) > maxRaw {
		s = s[:maxRaw]
	}
	var b strings.Builder
	n, marks, space := 0, 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = n > 0
			continue
		case r == utf8.RuneError || !unicode.IsGraphic(r):
			continue
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || n == 0 {
				continue
			}
		default:
			marks = 0
		}
		if space {
			if n++; n >= maxName {
				break
			}
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
		if n++; n >= maxName {
			break
		}
	}
	return b.String()
}

// address returns a device address in its usual form, or "".
func address(s string) string {
	if len(s) != len("00:00:00:00:00:00") {
		return ""
	}
	for i := range len(s) {
		hex := s[i] >= '0' && s[i] <= '9' || s[i] >= 'A' && s[i] <= 'F' || s[i] >= 'a' && s[i] <= 'f'
		if i%3 == 2 && s[i] != ':' || i%3 != 2 && !hex {
			return ""
		}
	}
	return strings.ToUpper(s)
}

// digits says whether a text is a number.
func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// validPIN says whether a person's PIN is one that BlueZ takes: 1 to 16
// characters (org.bluez.Agent(5), RequestPinCode).
func validPIN(s string) bool {
	return s != "" && len(s) <= 16 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// code returns a text that BlueZ wants shown, and only what a PIN may hold.
func code(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), 16)]
}
