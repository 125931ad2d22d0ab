// Package egress sends a session's coded pictures and sound: it cuts access
// units into RTP payloads (RFC 6184, RFC 7798), paces them, stamps the header
// extensions, repairs what the peer reports lost (RFC 4585, RFC 4588), protects
// frames with FEC (package flexfec) while packets are lost, and writes sender
// reports. It drives package congestion with the peer's transport-wide feedback
// and keeps to what that says: the pace of packets, probes, and what is left
// for pictures, which the caller asks for ([Sender.PictureBps]). It does not
// encode, and it does not share a rate out among screens.
//
// One [Sender] serves one PeerConnection. [Sender.Run] is the only goroutine
// that writes packets, so priorities hold: sound first, then repairs, FEC,
// pictures, and padding last. Encoder goroutines call [Video.Send] and
// [Audio.Send], which copy and return; pion's goroutines call
// [Sender.HandleRTCP]. Every packet is kept for repair in a ring of 8192 slots
// per screen, and nothing is allocated per packet or report.
//
// A path that becomes much slower at once makes the Sender take back what has
// not left, where it would take long now, and ask for a keyframe: Send refuses
// everything else with [ErrCongested] until it comes. A peer that stops reading cannot make memory
// grow: when a ring is full of packets that were not sent yet, Send returns
// ErrCongested and the frame is dropped. Errors of the socket are counted and
// reported by [Sender.Stats]; whether the session is dead is for ICE to say.
package egress
