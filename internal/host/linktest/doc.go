// Package linktest is the host's end of the link test (docs/PROTOCOL.md, "Link
// test"): it answers an offer with a peer connection of its own beside any
// session's, sends and receives test frames as the terminal asks, and reports
// what came.
//
// It grades nothing and keeps nothing. One test runs at a time, none while a
// session is live, each for at most 25 s and at no higher rate than the host's
// own bound: a hostile terminal with a valid token can waste that and no more.
// Authorization is the HTTP server's business.
package linktest
