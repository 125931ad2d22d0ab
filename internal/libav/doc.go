// Package libav is the one layer of C under the terminal's and the host's
// media: H.264 and HEVC decoding and encoding, scaling and colour conversion,
// files and PulseAudio capture through FFmpeg's libraries (5.1 to 8), and Opus
// through libopus.
//
// It holds no policy: which codec, when to rebuild, what to do about loss is
// the caller's. It starts no goroutine and writes no log; what libavcodec has to
// say about a failure becomes part of the error.
//
// A value belongs to one goroutine at a time, but pictures may be released and
// counted from any. C memory never outlives Close, with one exception on
// purpose: a [media.Frame] that is still held stays valid until it is released.
// Go memory is lent to C for the length of a call only.
//
// Built without cgo, off Linux or with the tag nonative, every constructor
// returns an error that wraps [errors.ErrUnsupported] and names what is needed.
// Data from the network never crashes it: what libavcodec refuses is an error.
package libav
