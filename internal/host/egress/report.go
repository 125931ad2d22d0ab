package egress

import (
	"context"
	"log/slog"
	"time"

	"github.com/pion/rtcp"

	"github.com/blade-shadow/terminal/internal/wire"
)

// report sends the sender reports (RFC 3550, 6.4.1) when they are due: they
// map each track's RTP clock to the host's wall clock.
func (s *Sender) report(now time.Time) {
	if now.Before(s.nextReport) {
		return
	}
	s.nextReport = now.Add(reportInterval)
	s.mu.Lock()
	packets := s.reportsLocked(now)
	s.reported.add(now)
	s.mu.Unlock()
	s.logFailures(now)
	s.logPath()
	if len(packets) == 0 {
		return
	}
	if err := s.cfg.WriteRTCP(packets); err != nil {
		s.log.Debug("sender report could not be sent", "component", "egress", "err", err)
	}
}

// logFailures tells once a second what write could not send.
func (s *Sender) logFailures(now time.Time) {
	if now.Before(s.nextLog) {
		return
	}
	s.mu.Lock()
	failures, err := s.failures, s.lastErr
	s.lastErr = nil
	s.mu.Unlock()
	if err != nil {
		s.nextLog = now.Add(time.Second)
		s.log.Warn("packets could not be sent", "component", "egress", "failures", failures, "err", err)
	}
}

// logPath tells what is thought of the path, for who looks for the reason.
func (s *Sender) logPath() {
	if !s.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	st := s.Stats()
	p := st.Path
	s.log.Debug("path", "component", "egress", "target_bps", p.TargetBps, "pacing_bps", p.PacingBps, "picture_bps", p.PictureBps,
		"queue", p.QueueDelay, "rtt", st.RTT, "loss", p.Loss, "fec", p.FECShare, "breakdowns", st.Breakdowns, "probes", st.Probes, "lost", st.Lost)
}

// reportsLocked makes a report for each track that has sent anything.
func (s *Sender) reportsLocked(now time.Time) []rtcp.Packet {
	ntp := wire.TimeToNTP(now)
	var all []rtcp.Packet
	for _, v := range s.videos {
		if v.bound != nil && v.stats.Packets > 0 {
			all = append(all, &rtcp.SenderReport{
				SSRC: v.bound.ssrc, NTPTime: ntp, RTPTime: v.rtpTime(now),
				PacketCount: uint32(v.stats.Packets), OctetCount: uint32(v.stats.Bytes),
			})
		}
	}
	if a := s.audio; a != nil && a.bound != nil && a.packets > 0 {
		all = append(all, &rtcp.SenderReport{
			SSRC: a.bound.ssrc, NTPTime: ntp, RTPTime: a.rtpTimeLocked(now),
			PacketCount: uint32(a.packets), OctetCount: uint32(a.octets),
		})
	}
	return all
}

// rtpTimeLocked carries the newest packet's clock on to now: the sound
// device's clock, not ours, decides where samples stand.
func (a *Audio) rtpTimeLocked(now time.Time) uint32 {
	since := now.Sub(a.newest.captured).Microseconds() * (audioClock / 1000) / 1000
	return a.rtpStart + uint32(a.newest.samples) + uint32(since)
}

// reportLog is when the newest reports left, by the middle of their NTP time,
// which is what the peer names them by.
type reportLog struct {
	newest  int
	entries [32]struct {
		lsr uint32
		at  time.Time
	}
}

func (l *reportLog) add(now time.Time) {
	l.newest = (l.newest + 1) % len(l.entries)
	e := &l.entries[l.newest]
	e.lsr, e.at = uint32(wire.TimeToNTP(now)>>16), now
}

// find returns when the report left; 0 names none.
func (l *reportLog) find(lsr uint32) (time.Time, bool) {
	for _, e := range l.entries {
		if e.lsr == lsr && lsr != 0 {
			return e.at, true
		}
	}
	return time.Time{}, false
}
