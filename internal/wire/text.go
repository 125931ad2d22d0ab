package wire

import (
	"strconv"
	"strings"
)

// Printable reduces text that the other end has a say in to one line that does
// nothing to a terminal or a log: what is not a printable character or not
// UTF-8 becomes a space.
func Printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) || r == '\uFFFD' {
			return ' '
		}
		return r
	}, text))
}
