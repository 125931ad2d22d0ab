package egress

import "time"

// Stats is what a Sender did so far.
type Stats struct {
	Packets  uint64        // given to the socket, repairs, FEC and padding included
	Lost     uint64        // reported lost by transport feedback
	Reported uint64        // reported lost or received
	RTT      time.Duration // newest estimate, 0 unknown
	Failures uint64        // packets that the socket refused
	Path     Path
	Probes   uint64 // clusters
	// Breakdowns is how often what was queued was cut because the path had
	// become much slower.
	Breakdowns uint64
	// Bytes on the wire, headers included.
	SoundBytes, RepairBytes, FECBytes, PictureBytes, PaddingBytes uint64
}

// Path is what was thought of the path at the newest feedback; zero while the
// peer sends none.
type Path struct {
	TargetBps  int
	PacingBps  int
	PictureBps int     // of the target, for coded pictures
	Loss       float64 // share of the packets, 0 to 1
	LossRun    float64 // mean packets lost in a row
	FECShare   float64 // repair packets to picture packets that is aimed at
	QueueDelay time.Duration
}

// Stats may be called from any goroutine.
func (s *Sender) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &s.steering
	out := Stats{
		Packets:    s.feedback.packets,
		Lost:       s.feedback.lost,
		Reported:   s.feedback.reported,
		RTT:        s.rtt.estimate,
		Failures:   s.failures,
		Probes:     s.probes,
		Breakdowns: s.breakdowns,
		SoundBytes: t.totals[kindSound], RepairBytes: t.totals[kindRepair], FECBytes: t.totals[kindFEC],
		PictureBytes: t.totals[kindPicture], PaddingBytes: t.totals[kindPadding],
	}
	if t.controller != nil {
		e := t.confirmed
		out.Path = Path{
			TargetBps: e.TargetBps, PacingBps: e.PacingBps, PictureBps: t.forPicturesLocked(e.TargetBps),
			Loss: e.Loss, LossRun: e.LossRun, FECShare: t.protect.share, QueueDelay: e.QueueDelay,
		}
	}
	return out
}
