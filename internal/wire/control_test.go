package wire_test

import (
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// control is one control message as Go values; exactly one field is set.
type control struct {
	Hello      *hello           `json:",omitempty"`
	HelloAck   *wire.HelloAck   `json:",omitempty"`
	Ping       *uint64          `json:",omitempty"`
	Pong       *pong            `json:",omitempty"`
	SetBitrate *wire.SetBitrate `json:",omitempty"`
	Screen     *wire.Screen     `json:",omitempty"`
	Bye        *wire.Bye        `json:",omitempty"`
	Decoders   []decoder        `json:",omitzero"`
	Limit      *wire.Limit      `json:",omitempty"`
	Layout     []wire.Placement `json:",omitzero"`
	Phase      *phase           `json:",omitempty"`
	Cursor     *cursorPart      `json:",omitempty"`
	Peripheral peripheral       `json:",omitzero"`
	Unknown    *unknown         `json:",omitempty"`
}

// decoder is wire.Decoder with a codec that JSON writes as a number.
type decoder struct {
	Codec int
	wire.Decoder
}

// cursorPart is wire.CursorPart with its data in hexadecimal.
type cursorPart struct {
	wire.CursorPart
	DataHex string
}

func cursorPartOf(p wire.CursorPart) *cursorPart {
	c := &cursorPart{CursorPart: p, DataHex: hex.EncodeToString(p.Data)}
	c.Data = nil
	return c
}

func (c cursorPart) wire() wire.CursorPart {
	c.Data, _ = hex.DecodeString(c.DataHex)
	return c.CursorPart
}

// phase is wire.Phase with its time as a number.
type phase struct {
	Screen       uint8
	AtNS, Period int64
}

// hello is wire.Hello with a list of codecs that JSON writes as numbers.
type hello struct {
	MinVersion, MaxVersion uint16
	Screens                uint8
	Codecs                 []int
	Program, Version       string
}

func (h hello) wire() wire.Hello {
	w := wire.Hello{MinVersion: h.MinVersion, MaxVersion: h.MaxVersion, Screens: h.Screens, Program: h.Program, Version: h.Version}
	for _, c := range h.Codecs {
		w.Codecs = append(w.Codecs, media.Codec(c))
	}
	return w
}

func helloOf(w wire.Hello) *hello {
	h := &hello{MinVersion: w.MinVersion, MaxVersion: w.MaxVersion, Screens: w.Screens, Program: w.Program, Version: w.Version}
	for _, c := range w.Codecs {
		h.Codecs = append(h.Codecs, int(c))
	}
	return h
}

// unknown is a message of a type that nobody knows, its body in hexadecimal.
type unknown struct {
	Type    wire.MessageType
	Flags   uint8
	BodyHex string
}

// pong is wire.Pong with its time as a number.
type pong struct {
	Echo   uint64
	WallNS int64
}

func (c control) encode(b []byte) []byte {
	switch {
	case c.Hello != nil:
		return wire.AppendHello(b, c.Hello.wire())
	case c.HelloAck != nil:
		return wire.AppendHelloAck(b, *c.HelloAck)
	case c.Ping != nil:
		return wire.AppendPing(b, *c.Ping)
	case c.Pong != nil:
		return wire.AppendPong(b, wire.Pong{Echo: c.Pong.Echo, Wall: time.Unix(0, c.Pong.WallNS)})
	case c.SetBitrate != nil:
		return wire.AppendSetBitrate(b, *c.SetBitrate)
	case c.Screen != nil:
		return wire.AppendScreen(b, *c.Screen)
	case c.Bye != nil:
		return wire.AppendBye(b, *c.Bye)
	case c.Limit != nil:
		return wire.AppendLimit(b, *c.Limit)
	case c.Decoders != nil:
		return wire.AppendDecoders(b, decodersOf(c.Decoders))
	case c.Layout != nil:
		return wire.AppendLayout(b, c.Layout)
	case c.Cursor != nil:
		return wire.AppendCursor(b, c.Cursor.wire())
	case c.Phase != nil:
		return wire.AppendPhase(b, wire.Phase{Screen: c.Phase.Screen, At: time.Unix(0, c.Phase.AtNS), Period: time.Duration(c.Phase.Period)})
	}
	if c.Unknown == nil {
		return c.Peripheral.encode(b)
	}
	body, err := hex.DecodeString(c.Unknown.BodyHex)
	if err != nil {
		panic(err) // a vector that is not hexadecimal
	}
	return wire.AppendMessage(b, wire.Message{Type: c.Unknown.Type, Flags: c.Unknown.Flags, Body: body})
}

// decodeControl takes all messages of one SCTP message.
func decodeControl(b []byte) (all []control, err error) {
	for len(b) > 0 {
		var m wire.Message
		if m, b, err = wire.ParseMessage(b); err != nil {
			return nil, err
		}
		c, err := decodeMessage(m)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func decodeMessage(m wire.Message) (c control, err error) {
	switch m.Type {
	case wire.MessageHello:
		var h wire.Hello
		h, err = m.Hello()
		c.Hello = helloOf(h)
	case wire.MessageHelloAck:
		c.HelloAck, err = ref(m.HelloAck())
	case wire.MessagePing:
		c.Ping, err = ref(m.Ping())
	case wire.MessagePong:
		var p wire.Pong
		p, err = m.Pong()
		c.Pong = &pong{Echo: p.Echo, WallNS: p.Wall.UnixNano()}
	case wire.MessageSetBitrate:
		c.SetBitrate, err = ref(m.SetBitrate())
	case wire.MessageScreen:
		c.Screen, err = ref(m.Screen())
	case wire.MessageBye:
		c.Bye, err = ref(m.Bye())
	case wire.MessageDecoders:
		c.Decoders = []decoder{}
		var all []wire.Decoder
		all, err = m.Decoders()
		for _, d := range all {
			c.Decoders = append(c.Decoders, decoder{int(d.Codec), d})
		}
	case wire.MessageLimit:
		c.Limit, err = ref(m.Limit())
	case wire.MessageLayout:
		c.Layout, err = m.Layout()
		c.Layout = append([]wire.Placement{}, c.Layout...)
	case wire.MessagePhase:
		var p wire.Phase
		p, err = m.Phase()
		c.Phase = &phase{p.Screen, p.At.UnixNano(), int64(p.Period)}
	case wire.MessageCursor:
		var p wire.CursorPart
		p, err = m.Cursor()
		c.Cursor = cursorPartOf(p)
	default:
		if c.Peripheral, err = decodePeripheral(m); err != nil || c.Peripheral != (peripheral{}) {
			return c, err
		}
		c.Unknown = &unknown{Type: m.Type, Flags: m.Flags, BodyHex: hex.EncodeToString(m.Body)}
	}
	return c, err
}

func decodersOf(all []decoder) (out []wire.Decoder) {
	for _, d := range all {
		d.Decoder.Codec = media.Codec(d.Codec)
		out = append(out, d.Decoder)
	}
	return out
}

func ref[T any](v T, err error) (*T, error) { return &v, err }

func TestControlText(t *testing.T) {
	long := strings.Repeat("é", 300)
	b := wire.AppendBye(nil, wire.Bye{Code: wire.ByeSourceEnded, Reason: "x" + long})
	m, rest, err := wire.ParseMessage(b)
	if err != nil || len(rest) != 0 {
		t.Fatalf("ParseMessage = %v, %d bytes left; want none", err, len(rest))
	}
	bye, err := m.Bye()
	if want := "x" + long[:510]; err != nil || bye.Reason != want {
		t.Errorf("reason of 601 bytes comes as %d bytes, %v; want %d whole letters", len(bye.Reason), err, len(want))
	}
	b = wire.AppendHello(nil, wire.Hello{Program: "a\xffb"})
	m, _, _ = wire.ParseMessage(b)
	if h, err := m.Hello(); err != nil || h.Program != "a\uFFFDb" {
		t.Errorf("program a\\xffb comes as %q, %v; want the bad byte replaced", h.Program, err)
	}
}

func TestParseMessageRefuses(t *testing.T) {
	for _, b := range [][]byte{{1}, {1, 0, 1, 0}, append([]byte{9, 0, 1, 0x10}, make([]byte, 0x1001)...)} {
		if _, _, err := wire.ParseMessage(b); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("ParseMessage(%d bytes, %x...) = %v; want ErrMalformed", len(b), b[:1], err)
		}
	}
	tests := []struct {
		name string
		read func(wire.Message) error
		m    wire.Message
	}{
		{"hello", func(m wire.Message) error { _, err := m.Hello(); return err }, wire.Message{Type: wire.MessageHello, Body: []byte{1, 0, 1, 0, 1, 2, 1}}},
		{"hello ack without size", func(m wire.Message) error { _, err := m.HelloAck(); return err }, wire.Message{Type: wire.MessageHelloAck, Body: make([]byte, 40)}},
		{"ping of another type", func(m wire.Message) error { _, err := m.Ping(); return err }, wire.Message{Type: wire.MessagePong, Body: make([]byte, 8)}},
		{"pong", func(m wire.Message) error { _, err := m.Pong(); return err }, wire.Message{Type: wire.MessagePong, Body: make([]byte, 15)}},
		{"bitrate", func(m wire.Message) error { _, err := m.SetBitrate(); return err }, wire.Message{Type: wire.MessageSetBitrate, Body: make([]byte, 4)}},
		{"screen", func(m wire.Message) error { _, err := m.Screen(); return err }, wire.Message{Type: wire.MessageScreen, Body: make([]byte, 9)}},
		{"decoders cut", func(m wire.Message) error { _, err := m.Decoders(); return err }, wire.Message{Type: wire.MessageDecoders, Body: append([]byte{2, 10}, make([]byte, 19)...)}},
		{"decoders of 9 bytes", func(m wire.Message) error { _, err := m.Decoders(); return err }, wire.Message{Type: wire.MessageDecoders, Body: append([]byte{1, 9}, make([]byte, 9)...)}},
		{"17 decoders", func(m wire.Message) error { _, err := m.Decoders(); return err }, wire.Message{Type: wire.MessageDecoders, Body: append([]byte{17, 10}, make([]byte, 170)...)}},
		{"limit", func(m wire.Message) error { _, err := m.Limit(); return err }, wire.Message{Type: wire.MessageLimit, Body: make([]byte, 9)}},
		{"layout cut", func(m wire.Message) error { _, err := m.Layout(); return err }, wire.Message{Type: wire.MessageLayout, Body: append([]byte{1, 28}, make([]byte, 27)...)}},
		{"layout of 17 screens", func(m wire.Message) error { _, err := m.Layout(); return err }, wire.Message{Type: wire.MessageLayout, Body: append([]byte{17, 28}, make([]byte, 17*28)...)}},
		{"layout empty", func(m wire.Message) error { _, err := m.Layout(); return err }, wire.Message{Type: wire.MessageLayout}},
		{"phase", func(m wire.Message) error { _, err := m.Phase(); return err }, wire.Message{Type: wire.MessagePhase, Body: make([]byte, 13)}},
		{"cursor cut", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Height: 1, Total: 2, Data: []byte{1, 2}}, -1)},
		{"cursor without data", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Height: 1, Total: 2}, 0)},
		{"cursor over 256 pixels", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 257, Height: 1, Total: 2, Data: []byte{1, 2}}, 0)},
		{"cursor of no height", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Total: 2, Data: []byte{1, 2}}, 0)},
		{"cursor that points outside", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Height: 1, HotY: 1, Total: 2, Data: []byte{1, 2}}, 0)},
		{"cursor with too much data", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Height: 1, Total: wire.MaxCursorData + 1, Data: []byte{1}}, 0)},
		{"cursor beyond its end", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Height: 1, Total: 2, Offset: 1, Data: []byte{1, 2}}, 0)},
		{"cursor far beyond its end", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Width: 1, Height: 1, Total: 2, Offset: 0xffff_ffff, Data: []byte{1, 2, 3}}, 0)},
		{"no cursor, with data", func(m wire.Message) error { _, err := m.Cursor(); return err }, cursorOf(wire.CursorPart{Total: 1, Data: []byte{1}}, 0)},
		{"bye not utf-8", func(m wire.Message) error { _, err := m.Bye(); return err }, wire.Message{Type: wire.MessageBye, Body: []byte{0, 0, 0xff}}},
		{"bye too long", func(m wire.Message) error { _, err := m.Bye(); return err }, wire.Message{Type: wire.MessageBye, Body: make([]byte, 2+wire.MaxReason+1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.read(tt.m); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("reading %v of %d bytes = %v; want ErrMalformed", tt.m.Type, len(tt.m.Body), err)
			}
		})
	}
}

