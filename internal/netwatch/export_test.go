package netwatch

import "github.com/mdlayher/netlink"

// Fold returns what the messages add up to, with kinds by name.
func Fold(kinds map[string]Kind, messages ...netlink.Message) Snapshot {
	s := newState(func(name string) Kind { return kinds[name] })
	for _, m := range messages {
		s.take(m)
	}
	return s.snapshot()
}

// FakeKernel says what a test wants.
type FakeKernel struct {
	Now    []netlink.Message        // what Dump returns
	Events chan Event               // what Receive returns
	Closed chan struct{}            // closed by Close
	Opened func(k *FakeKernel) bool // asked at each opening
}

// Event is one receipt.
type Event struct {
	Messages []netlink.Message
	Err      error
}

// Receive returns the next event.
func (k *FakeKernel) Receive() ([]netlink.Message, error) {
	select {
	case e := <-k.Events:
		return e.Messages, e.Err
	case <-k.Closed:
		return nil, errClosed
	}
}

// Close ends Receive.
func (k *FakeKernel) Close() error { close(k.Closed); return nil }

// Dump returns Now.
func (k *FakeKernel) Dump() ([]netlink.Message, error) { return k.Now, nil }

// NewFake returns a watcher of fake kernels, one for each opening.
func NewFake(kinds map[string]Kind, open func() *FakeKernel) *Watcher {
	w := New(nil)
	w.kind = func(name string) Kind { return kinds[name] }
	w.lost = func(string) bool { return false }
	w.open = func() (conn, error) { return open(), nil }
	return w
}

// Lose makes the watcher see which interfaces have no carrier.
func (w *Watcher) Lose(lost func(name string) bool) { w.lost = lost }

// KindOf is kindOf.
func KindOf(class, name string) Kind { return kindOf(class, name) }

type constError string

func (e constError) Error() string { return string(e) }

const errClosed = constError("closed")
