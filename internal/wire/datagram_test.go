package wire_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// datagram is a whole input datagram as Go values: what a test compares and
// what stands in the vectors.
type datagram struct {
	Header     wire.Header
	Pointer    *wire.Pointer    `json:",omitempty"`
	PointerAbs *wire.PointerAbs `json:",omitempty"`
	Events     *wire.Events     `json:",omitempty"`
	Keys       *wire.Keys       `json:",omitempty"`
	Pad        *wire.Pad        `json:",omitempty"`
	Ack        *wire.Ack        `json:",omitempty"`
	LEDs       *wire.LEDs       `json:",omitempty"`
	PointerAt  *wire.PointerAt  `json:",omitempty"`
	Touch      *wire.Touch      `json:",omitempty"`
	Pen        *wire.Pen        `json:",omitempty"`
	PadTouch   *wire.PadTouch   `json:",omitempty"`
	PadMotion  *wire.PadMotion  `json:",omitempty"`
	Rumble     *wire.Rumble     `json:",omitempty"`
	RGB        *wire.RGB        `json:",omitempty"`
	Triggers   *wire.Triggers   `json:",omitempty"`
	MotionRate *wire.MotionRate `json:",omitempty"`
}

func (d datagram) encode() []byte {
	b := wire.AppendHeader(nil, d.Header)
	if d.Pointer != nil {
		b = wire.AppendPointer(b, *d.Pointer)
	}
	if d.PointerAbs != nil {
		b = wire.AppendPointerAbs(b, *d.PointerAbs)
	}
	if d.Events != nil {
		b = wire.AppendEvents(b, *d.Events)
	}
	if d.Keys != nil {
		b = wire.AppendKeys(b, *d.Keys)
	}
	if d.Pad != nil {
		b = wire.AppendPad(b, *d.Pad)
	}
	if d.Ack != nil {
		b = wire.AppendAck(b, *d.Ack)
	}
	if d.LEDs != nil {
		b = wire.AppendLEDs(b, *d.LEDs)
	}
	if d.PointerAt != nil {
		b = wire.AppendPointerAt(b, *d.PointerAt)
	}
	return d.encodeDevices(b)
}

func decode(b []byte) (datagram, error) {
	p, err := wire.ParseDatagram(b)
	if err != nil {
		return datagram{}, err
	}
	d := datagram{Header: p.Header}
	for r, ok := p.Next(); ok; r, ok = p.Next() {
		d.add(r)
	}
	return d, nil
}

func (d *datagram) add(r wire.Record) {
	if v, ok := r.Pointer(); ok {
		d.Pointer = &v
	}
	if v, ok := r.PointerAbs(); ok {
		d.PointerAbs = &v
	}
	if v, ok := r.Events(nil); ok {
		if d.Events == nil {
			d.Events = &wire.Events{First: v.First}
		}
		d.Events.List = append(d.Events.List, v.List...)
	}
	if v, ok := r.Keys(nil); ok {
		d.Keys = &v
	}
	if v, ok := r.Pad(); ok {
		d.Pad = &v
	}
	if v, ok := r.Ack(); ok {
		d.Ack = &v
	}
	if v, ok := r.LEDs(); ok {
		d.LEDs = &v
	}
	if v, ok := r.PointerAt(); ok {
		d.PointerAt = &v
	}
	d.addDevices(r)
}

