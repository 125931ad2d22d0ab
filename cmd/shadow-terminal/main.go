// Shadow-terminal shows a remote PC: its screens in windows, its sound, and
// everything typed and moved sent back. `connect URL` is for a window on any
// Linux PC, `run` for a terminal with a configuration file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/blade-shadow/terminal/client"
)

// SDL and its windows belong to the main OS thread.
func init() { runtime.LockOSThread() }

// processors is how many goroutines may run at once. A thread that is in C
// (decoding, waiting for the window system) keeps its place until Go notices,
// which takes up to 10 ms; with one place a core a key would wait behind a
// picture.
const processors = 8

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(runtime.NumCPU(), processors))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(report(err))
	}
}

// usageError marks a mistake on the command line: exit code 2.
type usageError struct{ error }

// report prints err the way every program of this project does and returns
// the exit code: 1 failed, 2 usage.
func report(err error) int {
	fmt.Fprintf(os.Stderr, "shadow-terminal: error: %v\n", err)
	var ce *client.Error
	if errors.As(err, &ce) && ce.Hint != "" {
		fmt.Fprintf(os.Stderr, "shadow-terminal: hint: %s\n", ce.Hint)
	}
	var ue usageError
	if errors.As(err, &ue) {
		fmt.Fprintln(os.Stderr, "shadow-terminal: hint: see shadow-terminal --help")
		return 2
	}
	return 1
}
