// Shadow-terminal shows a remote PC: its screens in windows, its sound, and
// everything typed and moved sent back. `connect URL` is for a window on any
// Linux PC, `run` for a terminal with a configuration file.
package main

import (
	"errors"
	"os"
	"runtime"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/linktest"
	"github.com/blade-shadow/terminal/internal/program"
)

// SDL and its windows belong to the main OS thread.
func init() { runtime.LockOSThread() }

func main() { os.Exit(program.Run(newRoot(), hintFor)) }

// hintFor says what a person can do about err.
func hintFor(err error) string {
	var ce *client.Error
	if errors.As(err, &ce) {
		return ce.Hint
	}
	var le *linktest.Error
	if errors.As(err, &le) {
		return le.Hint
	}
	return ""
}
