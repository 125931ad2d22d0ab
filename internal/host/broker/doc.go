// Package broker is the reference session broker: it answers POST /v1/session
// (docs/broker.yaml) for the one PC that the host runs on, inside the host's own
// HTTP server. It says how the PC is, issues the short-lived tokens that the
// host accepts beside its own, names ICE servers, and puts the PC to sleep when
// nobody has been there for a while.
//
// It is what terminals are tested against and what a self-hoster needs, not a
// fleet's: it knows one PC, keeps nothing over a restart, and can only wake a
// PC that it keeps running on (what sleeps is what the commands make sleep).
//
// Trust: who asks is known by [Config.Device], a certificate or the host's
// token; a token of an answer is for the host and asks for no other. Of tokens
// only hashes are kept, in memory. Files that say who is revoked are read for
// each question, and one that cannot be read answers nobody. A session outlives
// its token; the host asks each second whether its device still stands.
//
// [Broker.Run] owns the sleep rule and runs its commands; the handler and
// CheckToken are called by the server's goroutines.
package broker
