// Package selftest measures a machine with the very parts that the terminal is
// made of: what it decodes and how fast ([Decode]), how a stream gets from a
// file or pipe to the screen ([Play]), and what the monitors do with pictures
// ([Display]). It is how figures of a box are taken, and compared with what was
// promised, without a host and without a network.
//
// Each test is one call that owns all its goroutines, ends with its context and
// returns a [Report]; Play and Display need the main OS thread where the display
// is a window. A driver that hangs costs Decode the goroutine that is in it. The
// package measures no input, no sound and no network, keeps nothing between two
// calls, and changes nothing on the machine but, while it runs, the monitors.
package selftest
