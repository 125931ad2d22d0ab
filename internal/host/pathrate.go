package host

import (
	"fmt"
	"time"
)

// adaptRate follows what the screen may use. A fall counts at once: what is
// encoded above it would wait. Rises are gradual and small steps are left out,
// and encoders that start anew for each follow rarely.
func (sc *screen) adaptRate() error {
	now := time.Now()
	bps := sc.session.rates.bps(sc.index)
	sc.degrade(now, bps)
	bps = sc.nextRate(bps, now.Sub(sc.rateSet))
	if bps == sc.bps {
		return nil
	}
	if err := sc.encoder.SetBitrate(bps); err != nil {
		return fmt.Errorf("screen %d: set %d b/s: %w", sc.index, bps, err)
	}
	sc.bps, sc.rateSet = bps, now
	return nil
}

// nextRate returns the encoder's next rate on its way to bps, since after it
// was last set.
func (sc *screen) nextRate(bps int, since time.Duration) int {
	e, ok := sc.encoder.(reconfigurer)
	anew := ok && !e.Reconfigures()
	switch {
	case anew && since < anewInterval:
		return sc.bps
	case bps < sc.bps && (sc.bps-bps)*50 >= sc.bps:
		return bps
	case bps <= sc.bps || (bps-sc.bps)*20 < sc.bps || since < rateInterval:
		return sc.bps
	case anew:
		return bps
	}
	return min(bps, int(float64(sc.bps)*mostRise))
}

// degrade makes pictures rarer or smaller, or better again, as the path wants;
// fit follows.
func (sc *screen) degrade(now time.Time, bps int) {
	s := sc.session
	if s.sender.Silent() { // nothing is known of the path
		sc.path.wait()
		return
	}
	full := s.wishes.full(sc.index)
	if !sc.path.follow(now, s.plan.codec, full.load(), bps, s.rates.without(sc.index)) {
		return
	}
	s.wishes.degrade(sc.index, sc.path.level)
	sc.totals.degraded.Add(1)
	s.log.Info("pictures follow the path", "component", "host", "screen", sc.index, "level", sc.path.level, "bitrate_bps", bps)
}

// late reports whether the picture is to be left out because earlier ones
// still wait for the path: it would only wait, too. That ends when too many
// were, a picture late is better than none, unless nothing arrives at all.
func (sc *screen) late() bool {
	interval := time.Second * 1000 / time.Duration(max(sc.coded.milliFPS, 1))
	tooMany := time.Duration(sc.skipped+1)*interval > mostSkipped && !sc.session.sender.Silent()
	if sc.track.Backlog() <= max(interval, leastBacklog) || tooMany {
		sc.skipped = 0
		return false
	}
	sc.skipped++
	return true
}

// refreshRound is how long intra refresh takes to renew a picture, twice: the
// round that a loss fell into heals nothing.
const refreshRound = time.Second

// wantKeyframe makes the next picture a keyframe for a terminal that has
// nothing to show (full) or lost something since. With intra refresh a loss
// heals by itself, and only a terminal that still asks a while later gets one.
func (sc *screen) wantKeyframe(full bool) {
	if full || !sc.session.srv.cfg.IntraRefresh {
		sc.keyframe.Store(true)
		return
	}
	now := time.Now().UnixNano()
	asked := sc.asked.Load()
	switch {
	case now-asked > 3*refreshRound.Nanoseconds(): // another loss
		sc.asked.Store(now)
	case now-asked > refreshRound.Nanoseconds():
		sc.asked.Store(0)
		sc.keyframe.Store(true)
	}
}
