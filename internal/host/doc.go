// Package host is the reference host: an HTTP server that speaks WHEP, and
// behind it the one session that shows this machine's screens to a terminal,
// plays its sound there and takes its input. docs/PROTOCOL.md is normative for
// what goes over the wire.
//
// It owns no picture, codec or device itself: package source gives pictures
// and sound, the caller's Config opens encoders and the input receiver, and
// package egress sends. [Server.Run] owns every goroutine: the HTTP server, a
// manager that has one session at a time, and what the session starts. A new
// valid session takes over from the old one, which is told so.
//
// Trust: without a token the server listens on loopback only and answers only
// requests addressed to a loopback name, so that no web page can reach it
// through a name of its own. On any other address it needs TLS and a token.
// Whoever holds the token has the machine's screen, keyboard and pointer.
// The token's file is followed, and each second it is asked whether who is in a
// session may still be: a session outlives its token's expiry, not its revocation.
//
// What fails: a screen whose encoder cannot be opened or whose source ends
// ends the session with BYE; sound and input that cannot be opened are logged
// and left out. The server itself ends only with its context or its listener.
package host
