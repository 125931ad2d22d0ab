package kms

import (
	"context"
	"testing"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/displaytest"
)

// TestContract runs what every display keeps on a card in memory.
func TestContract(t *testing.T) {
	displaytest.Run(t, displaytest.Subject{
		New: func(cfg display.Config) (displaytest.Display, error) {
			c, err := Config{Config: cfg}.withDefaults()
			if err != nil {
				return nil, err
			}
			return newDisplay(c, newFake(2))
		},
		Start: start,
	})
}

func start(ctx context.Context, d displaytest.Display) <-chan error {
	result := make(chan error, 1)
	go func() { result <- d.Run(ctx) }()
	return result
}
