package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// Hello is the terminal's first message.
type Hello struct {
	MinVersion, MaxVersion uint16 // of this protocol, both spoken
	Screens                uint8  // how many the terminal wants
	Codecs                 []media.Codec
	Program, Version       string // at most MaxText bytes each
}

// Negotiate returns the version that both ends speak, or an error that wraps
// [ErrVersion].
func (h Hello) Negotiate() (uint16, error) {
	v := min(h.MaxVersion, MaxVersion)
	if v < h.MinVersion || v < MinVersion {
		return 0, fmt.Errorf("peer speaks control versions %d to %d, we %d to %d: %w",
			h.MinVersion, h.MaxVersion, MinVersion, MaxVersion, ErrVersion)
	}
	return v, nil
}

// AppendHello appends a HELLO message.
func AppendHello(dst []byte, h Hello) []byte {
	dst, at := beginMessage(dst, MessageHello)
	dst = binary.LittleEndian.AppendUint16(dst, h.MinVersion)
	dst = binary.LittleEndian.AppendUint16(dst, h.MaxVersion)
	codecs := h.Codecs[:min(len(h.Codecs), 255)]
	dst = append(dst, h.Screens, byte(len(codecs)))
	for _, c := range codecs {
		dst = append(dst, byte(c))
	}
	return endMessage(appendText(appendText(dst, h.Program), h.Version), at)
}

// Hello reads a HELLO message. Codecs that nobody knows stay in the list.
func (m Message) Hello() (Hello, error) {
	r := read(m, MessageHello)
	h := Hello{MinVersion: r.u16(), MaxVersion: r.u16(), Screens: r.u8()}
	for _, c := range r.take(int(r.u8())) {
		h.Codecs = append(h.Codecs, media.Codec(c))
	}
	h.Program = r.text(int(r.u8()))
	h.Version = r.text(int(r.u8()))
	if err := r.err(); err != nil {
		return Hello{}, err
	}
	return h, nil
}

// Screen is one screen of the host and how it is coded.
type Screen struct {
	Index         uint8
	Width, Height uint16 // pixels
	MilliFPS      uint32 // frames per 1000 s
	Codec         media.Codec
}

const screenSize = 10

func appendScreen(dst []byte, s Screen) []byte {
	dst = append(dst, s.Index)
	dst = binary.LittleEndian.AppendUint16(dst, s.Width)
	dst = binary.LittleEndian.AppendUint16(dst, s.Height)
	dst = binary.LittleEndian.AppendUint32(dst, s.MilliFPS)
	return append(dst, byte(s.Codec))
}

func (r *reader) screen() Screen {
	return Screen{Index: r.u8(), Width: r.u16(), Height: r.u16(), MilliFPS: r.u32(), Codec: media.Codec(r.u8())}
}

// HelloAck is the host's answer to HELLO.
type HelloAck struct {
	Version uint16 // what both speak from now on
	Screens []Screen
	Host    string // its name for people, at most MaxText bytes
}

// AppendHelloAck appends a HELLO_ACK message; it leaves out screens over
// [MaxScreens].
func AppendHelloAck(dst []byte, h HelloAck) []byte {
	dst, at := beginMessage(dst, MessageHelloAck)
	dst = binary.LittleEndian.AppendUint16(dst, h.Version)
	screens := h.Screens[:min(len(h.Screens), MaxScreens)]
	dst = append(dst, byte(len(screens)), screenSize)
	for _, s := range screens {
		dst = appendScreen(dst, s)
	}
	return endMessage(appendText(dst, h.Host), at)
}

// HelloAck reads a HELLO_ACK message.
func (m Message) HelloAck() (HelloAck, error) {
	r := read(m, MessageHelloAck)
	h := HelloAck{Version: r.u16()}
	count, size := int(r.u8()), int(r.u8())
	if size < screenSize {
		r.bad = true
	}
	for range count {
		if r.bad {
			break
		}
		one := reader{b: r.take(size), bad: r.bad} // later versions may say more of a screen
		h.Screens = append(h.Screens, one.screen())
	}
	h.Host = r.text(int(r.u8()))
	if err := r.err(); err != nil {
		return HelloAck{}, err
	}
	return h, nil
}

// AppendScreen appends a SCREEN message: a screen's picture is from now on
// as s says.
func AppendScreen(dst []byte, s Screen) []byte {
	dst, at := beginMessage(dst, MessageScreen)
	return endMessage(appendScreen(dst, s), at)
}

// Screen reads a SCREEN message.
func (m Message) Screen() (Screen, error) {
	r := read(m, MessageScreen)
	s := r.screen()
	if err := r.err(); err != nil {
		return Screen{}, err
	}
	return s, nil
}
