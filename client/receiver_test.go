package client_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/client"
)

// TestCapIsTold shows that a host which knows no SET_BITRATE gets the bound of
// all screens as REMB, about the source it sends.
func TestCapIsTold(t *testing.T) {
	h := newSynthetic(t, 30, 1_000_000)
	start(t, h.url, func(c *client.Config) { c.BitrateBps = 7_000_000 })
	deadline := time.After(10 * time.Second)
	for {
		select {
		case packets := <-h.rtcp:
			for _, p := range packets {
				remb, ok := p.(*rtcp.ReceiverEstimatedMaximumBitrate)
				if !ok {
					continue
				}
				// REMB has 18 bits of mantissa.
				if remb.Bitrate < 6_990_000 || remb.Bitrate > 7_000_000 || !slices.Contains(remb.SSRCs, remb.DestinationSSRC()[0]) {
					t.Errorf("REMB = %+v; want 7 Mb/s", remb)
				}
				return
			}
		case <-deadline:
			t.Fatal("no REMB came")
		}
	}
}
