package lab

import (
	"context"
	"fmt"
	"time"
)

// checkInterval is how often [Until] looks.
const checkInterval = 20 * time.Millisecond

// Until repeats check until it returns nil or ctx ends; the error then says
// what was waited for and what check said last.
func Until(ctx context.Context, what string, check func() error) error {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w (last: %w)", what, ctx.Err(), err)
		}
	}
}
