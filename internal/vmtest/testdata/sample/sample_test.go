// Package sample is what the tests of package vmtest run in the guest. It has
// one test of each end; only TestFail is meant to fail.
package sample

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestPass(t *testing.T) {
	t.Log("logged in the guest")
	fmt.Print("printed without an end")
	t.Run("below", func(t *testing.T) {
		t.Run("deeper", func(*testing.T) {})
	})
	t.Run("with/slash", func(*testing.T) {})
}

func TestSkip(t *testing.T) { t.Skip("nothing to see here") }

func TestFail(t *testing.T) {
	t.Run("good", func(*testing.T) {})
	t.Run("bad", func(t *testing.T) { t.Error("broken on purpose") })
}

func TestParallel(t *testing.T) {
	for i := range 3 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			t.Logf("number %d", i)
		})
	}
}

// TestEnvironment checks what is promised to a test in the guest.
func TestEnvironment(t *testing.T) {
	for name, want := range map[string]string{"REQUIRE_HW": "drm,dmabuf", "LP_PERF": "no_rast_linear", "EXTRA": "yes"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("$%s = %q; want %q", name, got, want)
		}
	}
	if _, err := os.Stat("sample_test.go"); err != nil {
		t.Errorf("working directory: %v", err)
	}
	dir := filepath.Join(os.Getenv("OUT"), "deep")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "left.txt"), []byte("from the guest"), 0o644); err != nil {
		t.Fatal(err)
	}
}
