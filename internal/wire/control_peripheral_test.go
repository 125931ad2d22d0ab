package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// peripheral holds the messages about devices; at most one is set.
type peripheral struct {
	DeviceAdd    *wire.DeviceAdd    `json:",omitempty"`
	DeviceRemove *wire.DeviceRemove `json:",omitempty"`
	Battery      *wire.Battery      `json:",omitempty"`
	FFEffect     *wire.FFEffect     `json:",omitempty"`
	Clipboard    *wire.Clipboard    `json:",omitempty"`
	USBOffer     *wire.USBOffer     `json:",omitempty"`
	Mic          *uint8             `json:",omitempty"`
	USBAccept    *uint32            `json:",omitempty"`
	USBClose     *uint32            `json:",omitempty"`
}

func (p peripheral) encode(b []byte) []byte {
	switch {
	case p.DeviceAdd != nil:
		return wire.AppendDeviceAdd(b, *p.DeviceAdd)
	case p.DeviceRemove != nil:
		return wire.AppendDeviceRemove(b, *p.DeviceRemove)
	case p.Battery != nil:
		return wire.AppendBattery(b, *p.Battery)
	case p.FFEffect != nil:
		return wire.AppendFFEffect(b, *p.FFEffect)
	case p.Clipboard != nil:
		return wire.AppendClipboard(b, *p.Clipboard)
	case p.USBOffer != nil:
		return wire.AppendUSBOffer(b, *p.USBOffer)
	case p.Mic != nil:
		return wire.AppendMic(b, *p.Mic)
	case p.USBAccept != nil:
		return wire.AppendUSBAccept(b, *p.USBAccept)
	case p.USBClose != nil:
		return wire.AppendUSBClose(b, *p.USBClose)
	}
	return b
}

func decodePeripheral(m wire.Message) (p peripheral, err error) {
	switch m.Type {
	case wire.MessageDeviceAdd:
		p.DeviceAdd, err = ref(m.DeviceAdd())
	case wire.MessageDeviceRemove:
		p.DeviceRemove, err = ref(m.DeviceRemove())
	case wire.MessageBattery:
		p.Battery, err = ref(m.Battery())
	case wire.MessageFFEffect:
		p.FFEffect, err = ref(m.FFEffect())
	case wire.MessageClipboard:
		p.Clipboard, err = ref(m.Clipboard())
	case wire.MessageUSBOffer:
		p.USBOffer, err = ref(m.USBOffer())
	case wire.MessageMic:
		p.Mic, err = ref(m.Mic())
	case wire.MessageUSBAccept:
		p.USBAccept, err = ref(m.USBAccept())
	case wire.MessageUSBClose:
		p.USBClose, err = ref(m.USBClose())
	}
	return p, err
}

func at[T any](v T) *T { return &v }