// random returns a datagram that a terminal and a host could make together.
func random(r *rand.Rand) datagram {
	d := datagram{Header: wire.Header{Flags: uint8(r.Uint32()), Epoch: uint16(r.Uint32()), Seq: r.Uint32(), Time: r.Uint32(), Ack: r.Uint32()}}
	if r.IntN(2) == 0 {
		d.Pointer = &wire.Pointer{Age: wire.Age(r.Uint32()), X: r.Uint32(), Y: r.Uint32(), WheelV: r.Uint32(), WheelH: r.Uint32(), Buttons: r.Uint32()}
	}
	if r.IntN(2) == 0 {
		d.PointerAbs = &wire.PointerAbs{InRange: true, Screen: uint8(r.IntN(16)), X: uint16(r.Uint32()), Y: uint16(r.Uint32())}
	}
	if r.IntN(2) == 0 {
		d.Events = &wire.Events{First: r.Uint32()}
		for range 1 + r.IntN(wire.MaxEvents) {
			d.Events.List = append(d.Events.List, randomTransition(r))
		}
	}
	if r.IntN(2) == 0 {
		d.Keys = &wire.Keys{LastEvent: r.Uint32()}
		for range r.IntN(wire.MaxKeys + 1) {
			d.Keys.Held = append(d.Keys.Held, wire.Key(r.Uint32()))
		}
	}
	if r.IntN(2) == 0 {
		d.Pad = &wire.Pad{
			Pad: uint8(r.IntN(wire.MaxPads)), Connected: r.IntN(2) == 0, Age: wire.Age(r.Uint32()), Buttons: r.Uint32(),
			LeftX: int16(r.IntN(65535) - 32767), LeftY: int16(r.IntN(65535) - 32767),
			RightX: int16(r.IntN(65535) - 32767), RightY: int16(r.IntN(65535) - 32767),
			LeftTrigger: uint16(r.Uint32()), RightTrigger: uint16(r.Uint32()),
		}
	}
	if r.IntN(2) == 0 {
		d.Ack = &wire.Ack{Next: r.Uint32(), Echo: r.Uint32(), Hold: time.Duration(r.Uint32()) * time.Microsecond}
	}
	if r.IntN(2) == 0 {
		d.PointerAt = &wire.PointerAt{
			Screen: uint8(r.Uint32()), Visible: r.IntN(2) == 0, Age: wire.Age(r.Uint32()),
			X: uint16(r.Uint32()), Y: uint16(r.Uint32()), Shape: r.Uint32(),
		}
	}
	return d
}

func randomTransition(r *rand.Rand) wire.Transition {
	t := wire.Transition{
		Age: wire.Age(r.Uint32()), Down: r.IntN(2) == 0, Key: wire.Key(r.Uint32()),
		Wheel: uint16(r.Uint32()), X: uint16(r.Uint32()), Y: uint16(r.Uint32()),
	}
	if r.IntN(2) == 0 {
		t.Absolute, t.Screen = true, uint8(r.IntN(wire.MaxScreens))
	}
	return t
}

func TestDatagramRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		want := random(r)
		b := want.encode()
		if got, err := decode(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("decode(encode(%+v)) = %+v, %v; want the same (%x)", want, got, err, b)
		}
	}
}

func TestFullestDatagramFits(t *testing.T) {
	d := datagram{
		Pointer: &wire.Pointer{}, PointerAbs: &wire.PointerAbs{},
		Events: &wire.Events{List: make([]wire.Transition, wire.MaxEvents+10)},
		Keys:   &wire.Keys{Held: make([]wire.Key, wire.MaxKeys+10)},
	}
	b := d.encode()
	got, err := decode(b)
	if err != nil || len(got.Events.List) != wire.MaxEvents || len(got.Keys.Held) != wire.MaxKeys {
		t.Errorf("decode of the fullest datagram (%d bytes) = %v; want %d events and %d keys in %d bytes",
			len(b), err, wire.MaxEvents, wire.MaxKeys, wire.MaxDatagram)
	}
}

func TestParseDatagramRefuses(t *testing.T) {
	header := wire.AppendHeader(nil, wire.Header{})
	with := func(b ...byte) []byte { return append(header[:len(header):len(header)], b...) }
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"empty", nil, wire.ErrMalformed},
		{"header cut", header[:15], wire.ErrMalformed},
		{"too long", make([]byte, wire.MaxDatagram+1), wire.ErrMalformed},
		{"version 2", append([]byte{0x20}, header[1:]...), wire.ErrVersion},
		{"type alone", with(0x01), wire.ErrMalformed},
		{"body cut", with(0x7f, 3, 0, 0), wire.ErrMalformed},
		{"pointer too short", with(0x01, 4, 0, 0, 0, 0), wire.ErrMalformed},
		{"more keys than bytes", with(0x03, 8, 0, 0, 0, 0, 0, 1, 0, 0), wire.ErrMalformed},
		{"pointer's place too short", with(append([]byte{0x87, 11}, make([]byte, 11)...)...), wire.ErrMalformed},
		{"more events than bytes", with(0x04, 6, 0, 0, 0, 0, 1, 0), wire.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := wire.ParseDatagram(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("ParseDatagram(%x) = %v; want %v", tt.b, err, tt.want)
			}
		})
	}
}

