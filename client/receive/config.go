package receive

import (
	"errors"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// Defaults of VideoConfig.
const (
	DefaultSlots         = 4096
	DefaultBuffers       = 16
	DefaultMaxAccessUnit = 8 << 20
	videoClockRate       = 90000
)

// VideoConfig describes one video stream. The callbacks must not block; none
// runs under a lock, so they may call the Video.
type VideoConfig struct {
	Screen      int         // which of the host's screens
	Codec       media.Codec //
	ClockRate   uint32      // of RTP time in Hz; 0: 90000
	PayloadType uint8       // packets of another one are passed over; 0: any
	SSRC        uint32      // of the media; 0: the first packet's
	Extensions  ExtIDs
	FEC         bool // repair packets by FlexFEC may come

	Slots         int // packets kept, a power of two; 0: DefaultSlots
	Buffers       int // access units that can be out; 0: DefaultBuffers
	MaxAccessUnit int // bytes; 0: DefaultMaxAccessUnit

	OnAccessUnit func(*media.AccessUnit)          // takes ownership
	SendNACK     func(ssrc uint32, seqs []uint16) // seqs is valid during the call, MaxNACKs at most; nil: not negotiated
	SendPLI      func(ssrc uint32)                // nil: not negotiated
	RTT          func() time.Duration             // to the host and back; nil or 0: not known
	ClockOffset  func() time.Duration             // host clock to local clock; nil: one clock
	TWCC         *TWCC                            // gets every packet that has a number; nil: none
	Reports      *Source                          // gets every packet of the media SSRC; nil: none
}

// complete fills in the defaults and checks the rest.
func (cfg *VideoConfig) complete() error {
	if cfg.OnAccessUnit == nil {
		return errors.New("receive video: no OnAccessUnit")
	}
	if cfg.Codec != media.CodecH264 && cfg.Codec != media.CodecHEVC {
		return fmt.Errorf("receive video: %v: %w", cfg.Codec, errors.ErrUnsupported)
	}
	cfg.Slots = orDefault(cfg.Slots, DefaultSlots)
	cfg.Buffers = orDefault(cfg.Buffers, DefaultBuffers)
	cfg.MaxAccessUnit = orDefault(cfg.MaxAccessUnit, DefaultMaxAccessUnit)
	if cfg.ClockRate == 0 {
		cfg.ClockRate = videoClockRate
	}
	if cfg.Slots < 2*maxGaps || cfg.Slots > 1<<14 || cfg.Slots&(cfg.Slots-1) != 0 {
		return fmt.Errorf("receive video: %d slots, want a power of two from %d to %d", cfg.Slots, 2*maxGaps, 1<<14)
	}
	if cfg.Buffers < 1 || cfg.MaxAccessUnit < 1 {
		return fmt.Errorf("receive video: %d buffers of %d bytes, want more", cfg.Buffers, cfg.MaxAccessUnit)
	}
	return nil
}

func orDefault(n, d int) int {
	if n == 0 {
		return d
	}
	return n
}
