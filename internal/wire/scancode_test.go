package wire_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// rows reads a table of at least three columns.
func rows(t *testing.T, path string) (all [][]string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			t.Fatalf("%s: %q has %d columns; want 3", path, line, len(f))
		}
		all = append(all, f)
	}
	return all
}

// The kernel's key codes below 0x59 are set 1 make codes, so its table of
// usages checks ours.
func TestScanCodesAgreeWithKernel(t *testing.T) {
	got := map[string]string{}
	for _, f := range rows(t, "../../docs/usage-to-scancode.tsv") {
		if _, err := strconv.ParseUint(f[2], 16, 24); err != nil || f[0] != "07" || got[f[1]] != "" {
			t.Errorf("row %v is malformed or there twice", f)
		}
		got[f[1]] = f[2]
	}
	checked := 0
	for _, f := range rows(t, "../input/keycode/testdata/hid_usage_to_evdev.tsv") {
		code, err := strconv.Atoi(f[2])
		if err != nil || f[0] != "07" || code == 0 || code >= 0x59 || code == 0x55 {
			continue // 0x55 is Zenkaku/Hankaku, whose code F24 has, too
		}
		checked++
		if make1, err := strconv.ParseUint(got[f[1]], 16, 24); err != nil || int(make1) != code {
			t.Errorf("usage 07:%s has make code %q; want %02x", f[1], got[f[1]], code)
		}
	}
	if checked < 80 {
		t.Errorf("only %d usages were checked; want 80 or more", checked)
	}
	for usage, want := range map[string]string{"46": "e037", "48": "e11d45", "58": "e01c", "e4": "e01d", "87": "73", "90": "72", "73": "76", "65": "e05d"} {
		if got[usage] != want {
			t.Errorf("usage 07:%s has make code %q; want %s", usage, got[usage], want)
		}
	}
}
