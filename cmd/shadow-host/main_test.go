package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"shadow-host": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			return os.Chmod(e.WorkDir, 0o700)
		},
	})
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"usage", fmt.Errorf("run: %w", usageError{errors.New("x")}), 2},
		{"failed", errors.New("x"), 1},
	}
	for _, tt := range tests {
		if got := report(io.Discard, tt.err); got != tt.want {
			t.Errorf("report(%s) = %d; want %d", tt.name, got, tt.want)
		}
	}
}
