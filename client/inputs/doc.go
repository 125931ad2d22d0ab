// Package inputs sends what a person does to the host: [Sender] takes events
// from any goroutine and writes the datagrams of channel st.input
// (docs/PROTOCOL.md, "Input"), and hears what the host says there. It reads no
// device, opens no channel and draws no pointer.
//
// The channel is unreliable on purpose, so that one lost packet never holds
// back the next. What must not get lost is therefore sent again by the sender
// itself: every datagram carries the pointer's running totals and every
// transition of a key that the host has not acknowledged, and what is held is
// repeated as a whole 20 times a second. The goroutine in [Sender.Run] owns
// all timing; a key is written at once by the goroutine that brings it, unless
// Run is writing. Who writes holds the one token of a channel, no lock; the
// state is behind one mutex that is held for nanoseconds.
//
// Failure modes: an error of Write ends Run. A host that acknowledges nothing
// while 64 transitions wait makes the sender give those up and start a new
// epoch, so the host ends with what is really held.
package inputs
