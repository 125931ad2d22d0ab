package needs_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/needs"
)

func TestRequired(t *testing.T) {
	for list, want := range map[string]bool{"": false, "x11": true, "drm,x11": true, "x11,drm": true, "x1": false, "x112": false, "drm": false} {
		t.Setenv(needs.Variable, list)
		if got := needs.Required("x11"); got != want {
			t.Errorf("Required(x11) with %q = %v; want %v", list, got, want)
		}
	}
}
