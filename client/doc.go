// Package client is the terminal's half of a session with a host: it offers
// (WHEP, docs/PROTOCOL.md), receives the screens and the sound, sends input,
// and tells what is going on in words that can be shown to a person.
//
// A [Session] is one attempt from offer to end; whoever owns it decides about
// the next one. Pictures leave through Config.OnAccessUnit as complete access
// units, straight from the SRTP goroutine that read their last packet: media
// is never read through pion's tracks, whose jitter buffers and timers cost
// whole frames. Instead SettingEngine.BufferFactory hands every decrypted
// packet to [tap], which gives it to client/receive.
//
// What the terminal can decode and show, and when, it tells the host through
// SetDecoders, SetLimit, SetLayout and SetPhase; what that is, others decide.
// The host's pointer, which its pictures do not show, leaves through OnCursor
// and OnPointer; where the person's own hand has moved it meanwhile, others know.
//
// Goroutines: Run owns one for RTCP and timers, one for each data channel and
// pion's own. Everything has ended when Run returns. Every failure is an
// [Error] that names the stage, the cause and what a person can do.
package client
