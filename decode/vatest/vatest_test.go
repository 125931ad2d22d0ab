//go:build linux && cgo && !nonative

package vatest_test

import (
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
)

// TestOpensInProcess is about this very binary: libva takes /dev/null for a
// render node because of the function in node.c.
func TestOpensInProcess(t *testing.T) {
	device := vatest.Use(t, vatest.Knobs{Version: "7"})
	got, err := vatest.Vendor(device)
	need(t, err)
	if want := "Shadow Terminal vatest 7 (libavcodec "; !strings.HasPrefix(got, want) {
		t.Errorf("Vendor(%s) = %q; want %q...", device, got, want)
	}
	if got := vatest.Logs(t); len(got) != 1 || got[0] != (vatest.Counters{}) {
		t.Errorf("Logs() = %+v; want one display that did nothing", got)
	}
	if _, err := vatest.Vendor("/dev/zero"); err == nil {
		t.Error("Vendor(/dev/zero) = no error; want that only /dev/null passes")
	}
}
