package evdev

import (
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/input"
)

// node makes what a device can do of a few words: "key 1-31,114 rel 0,1".
func node(t *testing.T, words string) *Info {
	t.Helper()
	i := &Info{}
	c := &i.Caps
	fields := strings.Fields(words)
	for ; len(fields) >= 2; fields = fields[2:] {
		to := map[string]*Set{"key": &c.Keys, "rel": &c.Rel, "abs": &c.Abs, "sw": &c.Switches, "ff": &c.Feedback, "prop": &c.Props, "led": &c.LEDs}[fields[0]]
		if to == nil {
			t.Fatalf("%q: no type", fields[0])
		}
		for r := range strings.SplitSeq(fields[1], ",") {
			var first, last uint16
			n := 0
			for at, text := range strings.Split(r, "-") {
				v := uint16(0)
				for _, digit := range text {
					v = v*10 + uint16(digit-'0')
				}
				if at == 0 {
					first = v
				}
				last, n = v, n+1
			}
			for code := first; code <= last; code++ {
				to.Add(code)
			}
		}
	}
	return i
}

// The sets are those of real devices (evtest, /proc/bus/input/devices).
func TestClassify(t *testing.T) {
	tests := []struct {
		name, caps string
		want       input.DeviceKind
	}{
		{"USB keyboard", "key 1-83,85-95,96-111,113-119,120-138,183-194,240 led 0-4", input.DeviceKeyboard},
		{"its consumer node", "key 113-115,128,140,150,152,155,156,158,159,163-166,171-174,353,358 rel 6,12 abs 32", input.DeviceKeyboard},
		{"its system node", "key 116,142,143", input.DeviceSwitch},
		{"AT keyboard", "key 1-88,96-127,128-142 led 0-2", input.DeviceKeyboard},
		{"virtio keyboard", "key 1-83,85-122,124-142 led 0-2", input.DeviceKeyboard},
		{"a keyboard that fakes a mouse", "key 1-127,272-276 rel 0,1,8,11", input.DeviceKeyboard},
		{"a keyboard that fakes a pad", "key 1-127,304-318 abs 0-5", input.DeviceKeyboard},
		{"a keyboard that fakes it all", "key 1-767 rel 0-15 abs 0-63 sw 0-16 ff 80-96 prop 0-6", input.DeviceKeyboard},
		{"60 % keyboard without one key", "key 1-30,32-60,97,100,125-127", input.DeviceKeyboard},
		{"mouse", "key 272-276 rel 0,1,8,11", input.DeviceMouse},
		{"trackball without buttons", "rel 0,1", input.DeviceMouse},
		{"dial", "key 256 rel 7", input.DeviceKeyboard},
		{"pure dial", "rel 7", input.DeviceMouse},
		{"QEMU's USB tablet", "key 272-274 rel 8,11 abs 0,1", input.DeviceAbsolute},
		{"pen tablet", "key 320,321,326,330-332 abs 0,1,24,25,26,27 prop 0", input.DevicePen},
		{"pen display", "key 320,321,330-332 abs 0,1,24,26,27 prop 1", input.DevicePen},
		{"touch screen", "key 330 abs 0,1,47,53,54,57 prop 1", input.DeviceTouchscreen},
		{"old touch screen", "key 330 abs 0,1,24", input.DeviceTouchscreen},
		{"touch screen without BTN_TOUCH", "abs 47,53,54,57 prop 1", input.DeviceTouchscreen},
		{"laptop touchpad", "key 272,325,328,330,333-335 abs 0,1,24,47,53,54,57,58 prop 0,2", input.DeviceTouchpad},
		{"Xbox 360 pad", "key 304,305,307,308,310,311,314-318 abs 0-5,16,17 ff 80,81,88-90,96", input.DevicePad},
		{"DualSense", "key 304-318 abs 0-5,16,17 ff 80,81,88-90,96", input.DevicePad},
		{"its touchpad", "key 272,325,330,333 abs 0,1,47,53,54,57 prop 0,2", input.DeviceTouchpad},
		{"its sensors", "abs 0-5 prop 6", input.DeviceOther},
		{"Switch Pro", "key 304-318 abs 0,1,3,4,16,17 ff 80,81,88-90,96", input.DevicePad},
		{"HID joystick", "key 288-299 abs 0,1,2,5,16,17", input.DevicePad},
		{"SNES pad", "key 288-297 abs 0,1", input.DevicePad},
		{"flight stick with feedback", "key 288-299 abs 0,1,3,6,16,17 ff 81-87", input.DevicePad},
		{"G29", "key 288-303,704-712 abs 0,1,2,5,16,17 ff 82,83,84,85,96,97", input.DeviceWheel},
		{"a wheel that says so", "key 288-300,336 abs 0,2,5", input.DeviceWheel},
		{"pedals", "abs 0,1,2", input.DevicePad},
		{"power button", "key 116", input.DeviceSwitch},
		{"lid", "sw 0", input.DeviceSwitch},
		{"HDMI jack", "sw 6,8", input.DeviceSwitch},
		{"headset buttons", "key 114,115,164,582 sw 2,4", input.DeviceKeyboard},
		{"video bus", "key 224-227,241-245", input.DeviceKeyboard},
		{"accelerometer", "abs 0-2 prop 6", input.DeviceOther},
		{"PC speaker", "", input.DeviceOther},
	}
	for _, tt := range tests {
		if got, why := Classify(node(t, tt.caps)); got != tt.want || why == "" {
			t.Errorf("%s: Classify = %v, %q; want %v", tt.name, got, why, tt.want)
		}
	}
}

func TestGroup(t *testing.T) {
	tests := []struct {
		name string
		in   Info
		want string
	}{
		{"USB", Info{Bus: 3, Phys: "usb-0000:00:01.0-2.1/input0", Uniq: "0000", Path: "/dev/input/event1"}, "usb-0000:00:01.0-2.1"},
		{"its second node", Info{Bus: 3, Phys: "usb-0000:00:01.0-2.1/input1", Path: "/dev/input/event2"}, "usb-0000:00:01.0-2.1"},
		{"another port, the same number", Info{Bus: 3, Phys: "usb-0000:00:01.0-2.2/input0", Uniq: "0000"}, "usb-0000:00:01.0-2.2"},
		{"Bluetooth", Info{Bus: 5, Phys: "aa:aa:aa:aa:aa:aa", Uniq: "bb:bb:bb:bb:bb:bb"}, "bluetooth bb:bb:bb:bb:bb:bb"},
		{"AT", Info{Bus: 0x11, Phys: "isa0060/serio0/input0"}, "isa0060/serio0"},
		{"serial number alone", Info{Uniq: "7"}, "serial 7"},
		{"nothing", Info{Path: "/dev/input/event9"}, "/dev/input/event9"},
	}
	for _, tt := range tests {
		if got := tt.in.Group(); got != tt.want {
			t.Errorf("%s: Group() = %q; want %q", tt.name, got, tt.want)
		}
	}
}

func TestSet(t *testing.T) {
	var s Set
	for _, code := range []uint16{0, 63, 64, 767, 768, 65535} {
		s.Add(code)
	}
	var all []uint16
	s.All(func(code uint16) bool { all = append(all, code); return code < 64 })
	if s.Len() != 4 || s.Has(768) || s.Has(65535) || !s.Has(767) || len(all) != 3 {
		t.Errorf("set of 0, 63, 64, 767 has %d codes, %v until 64", s.Len(), all)
	}
	s.Remove(63)
	s.Remove(9999)
	if s.Has(63) || s.Len() != 3 {
		t.Errorf("without 63 it has %d codes; want 3", s.Len())
	}
}
