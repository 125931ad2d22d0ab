// Package decode turns access units into pictures: it chooses what decodes,
// skips what cannot be decoded, asks for keyframes and recovers from failures.
//
// It does not know where access units come from or where pictures go, does not
// detect loss (libavcodec does not report a lost picture; the receive pipeline
// marks a Discontinuity from sequence numbers) and holds no pictures back.
//
// [Decoder.Run] owns the backend and one OS thread. [Decoder.Submit] may be
// called from any goroutine and never blocks. Between them is a queue of twelve
// access units.
//
// Failure modes: a picture is never shown that refers to one that is missing.
// When pictures are missing, refused or too many to keep up with, everything up
// to the next keyframe is dropped, counted by reason, and a keyframe is asked
// for, again and again until it comes. Twenty refused access units in a row
// rebuild the backend. Only a backend that cannot be opened ends Run.
package decode
