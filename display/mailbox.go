package display

import (
	"sync"

	"github.com/blade-shadow/terminal/internal/media"
)

// Mailbox holds the one frame that waits to be shown. A newer frame takes the
// place of an older one; whatever is not taken is released and counted. The
// zero value is ready.
type Mailbox struct {
	mu     sync.Mutex
	frame  *media.Frame // guarded by mu
	closed bool         // guarded by mu
	stats  ScreenStats  // guarded by mu
}

// Put takes ownership of f. A frame that still waits is released and charged
// to the pacer; after Close f itself is released, and charged to nobody.
func (m *Mailbox) Put(f *media.Frame) {
	if out := m.swap(f); out != nil {
		out.Release()
	}
}

// swap returns the frame that lost its place.
func (m *Mailbox) swap(f *media.Frame) *media.Frame {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		m.stats.Left++
		return f
	}
	old := m.frame
	m.frame = f
	if old != nil {
		m.stats.Dropped[media.CausePacer]++
	}
	return old
}

// Take returns the waiting frame, which the caller then owns, or nil.
func (m *Mailbox) Take() *media.Frame {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.frame
	m.frame = nil
	return f
}

// Shown counts a frame that was taken and reached the screen.
func (m *Mailbox) Shown() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Shown++
}

// Refused counts a frame that was taken and could not be shown.
func (m *Mailbox) Refused() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Dropped[media.CauseDisplay]++
}

// Stats returns the counts so far.
func (m *Mailbox) Stats() ScreenStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}

// Close releases the waiting frame and every later one.
func (m *Mailbox) Close() {
	m.mu.Lock()
	f := m.frame
	m.frame, m.closed = nil, true
	if f != nil {
		m.stats.Left++
	}
	m.mu.Unlock()
	if f != nil {
		f.Release()
	}
}
