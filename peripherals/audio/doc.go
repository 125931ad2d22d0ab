// Package audio plays the host's sound. [Output] is a sound device with a
// queue; [Player] decodes Opus packets into it, fills the holes that lost ones
// leave and keeps the queue short: enough that a late packet is not heard,
// never so much that sound and picture drift apart.
//
// Neither starts a goroutine. [Player.Push] belongs to one goroutine at a time
// and does not block; the other methods may be called from any. A device that
// goes away is reported once and sound thrown away and counted until there is
// another one: opening it, say once a second, is the caller's business. Output
// needs SDL 2; without cgo or with the tag nonative opening it fails with
// [errors.ErrUnsupported].
package audio

import (
	"errors"
	"time"
)

// Rate is the sampling rate of everything here, in Hz.
const Rate = 48000

// Channels is how many interleaved channels everything here has.
const Channels = 2

// ErrLost says that the device is gone: unplugged, or its server ended.
var ErrLost = errors.New("sound device is gone")

// samples returns how many samples per channel last d.
func samples(d time.Duration) int { return int(d * Rate / time.Second) }

// duration returns how long n samples per channel last.
func duration(n int) time.Duration { return time.Duration(n) * time.Second / Rate }
