// Package egress sends a session's coded pictures and sound: it cuts access
// units into RTP payloads (RFC 6184, RFC 7798), paces them, stamps the header
// extensions, repairs what the peer reports lost (RFC 4585, RFC 4588) and
// writes sender reports. It does not encode, and it does not choose bitrates:
// what receivers ask for is handed to the caller.
//
// One [Sender] serves one PeerConnection. [Sender.Run] is the only goroutine
// that writes packets, so priorities hold: sound first, then repairs, then
// pictures. Encoder goroutines call [Video.Send] and [Audio.Send], which copy
// and return; pion's goroutines call HandleRTCP. Every packet is kept for
// repair in a ring of 8192 slots per screen, and nothing is allocated per
// packet.
//
// A peer that stops reading cannot make memory grow: when a ring is full of
// packets that were not sent yet, Send returns [ErrCongested] and the frame is
// dropped. Errors of the socket are counted and reported by [Sender.Stats];
// whether the session is dead is for ICE to say.
package egress
