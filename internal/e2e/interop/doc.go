// Package interop drives the real programs against peers that nobody here
// wrote: Chromium as viewer and as host, GStreamer's webrtcbin as host and as
// player, Janus as host, and coturn between terminal and host. It holds tests
// only; the package is here so that the folder has one.
//
// Each peer is a program of the machine. A test skips when one is missing, with
// what to install, and fails instead where REQUIRE_HW names the feature peers.
// Everything listens on loopback and is ended by its process number.
package interop
