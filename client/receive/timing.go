package receive

import (
	"time"

	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// readTiming takes the host's stages and its frame number from e. offset is
// added to the host's clock to get the local one.
func readTiming(t *media.Timing, capture uint64, ft wire.FrameTiming, offset time.Duration) {
	if capture == 0 {
		return
	}
	t.Captured = wire.NTPToTime(capture).Add(offset)
	if ft.Frame != 0 {
		t.Encoded = t.Captured.Add(ft.Encoded)
		t.SentFirst = t.Captured.Add(ft.SentFirst)
		t.Sent = t.Captured.Add(ft.Sent)
	}
}
