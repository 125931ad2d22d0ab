// Package inject is the host's end of channel st.input: [Receiver] makes
// ordered, exactly-once input out of datagrams that get lost, overtaken and
// repeated (docs/PROTOCOL.md, "Input"), and a [Device] gives it to the
// operating system: [UInput] through the kernel, [XTest] through an X server.
// It opens no channel and captures nothing.
//
// All state of a Receiver belongs to the goroutine in [Receiver.Run], which is
// also the only caller of the device. Whatever ends a session - the channel,
// 300 ms of silence, a new epoch, lost focus, the end of Run - releases every
// key and button that was pressed through it. Failure modes: an error of the
// device or of Write ends Run; bytes that break the format are counted and
// dropped.
package inject
