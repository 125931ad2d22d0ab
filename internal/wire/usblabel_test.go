package wire_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/wire"
)

func FuzzUSBLabel(f *testing.F) {
	for _, s := range []string{"st.usb.0", "st.usb.4294967295", "st.usb.4294967296", "st.usb.01", "st.usb.", "st.usb.-1", "st.input"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, label string) {
		id, ok := wire.ParseUSBLabel(label)
		if ok && wire.USBLabel(id) != label {
			t.Errorf("ParseUSBLabel(%q) = %d, whose label is %q", label, id, wire.USBLabel(id))
		}
	})
}

func TestUSBLabel(t *testing.T) {
	for _, id := range []uint32{0, 7, 1<<32 - 1} {
		if got, ok := wire.ParseUSBLabel(wire.USBLabel(id)); got != id || !ok {
			t.Errorf("ParseUSBLabel(USBLabel(%d)) = %d, %t", id, got, ok)
		}
	}
	for _, label := range []string{"", "st.usb.", "st.usb.01", "st.usb.+1", "st.usb.4294967296", "st.input"} {
		if id, ok := wire.ParseUSBLabel(label); ok {
			t.Errorf("ParseUSBLabel(%q) = %d; want none", label, id)
		}
	}
}
