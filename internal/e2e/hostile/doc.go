// Package hostile holds the tests of what a hostile host can do to a terminal:
// the real shadow-terminal, on an X display without a monitor, against hosts
// that send everything a protocol forbids, over HTTP, RTP, RTCP and data
// channels. Whatever it is, the worst that may come of it is the end of that
// one session: with one clear sentence, without a panic, with the memory of the
// process bounded; and the next session, with a good host, shows its pictures.
// The package has no code of its own; the bench is internal/lab.
//
// It does not look for bytes that break a parser: the fuzz targets beside the
// parsers do. The terminal meets one hostile host after another in one process,
// so the tests share it and run in order. They need Xvfb, xdotool and
// setxkbmap, and skip where those are missing, unless REQUIRE_HW names x11.
package hostile
