package usbip

import (
	"encoding/binary"
	"fmt"
	"sync"
)

// Session is one redirected device, seen from one of its ends. It remembers
// what waits for an answer; its two checkers share it, each in a goroutine of
// its own.
type Session struct {
	devID     uint32
	endpoints *Endpoints
	commands  Checker
	replies   Checker

	mu          sync.Mutex
	pending     pending
	outstanding int // bytes
}

// NewSession returns a session of the device that has this number, busnum <<
// 16 | devnum, on the terminal. endpoints is what the device has, where that
// is known: on the terminal, which looks before it gives the device away. nil
// takes the commands' word for it: on the host, whose own kernel says them.
func NewSession(devID uint32, endpoints *Endpoints) *Session {
	s := &Session{devID: devID, endpoints: endpoints}
	s.commands.session = s
	s.replies.session, s.replies.reply = s, true
	return s
}

// Commands checks what goes from the host to the device.
func (s *Session) Commands() *Checker { return &s.commands }

// Replies checks what goes from the device to the host.
func (s *Session) Replies() *Checker { return &s.replies }

// body is what follows a header.
type body struct {
	payload uint32 // bytes that mean nothing here
	packets uint16 // isochronous descriptors behind them
	length  uint32 // of the transfer's buffer, in which they must lie
	actual  uint32 // RET_SUBMIT: what they must add up to
}

// command judges a header of the host, in place: flags are kept only where
// they mean something on another machine.
func (s *Session) command(h []byte) (body, error) {
	switch c := Command(binary.BigEndian.Uint32(h[atCommand:])); {
	case binary.BigEndian.Uint32(h[atDevID:]) != s.devID:
		return body{}, fmt.Errorf("command for device %#x; this is %#x: %w", binary.BigEndian.Uint32(h[atDevID:]), s.devID, ErrNonsense)
	case c == CmdSubmit:
		return s.submit(h)
	case c == CmdUnlink:
		return body{}, s.unlink(h)
	default:
		return body{}, fmt.Errorf("command %#x: %w", uint32(c), ErrNonsense)
	}
}

// submit judges a CMD_SUBMIT.
func (s *Session) submit(h []byte) (body, error) {
	h = h[:HeaderSize]
	var (
		seq       = binary.BigEndian.Uint32(h[atSeq:])
		direction = binary.BigEndian.Uint32(h[atDirection:])
		endpoint  = binary.BigEndian.Uint32(h[atEndpoint:])
		length    = binary.BigEndian.Uint32(h[atLength:])
		packets   = binary.BigEndian.Uint32(h[atPackets:])
	)
	if packets == noPackets {
		packets = 0
	}
	switch {
	case direction > DirIn, endpoint > 15:
		return body{}, fmt.Errorf("transfer %d: endpoint %d, direction %d: %w", seq, endpoint, direction, ErrNonsense)
	case length > MaxTransfer:
		return body{}, fmt.Errorf("transfer %d: %d bytes: %w", seq, length, ErrNonsense)
	case packets > MaxPackets:
		return body{}, fmt.Errorf("transfer %d: %d isochronous packets: %w", seq, packets, ErrNonsense)
	case endpoint == 0 && packets != 0:
		return body{}, fmt.Errorf("transfer %d: isochronous packets for endpoint 0: %w", seq, ErrNonsense)
	}
	if err := s.fits(seq, endpoint, direction == DirIn, packets != 0); err != nil {
		return body{}, err
	}
	if endpoint == 0 {
		if err := control(h, seq, length); err != nil {
			return body{}, err
		}
		direction = binary.BigEndian.Uint32(h[atDirection:])
	}
	keepFlags(h, endpoint != 0 && packets == 0 && length > 0)
	in := direction == DirIn
	if err := s.expect(entry{seq: seq, kind: transfer, in: in, length: length, packets: uint16(packets)}); err != nil {
		return body{}, err
	}
	b := body{packets: uint16(packets), length: length}
	if !in {
		b.payload = length
	}
	return b, nil
}

// fits compares with what the device has.
func (s *Session) fits(seq, endpoint uint32, in, iso bool) error {
	if s.endpoints == nil || endpoint == 0 {
		return nil
	}
	ok, isIso := s.endpoints.has(endpoint, in)
	if !ok {
		return fmt.Errorf("transfer %d: the device has no endpoint %d: %w", seq, endpoint, ErrNonsense)
	}
	// A kernel that disagrees here takes descriptors for the next header.
	if isIso != iso {
		return fmt.Errorf("transfer %d: endpoint %d is isochronous: %v: %w", seq, endpoint, isIso, ErrNonsense)
	}
	return nil
}

// control judges the setup packet of a transfer on endpoint 0 (USB 2.0, 9.3).
func control(h []byte, seq, length uint32) error {
	setup := h[atSetup:HeaderSize]
	if uint32(binary.LittleEndian.Uint16(setup[6:])) != length {
		return fmt.Errorf("transfer %d: setup of %d bytes, buffer of %d: %w", seq, binary.LittleEndian.Uint16(setup[6:]), length, ErrNonsense)
	}
	const setAddress = 5
	if setup[0]&^0x80 == 0 && setup[1] == setAddress {
		return fmt.Errorf("transfer %d: SET_ADDRESS, which is the device's kernel's: %w", seq, ErrNonsense)
	}
	if length == 0 {
		// Without data the direction means nothing, and drivers write either;
		// the kernel warns of the wrong one.
		binary.BigEndian.PutUint32(h[atDirection:], DirOut)
		return nil
	}
	if in := setup[0]&0x80 != 0; in != (binary.BigEndian.Uint32(h[atDirection:]) == DirIn) {
		return fmt.Errorf("transfer %d: setup and direction disagree: %w", seq, ErrNonsense)
	}
	return nil
}

