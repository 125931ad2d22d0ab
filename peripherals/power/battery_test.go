package power_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/peripherals/power"
)

func TestBatteries(t *testing.T) {
	dir := t.TempDir()
	supply := func(name string, attributes ...string) {
		ok(t, os.Mkdir(filepath.Join(dir, name), 0o755))
		for _, a := range attributes {
			attr, value, _ := strings.Cut(a, "=")
			ok(t, os.WriteFile(filepath.Join(dir, name, attr), []byte(value+"\n"), 0o644))
		}
	}
	supply("AC", "type=Mains")
	supply("BAT0", "type=Battery", "capacity=50")
	supply("hid-aa-battery", "type=Battery", "scope=Device", "capacity=7", "status=Discharging", "model_name=Mouse\x1b[31m \xff!")
	ok(t, os.Symlink("../../0005:045E:0B13.0002", filepath.Join(dir, "hid-aa-battery", "device")))
	supply("hid-bb-battery", "type=Battery", "scope=Device", "capacity_level=Low", "status=Charging")
	supply("hid-cc-battery", "type=Battery", "scope=Device", "capacity=101", "status=Full", "model_name="+strings.Repeat("é", 90))
	want := []string{
		`"Mouse[31m !: 7 %" 1 ../../0005:045E:0B13.0002`,
		`"hid-bb-battery: 15 %, charging" 2 `,
		`"` + strings.Repeat("é", 32) + `: charge unknown, full" 3 `,
	}
	var got []string
	for _, b := range power.Batteries(os.DirFS(dir)) {
		got = append(got, fmt.Sprintf("%q %d %s", b, b.Charging, b.Device))
	}
	if !slices.Equal(got, want) {
		t.Errorf("Batteries() = %q; want %q", got, want)
	}
	for i := range 100 {
		supply(fmt.Sprintf("more-%d", i), "type=Battery", "scope=Device")
	}
	if n := len(power.Batteries(os.DirFS(dir))); n > 32 {
		t.Errorf("%d batteries are read; want 32 at most", n)
	}
	if all := power.Batteries(os.DirFS(filepath.Join(dir, "nowhere"))); all != nil {
		t.Errorf("Batteries of a kernel without them = %v; want none", all)
	}
}
