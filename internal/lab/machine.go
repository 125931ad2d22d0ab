package lab

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machine says in words what is measured on, and how busy it was with other
// things in the minute before: with a load of one and more the figures say
// little about the programs.
func machine() string {
	model := "unknown processor"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	load := "unknown"
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ = strings.Cut(string(raw), " ")
	}
	return fmt.Sprintf("%d x %s, %s/%s, load %s before", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, load)
}
