// Package microphone lets programs of the host hear what is said at the
// terminal. [Source] is a recording device of the user's PulseAudio, or of
// PipeWire in its place; [Playout] takes the Opus packets of a session, puts
// them in order, fills what is lost and plays them into it.
//
// The device is there for as long as the Source is open. While nothing comes
// from the terminal it records silence. It is made by the server's module
// module-pipe-source, which both servers have, reads a named pipe and, unlike
// a null sink with its monitor, shows no output that programs might play to.
// pactl loads it and takes it away; what a host left behind that was killed
// is taken away when the next one opens a source of the same name.
//
// [Playout.Run] owns its goroutine; [Playout.Packet] copies and never blocks.
// What waits to be heard is at most 100 ms here and 20 ms in the pipe: sound
// that comes later is thrown away. A server that ends costs the sound, not the
// session: Write then fails, and Run returns the error.
//
// The package does not negotiate, decrypt or ask the terminal for anything,
// and decides nothing about who may listen.
package microphone

// Rate is the sampling rate, in Hz. Sound here has one channel.
const Rate = 48000
