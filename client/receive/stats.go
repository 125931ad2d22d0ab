package receive

import "github.com/blade-shadow/terminal/internal/media"

// VideoStats counts what happened to one video stream since its start.
type VideoStats struct {
	Packets    uint64 // well-formed, on both SSRCs, duplicates included
	RTXPackets uint64 // those of them on the RTX SSRC
	Bytes      uint64 // of all of them, RTP headers included
	Malformed  uint64 // packets whose header, size or RTX header is wrong
	Duplicates uint64 // received before
	Late       uint64 // came after they were given up
	Stray      uint64 // fitted nowhere in the sequence space
	Restarts   uint64 // sequence spaces the host began after the first

	Reordered uint64 // seemed missing and came by themselves
	Repaired  uint64 // were missing and came because they were asked for
	GivenUp   uint64 // were missing and not waited for any longer
	Waiting   uint64 // are missing now
	Lost      uint64 // Repaired + GivenUp + Waiting

	NACKs      uint64 // times that missing packets were asked for
	Retries    uint64 // packets asked for once more
	TailProbes uint64 // times that the tail of a frame was asked for

	Frames    uint64                  // access units delivered
	Keyframes uint64                  // those of them that are keyframes
	LostBy    [media.NumCauses]uint64 // frames not delivered, by what lost them
	Damaged   uint64                  // access units that break their payload format
	TooLarge  uint64                  // access units beyond MaxAccessUnit
	Starved   uint64                  // access units for which no buffer was free

	PLIs             uint64                  // keyframe requests sent
	KeyframeRequests [maxReasons]ReasonCount // the same by reason; unused ones have no reason
}

// Stats returns the counts so far.
func (v *Video) Stats() VideoStats {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.stats
	s.Waiting = uint64(len(v.win.gaps))
	s.Lost = s.Repaired + s.GivenUp + s.Waiting
	s.Frames, s.Keyframes, s.LostBy = v.asm.ledger.completed, v.asm.ledger.keyframes, v.asm.ledger.lost
	s.Damaged, s.TooLarge, s.Starved = v.asm.damaged, v.asm.tooLarge, v.asm.starved
	s.KeyframeRequests = v.keys.counts
	for _, c := range s.KeyframeRequests {
		s.PLIs += c.Count
	}
	return s
}
