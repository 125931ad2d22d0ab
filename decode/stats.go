package decode

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// Reason says why an access unit gave no picture.
type Reason uint8

// The reasons.
const (
	DropOverflow  Reason = iota // arrived faster than decoded
	DropWaiting                 // not decodable before the next keyframe
	DropRefused                 // the backend returned an error
	DropNoPicture               // the backend took it and gave nothing
	DropHung                    // the backend did not come back from it
	DropShutdown                // still queued when Run ended
	NumReasons                  // how many there are
)

// String returns the reason as it stands in summaries.
func (r Reason) String() string {
	names := [...]string{"overflow", "waiting_for_keyframe", "refused", "no_picture", "hung", "shutdown"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}

// Stats is what a decoder has done so far. Every access unit is either in
// Decoded, in Dropped, or still queued.
type Stats struct {
	Decoded    uint64
	Dropped    [NumReasons]uint64
	Rewritten  uint64 // access units whose H.264 parameter sets held pictures back
	Rebuilds   uint64 // backends opened again after failures
	Downgrades uint64 // links left, or found not to open
	Hangs      uint64 // calls that were given up
	Hanging    int    // threads that have not come back from one

	Codec         media.Codec // of the last keyframe
	Width, Height int         // of the last picture
	Backend       string      // the link in use, "" before the first keyframe
	DMABuf        bool        // pictures are media.DMABuf
	Reason        string      // of the last downgrade
}

// DroppedTotal is how many access units gave no picture, for any reason.
func (s Stats) DroppedTotal() uint64 {
	var n uint64
	for _, d := range s.Dropped {
		n += d
	}
	return n
}
