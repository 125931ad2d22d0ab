// Package libav is the one layer of C under the terminal's and the host's
// media: H.264 and HEVC decoding and encoding, scaling and colour conversion,
// files and PulseAudio capture through FFmpeg's libraries (5.1 to 8), decoding
// on a GPU through VA-API, and Opus through libopus.
//
// It holds no policy: which codec and device, when to rebuild, what to do about
// loss or a failing driver is the caller's. A decoder on a [Device] never goes
// on in software by itself, has no watchdog for a driver that hangs, and shows
// nothing: what is made of a dma-buf is display's business. The package starts
// no goroutine and writes no log; what libavcodec and libva have to say about a
// failure becomes part of the error.
//
// A value belongs to one goroutine at a time, but pictures may be released and
// counted from any, and a Device is used by any. C memory never outlives Close,
// with one exception on purpose: a [media.Frame] that is still held stays valid
// until it is released, and with it the pool, the descriptors and the driver
// that it needs. Go memory is lent to C for the length of a call only.
//
// Built without cgo, off Linux or with the tag nonative, every constructor
// returns an error that wraps [errors.ErrUnsupported] and names what is needed.
// Data from the network never crashes it: what libavcodec refuses is an error.
package libav
