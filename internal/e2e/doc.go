// Package e2e holds the end-to-end tests: the real shadow-host and
// shadow-terminal, on X displays without a monitor, with a real application
// streamed, real key presses and a look at what the window really shows. The
// package has no code of its own; the bench is internal/lab.
//
// The tests need Xvfb, xterm, xdotool and setxkbmap, and skip where those are
// missing, unless REQUIRE_HW names x11. They build both programs once. On two
// cores two of them run at a time.
package e2e
