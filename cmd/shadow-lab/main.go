// Shadow-lab is the developer's bench: it runs shadow-host and shadow-terminal
// together on this machine, with or without a monitor, and measures them. It is
// what `make run` and `make bench` call; the product does not contain it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "shadow-lab: error: %v\n", err)
		os.Exit(1)
	}
}
