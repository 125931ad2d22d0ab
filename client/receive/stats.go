package receive

import (
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

// VideoStats counts what happened to one video stream since its start.
type VideoStats struct {
	Packets    uint64 // well-formed, on both SSRCs, duplicates included
	RTXPackets uint64 // those of them on the RTX SSRC
	FECPackets uint64 // those of them on the FEC SSRC
	Bytes      uint64 // of all of them, RTP headers included
	Malformed  uint64 // packets whose header, size or RTX header is wrong
	Duplicates uint64 // received before
	Late       uint64 // came after they were given up
	Stray      uint64 // fitted nowhere in the sequence space
	Restarts   uint64 // sequence spaces the host began after the first

	Reordered uint64 // seemed missing and came by themselves
	Repaired  uint64 // were missing and came because they were asked for
	Recovered uint64 // were missing and came back by FEC
	GivenUp   uint64 // were missing and not waited for any longer
	Waiting   uint64 // are missing now
	Lost      uint64 // Repaired + Recovered + GivenUp + Waiting

	ReorderPackets uint64        // how many packets one was overtaken by at most
	ReorderTime    time.Duration // and how late it was at most
	RepairTime     time.Duration // from request to arrival, smoothed; 0: not known
	LossShare      float64       // of the last packets, 0 to 1

	NACKs      uint64 // times that missing packets were asked for
	Retries    uint64 // packets asked for again because no repair came
	Copies     uint64 // packets asked for twice at once because many packets are lost
	TailProbes uint64 // times that the tail of a frame was asked for

	PlayoutKnown           bool          // the host said how long it wants frames held
	PlayoutMin, PlayoutMax time.Duration // the newest of that; nothing is held for it

	Frames    uint64                  // access units delivered
	Spared    uint64                  // those of them after a loss that needed no keyframe
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
	s.Lost = s.Repaired + s.Recovered + s.GivenUp + s.Waiting
	s.RepairTime, s.LossShare = v.repairs.mean, float64(v.loss)
	s.Frames, s.Keyframes, s.LostBy = v.asm.ledger.completed, v.asm.ledger.keyframes, v.asm.ledger.lost
	s.Damaged, s.TooLarge, s.Starved, s.Spared = v.asm.damaged, v.asm.tooLarge, v.asm.starved, v.asm.spared
	s.KeyframeRequests = v.keys.counts
	for _, c := range s.KeyframeRequests {
		s.PLIs += c.Count
	}
	return s
}
