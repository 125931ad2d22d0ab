package usb

import (
	"context"
	"sync"
)

// maxRemembered bounds the consents kept: a person says yes to a few devices.
const maxRemembered = 256

// Answer is what the person says.
type Answer struct {
	Allow bool
	// Remember lets the same device go without a question until the program
	// ends. A refusal is not remembered.
	Remember bool
}

// Consent asks the person whether the host may have a device. It waits for the
// answer, or for the context's end.
type Consent interface {
	AllowUSB(ctx context.Context, d Device) (Answer, error)
}

// memory is what the person has agreed to. Any goroutine.
type memory struct {
	mu      sync.Mutex
	allowed map[identity]struct{}
}

func (m *memory) knows(id identity) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.allowed[id]
	return ok
}

func (m *memory) remember(id identity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.allowed == nil || len(m.allowed) >= maxRemembered {
		m.allowed = make(map[identity]struct{}) // asked again, which is safe
	}
	m.allowed[id] = struct{}{}
}

func (m *memory) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.allowed = nil
}
