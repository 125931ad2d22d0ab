package wire_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/wire"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"  Grüße, 世界.\n":            "Grüße, 世界.",
		"one\r\ntwo":                "one  two",
		"\x1b[31mred\x1b[0m":        "[31mred [0m",
		"a\x00b\x7fc\u0085d":        "a b c d",
		"right\u202eto left":        "right to left", // U+202E turns the rest around
		"no\xff UTF-8, nor \ufffd!": "no  UTF-8, nor  !",
		"\u2028\u200b":              "",
	} {
		if got := wire.Printable(text); got != want {
			t.Errorf("Printable(%q) = %q; want %q", text, got, want)
		}
	}
}
