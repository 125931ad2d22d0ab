package wire

import (
	"encoding/binary"
	"fmt"
	"time"
)

// AppendPing appends a PING message with t, the sender's own clock in us; the
// peer only echoes it.
func AppendPing(dst []byte, t uint64) []byte {
	dst, at := beginMessage(dst, MessagePing)
	return endMessage(binary.LittleEndian.AppendUint64(dst, t), at)
}

// Ping reads a PING message.
func (m Message) Ping() (t uint64, err error) {
	r := read(m, MessagePing)
	t = r.u64()
	return t, r.err()
}

// Pong answers a PING.
type Pong struct {
	Echo uint64    // the PING's t
	Wall time.Time // the answerer's wall clock when it had the PING
}

// AppendPong appends a PONG message.
func AppendPong(dst []byte, p Pong) []byte {
	dst, at := beginMessage(dst, MessagePong)
	dst = binary.LittleEndian.AppendUint64(dst, p.Echo)
	return endMessage(binary.LittleEndian.AppendUint64(dst, uint64(p.Wall.UnixNano())), at)
}

// Pong reads a PONG message.
func (m Message) Pong() (Pong, error) {
	r := read(m, MessagePong)
	p := Pong{Echo: r.u64(), Wall: time.Unix(0, int64(r.u64()))}
	if err := r.err(); err != nil {
		return Pong{}, err
	}
	return p, nil
}

// AllScreens as a screen in SetBitrate shares the rate among all of them.
const AllScreens = 255

// SetBitrate asks the host to send no more than so much.
type SetBitrate struct {
	Screen uint8  // or AllScreens
	MaxBps uint32 // bits per second; 0: the host's own limit
}

// AppendSetBitrate appends a SET_BITRATE message.
func AppendSetBitrate(dst []byte, s SetBitrate) []byte {
	dst, at := beginMessage(dst, MessageSetBitrate)
	return endMessage(binary.LittleEndian.AppendUint32(append(dst, s.Screen), s.MaxBps), at)
}

// SetBitrate reads a SET_BITRATE message.
func (m Message) SetBitrate() (SetBitrate, error) {
	r := read(m, MessageSetBitrate)
	s := SetBitrate{Screen: r.u8(), MaxBps: r.u32()}
	if err := r.err(); err != nil {
		return SetBitrate{}, err
	}
	return s, nil
}

// ByeCode says why a session ends.
type ByeCode uint16

// The codes of BYE. Unknown ones are treated as [ByeNormal].
const (
	ByeNormal        ByeCode = iota // the person or the operator ended it
	ByeTakenOver                    // another terminal has the host now: do not reconnect
	ByeHostShutdown                 // the host goes down
	ByeProtocolError                // the peer broke the protocol or speaks another version
	ByeSourceEnded                  // the host has no more pictures to show
	ByeRevoked                      // the terminal may not be there any more: do not reconnect
)

// String returns the code for people.
func (c ByeCode) String() string {
	switch c {
	case ByeNormal:
		return "normal"
	case ByeTakenOver:
		return "taken over by another terminal"
	case ByeHostShutdown:
		return "host shutting down"
	case ByeProtocolError:
		return "protocol error"
	case ByeSourceEnded:
		return "source ended"
	case ByeRevoked:
		return "revoked"
	}
	return fmt.Sprintf("bye(%d)", uint16(c))
}

// Bye ends a session.
type Bye struct {
	Code   ByeCode
	Reason string // for people, at most MaxReason bytes
}

// AppendBye appends a BYE message.
func AppendBye(dst []byte, b Bye) []byte {
	dst, at := beginMessage(dst, MessageBye)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(b.Code))
	return endMessage(append(dst, cut(b.Reason, MaxReason)...), at)
}

// Bye reads a BYE message. The reason is the rest of the body.
func (m Message) Bye() (Bye, error) {
	r := read(m, MessageBye)
	b := Bye{Code: ByeCode(r.u16())}
	if len(r.b) > MaxReason {
		r.bad = true
	}
	b.Reason = r.text(len(r.b))
	if err := r.err(); err != nil {
		return Bye{}, err
	}
	return b, nil
}
