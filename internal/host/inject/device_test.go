package inject_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/host/inject"
)

func TestParseMode(t *testing.T) {
	tests := []struct {
		in   string
		want inject.Mode
		ok   bool
	}{
		{"", inject.ModeAuto, true},
		{"uinput", inject.ModeUInput, true},
		{"none", inject.ModeNone, true},
		{"XTEST", "", false},
	}
	for _, tt := range tests {
		if got, err := inject.ParseMode(tt.in); got != tt.want || (err == nil) != tt.ok {
			t.Errorf("ParseMode(%q) = %q, %v; want %q, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestOpenUInputSaysWhatIsMissing(t *testing.T) {
	dev, err := inject.Open(inject.DeviceConfig{Mode: inject.ModeUInput})
	if err == nil {
		_ = dev.Close()
		t.Skip("this machine has uinput")
	}
	if dev != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open(uinput) = %v, %v; want ErrUnsupported", dev, err)
	}
	if errors.Is(err, os.ErrNotExist) && !strings.Contains(err.Error(), "modprobe uinput") {
		t.Errorf("Open(uinput) = %v; want a hint to modprobe uinput", err)
	}
}

func TestOpenNone(t *testing.T) {
	dev, err := inject.Open(inject.DeviceConfig{Mode: inject.ModeNone})
	if err != nil || dev.Name() != "none" {
		t.Errorf("Open(none) = %v, %v; want none", dev, err)
	}
	if _, err := inject.Open(inject.DeviceConfig{Mode: inject.ModeXTest}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open(xtest) without a display = %v; want ErrUnsupported", err)
	}
	if _, err := inject.Open(inject.DeviceConfig{Mode: "telepathy"}); err == nil {
		t.Error("Open(telepathy) = nil error; want one")
	}
}

// deviceList is a reply of ListInputDevices with two devices.
func deviceList() []byte {
	b := make([]byte, 32)
	b[0], b[8] = 1, 2
	b = append(b, 0, 0, 0, 0, 2, 1, 0, 0) // id 2, one class
	b = append(b, 0, 0, 0, 0, 3, 2, 0, 0) // id 3, two classes
	b = append(b, 0, 8, 8, 255, 0, 0, 0, 0)
	b = append(b, 1, 4, 0, 0, 2, 4, 0, 0)
	b = append(b, 5)
	b = append(b, "mouse"...)
	b = append(b, 3)
	return append(b, "pen"...)
}

func TestParseDeviceNames(t *testing.T) {
	whole := deviceList()
	if got, err := inject.ParseDeviceNames(whole); err != nil || !slices.Equal(got, []string{"mouse", "pen"}) {
		t.Errorf("ParseDeviceNames = %q, %v; want mouse and pen", got, err)
	}
	for n := range whole {
		if got, err := inject.ParseDeviceNames(whole[:n]); err == nil {
			t.Errorf("ParseDeviceNames of %d of %d bytes = %q; want an error", n, len(whole), got)
		}
	}
}

func FuzzParseDeviceNames(f *testing.F) {
	f.Add(deviceList())
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = inject.ParseDeviceNames(b) })
}
