package broker_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/broker"
)

func TestCommand(t *testing.T) {
	if broker.Command("") != nil {
		t.Error(`Command("") is a function; want nil`)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	if err := broker.Command("echo hello > '" + mark + "'")(t.Context()); err != nil {
		t.Errorf("Command() = %v; want nil", err)
	}
	if raw, err := os.ReadFile(mark); err != nil || string(raw) != "hello\n" {
		t.Errorf("the command wrote %q, %v; want hello", raw, err)
	}
	err := broker.Command("echo much; yes | head -c 100000; echo; echo cannot do that >&2; exit 3")(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3: cannot do that") || len(err.Error()) > 500 {
		t.Errorf("Command() = %.300v; want its status and last line", err)
	}
}

// A command that hangs is killed with all it started.
func TestCommandHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := broker.Command("sleep 60 & sleep 60")(ctx); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("Command() = %v after %v; want it killed", err, time.Since(began))
	}
}
