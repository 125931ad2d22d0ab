package usbip

import (
	"encoding/binary"
	"errors"
)

// Sizes in bytes.
const (
	HeaderSize        = 48 // of every message
	IsoDescriptorSize = 16 // one for each isochronous packet, behind the payload
)

// Bounds of one redirected device. A peer that asks for more ends its stream.
const (
	// MaxTransfer bounds one transfer, in bytes: kmalloc gives no more in one
	// piece, and block layers ask for 1 MiB at most.
	MaxTransfer = 4 << 20
	// MaxOutstanding bounds the sum of all transfers that are not answered:
	// the device's kernel holds a buffer for each.
	MaxOutstanding = 64 << 20
	// MaxPending bounds how many transfers and unlinks wait for an answer.
	MaxPending = 1024
	// MaxPackets bounds the isochronous packets of a transfer (the kernel's
	// USBIP_MAX_ISO_PACKETS).
	MaxPackets = 1024
)

// Command is what a message is.
type Command uint32

// The four messages that follow the import of a device.
const (
	CmdSubmit Command = 1 // a transfer is wanted; host to terminal
	CmdUnlink Command = 2 // and is not wanted any more
	RetSubmit Command = 3 // how it went; terminal to host
	RetUnlink Command = 4
)

// Direction of a transfer, seen from the host.
const (
	DirOut = 0
	DirIn  = 1
)

// Flags of a transfer that mean the same in two kernels (uapi/linux/usbip.h,
// USBIP_URB_*).
const (
	flagShortNotOK  = 0x0001
	flagIsoASAP     = 0x0002
	flagZeroPacket  = 0x0040
	flagNoInterrupt = 0x0080
	flagDirIn       = 0x0200
	// flagScatter asks the device's kernel for a buffer in pieces. Without
	// it a long transfer needs that much memory in one piece.
	flagScatter = 0x00040000

	// flagsKept leaves out what speaks of the sender's own memory: mapped
	// already, freed by the core.
	flagsKept = flagShortNotOK | flagIsoASAP | flagZeroPacket | flagNoInterrupt | flagDirIn
)

// noPackets is how some write that a transfer is not isochronous; Linux
// writes 0.
const noPackets = 0xffffffff

// maxErrno is the kernel's MAX_ERRNO: a status lies in [-maxErrno, 0].
const maxErrno = 4095

// ErrNonsense is what every violation of the protocol wraps.
var ErrNonsense = errors.New("not USB/IP")

// Offsets in a header; all numbers are big endian.
const (
	atCommand   = 0
	atSeq       = 4
	atDevID     = 8
	atDirection = 12
	atEndpoint  = 16
	atFlags     = 20 // CMD_SUBMIT
	atStatus    = 20 // RET_*
	atTarget    = 20 // CMD_UNLINK: the transfer's sequence number
	atLength    = 24 // wanted, or done
	atPackets   = 32
	atErrors    = 36 // RET_SUBMIT: isochronous packets that failed
	atSetup     = 40 // CMD_SUBMIT: 8 bytes, as on the wire of USB
)

// Header is a message without payload, for those who speak USB/IP themselves:
// tests and emulated devices. Fields that the command lacks are ignored.
type Header struct {
	Command   Command
	Seq       uint32
	DevID     uint32 // busnum << 16 | devnum
	Direction uint32
	Endpoint  uint32
	Flags     uint32  // CMD_SUBMIT
	Status    int32   // RET_SUBMIT, RET_UNLINK
	Target    uint32  // CMD_UNLINK
	Length    uint32  // CMD_SUBMIT: of the buffer; RET_SUBMIT: transferred
	Packets   uint32  // CMD_SUBMIT, RET_SUBMIT: isochronous, 0 for none
	Errors    uint32  // RET_SUBMIT
	Setup     [8]byte // CMD_SUBMIT
}

// AppendHeader appends a header.
func AppendHeader(dst []byte, h Header) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	b := dst[start:]
	put := func(at int, v uint32) { binary.BigEndian.PutUint32(b[at:], v) }
	put(atCommand, uint32(h.Command))
	put(atSeq, h.Seq)
	put(atDevID, h.DevID)
	put(atDirection, h.Direction)
	put(atEndpoint, h.Endpoint)
	switch h.Command {
	case CmdSubmit:
		put(atFlags, h.Flags)
		put(atLength, h.Length)
		put(atPackets, h.Packets)
		copy(b[atSetup:], h.Setup[:])
	case RetSubmit:
		put(atStatus, uint32(h.Status))
		put(atLength, h.Length)
		put(atPackets, h.Packets)
		put(atErrors, h.Errors)
	case CmdUnlink:
		put(atTarget, h.Target)
	case RetUnlink:
		put(atStatus, uint32(h.Status))
	}
	return dst
}

// ParseHeader reads a header's fields and judges none of them. ok is false
// where b is too short.
func ParseHeader(b []byte) (h Header, ok bool) {
	if len(b) < HeaderSize {
		return Header{}, false
	}
	get := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	h = Header{
		Command: Command(get(atCommand)), Seq: get(atSeq), DevID: get(atDevID),
		Direction: get(atDirection), Endpoint: get(atEndpoint),
	}
	switch h.Command {
	case CmdSubmit:
		h.Flags, h.Length, h.Packets = get(atFlags), get(atLength), get(atPackets)
		copy(h.Setup[:], b[atSetup:HeaderSize])
	case RetSubmit:
		h.Status, h.Length, h.Packets, h.Errors = int32(get(atStatus)), get(atLength), get(atPackets), get(atErrors)
	case CmdUnlink:
		h.Target = get(atTarget)
	case RetUnlink:
		h.Status = int32(get(atStatus))
	}
	return h, true
}

// IsoDescriptor is one isochronous packet: where it lies in the buffer.
type IsoDescriptor struct {
	Offset, Length, Actual uint32
	Status                 int32
}

// AppendIsoDescriptor appends one.
func AppendIsoDescriptor(dst []byte, d IsoDescriptor) []byte {
	for _, v := range [...]uint32{d.Offset, d.Length, d.Actual, uint32(d.Status)} {
		dst = binary.BigEndian.AppendUint32(dst, v)
	}
	return dst
}

// parseIso reads one; b holds IsoDescriptorSize bytes.
func parseIso(b []byte) IsoDescriptor {
	return IsoDescriptor{
		Offset: binary.BigEndian.Uint32(b), Length: binary.BigEndian.Uint32(b[4:]),
		Actual: binary.BigEndian.Uint32(b[8:]), Status: int32(binary.BigEndian.Uint32(b[12:])),
	}
}
