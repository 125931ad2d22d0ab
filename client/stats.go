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
	Reordered        uint64  `json:"reordered"`
	Duplicates       uint64  `json:"duplicates"`
	Malformed        uint64  `json:"malformed"`
	NACKs            uint64  `json:"nacks"`
	KeyframeRequests uint64  `json:"keyframe_requests"`
	RTTms            float64 `json:"rtt_ms"` // best of the last exchanges
}

// String is the network's line in a summary.
func (t Transport) String() string {
	return fmt.Sprintf("%d packets, %d lost, %d of them repaired, %d keyframes asked for, round trip %.2f ms",
		t.Packets, t.Lost, t.Repaired, t.KeyframeRequests, t.RTTms)
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
}

func (t *Transport) add(o Transport) {
	t.Packets += o.Packets
	t.Lost += o.Lost
	t.Repaired += o.Repaired
	t.Reordered += o.Reordered
	t.Duplicates += o.Duplicates
	t.Malformed += o.Malformed
	t.NACKs += o.NACKs
	t.KeyframeRequests += o.KeyframeRequests
	if o.RTTms > 0 {
		t.RTTms = o.RTTms
	}
}

// addVideo adds what one stream of a screen received.
func (s *Stats) addVideo(screen int, v receive.VideoStats) {
	s.Add(Stats{
		Screens: only(screen, ScreenStats{Frames: v.Frames, Keyframes: v.Keyframes, Bytes: v.Bytes, LostBy: v.LostBy}),
		Transport: Transport{
			Packets: v.Packets, Lost: v.Lost, Repaired: v.Repaired, Reordered: v.Reordered,
			Duplicates: v.Duplicates, Malformed: v.Malformed, NACKs: v.NACKs, KeyframeRequests: v.PLIs,
		},
	})
}

func only(screen int, s ScreenStats) (all [maxScreens]ScreenStats) {
	all[screen] = s
	return all
}

// Stats returns the figures so far. Any goroutine.
func (s *Session) Stats() Stats {
	st := s.receiver.stats()
	st.Transport.RTTms = float64(s.control.clock.RTT().Round(time.Microsecond).Microseconds()) / 1000
	st.Pointer = PointerStats{s.pointer.shapes.Load(), s.pointer.places.Load()}
	return st
}
