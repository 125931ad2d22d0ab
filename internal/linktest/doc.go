// Package linktest is what both ends of the link test agree on, and what its
// figures mean: the plan of rates, the shape of the test's traffic, the bytes of
// its packets and control messages, the meter that turns arrivals into figures,
// and the grades, advice and history that people read.
//
// It is pure: it opens nothing, starts no goroutine and reads no clock; times
// come in from the caller. Folder lane moves the packets, client/linktest and
// internal/host/linktest are the two ends. It does not measure what no packet
// can tell, such as the speed of the cable: that comes in as a [Link].
//
// The wire is described in docs/PROTOCOL.md, section "Link test".
package linktest
