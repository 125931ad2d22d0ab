package libav

import "time"

// pulseFragmentBytes is how much the server gathers before it hands sound over:
// 5 ms of 48 kHz stereo in 16 bits.
const pulseFragmentBytes = 48000 * 2 * 2 / 200

// pulsePoll is how often a waiting Read looks for sound.
const pulsePoll = time.Millisecond
