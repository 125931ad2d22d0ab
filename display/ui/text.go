package ui

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/image/font"
)

const ellipsis = "…"

// wrap breaks s at spaces into lines no wider than room. A word that is wider
// by itself is broken inside. Line feeds in s are kept.
func wrap(face font.Face, s string, room int) []string {
	var lines []string
	for _, paragraph := range strings.Split(s, "\n") {
		lines = append(lines, wrapParagraph(face, paragraph, room)...)
	}
	return lines
}

func wrapParagraph(face font.Face, s string, room int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		joined := word
		if line != "" {
			joined = line + " " + word
		}
		if width(face, joined) <= room {
			line = joined
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		var full []string
		full, line = breakWord(face, word, room)
		lines = append(lines, full...)
	}
	return append(lines, line)
}

// breakWord cuts a word into pieces that fit, and the piece that is left.
func breakWord(face font.Face, word string, room int) (full []string, rest string) {
	for width(face, word) > room {
		n := fit(face, word, room)
		full, word = append(full, word[:n]), word[n:]
	}
	return full, word
}

// fit returns how many bytes of s, at least one character, fit into room.
func fit(face font.Face, s string, room int) int {
	_, first := utf8.DecodeRuneInString(s)
	n := first
	for i := range s {
		if i > first && width(face, s[:i]) > room {
			break
		}
		n = max(i, first)
	}
	if width(face, s) <= room {
		return len(s)
	}
	return n
}

// cut shortens s to room with an ellipsis at its end.
func cut(face font.Face, s string, room int) string {
	if width(face, s) <= room {
		return s
	}
	left := room - width(face, ellipsis)
	if left <= 0 {
		return ""
	}
	return strings.TrimRight(s[:fit(face, s, left)], " ") + ellipsis
}

// clampLines keeps n lines; the last one says that there was more.
func clampLines(face font.Face, lines []string, n, room int) []string {
	if len(lines) <= n {
		return lines
	}
	if n <= 0 {
		return nil
	}
	lines = lines[:n:n]
	lines[n-1] = cut(face, lines[n-1]+" "+ellipsis, room)
	return lines
}
