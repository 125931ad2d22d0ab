// Package bitstream reads what stands around coded pictures: NAL units, the
// parameter sets of H.264 and HEVC, and the levels that bound them. It rewrites
// one thing, the H.264 sequence parameter set, so that decoders hold no picture
// back ([FixReorder]).
//
// Of slices it reads how pictures are numbered and what they refer to, so that
// one can know whether a picture needs another one that was lost.
//
// It decodes no picture and does no I/O. Every function is safe from any
// goroutine; none keeps its arguments. Nothing is allocated but what an error
// needs and what a rewritten access unit takes beyond the capacity it is given.
//
// All bytes are foreign. What does not parse is an error that wraps
// [ErrDamaged]; nothing panics and nothing loops on what a stream says.
//
// H.264 is Rec. ITU-T H.264 (08/2021), H.265 is Rec. ITU-T H.265 (08/2021).
package bitstream
