// Package flexfec makes and uses repair packets by FlexFEC as
// draft-ietf-payload-flexible-fec-scheme-03 has it and Chromium speaks it
// (format name flexfec-03). What the draft became, RFC 8627, computes the same
// repair but writes the header in another way.
//
// A repair packet is the exclusive or of a group of media packets of one SSRC.
// Its payload, all that this package sees of it, is
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|R|F|P|X|  CC   |M| PT recovery |        length recovery        |
//	|                          TS recovery                          |
//	| SSRC count = 1|                    reserved                   |
//	|                             SSRC                              |
//	|            SN base            |k|        mask [0-14]          |
//	|k|                   mask [15-45], if k above is 0             |
//	|k|                   mask [46-108], 64 bits, if k above is 0   |
//	:          repair of all bytes after the fixed RTP header       :
//
// R (a retransmission) and F (a fixed block instead of a mask) are 0. A mask's
// first bit stands for the packet SN base.
//
// Header extensions that a sender fills in as late as it sends, and a
// retransmission fills in anew, cannot be protected: both ends count them as
// zero ([Mutable]). Everything else of a packet comes back bit by bit.
//
// [Encoder] and [Decoder] are used by one goroutine each, do no I/O, read no
// clock and allocate nothing once made. The package does not choose how much to
// protect, numbers and sends no packets, and does not look into payloads. Bytes
// for the decoder are foreign: what does not fit is counted and dropped, its
// memory is fixed, and each repair packet is used at most once.
package flexfec
