package libav

import (
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// FileConfig says how to read a file.
type FileConfig struct {
	NoAudio bool // leave the sound alone
}

// FileItem is one picture or one piece of sound.
type FileItem struct {
	Video *media.Frame // I420; the caller releases it. nil: this is sound
	Audio []int16      // 48 kHz stereo, interleaved; valid until the next call
	PTS   time.Duration
}

// FileInfo describes an open file.
type FileInfo struct {
	Width, Height int     // 0: no pictures
	FPS           float64 // mean pictures per second
	HasAudio      bool
}
