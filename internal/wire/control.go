package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MessageHeaderSize is the length of a control message's header in bytes.
const MessageHeaderSize = 4

// MessageType is the first byte of a control message.
type MessageType uint8

// Types of control message.
const (
	MessageHello        MessageType = 0x01 // terminal, first of all
	MessageHelloAck     MessageType = 0x02 // host, in answer
	MessagePing         MessageType = 0x03 // both
	MessagePong         MessageType = 0x04 // both, in answer
	MessageSetBitrate   MessageType = 0x05 // terminal
	MessageScreen       MessageType = 0x06 // host, when a screen changes
	MessageBye          MessageType = 0x07 // both, last of all
	MessageDecoders     MessageType = 0x08 // terminal, when what it can decode changes
	MessageLimit        MessageType = 0x09 // terminal
	MessageLayout       MessageType = 0x0a // terminal, when its outputs change
	MessagePhase        MessageType = 0x0b // terminal
	MessageCursor       MessageType = 0x0c // host, when its pointer looks different
	MessageDeviceAdd    MessageType = 0x0d // terminal
	MessageDeviceRemove MessageType = 0x0e // terminal
	MessageBattery      MessageType = 0x0f // terminal
	MessageFFEffect     MessageType = 0x10 // host
	MessageClipboard    MessageType = 0x11 // both
	MessageMic          MessageType = 0x12 // both
	MessageUSBOffer     MessageType = 0x13 // terminal
	MessageUSBAccept    MessageType = 0x14 // host
	MessageUSBClose     MessageType = 0x15 // both
)

// String returns the name of t in docs/PROTOCOL.md.
func (t MessageType) String() string {
	switch t {
	case MessageHello:
		return "HELLO"
	case MessageHelloAck:
		return "HELLO_ACK"
	case MessagePing:
		return "PING"
	case MessagePong:
		return "PONG"
	case MessageSetBitrate:
		return "SET_BITRATE"
	case MessageScreen:
		return "SCREEN"
	case MessageBye:
		return "BYE"
	case MessageDecoders:
		return "DECODERS"
	case MessageLimit:
		return "LIMIT"
	case MessageLayout:
		return "LAYOUT"
	case MessagePhase:
		return "PHASE"
	case MessageCursor:
		return "CURSOR"
	case MessageDeviceAdd:
		return "DEVICE_ADD"
	case MessageDeviceRemove:
		return "DEVICE_REMOVE"
	case MessageBattery:
		return "BATTERY"
	case MessageFFEffect:
		return "FF_EFFECT"
	case MessageClipboard:
		return "CLIPBOARD"
	case MessageMic:
		return "MIC"
	case MessageUSBOffer:
		return "USB_OFFER"
	case MessageUSBAccept:
		return "USB_ACCEPT"
	case MessageUSBClose:
		return "USB_CLOSE"
	}
	return fmt.Sprintf("message(%#02x)", uint8(t))
}

// MustUnderstand is the flag of a message that a peer may not skip.
const MustUnderstand = 1 << 0

// ErrMustUnderstand is wrapped by [Message.Skip]: answer with BYE, code
// [ByeProtocolError].
var ErrMustUnderstand = errors.New("peer requires a message that is not known")

// Message is one control message. Body aliases the bytes it was parsed from.
type Message struct {
	Type  MessageType
	Flags uint8
	Body  []byte
}

// ParseMessage takes the first message off b, which holds whole messages one
// after another, and returns what follows it.
func ParseMessage(b []byte) (m Message, rest []byte, err error) {
	if len(b) < MessageHeaderSize {
		return Message{}, nil, fmt.Errorf("control message of %d bytes: %w", len(b), ErrMalformed)
	}
	end := MessageHeaderSize + int(binary.LittleEndian.Uint16(b[2:]))
	m = Message{Type: MessageType(b[0]), Flags: b[1]}
	if end > len(b) || end > MessageHeaderSize+MaxControl {
		return Message{}, nil, fmt.Errorf("control message %v of %d bytes in %d: %w", m.Type, end, len(b), ErrMalformed)
	}
	m.Body = b[MessageHeaderSize:end]
	return m, b[end:], nil
}

// AppendMessage appends m; the other Append functions are this with a body.
func AppendMessage(dst []byte, m Message) []byte {
	dst, at := beginMessage(dst, m.Type)
	dst[at+1] = m.Flags
	return endMessage(append(dst, m.Body...), at)
}

// Skip is the duty towards a message of a type that the caller does not know:
// nil means that it may be ignored.
func (m Message) Skip() error {
	if m.Flags&MustUnderstand == 0 {
		return nil
	}
	return fmt.Errorf("control message %v: %w", m.Type, ErrMustUnderstand)
}

func beginMessage(dst []byte, t MessageType) (out []byte, at int) {
	return append(dst, byte(t), 0, 0, 0), len(dst)
}

// endMessage fills in the length of the message that starts at at.
func endMessage(dst []byte, at int) []byte {
	n := min(len(dst)-at-MessageHeaderSize, MaxControl)
	binary.LittleEndian.PutUint16(dst[at+2:], uint16(n))
	return dst[:at+MessageHeaderSize+n]
}
