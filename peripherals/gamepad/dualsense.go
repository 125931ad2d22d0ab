package gamepad

import (
	"encoding/binary"
	"hash/crc32"
)

// Numbers of Sony's pads whose output reports are known.
const (
	VendorSony              = 0x054c
	ProductDualShock4       = 0x05c4
	ProductDualShock4Second = 0x09cc // the second DualShock 4
	ProductDualSense        = 0x0ce6
	ProductEdge             = 0x0df2 // DualSense Edge
)

// Sizes and numbers of the reports: structs dualsense_output_report and
// dualshock4_output_report of the kernel's drivers/hid/hid-playstation.c.
const (
	senseUSB, senseUSBSize             = 0x02, 63
	senseBluetooth, senseBluetoothSize = 0x31, 78
	shockUSB, shockUSBSize             = 0x05, 32
	shockBluetooth, shockBluetoothSize = 0x11, 78

	crcSeed = 0xa2 // HIDP's header of an output report, which is summed but not sent here
)

// Effect is what an adaptive trigger does, in the pad's words.
type Effect struct {
	Type  uint8
	Param [10]byte
}

// Output is what a pad of Sony's is told. What is not set stays as it is;
// rumble is the kernel's business.
type Output struct {
	SetLight          bool
	R, G, B           uint8
	SetPlayer         bool
	Player            uint8 // which pad it is, from 1; others than 1 to 5 are dark
	SetLeft, SetRight bool
	Left, Right       Effect
}

// AppendDualSense appends the report that is written to a DualSense's hidraw.
// Over Bluetooth seq differs from that of the report before; the low 4 bits
// count.
func AppendDualSense(dst []byte, o Output, bluetooth bool, seq uint8) []byte {
	if !bluetooth {
		var b [senseUSBSize]byte
		b[0] = senseUSB
		o.dualSense(b[1:])
		return append(dst, b[:]...)
	}
	var b [senseBluetoothSize]byte
	b[0], b[1], b[2] = senseBluetooth, seq<<4, 0x10
	o.dualSense(b[3:])
	sum(b[:])
	return append(dst, b[:]...)
}

// dualSense fills what both kinds of report share, 47 bytes.
func (o *Output) dualSense(b []byte) {
	if o.SetRight {
		b[0] |= 1 << 2
		b[10] = o.Right.Type
		copy(b[11:21], o.Right.Param[:])
	}
	if o.SetLeft {
		b[0] |= 1 << 3
		b[21] = o.Left.Type
		copy(b[22:32], o.Left.Param[:])
	}
	if o.SetLight {
		b[1] |= 1 << 2
		b[44], b[45], b[46] = o.R, o.G, o.B
	}
	if o.SetPlayer {
		b[1] |= 1 << 4
		b[43] = playerLights(o.Player)
	}
}

// playerLights is the pattern of the five lamps below the touchpad, as the
// console shows it.
func playerLights(player uint8) uint8 {
	lights := [...]uint8{0, 0b00100, 0b01010, 0b10101, 0b11011, 0b11111}
	if int(player) >= len(lights) {
		return 0
	}
	return lights[player]
}

// AppendDualShock4 appends the report that is written to a DualShock 4's
// hidraw. It has a light alone.
func AppendDualShock4(dst []byte, o Output, bluetooth bool) []byte {
	var b [shockBluetoothSize]byte
	size, common := shockUSBSize, b[1:]
	b[0] = shockUSB
	if bluetooth {
		size, common = shockBluetoothSize, b[3:]
		b[0], b[1] = shockBluetooth, 0x80|0x40 // it is HID, it has a checksum
	}
	if o.SetLight {
		common[0] = 1 << 1
		common[5], common[6], common[7] = o.R, o.G, o.B
	}
	if bluetooth {
		sum(b[:])
	}
	return append(dst, b[:size]...)
}

// sum fills a report's last four bytes: the CRC-32 of what a Bluetooth packet
// has before them.
func sum(b []byte) {
	end := len(b) - 4
	crc := crc32.Update(crc32.ChecksumIEEE([]byte{crcSeed}), crc32.IEEETable, b[:end])
	binary.LittleEndian.PutUint32(b[end:], crc)
}