// keepFlags clears what means something only in the sender's memory.
func keepFlags(h []byte, scatter bool) {
	keep := uint32(flagsKept)
	if scatter {
		keep |= flagScatter
	}
	flags := binary.BigEndian.Uint32(h[atFlags:]) & keep &^ flagDirIn
	if binary.BigEndian.Uint32(h[atDirection:]) == DirIn {
		flags |= flagDirIn
	}
	binary.BigEndian.PutUint32(h[atFlags:], flags)
}

// unlink judges a CMD_UNLINK. Its target may be answered already.
func (s *Session) unlink(h []byte) error {
	seq := binary.BigEndian.Uint32(h[atSeq:])
	if d, e := binary.BigEndian.Uint32(h[atDirection:]), binary.BigEndian.Uint32(h[atEndpoint:]); d > DirIn || e > 15 {
		return fmt.Errorf("unlink %d: endpoint %d, direction %d: %w", seq, e, d, ErrNonsense)
	}
	return s.expect(entry{seq: seq, kind: unlink, target: binary.BigEndian.Uint32(h[atTarget:])})
}

// expect remembers what must be answered.
func (s *Session) expect(e entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outstanding+int(e.length) > MaxOutstanding {
		return fmt.Errorf("transfer %d: more than %d bytes wait: %w", e.seq, MaxOutstanding, ErrNonsense)
	}
	if !s.pending.add(e) {
		return fmt.Errorf("message %d: the number waits already, or %d do: %w", e.seq, MaxPending, ErrNonsense)
	}
	s.outstanding += int(e.length)
	return nil
}

// answered finds what an answer is for.
func (s *Session) answered(seq uint32, k kind) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.pending.take(seq, k)
	if !ok {
		return entry{}, false
	}
	s.outstanding -= int(e.length)
	if k == unlink {
		// The device's kernel says nothing more of what it unlinked.
		if t, ok := s.pending.take(e.target, transfer); ok {
			s.outstanding -= int(t.length)
		}
	}
	return e, true
}

// replied judges a header of the device's side.
func (s *Session) replied(h []byte) (body, error) {
	h = h[:HeaderSize]
	var (
		command = Command(binary.BigEndian.Uint32(h[atCommand:]))
		seq     = binary.BigEndian.Uint32(h[atSeq:])
		devID   = binary.BigEndian.Uint32(h[atDevID:])
		status  = int32(binary.BigEndian.Uint32(h[atStatus:]))
	)
	switch {
	case command != RetSubmit && command != RetUnlink:
		return body{}, fmt.Errorf("reply %#x: %w", uint32(command), ErrNonsense)
	case devID != 0 && devID != s.devID: // Linux leaves it 0
		return body{}, fmt.Errorf("reply of device %#x; this is %#x: %w", devID, s.devID, ErrNonsense)
	case status > 0 || status < -maxErrno:
		return body{}, fmt.Errorf("reply %d: status %d: %w", seq, status, ErrNonsense)
	case binary.BigEndian.Uint32(h[atDirection:]) > DirIn, binary.BigEndian.Uint32(h[atEndpoint:]) > 15:
		return body{}, fmt.Errorf("reply %d: no such endpoint: %w", seq, ErrNonsense)
	}
	if command == RetUnlink {
		if _, ok := s.answered(seq, unlink); !ok {
			return body{}, fmt.Errorf("reply to unlink %d, which nobody asked for: %w", seq, ErrNonsense)
		}
		return body{}, nil
	}
	e, ok := s.answered(seq, transfer)
	if !ok {
		return body{}, fmt.Errorf("reply to transfer %d, which nobody asked for: %w", seq, ErrNonsense)
	}
	return e.reply(h)
}

// reply judges a RET_SUBMIT against what was asked for.
func (e *entry) reply(h []byte) (body, error) {
	actual := binary.BigEndian.Uint32(h[atLength:])
	packets := binary.BigEndian.Uint32(h[atPackets:])
	if packets == noPackets {
		packets = 0
		binary.BigEndian.PutUint32(h[atPackets:], 0)
	}
	switch {
	case actual > e.length:
		return body{}, fmt.Errorf("transfer %d: %d bytes of %d: %w", e.seq, actual, e.length, ErrNonsense)
	case packets != uint32(e.packets):
		return body{}, fmt.Errorf("transfer %d: %d isochronous packets of %d: %w", e.seq, packets, e.packets, ErrNonsense)
	case binary.BigEndian.Uint32(h[atErrors:]) > packets:
		return body{}, fmt.Errorf("transfer %d: more errors than packets: %w", e.seq, ErrNonsense)
	}
	b := body{packets: e.packets, length: e.length, actual: actual}
	if e.in {
		b.payload = actual
	}
	return b, nil
}
