package libav

import "github.com/blade-shadow/terminal/internal/media"

// DecoderConfig says what to decode and with what.
type DecoderConfig struct {
	Codec   media.Codec
	Threads int // slice threads, software only; 0: one per core, four at most

	// Device decodes; nil is software. It may be closed before the decoder.
	Device *Device
	// Export leaves pictures where the device put them, media.DMABuf. Otherwise
	// they are copied to memory, mostly media.NV12.
	Export bool
}

// poolFrames is how many frames a decoder can have out at a time: on screen,
// flip pending, mailbox, in hand, for each of two displays, and as many spare.
const poolFrames = 16

// surfaceFrames is the same for pictures that stay in hardware, whose memory is
// dear (12 MiB each in 4K) and shown by one output: in hand 1, mailbox 2, being
// drawn 1, flip pending 1, on screen 1, spare 2. libavcodec's pool is larger by
// as many than what the codec needs for itself, so a frame that is never
// released shows as ErrFramesHeld and cannot starve the decoder.
const surfaceFrames = 8

// pictureBudget is how many bytes of pictures a decoder in software may have out.
// It is not reached by what the limits of package decode let through: what level 5
// keeps (42 MiB: 3 of 4K, 13 of 1080p), the picture being decoded, and those that
// are shown or wait for it and are not kept any more (2 of 4K, 10 of 1080p).
// libavcodec adds about half as much of its own in HEVC.
const pictureBudget = 80 << 20

// sideRing is how many access units may be inside a decoder while their side
// fields still find their picture. Low delay keeps it at one.
const sideRing = 32

// side is what travels around libavcodec rather than through it.
type side struct {
	pts     int64
	screen  int
	frameID uint32
	rtpTime uint32
	timing  media.Timing
}

// sides carries side fields from access units to their pictures by PTS.
type sides struct {
	next int64
	ring [sideRing]side
}

// put remembers au's side fields and returns the PTS to decode it with.
func (s *sides) put(au *media.AccessUnit) int64 {
	pts := s.next
	s.next++
	s.ring[pts%sideRing] = side{pts, au.Screen, au.FrameID, au.RTPTime, au.Timing}
	return pts
}

// apply sets what was remembered for pts on f, and zeros where nothing was.
func (s *sides) apply(pts int64, f *media.Frame) {
	var e side
	if pts >= 0 && pts < s.next && s.ring[pts%sideRing].pts == pts {
		e = s.ring[pts%sideRing]
	}
	f.Screen, f.FrameID, f.RTPTime, f.Timing = e.screen, e.frameID, e.rtpTime, e.timing
}
