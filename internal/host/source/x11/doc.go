// Package x11 takes pictures of an X11 display: over MIT-SHM from a server on
// this machine, over the socket from any other. It is pure Go.
//
// A [Display] is a connection; a [Grabber] takes pictures of one monitor or
// one region and follows it when the display changes size. Each Grabber has a
// connection of its own and belongs to the one goroutine that calls it. The
// pointer is not part of the pictures: X draws it last, above all windows. A
// [Pointer] tells where it is and, by XFIXES, what it looks like; a program
// that hides it by XFIXES hides it from nobody here, because X does not tell.
//
// It fails when the display cannot be reached, when its pixels are not 32 bits
// of red, green and blue (errors.ErrUnsupported), when the monitor goes away,
// and when the server ends ([ErrClosed]). Nothing is written to stderr: xgb's
// logger is silenced, the same facts come as errors.
package x11
