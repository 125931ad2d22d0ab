// Package receive turns the RTP packets of one video stream into access units
// and those of one sound stream into Opus payloads in order. It sits directly
// behind SRTP: every packet comes in as bytes with the time it was read.
//
// [Video] copies what cannot be used at once into a ring of fixed slabs and
// asks for lost packets the moment a gap shows, as soon again as repairs have
// been seen to take, and twice at once where many are lost; where packets
// overtake each other it first waits as long as that has been seen to take. FEC
// that comes sooner brings them back (internal/flexfec). When repairs fail a
// keyframe is asked for while they are still waited for, and what comes first
// counts; not even that when no other picture needs the lost one, the next ones
// refer to nothing that is missing, or the host refreshes its pictures by and
// by. Every access unit is handed over in the very call that brought its last
// packet: there is no jitter buffer, and the next picture is never waited for.
//
// [Audio] restores order within a window, takes copies of lost packets from
// later ones (RFC 2198), and marks gaps; the jitter buffer for sound is
// peripherals/audio's. [TWCC] and [Reports] build the feedback the host steers by.
//
// Nothing here starts a goroutine, does I/O or reads a clock. Methods may be
// called from any goroutine; each type has one mutex, and no callback runs
// under it. Callbacks of one Video come from one goroutine at a time, in
// order, but not always from the goroutine that brought the packet.
//
// Failure modes: a damaged packet is counted and dropped; a damaged or
// incomplete access unit is dropped whole, charged to exactly one cause, and
// nothing is delivered until the next keyframe, which is asked for. All memory
// is bounded by the configuration, whatever the host sends.
package receive
