package bluetooth

import (
	"slices"
	"strings"
)

// Kind is what a device is, as far as a terminal cares.
type Kind string

// Kinds.
const (
	KindPad      Kind = "pad"
	KindKeyboard Kind = "keyboard"
	KindMouse    Kind = "mouse"
	KindTablet   Kind = "tablet"  // pen or digitizer
	KindHeadset  Kind = "headset" // headphones and loudspeakers too
	KindOther    Kind = "other"
)

// kindOf classifies by what BlueZ says first, since it has seen more than the
// advertisement, and by services where neither class nor appearance is known.
func kindOf(icon string, class uint32, appearance uint16, services []string) Kind {
	for _, k := range []Kind{kindOfIcon(icon), kindOfClass(class), kindOfAppearance(appearance)} {
		if k != KindOther {
			return k
		}
	}
	if slices.ContainsFunc(services, sink) {
		return KindHeadset
	}
	return KindOther
}

// kindOfIcon reads names of the freedesktop icon naming specification, as
// BlueZ gives them.
func kindOfIcon(icon string) Kind {
	switch icon {
	case "input-gaming":
		return KindPad
	case "input-keyboard":
		return KindKeyboard
	case "input-mouse":
		return KindMouse
	case "input-tablet":
		return KindTablet
	case "audio-headset", "audio-headphones", "audio-card", "audio-speakers":
		return KindHeadset
	}
	return KindOther
}

// kindOfClass reads a class of device: Assigned Numbers 2.8.
func kindOfClass(class uint32) Kind {
	const (
		audio      = 4
		peripheral = 5
	)
	switch major := class >> 8 & 0x1f; major {
	case audio:
		switch class >> 2 & 0x3f {
		case 1, 2, 5, 6, 7, 8, 10: // headsets, loudspeakers, headphones, portable, car, hi-fi
			return KindHeadset
		}
	case peripheral:
		switch class >> 2 & 0xf { // the device first: a pad with keys is a pad
		case 1, 2: // joystick, pad
			return KindPad
		case 5: // digitizer tablet
			return KindTablet
		}
		switch class >> 6 & 3 {
		case 1, 3: // keyboard, keyboard with pointer
			return KindKeyboard
		case 2:
			return KindMouse
		}
	}
	return KindOther
}

// kindOfAppearance reads the GAP appearance of a Low Energy device: Assigned
// Numbers 2.6, category in the upper ten bits.
func kindOfAppearance(appearance uint16) Kind {
	switch appearance {
	case 0x03c1:
		return KindKeyboard
	case 0x03c2, 0x03c9: // mouse, touchpad
		return KindMouse
	case 0x03c3, 0x03c4: // joystick, pad
		return KindPad
	case 0x03c5, 0x03c7: // digitizer tablet, pen
		return KindTablet
	}
	switch appearance >> 6 {
	case 0x21, 0x25: // audio sink, wearable audio
		return KindHeadset
	}
	return KindOther
}

// Services by the first eight digits of their UUIDs, all on the Bluetooth
// base UUID: Assigned Numbers 3.3 and 3.4.
const (
	baseUUID = "-0000-1000-8000-00805f9b34fb"
	uuidHID  = "00001124"
)

// shortUUID returns the first eight digits of a UUID on the base UUID.
func shortUUID(uuid string) string {
	short, ok := strings.CutSuffix(strings.ToLower(uuid), baseUUID)
	if !ok || len(short) != 8 {
		return ""
	}
	return short
}

// sink says whether a service plays sound.
func sink(uuid string) bool {
	switch shortUUID(uuid) {
	case "0000110b", "00001108", "0000111e", "0000184e": // A2DP sink, headset, hands-free, LE audio stream
		return true
	}
	return false
}

// wanted says whether a paired device may use a service of the terminal
// without being trusted yet: human interface, sound and its remote control,
// battery. Networks, files and phone books are not the terminal's business.
func wanted(uuid string) bool {
	switch shortUUID(uuid) {
	case uuidHID, "00001812", // HID, HID over GATT
		"0000110a", "0000110b", "0000110d", // A2DP source, sink, profile
		"0000110c", "0000110e", "0000110f", // AVRCP
		"00001108", "00001112", "00001131", // headset
		"0000111e", "0000111f", // hands-free
		"00001844", "0000184e", "0000184f", "00001850", "00001853", // LE audio
		"0000180f": // battery
		return true
	}
	return false
}
