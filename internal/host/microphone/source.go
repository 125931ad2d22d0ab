package microphone

import (
	"errors"
	"fmt"
	"strings"
)

// SourceConfig describes a recording device to make.
type SourceConfig struct {
	Name        string // at the server: letters, digits, '-', '_'; "" means shadow_microphone
	Description string // for people, in the same letters and spaces; "" means Terminal microphone
	// Default makes programs that do not choose record from it, until it is
	// closed.
	Default bool
}

var errName = errors.New("open microphone: want a name of letters, digits, '-' and '_'")

// check fills in what was left open and refuses what the server would read as
// further arguments.
func (c *SourceConfig) check() error {
	if c.Name == "" {
		c.Name = "shadow_microphone"
	}
	if c.Description == "" {
		c.Description = "Terminal microphone"
	}
	if !plain(c.Name, "-_") {
		return errName
	}
	if !plain(c.Description, "-_ ") {
		return fmt.Errorf("description %q: %w", c.Description, errName)
	}
	return nil
}

func plain(s, others string) bool {
	return len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r)
	}) < 0
}

// stale returns the numbers of our modules in what `pactl list short modules`
// prints: number, name and arguments with tabs between.
func stale(list, name string) (numbers []string) {
	for line := range strings.Lines(list) {
		f := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(f) == 3 && f[1] == "module-pipe-source" && plain(f[0], "") && strings.Contains(f[2]+" ", "source_name="+name+" ") {
			numbers = append(numbers, f[0])
		}
	}
	return numbers
}
