// Package decode turns access units into pictures: it finds out what this
// machine decodes with, goes on with the next best when that fails, skips what
// cannot be decoded and asks for keyframes.
//
// It does not know where access units come from or where pictures go, does not
// detect loss (libavcodec does not report a lost picture; the receive pipeline
// marks a Discontinuity from sequence numbers), holds no pictures back, and
// does not draw: whether a display can use an exported picture is the display's
// to find out.
//
// # The chain
//
// [OpenHardware] makes the chain of links, once for the process:
//
//	vaapi       decoded by the GPU, stays there, given away as dma-bufs
//	vaapi-copy  decoded by the GPU, copied to memory
//	software    libavcodec, always there
//
// Each is proved for each codec by decoding two known pictures, compared sample
// by sample; of exported ones, whose samples cannot be read, the description is
// checked, and the link below has proved the samples. A file remembers the
// outcome by driver and library version. A mark is written before each proof,
// so a driver that took the program with it is not asked again at the next
// start, but some time later. [Hardware.Capabilities] says what is left, with
// limits of size and rate, computed from what the driver says and the levels of
// the standards.
//
// A [Decoder] begins at the best link and goes down, never up before
// [Decoder.Reset]: when a link does not open, does not have the stream's
// profile, level or size (the parameter sets are read before the driver sees
// them), fails three times in a row, cannot export, gives nothing in spite of a
// rebuild, hangs, or when the display refuses its pictures
// ([Decoder.Downgrade]). Each step is logged, counted in [Stats] and told to
// Config.OnCapabilities.
//
// # Threads
//
// [Decoder.Submit] may be called from any goroutine and never blocks. Behind it
// is a queue of twelve access units, and behind that a goroutine with an OS
// thread of its own, which alone calls the backend and gives pictures away.
// [Decoder.Run] watches it. A call into a driver cannot be interrupted: when
// one takes too long, thread, backend and access unit are left behind and
// another thread goes on with the next link. What is left behind frees itself
// if it ever comes back; a link that hung is not opened again in this process,
// and four threads that hang at the same time end Run.
//
// # Failures
//
// A picture is never shown that refers to one that is missing. When pictures
// are missing, refused or too many to keep up with, everything up to the next
// keyframe is dropped, counted by reason, and a keyframe is asked for, again and
// again until it comes. Twenty access units in a row without a picture rebuild
// the backend. Parameter sets of H.264 that make a decoder hold pictures back
// are rewritten on the way. Run ends with an error only when not even the last
// link opens, or everything hangs.
//
// Sizes and parameter sets may change with any keyframe. Pictures that are out
// stay valid whatever becomes of their backend.
package decode
