// Shadow-lab is the developer's bench: it runs shadow-host and shadow-terminal
// together on this machine, with or without a monitor, and measures them. It is
// what `make run` and `make bench` call; the product does not contain it.
package main

import (
	"os"

	"github.com/blade-shadow/terminal/internal/program"
)

func main() { os.Exit(program.Run(newRoot(), func(error) string { return "" })) }
