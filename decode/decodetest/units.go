package decodetest

import (
	"sync"

	"github.com/blade-shadow/terminal/internal/media"
)

// Units makes access units and counts how often each is released. Any
// goroutine.
type Units struct {
	mu       sync.Mutex
	made     int
	releases map[uint32]int
}

// New returns an access unit with that frame number and data that is no
// bitstream, ten milliseconds of media time after the one before.
func (u *Units) New(codec media.Codec, frameID uint32, keyframe bool) *media.AccessUnit {
	return u.NewData(codec, frameID, keyframe, []byte{0, 0, 0, 1, 9, 0x10})
}

// NewData is New with a bitstream, which it copies.
func (u *Units) NewData(codec media.Codec, frameID uint32, keyframe bool, data []byte) *media.AccessUnit {
	au := media.NewAccessUnit(func(*media.AccessUnit) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.releases[frameID]++
	})
	au.Codec, au.FrameID, au.Keyframe, au.RTPTime = codec, frameID, keyframe, 900*frameID
	au.Data = append(make([]byte, 0, len(data)+media.Padding), data...)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.releases == nil {
		u.releases = make(map[uint32]int)
	}
	u.made++
	return au
}

// Made is how many access units were made.
func (u *Units) Made() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.made
}

// Releases returns how many access units were released once, and how many
// more than once.
func (u *Units) Releases() (once, more int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, n := range u.releases {
		if n == 1 {
			once++
		} else {
			more++
		}
	}
	return once, more
}
