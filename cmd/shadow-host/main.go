// Shadow-host shows this machine's screens to a shadow-terminal, plays its
// sound there and takes its keyboard and pointer. It is the reference for
// docs/PROTOCOL.md, and with its test card it needs no screen of its own.
package main

import (
	"errors"
	"os"
	"syscall"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/program"
)

func main() { os.Exit(program.Run(newRoot(), hintFor)) }

// hinted is an error that knows what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// hintFor says what a person can do about err.
func hintFor(err error) string {
	var h hinted
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.Is(err, host.ErrExposed):
		return "add --tls-cert, --tls-key and --token-file, or listen on 127.0.0.1"
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program listens there: stop it or choose another port with --listen"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 and other users' files need more rights: choose another port or file"
	}
	return ""
}
