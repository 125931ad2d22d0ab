package lab

import (
	"bytes"
	"io"
	"sync"
)

// transcriptLimit bounds what is kept of a program's output, in bytes.
const transcriptLimit = 8 << 20

// transcript keeps what a program prints and wakes those who wait for more.
type transcript struct {
	echo io.Writer // constant; nil: none

	mu   sync.Mutex // guards below
	kept bytes.Buffer
	more chan struct{} // closed at the next change
	over bool          // no more comes
}

func newTranscript(echo io.Writer) *transcript {
	return &transcript{echo: echo, more: make(chan struct{})}
}

// Write implements io.Writer; it is called by os/exec's copying goroutine.
func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	if room := transcriptLimit - t.kept.Len(); room > 0 {
		t.kept.Write(p[:min(room, len(p))])
	}
	close(t.more)
	t.more = make(chan struct{})
	t.mu.Unlock()
	if t.echo == nil {
		return len(p), nil
	}
	return t.echo.Write(p)
}

// changed returns a channel that is closed when there is more.
func (t *transcript) changed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.more
}

// close wakes everybody for the last time.
func (t *transcript) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.over = true
		close(t.more)
	}
}

// String returns what was kept so far.
func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept.String()
}
