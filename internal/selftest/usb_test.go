package selftest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/selftest"
)

func TestUSB(t *testing.T) {
	sys := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(sys, "bus/usb", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"idVendor": "0781", "idProduct": "5581", "bDeviceClass": "00", "bDeviceSubClass": "00", "bDeviceProtocol": "00", "busnum": "1",
		"devnum": "7", "speed": "480", "product": "Ultra Fit", "descriptors": "",
	} {
		put("devices/1-2/"+name, text)
	}
	r, err := selftest.USB(t.Context(), selftest.USBConfig{Sys: sys, Proc: sys})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Devices) != 1 || r.Devices[0].Route != "redirect" || !r.Devices[0].May || r.MBps <= 0 {
		t.Errorf("report %+v; want one device that may be given away, and a rate", r)
	}
	if !strings.Contains(r.Kernel, "usbip-host") || !slices.ContainsFunc(r.Failures(), func(f string) bool { return strings.Contains(f, "usbip-host") }) {
		t.Errorf("kernel %q, failures %q; want the missing module named", r.Kernel, r.Failures())
	}
	put("drivers/usbip-host/match_busid", "")
	if r, err = selftest.USB(t.Context(), selftest.USBConfig{Sys: sys, Proc: sys}); err != nil || r.Kernel != "" {
		t.Errorf("with usbip-host: %+v, %v", r, err)
	}
	var text, object bytes.Buffer
	if err := selftest.Write(&text, r, false); err != nil || !strings.Contains(text.String(), "Ultra Fit") {
		t.Errorf("table %q, %v", text.String(), err)
	}
	var read map[string]any
	if err := selftest.Write(&object, r, true); err != nil || json.Unmarshal(object.Bytes(), &read) != nil || read["relay_mb_per_s"] == nil {
		t.Errorf("JSON %s, %v", object.String(), err)
	}
}
