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

func TestParseBitrate(t *testing.T) {
	tests := []struct {
		in   string
		want int
	}{
		{"10M", 10_000_000},
		{"2.5M", 2_500_000},
		{"800k", 800_000},
		{"1G", 1_000_000_000},
		{"300000", 300_000},
		{"", 0}, {"M", 0}, {"10m", 0}, {"1k", 0}, {"2G", 0}, {"-5M", 0}, {"NaN", 0}, {"10MM", 0},
	}
	for _, tt := range tests {
		got, err := parseBitrate(tt.in)
		if got != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("parseBitrate(%q) = %d, %v; want %d", tt.in, got, err, tt.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		in   string
		w, h int
		ok   bool
	}{
		{"", 0, 0, true},
		{"1280x720", 1280, 720, true},
		{"1280", 0, 0, false}, {"x", 0, 0, false}, {"0x0", 0, 0, false}, {"-640x480", 0, 0, false}, {"640x480x2", 0, 0, false},
	}
	for _, tt := range tests {
		w, h, err := parseSize(tt.in)
		if w != tt.w || h != tt.h || (err == nil) != tt.ok {
			t.Errorf("parseSize(%q) = %d, %d, %v; want %d, %d", tt.in, w, h, err, tt.w, tt.h)
		}
	}
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
