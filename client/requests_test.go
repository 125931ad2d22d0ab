package client_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/client"
)

// TestRequestsNeverBlock shows that asking for repairs waits for nobody: not
// while a write hangs, and not when nobody writes any more.
func TestRequestsNeverBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asking := client.NewRequests()
		ctx, stop := context.WithCancel(t.Context())
		var written int
		hang := make(chan struct{})
		go asking.Run(ctx, func(...rtcp.Packet) {
			written++
			<-hang
		})
		asking.NACK(1)
		synctest.Wait() // it is being written
		for range 10 * client.MaxRequests {
			asking.NACK(1)
		}
		close(hang)
		synctest.Wait()
		if want := 1 + client.MaxRequests; written != want {
			t.Errorf("%d requests were written; want %d", written, want)
		}
		stop()
		synctest.Wait()
		for range 10 * client.MaxRequests {
			asking.NACK(1)
		}
	})
}
