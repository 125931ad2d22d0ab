//go:build linux && cgo && !nonative

package gl_test

import (
	"testing"

	"github.com/blade-shadow/terminal/internal/vmtest"
)

// TestInVirtualTerminal runs the tests of dma-bufs and of buffers for scanout
// where there is a card for them.
func TestInVirtualTerminal(t *testing.T) {
	vm := vmtest.Start(t, vmtest.Config{})
	vm.RunTests(t, "./display/gl", vmtest.TestOptions{Require: []string{"drm", "dmabuf"}, Run: "^TestDMABuf"})
}
