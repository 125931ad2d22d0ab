// Package program is what every program of the product does around its
// commands: signals, processors, the form of errors and the exit codes (0
// done, 1 failed, 2 usage). It knows no command and no flag. Only programs
// import it; Run is called once, by main, on the main OS thread.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

// processors is how many goroutines may run at once. A thread that is in C
// (coding pictures, waiting for the window system) keeps its place until Go
// notices, which takes up to 10 ms; with one place a core a key or a packet
// would wait behind a picture.
const processors = 8

// UsageError marks a mistake on the command line: exit code 2.
type UsageError struct{ Err error }

// Error returns the mistake.
func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the mistake.
func (e UsageError) Unwrap() error { return e.Err }

// Run executes root until it ends or a signal ends its context, and returns
// the exit code. hint says what to do about an error, "" where it knows
// nothing. A second signal kills.
func Run(root *cobra.Command, hint func(error) string) int {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(runtime.NumCPU(), processors))
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return UsageError{err} })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := root.ExecuteContext(ctx)
	stop()
	if err == nil {
		return 0
	}
	return report(root.ErrOrStderr(), root.Name(), err, hint(err))
}

// report prints err and what to do about it and returns the exit code.
func report(w io.Writer, name string, err error, hint string) int {
	code := 1
	var ue UsageError
	if errors.As(err, &ue) {
		code = 2
		if hint == "" {
			hint = "see " + name + " --help"
		}
	}
	fmt.Fprintf(w, "%s: error: %v\n", name, err)
	if hint != "" {
		fmt.Fprintf(w, "%s: hint: %s\n", name, hint)
	}
	return code
}

// Logger returns a logger of text to w, from a level as it stands in flags.
func Logger(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, UsageError{fmt.Errorf("log level %q is not known: use debug, info, warn or error", level)}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}
