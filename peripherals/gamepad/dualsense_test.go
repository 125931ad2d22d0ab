package gamepad

import (
	"bytes"
	"hash/crc32"
	"testing"
)

// report returns one of a size with some bytes set.
func report(size int, at map[int]byte) []byte {
	b := make([]byte, size)
	for i, v := range at {
		b[i] = v
	}
	return b
}

func TestOutputReports(t *testing.T) {
	effect := Effect{Type: 0x21, Param: [10]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}}
	for _, c := range []struct {
		name      string
		got, want []byte
	}{
		{"DualSense, nothing", AppendDualSense(nil, Output{R: 9, Player: 1, Left: effect}, false, 0), report(63, map[int]byte{0: 2})},
		{
			"DualSense, light and player",
			AppendDualSense(nil, Output{SetLight: true, R: 1, G: 2, B: 3, SetPlayer: true, Player: 3}, false, 0),
			report(63, map[int]byte{0: 2, 2: 0x14, 44: 0x15, 45: 1, 46: 2, 47: 3}),
		},
		{
			"DualSense, right trigger",
			AppendDualSense(nil, Output{SetRight: true, Right: effect}, false, 0),
			report(63, map[int]byte{0: 2, 1: 4, 11: 0x21, 12: 1, 13: 2, 14: 3, 15: 4, 16: 5, 17: 6, 18: 7, 19: 8, 20: 9, 21: 10}),
		},
		{
			"DualSense, left trigger",
			AppendDualSense(nil, Output{SetLeft: true, Left: effect}, false, 0),
			report(63, map[int]byte{0: 2, 1: 8, 22: 0x21, 23: 1, 24: 2, 25: 3, 26: 4, 27: 5, 28: 6, 29: 7, 30: 8, 31: 9, 32: 10}),
		},
		{
			"DualSense, Bluetooth",
			AppendDualSense(nil, Output{SetLight: true, R: 1, G: 2, B: 3}, true, 0x1f)[:74],
			report(74, map[int]byte{0: 0x31, 1: 0xf0, 2: 0x10, 4: 4, 47: 1, 48: 2, 49: 3}),
		},
		{
			"DualShock 4",
			AppendDualShock4(nil, Output{SetLight: true, R: 1, G: 2, B: 3}, false),
			report(32, map[int]byte{0: 5, 1: 2, 6: 1, 7: 2, 8: 3}),
		},
		{
			"DualShock 4, Bluetooth",
			AppendDualShock4(nil, Output{SetLight: true, R: 1, G: 2, B: 3}, true)[:74],
			report(74, map[int]byte{0: 0x11, 1: 0xc0, 3: 2, 8: 1, 9: 2, 10: 3}),
		},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s:\n%x; want\n%x", c.name, c.got, c.want)
		}
	}
}

// A CRC-32 over a message and its own CRC-32 is always the same.
func TestChecksum(t *testing.T) {
	const residue = 0x2144df1c
	for name, b := range map[string][]byte{
		"DualSense":   AppendDualSense(nil, Output{SetLight: true, G: 77}, true, 5),
		"DualShock 4": AppendDualShock4(nil, Output{SetLight: true, B: 200}, true),
	} {
		if len(b) != 78 {
			t.Errorf("%s: %d bytes; want 78", name, len(b))
		}
		if got := crc32.ChecksumIEEE(append([]byte{0xa2}, b...)); got != residue {
			t.Errorf("%s: residue %#x; want %#x", name, got, residue)
		}
	}
}

func TestPlayerLights(t *testing.T) {
	for player, want := range map[uint8]uint8{0: 0, 1: 4, 2: 10, 3: 21, 4: 27, 5: 31, 6: 0, 255: 0} {
		if got := playerLights(player); got != want {
			t.Errorf("playerLights(%d) = %#b; want %#b", player, got, want)
		}
	}
}