// cursorOf is a CURSOR with its body cut by that many bytes.
func cursorOf(p wire.CursorPart, cut int) wire.Message {
	b := wire.AppendCursor(nil, p)
	return wire.Message{Type: wire.MessageCursor, Body: b[wire.MessageHeaderSize : len(b)+cut]}
}

func TestSkip(t *testing.T) {
	if err := (wire.Message{Type: 0x40}).Skip(); err != nil {
		t.Errorf("Skip of an unknown message = %v; want nil", err)
	}
	if err := (wire.Message{Type: 0x40, Flags: wire.MustUnderstand}).Skip(); !errors.Is(err, wire.ErrMustUnderstand) {
		t.Errorf("Skip of a message that must be understood = %v; want ErrMustUnderstand", err)
	}
}

func TestNegotiate(t *testing.T) {
	tests := []struct {
		name     string
		min, max uint16
		want     uint16
		err      error
	}{
		{"the same", 1, 1, 1, nil},
		{"newer peer", 1, 9, 1, nil},
		{"too new", 2, 9, 0, wire.ErrVersion},
		{"too old", 0, 0, 0, wire.ErrVersion},
		{"upside down", 2, 1, 0, wire.ErrVersion},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.Hello{MinVersion: tt.min, MaxVersion: tt.max}.Negotiate()
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Negotiate(%d to %d) = %d, %v; want %d, %v", tt.min, tt.max, got, err, tt.want, tt.err)
			}
		})
	}
}

// The numbers of codecs on the wire are those of media.Codec.
func TestCodecNumbers(t *testing.T) {
	if media.CodecH264 != 1 || media.CodecHEVC != 2 {
		t.Errorf("codecs are %d and %d; want 1 and 2, the wire's numbers", media.CodecH264, media.CodecHEVC)
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, v := range controlVectors() {
		var b []byte
		for _, c := range v.Fields {
			b = c.encode(b)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := decodeControl(b)
		if err != nil {
			return
		}
		var encoded []byte
		for _, c := range first {
			if c.HelloAck != nil && len(c.HelloAck.Screens) > wire.MaxScreens {
				return
			}
			encoded = c.encode(encoded)
		}
		again, err := decodeControl(encoded)
		if err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("decode(encode(%+v)) = %+v, %v; want the same", first, again, err)
		}
	})
}
