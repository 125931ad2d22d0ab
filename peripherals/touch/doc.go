// Package touch understands what touch surfaces and pens report to the kernel:
// [Slots] follows the fingers, [Screen] makes [input.Touch] of them for a touch
// screen, [Stylus] makes [input.Pen] of a pen. It does no I/O, opens nothing, and
// knows no gestures: those of a touchpad are package touchpad's.
//
// Multi-touch of both kinds (Documentation/input/multi-touch-protocol.rst) and
// single touch come to the same: the whole set of contacts with every report.
// Events that were dropped are the reader's business, which feeds what the kernel
// has; from then on the set is right again. At most [MaxFingers] fingers are
// followed. Ranges that devices claim may be empty, reversed or as wide as an
// int32: an empty axis reads 0.
//
// Each value belongs to the goroutine that reads the device; events allocate
// nothing. Sources: linux/input-event-codes.h and linux/input.h of Linux 6.12.
package touch
