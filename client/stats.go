package client

import (
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

// maxScreens is how many video sections an offer can have.
const maxScreens = 2

// Stats is what a session has received so far.
type Stats struct {
	Screens   [maxScreens]ScreenStats
	Transport Transport
	Pointer   PointerStats
	Path      Path // of the latest session; its restarts are those of all
}

// PointerStats is what came of the host's pointer.
type PointerStats struct {
	Shapes uint64 // whole ones
	Places uint64 // repeated ones left out
}

// ScreenStats is one screen's frames.
type ScreenStats struct {
	Frames, Keyframes uint64
	Bytes             uint64 // RTP, headers and repairs included
	LostBy            [media.NumCauses]uint64
}

// Transport is how the network did, over all streams.
type Transport struct {
	Packets          uint64  `json:"packets"`
	Lost             uint64  `json:"lost"`
	Repaired         uint64  `json:"repaired"`
	Recovered        uint64  `json:"recovered"` // by FEC
	GivenUp          uint64  `json:"given_up"`
	Late             uint64  `json:"late"` // came after they were given up
	Reordered        uint64  `json:"reordered"`
	FECPackets       uint64  `json:"fec_packets"`
	RTXPackets       uint64  `json:"rtx_packets"`
	Duplicates       uint64  `json:"duplicates"`
	Malformed        uint64  `json:"malformed"`
	NACKs            uint64  `json:"nacks"`
	NACKRepeats      uint64  `json:"nack_repeats"` // packets asked for again because no repair came
	NACKCopies       uint64  `json:"nack_copies"`  // packets asked for twice at once because many are lost
	TailProbes       uint64  `json:"tail_probes"`
	KeyframeRequests uint64  `json:"keyframe_requests"`
	Spared           uint64  `json:"spared_keyframes"` // losses that the stream went on after without one
	ReorderPackets   uint64  `json:"reorder_packets"`  // how many packets one was overtaken by at most
	ReorderMS        float64 `json:"reorder_ms"`       // and how late it was at most
	RepairMS         float64 `json:"repair_ms"`        // from request to arrival, smoothed; 0: not known
	PlayoutMinMS     float64 `json:"playout_min_ms"`   // as the host asked last; nothing is held for it
	PlayoutMaxMS     float64 `json:"playout_max_ms"`
	RTTms            float64 `json:"rtt_ms"` // best of the last exchanges
}

// String is the network's line in a summary.
func (t Transport) String() string {
	return fmt.Sprintf("%d packets, %d lost, %d of them repaired and %d recovered by FEC, %d keyframes asked for, round trip %.2f ms",
		t.Packets, t.Lost, t.Repaired, t.Recovered, t.KeyframeRequests, t.RTTms)
}

// Add adds another session's figures; the round trip is the latest known.
func (s *Stats) Add(o Stats) {
	for i := range s.Screens {
		a, b := &s.Screens[i], &o.Screens[i]
		a.Frames += b.Frames
		a.Keyframes += b.Keyframes
		a.Bytes += b.Bytes
		for c := range a.LostBy {
			a.LostBy[c] += b.LostBy[c]
		}
	}
	s.Transport.add(o.Transport)
	s.Pointer.Shapes += o.Pointer.Shapes
	s.Pointer.Places += o.Pointer.Places
	restarts := s.Path.Restarts + o.Path.Restarts
	if o.Path.Kind != "" {
		s.Path = o.Path
	}
	s.Path.Restarts = restarts
}

func (t *Transport) add(o Transport) {
	t.Packets += o.Packets
	t.Lost += o.Lost
	t.Repaired += o.Repaired
	t.Recovered += o.Recovered
	t.GivenUp += o.GivenUp
	t.Late += o.Late
	t.Reordered += o.Reordered
	t.FECPackets += o.FECPackets
	t.RTXPackets += o.RTXPackets
	t.Duplicates += o.Duplicates
	t.Malformed += o.Malformed
	t.NACKs += o.NACKs
	t.NACKRepeats += o.NACKRepeats
	t.NACKCopies += o.NACKCopies
	t.TailProbes += o.TailProbes
	t.KeyframeRequests += o.KeyframeRequests
	t.Spared += o.Spared
	t.ReorderPackets = max(t.ReorderPackets, o.ReorderPackets)
	t.ReorderMS = max(t.ReorderMS, o.ReorderMS)
	if o.RepairMS > 0 {
		t.RepairMS = o.RepairMS
	}
	if o.PlayoutMaxMS > 0 || o.PlayoutMinMS > 0 {
		t.PlayoutMinMS, t.PlayoutMaxMS = o.PlayoutMinMS, o.PlayoutMaxMS
	}
	if o.RTTms > 0 {
		t.RTTms = o.RTTms
	}
}

// addVideo adds what one stream of a screen received.
func (s *Stats) addVideo(screen int, v receive.VideoStats) {
	s.Add(Stats{
		Screens: only(screen, ScreenStats{Frames: v.Frames, Keyframes: v.Keyframes, Bytes: v.Bytes, LostBy: v.LostBy}),
		Transport: Transport{
			Packets: v.Packets, Lost: v.Lost, Repaired: v.Repaired, Recovered: v.Recovered, GivenUp: v.GivenUp,
			Late: v.Late, Reordered: v.Reordered, FECPackets: v.FECPackets, RTXPackets: v.RTXPackets,
			Duplicates: v.Duplicates, Malformed: v.Malformed, NACKs: v.NACKs, NACKRepeats: v.Retries,
			NACKCopies: v.Copies, TailProbes: v.TailProbes, KeyframeRequests: v.PLIs, Spared: v.Spared,
			ReorderPackets: v.ReorderPackets, ReorderMS: milliseconds(v.ReorderTime), RepairMS: milliseconds(v.RepairTime),
			PlayoutMinMS: milliseconds(v.PlayoutMin), PlayoutMaxMS: milliseconds(v.PlayoutMax),
		},
	})
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1000
}

func only(screen int, s ScreenStats) (all [maxScreens]ScreenStats) {
	all[screen] = s
	return all
}

// Stats returns the figures so far. Any goroutine.
func (s *Session) Stats() Stats {
	st := s.receiver.stats()
	st.Transport.RTTms = milliseconds(s.control.clock.RTT())
	st.Pointer = PointerStats{s.pointer.shapes.Load(), s.pointer.places.Load()}
	st.Path = s.Path()
	return st
}
