package linktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// The control channel of a test.
const (
	ChannelLabel    = "st.linktest"
	ChannelProtocol = "st-linktest/1"
	// Version is of the exchange.
	Version = 1
	// MaxMessage bounds one control message in bytes.
	MaxMessage = 4096
	maxReason  = 200
	maxKey     = 64
	maxPorts   = 2
)

// MessageType says what a control message is.
type MessageType string

// Types, with who sends them.
const (
	MessageHello  MessageType = "hello"  // both: version, max_bps; the host: ports, key
	MessageStep   MessageType = "step"   // terminal: step, direction, rate_bps, duration_ms
	MessageReady  MessageType = "ready"  // host: an up step may begin
	MessageSent   MessageType = "sent"   // who sent a step: step, sent
	MessageReport MessageType = "report" // host, after an up step: step, figures
	MessageBye    MessageType = "bye"    // both: reason
)

// Message is one control message, a JSON object. Which fields count depends on
// the type; the others are left out.
type Message struct {
	Type       MessageType `json:"type"`
	Version    int         `json:"version,omitempty"`
	MaxBps     int         `json:"max_bps,omitempty"`
	Ports      []int       `json:"ports,omitempty"` // UDP, for the NAT's kind
	Key        string      `json:"key,omitempty"`   // that those ports want to see
	Step       int         `json:"step,omitempty"`
	Direction  Direction   `json:"direction,omitempty"`
	RateBps    int         `json:"rate_bps,omitempty"`
	DurationMS int         `json:"duration_ms,omitempty"`
	Sent       *Sent       `json:"sent,omitempty"`
	Figures    *Figures    `json:"figures,omitempty"`
	Reason     string      `json:"reason,omitempty"`
}

// Duration is how long the step is to be sent.
func (m Message) Duration() time.Duration { return time.Duration(m.DurationMS) * time.Millisecond }

// Encode returns the message's bytes.
func (m Message) Encode() ([]byte, error) {
	b, err := json.Marshal(m)
	if err == nil && len(b) > MaxMessage {
		err = fmt.Errorf("internal error: control message of %d bytes", len(b))
	}
	return b, err
}

// ParseMessage reads and checks a control message of the other end. Fields that
// are not known are ignored; types that are not known are returned as they are.
func ParseMessage(b []byte) (m Message, err error) {
	if len(b) > MaxMessage {
		return m, fmt.Errorf("control message of %d bytes: at most %d", len(b), MaxMessage)
	}
	if !utf8.Valid(b) {
		return m, errors.New("control message is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&m); err != nil {
		return Message{}, errors.New("control message is not one JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Message{}, errors.New("control message has more than one JSON object")
	}
	if err := m.check(); err != nil {
		return Message{}, err
	}
	return m, nil
}

func (m *Message) check() error {
	switch {
	case m.Version < 0 || m.Version > 1000:
		return fmt.Errorf("version %d is out of range", m.Version)
	case m.MaxBps < 0 || m.MaxBps > MaxMax:
		return fmt.Errorf("bound of %d b/s is out of range", m.MaxBps)
	case m.Step < 0 || m.Step > MaxSteps:
		return fmt.Errorf("step %d is out of range", m.Step)
	case m.RateBps < 0 || m.RateBps > MaxMax:
		return fmt.Errorf("rate of %d b/s is out of range", m.RateBps)
	case m.DurationMS < 0 || m.Duration() > MaxStepDuration:
		return fmt.Errorf("step of %d ms is out of range", m.DurationMS)
	case len(m.Ports) > maxPorts || len(m.Key) > maxKey || len(m.Reason) > maxReason:
		return errors.New("a field of the control message is too long")
	}
	for _, p := range m.Ports {
		if p < 1 || p > 65535 {
			return fmt.Errorf("port %d is out of range", p)
		}
	}
	if m.Sent != nil {
		if err := m.Sent.check(); err != nil {
			return err
		}
	}
	if m.Figures != nil {
		return m.Figures.check()
	}
	return nil
}
