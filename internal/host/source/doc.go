// Package source gives the reference host its pictures and its sound: a test
// card drawn in pure Go, an X11 desktop, or a media file in a loop.
//
// A [Source] describes its screens and opens them. A [Video] is a clock as
// much as a camera: it keeps an absolute schedule at the screen's rate, and a
// caller that comes late loses pictures, never time. The package starts no
// goroutine of its own; each Video and each Audio belongs to the one goroutine
// that calls it, and different ones may run side by side.
//
// What fails: a display that cannot be reached, a file that cannot be read, a
// sound server that is not there. Each says what, where and what to do. An X
// server that dies ends Next with one error wrapping [ErrGone].
package source