func peripheralVectors() []vector[[]control] {
	return []vector[[]control]{
		{Name: "a pad comes, its battery, and it goes", Fields: []control{
			{Peripheral: peripheral{DeviceAdd: &wire.DeviceAdd{
				Number: 1, Kind: input.DevicePad, Bus: 3, Vendor: 0x054c, Product: 0x0ce6,
				Features: wire.FeatureRumble | wire.FeatureMotion | wire.FeatureAdaptiveTriggers, FF: 1 << wire.FFPeriodic, Name: "Pad für zwei",
			}}},
			{Peripheral: peripheral{Battery: &wire.Battery{Number: 1, Kind: input.DevicePad, Percent: 70, State: wire.BatteryCharging}}},
			{Peripheral: peripheral{DeviceRemove: &wire.DeviceRemove{Number: 1, Kind: input.DevicePad}}},
		}},
		{Name: "a spring, and the gain", Fields: []control{
			{Peripheral: peripheral{FFEffect: &wire.FFEffect{
				Number: 4, Op: wire.FFUpload, ID: 2, Kind: wire.FFSpring, Direction: 0xc000, Delay: 1, Length: 2, AttackLength: 3,
				AttackLevel: 4, FadeLength: 5, FadeLevel: 6, Level: -7, End: 8, Period: 9, Phase: 10, Offset: -11, Wave: 2,
				Axes: [2]wire.FFCondition{{RightSaturation: 65535, LeftSaturation: 12, RightCoeff: -13, LeftCoeff: 14, Deadband: 15, Centre: -16}, {Centre: 17}},
			}}},
			{Peripheral: peripheral{FFEffect: &wire.FFEffect{Number: 4, Op: wire.FFGain, Value: 0x8000}}},
		}},
		{Name: "clipboard", Fields: []control{
			{Peripheral: peripheral{Clipboard: &wire.Clipboard{Serial: 9, Total: 3, Data: []byte{}}}},
			{Peripheral: peripheral{Clipboard: &wire.Clipboard{Op: wire.ClipboardRequest, Serial: 9, Total: 3, Data: []byte{}}}},
			{Peripheral: peripheral{Clipboard: &wire.Clipboard{Op: wire.ClipboardPart, Serial: 9, Total: 3, Offset: 1, Data: []byte("hi")}}},
		}},
		{Name: "microphone opened", Fields: []control{{Peripheral: peripheral{Mic: at(uint8(wire.MicOpened))}}}},
		{Name: "a memory stick offered, taken and closed", Fields: []control{
			{Peripheral: peripheral{USBOffer: &wire.USBOffer{ID: 5, Vendor: 0x0781, Product: 0x5581, Class: 8, Subclass: 6, Protocol: 80, Speed: 5, DevID: 2<<16 | 3, Name: "Stick"}}},
			{Peripheral: peripheral{USBAccept: at(uint32(5))}},
			{Peripheral: peripheral{USBClose: at(uint32(5))}},
		}},
	}
}

// Every message about a device that is cut short is malformed, wherever.
func TestPeripheralMessagesCutShort(t *testing.T) {
	for _, v := range peripheralVectors() {
		for _, c := range v.Fields {
			m, _, err := wire.ParseMessage(c.encode(nil))
			if err != nil {
				t.Fatal(err)
			}
			for n := range m.Body {
				short := wire.Message{Type: m.Type, Body: m.Body[:n]}
				if _, err := decodePeripheral(short); !errors.Is(err, wire.ErrMalformed) {
					t.Errorf("%v of %d bytes, cut to %d = %v; want ErrMalformed", m.Type, len(m.Body), n, err)
				}
			}
			if err := m.Skip(); err != nil {
				t.Errorf("%v: Skip = %v; want nil: no such message must be understood", m.Type, err)
			}
		}
	}
}

func TestClipboardIsBounded(t *testing.T) {
	tests := []struct {
		name string
		c    wire.Clipboard
		ok   bool
	}{
		{"whole", wire.Clipboard{Total: 2, Data: []byte("ab")}, true},
		{"the largest", wire.Clipboard{Total: wire.MaxClipboard, Offset: wire.MaxClipboard - 1, Data: []byte("a")}, true},
		{"too large", wire.Clipboard{Total: wire.MaxClipboard + 1}, false},
		{"beyond its end", wire.Clipboard{Total: 2, Offset: 1, Data: []byte("ab")}, false},
		{"far beyond its end", wire.Clipboard{Total: 2, Offset: 0xffff_ffff, Data: []byte("ab")}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _, _ := wire.ParseMessage(wire.AppendClipboard(nil, tt.c))
			got, err := m.Clipboard()
			if (err == nil) != tt.ok || (tt.ok && !bytes.Equal(got.Data, tt.c.Data)) {
				t.Errorf("Clipboard = %+v, %v; want taken: %v", got, err, tt.ok)
			}
		})
	}
	if b := wire.AppendClipboard(nil, wire.Clipboard{Total: 9999, Data: make([]byte, 9999)}); len(b) > wire.MessageHeaderSize+wire.MaxControl {
		t.Errorf("a part of 9999 bytes becomes a message of %d; want at most %d", len(b), wire.MessageHeaderSize+wire.MaxControl)
	}
}
