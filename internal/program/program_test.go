package program_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/program"
)

func TestRun(t *testing.T) {
	tests := []struct {
		name string
		err  error
		hint string
		want int
		said string
	}{
		{"done", nil, "", 0, ""},
		{"failed", errors.New("x"), "", 1, "tool: error: x\n"},
		{"failed with a hint", errors.New("x"), "do y", 1, "tool: error: x\ntool: hint: do y\n"},
		{"usage", fmt.Errorf("run: %w", program.UsageError{Err: errors.New("x")}), "", 2, "tool: error: run: x\ntool: hint: see tool --help\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var said strings.Builder
			root := &cobra.Command{
				Use: "tool", SilenceUsage: true, SilenceErrors: true,
				RunE: func(*cobra.Command, []string) error { return tt.err },
			}
			root.SetArgs(nil)
			root.SetErr(&said)
			if got := program.Run(root, func(error) string { return tt.hint }); got != tt.want || said.String() != tt.said {
				t.Errorf("Run() = %d, said %q; want %d, %q", got, said.String(), tt.want, tt.said)
			}
		})
	}
}

func TestUnknownFlagIsUsage(t *testing.T) {
	root := &cobra.Command{Use: "tool", SilenceUsage: true, SilenceErrors: true, RunE: func(*cobra.Command, []string) error { return nil }}
	root.SetArgs([]string{"--no-such-flag"})
	root.SetErr(&strings.Builder{})
	if got := program.Run(root, func(error) string { return "" }); got != 2 {
		t.Errorf("Run(--no-such-flag) = %d; want 2", got)
	}
}

func TestLogger(t *testing.T) {
	var out strings.Builder
	log, err := program.Logger(&out, "warn")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("quiet")
	log.Warn("loud")
	if s := out.String(); strings.Contains(s, "quiet") || !strings.Contains(s, "loud") {
		t.Errorf("logged at warn = %q; want warnings only", s)
	}
	var ue program.UsageError
	if _, err := program.Logger(&out, "shout"); !errors.As(err, &ue) {
		t.Errorf("Logger(shout) = %v; want a usage error", err)
	}
}
