package wire

import (
	"errors"
	"time"
)

// RTP header extensions, negotiated in SDP by these URIs.
const (
	// ExtTWCC is the transport-wide sequence number, on every packet.
	ExtTWCC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	// ExtAbsCaptureTime is the capture time as NTP of the host's wall clock,
	// in its 8-byte form, on the first packet of every frame.
	ExtAbsCaptureTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
	// ExtFrameTiming is a [FrameTiming], on the last packet of every frame.
	ExtFrameTiming = "urn:shadow-terminal:rtp-hdrext:frame-timing"
)

// Data channels. The terminal opens both.
const (
	// InputLabel is unordered with maxRetransmits 0; one datagram a message.
	InputLabel    = "st.input"
	InputProtocol = "st-input/1"
	// ControlLabel is ordered and reliable; messages one after another.
	ControlLabel    = "st.control"
	ControlProtocol = "st-control/1"
)

// Limits and times that both ends must agree on.
const (
	MaxDatagram = 1100 // bytes of an input datagram, so that it is one UDP packet everywhere
	MaxEvents   = 64   // transitions of one datagram, in as many EVENTS records as they need
	MaxKeys     = 100  // usages of a KEYS record, so that a full datagram fits
	MaxControl  = 4096 // bytes of the body of a control message
	MaxScreens  = 16   // screens of a host, and what the four bits of a transition can name
	MaxDecoders = 16   // entries of DECODERS
	MaxText     = 255  // bytes of a name or version in HELLO and HELLO_ACK
	MaxReason   = 512  // bytes of the reason in BYE

	MaxCursorSide = 256 // pixels of the pointer's shape, both ways
	// MaxCursorData is the most bytes of a shape's compressed pixels: what
	// does not get smaller gets larger by little (RFC 1951, 3.2.4).
	MaxCursorData = 4*MaxCursorSide*MaxCursorSide + 1024

	SnapshotHeld = 50 * time.Millisecond  // between KEYS records while anything is held
	SnapshotIdle = time.Second            // between datagrams of an idle terminal
	DeadMan      = 300 * time.Millisecond // of silence, and the host releases what is held
)

// Protocol versions of the control channel that this package speaks.
const (
	MinVersion = 1
	MaxVersion = 1
)

var (
	// ErrMalformed is wrapped by every error about bytes that break the format.
	ErrMalformed = errors.New("malformed")
	// ErrVersion is wrapped when the bytes are of a version we do not speak.
	ErrVersion = errors.New("unknown protocol version")
)
