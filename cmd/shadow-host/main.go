// Shadow-host shows this machine's screens to a shadow-terminal, plays its
// sound there and takes its keyboard and pointer. It is the reference for
// docs/PROTOCOL.md, and with its test card it needs no screen of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/blade-shadow/terminal/internal/host"
)

// processors is how many goroutines may run at once. A thread that is in C
// (encoding) keeps its place until Go notices, which takes up to 10 ms; with
// one place a core a packet would wait behind a picture.
const processors = 8

func main() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(runtime.NumCPU(), processors))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	root := newRoot()
	err := root.ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(report(root.ErrOrStderr(), err))
	}
}

// usageError marks a mistake on the command line: exit code 2.
type usageError struct{ error }

// hinted is an error that knows what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// report prints err the way every program of this project does and returns
// the exit code: 1 failed, 2 usage.
func report(w io.Writer, err error) int {
	fmt.Fprintf(w, "shadow-host: error: %v\n", err)
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(w, "shadow-host: hint: %s\n", hint)
	}
	var ue usageError
	if errors.As(err, &ue) {
		return 2
	}
	return 1
}

func hintFor(err error) string {
	var (
		h  hinted
		ue usageError
	)
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.As(err, &ue):
		return "see shadow-host --help"
	case errors.Is(err, host.ErrExposed):
		return "add --tls-cert, --tls-key and --token-file, or listen on 127.0.0.1"
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program listens there: stop it or choose another port with --listen"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 and other users' files need more rights: choose another port or file"
	}
	return ""
}