func TestLaterVersionsMayAdd(t *testing.T) {
	b := wire.AppendHeader(nil, wire.Header{Seq: 7})
	b = append(b, 0x7e, 2, 0xff, 0xff)              // a record that nobody knows
	b = append(b, 0x82, 6, 0, 0x02, 0, 0, 0xa, 0xb) // LEDS with two bytes more
	got, err := decode(b)
	want := datagram{Header: wire.Header{Seq: 7}, LEDs: &wire.LEDs{Lit: wire.LEDCaps}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decode(%x) = %+v, %v; want %+v", b, got, err, want)
	}
}

func TestKeyRoundTrip(t *testing.T) {
	for _, page := range []input.Usage{input.PageKeyboard, input.PageConsumer, input.PageSystem, input.PageButton, input.PageMarker} {
		for id := range input.Usage(1 << 13) {
			u := page<<16 | id
			k, ok := wire.PackKey(u)
			if got, known := k.Usage(); !ok || !known || got != u {
				t.Fatalf("PackKey(%v).Usage() = %v, %v; want the same", u, got, known)
			}
		}
	}
	for _, u := range []input.Usage{0, input.PageConsumer<<16 | 0x2000, 0x0d0001} {
		if k, ok := wire.PackKey(u); ok {
			t.Errorf("PackKey(%v) = %#x; want none", u, k)
		}
	}
	if u, ok := wire.Key(0xa001).Usage(); ok {
		t.Errorf("Key(0xa001).Usage() = %v; want none", u)
	}
}

func TestAge(t *testing.T) {
	tests := []struct {
		d, want time.Duration
	}{
		{-time.Second, 0},
		{7999 * time.Nanosecond, 0},
		{time.Millisecond, time.Millisecond},
		{time.Hour, 524280 * time.Microsecond},
	}
	for _, tt := range tests {
		if got := wire.AgeOf(tt.d).Duration(); got != tt.want {
			t.Errorf("AgeOf(%v).Duration() = %v; want %v", tt.d, got, tt.want)
		}
	}
}

func TestSerialNumbers(t *testing.T) {
	if !wire.Newer32(0, 0xffff_ffff) || wire.Newer32(5, 5) || wire.Newer32(4, 5) {
		t.Error("Newer32 does not wrap as RFC 1982 says")
	}
	if !wire.Newer16(1, 0xfff0) || wire.Newer16(0xfff0, 1) {
		t.Error("Newer16 does not wrap as RFC 1982 says")
	}
}

func FuzzParseDatagram(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 16 {
		f.Add(random(r).encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := decode(b)
		if err != nil {
			return
		}
		// What was understood survives the way back, whatever was skipped.
		if first.Events != nil && len(first.Events.List) > wire.MaxEvents || first.Keys != nil && len(first.Keys.Held) > wire.MaxKeys {
			return
		}
		again, err := decode(first.encode())
		if err != nil || !same(again, first) {
			t.Errorf("decode(encode(%+v)) = %+v, %v; want the same", first, again, err)
		}
	})
}

// same is DeepEqual but for a run of no events, which needs no record.
func same(a, b datagram) bool {
	for _, d := range []*datagram{&a, &b} {
		if d.Events != nil && len(d.Events.List) == 0 {
			d.Events = nil
		}
	}
	return reflect.DeepEqual(a, b)
}

func BenchmarkDatagram(b *testing.B) {
	events := wire.Events{First: 9, List: make([]wire.Transition, 3)}
	buf := make([]byte, 0, wire.MaxDatagram)
	list := make([]wire.Transition, 0, wire.MaxEvents)
	b.ReportAllocs()
	for b.Loop() {
		buf = wire.AppendHeader(buf[:0], wire.Header{Seq: 1})
		buf = wire.AppendPointer(buf, wire.Pointer{X: 1})
		buf = wire.AppendEvents(buf, events)
		d, err := wire.ParseDatagram(buf)
		if err != nil {
			b.Fatal(err)
		}
		for r, ok := d.Next(); ok; r, ok = d.Next() {
			r.Pointer()
			r.Events(list)
		}
	}
}
