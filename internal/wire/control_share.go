package wire

import "encoding/binary"

// Bounds of CLIPBOARD.
const (
	MaxClipboard     = 1 << 20 // bytes of a text
	MaxClipboardPart = 4000    // bytes of it in one message, within MaxControl
)

// What a Clipboard message is.
const (
	ClipboardOffer   = iota // there is a text of Total bytes; Data is empty
	ClipboardRequest        // the peer wants it; Data is empty
	ClipboardPart           // Data stands at Offset in it
)

// Clipboard is an offer of, a wish for or a part of a text. A part may begin
// or end within a letter: the text is checked to be UTF-8 when it is whole.
type Clipboard struct {
	Op            uint8
	Serial        uint32 // of the text; the sender's, another for every text
	Total, Offset uint32
	Data          []byte // aliases the message it was read from
}

// AppendClipboard appends a CLIPBOARD message; Data is cut to MaxClipboardPart.
func AppendClipboard(dst []byte, c Clipboard) []byte {
	dst, at := beginMessage(dst, MessageClipboard)
	data := c.Data[:min(len(c.Data), MaxClipboardPart)]
	dst = append(dst, c.Op, 0)
	dst = binary.LittleEndian.AppendUint32(dst, c.Serial)
	dst = binary.LittleEndian.AppendUint32(dst, c.Total)
	dst = binary.LittleEndian.AppendUint32(dst, c.Offset)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(data)))
	return endMessage(append(dst, data...), at)
}

// Clipboard reads a CLIPBOARD message. Texts beyond MaxClipboard and parts
// beyond their text's end are malformed.
func (m Message) Clipboard() (Clipboard, error) {
	r := read(m, MessageClipboard)
	c := Clipboard{Op: r.u8()}
	r.u8()
	c.Serial, c.Total, c.Offset = r.u32(), r.u32(), r.u32()
	n := int(r.u16())
	if n > MaxClipboardPart || c.Total > MaxClipboard || c.Offset > c.Total || n > int(c.Total-c.Offset) {
		r.bad = true
		n = 0
	}
	c.Data = r.take(n)
	if err := r.err(); err != nil {
		return Clipboard{}, err
	}
	return c, nil
}

// What MIC says: the host asks with the first two, the terminal tells with
// the others.
const (
	MicClose = iota
	MicOpen
	MicClosed
	MicOpened
	MicRefused
	MicMuted
)

// AppendMic appends a MIC message.
func AppendMic(dst []byte, what uint8) []byte {
	dst, at := beginMessage(dst, MessageMic)
	return endMessage(append(dst, what), at)
}

// Mic reads a MIC message.
func (m Message) Mic() (what uint8, err error) {
	r := read(m, MessageMic)
	what = r.u8()
	return what, r.err()
}

// USBOffer is a USB device that the person lets the host have.
type USBOffer struct {
	ID                        uint32 // the terminal's, another for every offer
	Vendor, Product           uint16
	Class, Subclass, Protocol uint8
	Speed                     uint8  // enum usb_device_speed of linux/usb/ch9.h
	DevID                     uint32 // busnum << 16 | devnum, as USB/IP has it
	Name                      string // at most MaxText bytes
}

// AppendUSBOffer appends a USB_OFFER message.
func AppendUSBOffer(dst []byte, o USBOffer) []byte {
	dst, at := beginMessage(dst, MessageUSBOffer)
	dst = binary.LittleEndian.AppendUint32(dst, o.ID)
	dst = binary.LittleEndian.AppendUint16(dst, o.Vendor)
	dst = binary.LittleEndian.AppendUint16(dst, o.Product)
	dst = append(dst, o.Class, o.Subclass, o.Protocol, o.Speed)
	dst = binary.LittleEndian.AppendUint32(dst, o.DevID)
	return endMessage(appendText(dst, o.Name), at)
}

// USBOffer reads a USB_OFFER message.
func (m Message) USBOffer() (USBOffer, error) {
	r := read(m, MessageUSBOffer)
	o := USBOffer{
		ID: r.u32(), Vendor: r.u16(), Product: r.u16(), Class: r.u8(), Subclass: r.u8(), Protocol: r.u8(),
		Speed: r.u8(), DevID: r.u32(),
	}
	o.Name = r.text(int(r.u8()))
	if err := r.err(); err != nil {
		return USBOffer{}, err
	}
	return o, nil
}

// AppendUSBAccept appends a USB_ACCEPT message: the host takes that offer.
func AppendUSBAccept(dst []byte, id uint32) []byte {
	dst, at := beginMessage(dst, MessageUSBAccept)
	return endMessage(binary.LittleEndian.AppendUint32(dst, id), at)
}

// USBAccept reads a USB_ACCEPT message.
func (m Message) USBAccept() (id uint32, err error) {
	r := read(m, MessageUSBAccept)
	id = r.u32()
	return id, r.err()
}

// AppendUSBClose appends a USB_CLOSE message: that offer or device is over.
func AppendUSBClose(dst []byte, id uint32) []byte {
	dst, at := beginMessage(dst, MessageUSBClose)
	return endMessage(binary.LittleEndian.AppendUint32(dst, id), at)
}

// USBClose reads a USB_CLOSE message.
func (m Message) USBClose() (id uint32, err error) {
	r := read(m, MessageUSBClose)
	id = r.u32()
	return id, r.err()
}
