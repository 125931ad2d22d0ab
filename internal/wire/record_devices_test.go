package wire_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// encodeDevices appends the records of touch, pens and pads.
func (d datagram) encodeDevices(b []byte) []byte {
	if d.Touch != nil {
		b = wire.AppendTouch(b, d.Touch)
	}
	if d.Pen != nil {
		b = wire.AppendPen(b, *d.Pen)
	}
	if d.PadTouch != nil {
		b = wire.AppendPadTouch(b, *d.PadTouch)
	}
	if d.PadMotion != nil {
		b = wire.AppendPadMotion(b, *d.PadMotion)
	}
	if d.Rumble != nil {
		b = wire.AppendRumble(b, *d.Rumble)
	}
	if d.RGB != nil {
		b = wire.AppendRGB(b, *d.RGB)
	}
	if d.Triggers != nil {
		b = wire.AppendTriggers(b, *d.Triggers)
	}
	if d.MotionRate != nil {
		b = wire.AppendMotionRate(b, *d.MotionRate)
	}
	return b
}

func (d *datagram) addDevices(r wire.Record) {
	if v := new(wire.Touch); r.Touch(v) {
		d.Touch = v
	}
	if v, ok := r.Pen(); ok {
		d.Pen = &v
	}
	if v, ok := r.PadTouch(); ok {
		d.PadTouch = &v
	}
	if v, ok := r.PadMotion(); ok {
		d.PadMotion = &v
	}
	if v, ok := r.Rumble(); ok {
		d.Rumble = &v
	}
	if v, ok := r.RGB(); ok {
		d.RGB = &v
	}
	if v, ok := r.Triggers(); ok {
		d.Triggers = &v
	}
	if v, ok := r.MotionRate(); ok {
		d.MotionRate = &v
	}
}

// randomDevices fills all records of touch, pens and pads.
func randomDevices(r *rand.Rand) (d datagram) {
	u8 := func() uint8 { return uint8(r.Uint32()) }
	u16 := func() uint16 { return uint16(r.Uint32()) }
	i16 := func() int16 { return int16(r.Uint32()) }
	yes := func() bool { return r.IntN(2) == 0 }
	contact := func() input.Contact {
		return input.Contact{ID: u8(), Tool: u8(), X: u16(), Y: u16(), Pressure: u16(), Major: u16(), Minor: u16()}
	}
	d.Header = wire.Header{Seq: r.Uint32()}
	d.Touch = &wire.Touch{Device: u8(), N: uint8(r.IntN(input.MaxContacts + 1)), Screen: u8(), Age: wire.Age(u16())}
	for i := range d.Touch.N {
		d.Touch.Contacts[i] = contact()
	}
	d.Pen = &wire.Pen{
		Device: u8(), InRange: yes(), Touching: yes(), Eraser: yes(), Screen: u8(), Age: wire.Age(u16()), X: u16(), Y: u16(),
		Pressure: u16(), TiltX: int8(u8()), TiltY: int8(u8()), Rotation: u16(), Distance: u16(), Buttons: u16(),
	}
	d.PadTouch = &wire.PadTouch{Pad: u8(), N: uint8(r.IntN(3)), Age: wire.Age(u16())}
	for i := range d.PadTouch.N {
		d.PadTouch.Contacts[i] = contact()
	}
	d.PadMotion = &wire.PadMotion{Pad: u8(), Age: wire.Age(u16()), AccelX: i16(), AccelY: i16(), AccelZ: i16(), GyroX: i16(), GyroY: i16(), GyroZ: i16()}
	d.Rumble = &wire.Rumble{Pad: u8(), Low: u16(), High: u16(), LeftTrigger: u16(), RightTrigger: u16(), TTL: time.Duration(u16()) * time.Millisecond}
	d.RGB = &wire.RGB{Pad: u8(), R: u8(), G: u8(), B: u8()}
	d.Triggers = &wire.Triggers{Pad: u8(), SetLeft: yes(), SetRight: yes(), LeftType: u8(), RightType: u8()}
	for i := range d.Triggers.Left {
		d.Triggers.Left[i], d.Triggers.Right[i] = u8(), u8()
	}
	d.MotionRate = &wire.MotionRate{Pad: u8(), Hertz: u16()}
	return d
}

func TestDeviceRecordsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 7))
	for range 2000 {
		want := randomDevices(r)
		got, err := decode(want.encode())
		if err != nil || !equal(got, want) {
			t.Fatalf("decode(encode(%+v)) = %+v, %v; want the same", want, got, err)
		}
	}
}

// Hot path: neither side may allocate, whatever the record.
func TestDeviceRecordsAllocateNothing(t *testing.T) {
	d := randomDevices(rand.New(rand.NewPCG(1, 2)))
	buf := make([]byte, 0, wire.MaxDatagram)
	var touch wire.Touch
	n := testing.AllocsPerRun(100, func() {
		b := d.encodeDevices(wire.AppendHeader(buf, d.Header))
		p, err := wire.ParseDatagram(b)
		if err != nil {
			t.Fatal(err)
		}
		for rec, ok := p.Next(); ok; rec, ok = p.Next() {
			rec.Touch(&touch)
			rec.Pen()
			rec.PadTouch()
			rec.PadMotion()
			rec.Rumble()
			rec.RGB()
			rec.Triggers()
			rec.MotionRate()
		}
	})
	if n != 0 {
		t.Errorf("encoding and decoding all records of devices = %v allocations; want 0", n)
	}
}

func TestContactsAreBounded(t *testing.T) {
	tests := []struct {
		name string
		body []byte
		kind wire.RecordType
		ok   bool
	}{
		{"touch of 17", append([]byte{0, 17, 0, 0, 0, 0}, make([]byte, 204)...), wire.RecordTouch, false},
		{"touch with one of two", append([]byte{0, 2, 0, 0, 0, 0}, make([]byte, 12)...), wire.RecordTouch, false},
		{"touch of 16", append([]byte{0, 16, 0, 0, 0, 0}, make([]byte, 192)...), wire.RecordTouch, true},
		{"pad touch of 3", append([]byte{0, 3, 0, 0}, make([]byte, 36)...), wire.RecordPadTouch, false},
		{"pad touch of 2", append([]byte{0, 2, 0, 0}, make([]byte, 24)...), wire.RecordPadTouch, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := wire.AppendHeader(nil, wire.Header{})
			b = append(append(b, byte(tt.kind), byte(len(tt.body))), tt.body...)
			if _, err := wire.ParseDatagram(b); (err == nil) != tt.ok {
				t.Errorf("ParseDatagram = %v; want taken: %v", err, tt.ok)
			}
		})
	}
	b := wire.AppendTouch(nil, &wire.Touch{N: 200})
	if want := 2 + 6 + 16*12; len(b) != want {
		t.Errorf("AppendTouch of 200 contacts is %d bytes; want %d", len(b), want)
	}
}
