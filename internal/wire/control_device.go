package wire

import (
	"encoding/binary"

	"github.com/blade-shadow/terminal/internal/input"
)

// Bits of DeviceAdd.Features: what the device can be told or tells beside its
// keys and axes.
const (
	FeatureRumble = 1 << iota
	FeatureTriggerRumble
	FeatureMotion
	FeatureTouchpad
	FeatureLight
	FeatureBattery
	FeatureAdaptiveTriggers
)

// DeviceAdd tells the host of a device that was plugged in.
type DeviceAdd struct {
	Number               uint8 // of Touch, Pen and so on; of a pad that of PAD
	Kind                 input.DeviceKind
	Bus, Vendor, Product uint16 // as the kernel's struct input_id has them
	Features             uint32
	FF                   uint32 // bit n: FFKind n is there
	Name                 string // at most MaxText bytes
}

// AppendDeviceAdd appends a DEVICE_ADD message.
func AppendDeviceAdd(dst []byte, d DeviceAdd) []byte {
	dst, at := beginMessage(dst, MessageDeviceAdd)
	dst = append(dst, d.Number, byte(d.Kind))
	for _, v := range [...]uint16{d.Bus, d.Vendor, d.Product} {
		dst = binary.LittleEndian.AppendUint16(dst, v)
	}
	dst = binary.LittleEndian.AppendUint32(dst, d.Features)
	dst = binary.LittleEndian.AppendUint32(dst, d.FF)
	return endMessage(appendText(dst, d.Name), at)
}

// DeviceAdd reads a DEVICE_ADD message.
func (m Message) DeviceAdd() (DeviceAdd, error) {
	r := read(m, MessageDeviceAdd)
	d := DeviceAdd{
		Number: r.u8(), Kind: input.DeviceKind(r.u8()), Bus: r.u16(), Vendor: r.u16(), Product: r.u16(),
		Features: r.u32(), FF: r.u32(),
	}
	d.Name = r.text(int(r.u8()))
	if err := r.err(); err != nil {
		return DeviceAdd{}, err
	}
	return d, nil
}

// DeviceRemove tells the host that a device was unplugged.
type DeviceRemove struct {
	Number uint8
	Kind   input.DeviceKind // as in DeviceAdd
}

// AppendDeviceRemove appends a DEVICE_REMOVE message.
func AppendDeviceRemove(dst []byte, d DeviceRemove) []byte {
	dst, at := beginMessage(dst, MessageDeviceRemove)
	return endMessage(append(dst, d.Number, byte(d.Kind)), at)
}

// DeviceRemove reads a DEVICE_REMOVE message.
func (m Message) DeviceRemove() (DeviceRemove, error) {
	r := read(m, MessageDeviceRemove)
	d := DeviceRemove{Number: r.u8(), Kind: input.DeviceKind(r.u8())}
	if err := r.err(); err != nil {
		return DeviceRemove{}, err
	}
	return d, nil
}

// BatteryUnknown as Battery.Percent means that the device does not tell.
const BatteryUnknown = 255

// States of a Battery. Unknown ones are treated as BatteryStateUnknown.
const (
	BatteryStateUnknown = iota
	BatteryDischarging
	BatteryCharging
	BatteryFull
)

// Battery is how full the battery of a device is.
type Battery struct {
	Number  uint8
	Kind    input.DeviceKind // as in DeviceAdd
	Percent uint8            // 0 to 100, or BatteryUnknown
	State   uint8
}

// AppendBattery appends a BATTERY message.
func AppendBattery(dst []byte, v Battery) []byte {
	dst, at := beginMessage(dst, MessageBattery)
	return endMessage(append(dst, v.Number, byte(v.Kind), v.Percent, v.State), at)
}

// Battery reads a BATTERY message. More than 100 percent is BatteryUnknown.
func (m Message) Battery() (Battery, error) {
	r := read(m, MessageBattery)
	v := Battery{Number: r.u8(), Kind: input.DeviceKind(r.u8()), Percent: r.u8(), State: r.u8()}
	if err := r.err(); err != nil {
		return Battery{}, err
	}
	if v.Percent > 100 {
		v.Percent = BatteryUnknown
	}
	return v, nil
}
