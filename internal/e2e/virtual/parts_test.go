//go:build linux && !nonative

package virtual_test

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest"
)

// TestDriverOnCard runs the test-only libva driver on a real DRM node, where its
// surfaces are dumb buffers: the other tests here build on that.
func TestDriverOnCard(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Config{Connected: 1})
	vm.RunTests(t, "./decode/vatest", vmtest.TestOptions{
		Require: []string{"drm", "vatest"}, Run: "TestDumbBuffers|TestOpensInProcess", Timeout: 4 * time.Minute,
	})
}
