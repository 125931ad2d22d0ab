// Package broker asks a session broker for the PC: whether it is there, where,
// and with which short-lived token (docs/broker.yaml; the words themselves are
// in internal/broker). [Client.Ask] asks until the PC is ready or somebody must
// decide; [Client.Hold] renews the token while a session lasts.
//
// It makes no session, shows nothing and keeps nothing on disk. It wakes a PC
// only when it is told that a person wants it, never because time passed.
//
// Trust: the broker decides which host is shown and gets the device's token or
// sees its certificate, so it is asked over TLS or on loopback only, and leads
// to nothing else; an answer that names another address is refused. Its
// answers are bounded in size and time. Expiry is counted on a clock that goes
// on while the machine sleeps and that nobody can set.
//
// Ask and Hold block and start no goroutine that outlives them; the client may
// be used from several. Failures are [client.Error]s.
package broker
