package pace

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/media"
)

const ms = time.Millisecond

// stream is when pictures arrive.
type stream []time.Duration

// steady arrives every interval from offset on, each up to jitter late.
func steady(n int, offset, interval, jitter time.Duration) stream {
	r := rand.New(rand.NewPCG(1, 2))
	s := make(stream, n)
	for i := range s {
		s[i] = offset + time.Duration(i)*interval
		if jitter > 0 {
			s[i] += time.Duration(r.Int64N(int64(jitter)))
		}
	}
	slices.Sort(s)
	return s
}

// shown is one flip: which picture, when it arrived and when it was seen.
type shown struct {
	picture     int
	arrived, at time.Duration
	repeat      bool
}

// panel is an output in simulated time.
type panel struct {
	period, longest time.Duration // longest > 0: variable
	draw            time.Duration
	noCounter       bool          // flips complete at once and count nothing
	oversleep       time.Duration // at most, by which timers are late
}

// run plays a stream on a panel and returns every flip.
func (d panel) run(p *Pacer, s stream, until time.Duration) (flips []shown) {
	epoch := time.Unix(1000, 0)
	at := func(t time.Duration) time.Time { return epoch.Add(t) }
	const never = time.Duration(1 << 62)
	var (
		now     time.Duration
		inbox   []int
		next    int
		flip    = never // when the pending flip completes
		pending shown
		last    = -time.Second
		r       = rand.New(rand.NewPCG(5, 6))
		planned time.Duration
		late    time.Duration // of the timer for planned
	)
	for now < until {
		wake := flip
		if next < len(s) {
			wake = min(wake, s[next])
		}
		plan := p.Plan(at(now), len(inbox))
		inbox = inbox[plan.Drop:]
		if !plan.At.IsZero() && flip == never {
			if plan.At.Sub(epoch) <= now {
				done := now + d.draw
				pending = shown{repeat: plan.Repeat}
				if !plan.Repeat {
					pending.picture, pending.arrived = inbox[0], s[inbox[0]]
					inbox = inbox[1:]
				} else if len(flips) > 0 {
					pending.picture = flips[len(flips)-1].picture
				}
				p.Drawn(at(done), d.draw, len(inbox), plan.Repeat)
				flip = d.flipAfter(done, last)
				continue
			}
			if at := plan.At.Sub(epoch); at != planned && d.oversleep > 0 {
				planned, late = at, time.Duration(r.Int64N(int64(d.oversleep)))
			}
			wake = min(wake, plan.At.Sub(epoch)+late)
		}
		if wake == never {
			break
		}
		now = max(now, wake)
		for next < len(s) && s[next] <= now {
			p.Arrived(at(s[next]))
			inbox = append(inbox, next)
			next++
		}
		if flip <= now {
			pending.at, last = flip, flip
			flips = append(flips, pending)
			seq := uint32(flip/d.period) + 1000
			if d.noCounter {
				seq = 0
			}
			p.Flipped(at(flip), seq)
			flip = never
		}
	}
	return flips
}

func (d panel) flipAfter(done, last time.Duration) time.Duration {
	switch {
	case d.noCounter:
		return done + 100*time.Microsecond
	case d.longest > 0:
		return max(done, last+d.period)
	}
	return (done/d.period + 1) * d.period
}

// TestFreshEveryBlank: at equal rates every blank shows a new picture, in
// order, and none waits longer than a period and what slack costs.
func TestFreshEveryBlank(t *testing.T) {
	period := time.Second / 60
	for _, tt := range []struct {
		name   string
		jitter time.Duration
		worst  time.Duration // from arrival to flip
		missed int           // blanks without a new picture, of 1100
	}{
		{"still", 0, period, 1},
		{"a quarter of jitter", period / 4, 2 * period, 8},
		{"half a period of jitter", period / 2, 5 * period / 2, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New(Config{Period: period})
			flips := panel{period: period, draw: 2 * ms}.run(p, steady(1200, 5*ms, period, tt.jitter), 20*time.Second)
			flips = flips[100:]
			gaps, worst := 0, time.Duration(0)
			for i := 1; i < len(flips); i++ {
				gaps += int((flips[i].at-flips[i-1].at+period/2)/period) - 1
				worst = max(worst, flips[i].at-flips[i].arrived)
				if flips[i].picture <= flips[i-1].picture {
					t.Fatalf("flip %d shows picture %d after %d", i, flips[i].picture, flips[i-1].picture)
				}
			}
			if gaps > tt.missed || worst > tt.worst {
				t.Errorf("blanks without a new picture = %d, longest wait = %v; want at most %d, %v", gaps, worst, tt.missed, tt.worst)
			}
		})
	}
}

// TestFullRateWhereItIsTight: pictures that come after the moment planned for
// drawing, and timers that are late, cost single blanks and not every second one.
func TestFullRateWhereItIsTight(t *testing.T) {
	period := time.Second / 60
	for _, tt := range []struct {
		name      string
		offset    time.Duration
		jitter    time.Duration
		oversleep time.Duration
		least     int // pictures shown of 900
	}{
		{"arrives when drawing should begin", period - ms, 0, 0, 880},
		{"arrives around it", period - 2*ms, 2 * ms, 0, 850},
		{"timers up to 1 ms late", 5 * ms, 0, ms, 880},
		{"timers up to 4 ms late", 5 * ms, 0, 4 * ms, 850},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New(Config{Policy: VBlank, Period: period})
			flips := panel{period: period, draw: 200 * time.Microsecond, oversleep: tt.oversleep}.
				run(p, steady(1000, tt.offset, period, tt.jitter), 20*time.Second)
			if n := len(flips) - 100; n < tt.least {
				t.Errorf("shown = %d of 900; want at least %d", n, tt.least)
			}
		})
	}
}

// TestSlackGoes: a burst leaves one picture in hand; half a second later it
// has not been needed and is given up.
func TestSlackGoes(t *testing.T) {
	period := time.Second / 60
	s := steady(240, 5*ms, period, 0)
	for i := 60; i < 75; i++ { // a stall of a quarter second, then all at once
		s[i] = s[75]
	}
	p := New(Config{Period: period})
	flips := panel{period: period, draw: 2 * ms}.run(p, s, 4*time.Second)
	wait := flips[len(flips)-1].at - flips[len(flips)-1].arrived
	if wait > period {
		t.Errorf("a picture waits %v two seconds after a burst; want at most %v", wait, period)
	}
	if got := p.Counts().Dropped; got < 13 || got > 15 {
		t.Errorf("dropped = %d of a burst of 15; want all but one or two", got)
	}
}

// TestFastStream: twice as many pictures as blanks: the newest is shown, none
// waits a whole period.
func TestFastStream(t *testing.T) {
	period := time.Second / 60
	p := New(Config{Period: period})
	flips := panel{period: period, draw: ms}.run(p, steady(1000, 3*ms, period/2, 0), 8*time.Second)
	for _, f := range flips[60:] {
		if f.at-f.arrived > period {
			t.Fatalf("picture %d waited %v; want at most %v", f.picture, f.at-f.arrived, period)
		}
	}
}

// TestSlowStreamOnArrival: 30 pictures on 144 Hz are drawn as they come.
func TestSlowStreamOnArrival(t *testing.T) {
	period := time.Second / 144
	p := New(Config{Period: period})
	flips := panel{period: period, draw: ms}.run(p, steady(300, 3*ms, time.Second/30, 4*ms), 10*time.Second)
	if got := p.Now(); got != Arrival {
		t.Errorf("Now() = %v; want arrival", got)
	}
	for _, f := range flips {
		if f.at-f.arrived > period+ms {
			t.Fatalf("picture %d waited %v; want at most a blank and its drawing, %v", f.picture, f.at-f.arrived, period+ms)
		}
	}
	if len(flips) != 300 {
		t.Errorf("shown = %d; want all 300", len(flips))
	}
}

// TestNoCounter: a driver whose flips complete at once is kept to the rate of
// its mode by our own clock.
func TestNoCounter(t *testing.T) {
	period := time.Second / 60
	p := New(Config{Period: period})
	flips := panel{period: period, draw: ms, noCounter: true}.run(p, steady(4000, ms, ms, 0), 4*time.Second)
	if n := len(flips); n > 4*60+2 || n < 4*60-12 {
		t.Errorf("flips in 4 s of a stream of 1000/s = %d; want about 240", n)
	}
}

// TestVariable: within the range every picture flips as soon as it is drawn;
// the cap holds above it; below it repeats keep the panel alive and do not
// delay the next picture.
func TestVariable(t *testing.T) {
	fast, slow := time.Second/144, time.Second/48
	short := fast + fast*capPercent/100
	for _, tt := range []struct {
		name     string
		interval time.Duration
		wait     time.Duration // from arrival to flip, all but the first second
		repeats  int           // between two pictures
	}{
		{"inside", time.Second / 100, 2 * ms, 0},
		{"24 frames/s", time.Second / 24, 2 * ms, 2},
		{"10 frames/s", time.Second / 10, 2 * ms, 4},
		{"above", time.Second / 200, short + 2*ms, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := New(Config{Policy: Variable, Period: fast, MaxPeriod: slow})
			flips := panel{period: fast, longest: slow, draw: ms}.run(p, steady(int(6*time.Second/tt.interval), 0, tt.interval, 0), 6*time.Second)
			repeats := 0
			for i := 1; i < len(flips); i++ {
				gap := flips[i].at - flips[i-1].at
				if flips[i].at < time.Second {
					repeats++
					if !flips[i].repeat {
						repeats = 0
					}
					continue
				}
				if gap > slow {
					t.Fatalf("at %v nothing was shown for %v; the panel needs a picture every %v", flips[i].at, gap, slow)
				}
				if !flips[i].repeat && gap < short-ms/100 {
					t.Fatalf("two flips %v apart; want at least %v", gap, short)
				}
				if flips[i].repeat {
					repeats++
					continue
				}
				if repeats != tt.repeats {
					t.Fatalf("repeats before picture %d = %d; want %d", flips[i].picture, repeats, tt.repeats)
				}
				repeats = 0
				if w := flips[i].at - flips[i].arrived; w > tt.wait {
					t.Fatalf("picture %d waited %v; want at most %v", flips[i].picture, w, tt.wait)
				}
			}
		})
	}
}

// TestLeadGrows: drawing that takes longer than thought costs a few blanks,
// not all.
func TestLeadGrows(t *testing.T) {
	period := time.Second / 60
	p := New(Config{Policy: VBlank, Period: period})
	panel{period: period, draw: 9 * ms}.run(p, steady(600, 0, period, 0), 10*time.Second)
	if got := p.Counts().Missed; got == 0 || got > 12 {
		t.Errorf("missed blanks while drawing takes 9 ms = %d; want a few until it is learned", got)
	}
}

func TestPeriodIsMeasured(t *testing.T) {
	nominal, real := 16666667*time.Nanosecond, 16668000*time.Nanosecond
	p := New(Config{Period: nominal})
	start := time.Unix(5, 0)
	for i := range 200 {
		p.Flipped(start.Add(time.Duration(i)*real), uint32(500+i))
	}
	now := start.Add(200 * real)
	due, period, ok := p.Phase(now)
	if !ok || (period-real).Abs() > 20 {
		t.Errorf("Phase() period = %v, %v; want %v", period, ok, real)
	}
	if due.Before(now) || due.Sub(now) > period {
		t.Errorf("Phase() due = %v after now; want within a period", due.Sub(now))
	}
}

// TestPhaseLockGain plays two streams through the whole way: one captured at
// any phase, one where the host follows the lock. It has to wait less.
func TestPhaseLockGain(t *testing.T) {
	period := time.Second / 60
	d := panel{period: period, draw: 2 * ms}
	wait := func(offset time.Duration) (mean time.Duration) {
		flips := d.run(New(Config{Policy: VBlank, Period: period}), steady(900, offset, period, ms), 15*time.Second)[200:]
		for _, f := range flips {
			mean += f.at - f.arrived
		}
		return mean / time.Duration(len(flips))
	}
	// Capture is 8 ms and up to one of jitter before arrival.
	var l Lock
	epoch := time.Unix(1000, 0)
	for i := range 100 {
		c := epoch.Add(time.Duration(i) * period)
		l.Add(c, c.Add(8*ms+time.Duration(i%10)*ms/10))
	}
	p := New(Config{Policy: VBlank, Period: period})
	d.run(p, steady(100, 0, period, 0), 2*time.Second)
	due, _, ok := p.Phase(epoch.Add(2 * time.Second))
	at, known := l.Capture(due)
	if !ok || !known {
		t.Fatal("Phase() or Capture() is not known after 100 pictures")
	}
	locked := wait(at.Add(8*ms).Sub(epoch) % period)
	var worst, sum time.Duration
	for i := range 16 {
		w := wait(period * time.Duration(i) / 16)
		worst, sum = max(worst, w), sum+w
	}
	if mean := sum / 16; locked > mean-4*ms {
		t.Errorf("mean wait with phase lock = %v; want 4 ms less than the %v without (worst %v)", locked, mean, worst)
	}
}

func TestLockNeedsEnough(t *testing.T) {
	var l Lock
	for range lockFrom - 1 {
		l.Add(time.Unix(1, 0), time.Unix(1, 5000000))
	}
	l.Add(time.Time{}, time.Unix(1, 0))
	l.Add(time.Unix(2, 0), time.Unix(1, 0))
	if _, ok := l.Capture(time.Unix(9, 0)); ok {
		t.Error("Capture() is known after 29 pictures; want 30")
	}
	l.Add(time.Unix(1, 0), time.Unix(1, 5000000))
	at, ok := l.Capture(time.Unix(9, 0))
	if want := time.Unix(9, 0).Add(-5500 * time.Microsecond); !ok || !at.Equal(want) {
		t.Errorf("Capture() = %v, %v; want %v", at, ok, want)
	}
}

// TestLedgerCharges delays one stage of one picture among many.
func TestLedgerCharges(t *testing.T) {
	for stage, cause := range charged {
		t.Run(cause.String(), func(t *testing.T) {
			var l Ledger
			for i := range 200 {
				c := time.Unix(1, 0).Add(time.Duration(i) * 16 * ms)
				extra := [numStages]time.Duration{}
				if i == 150 {
					extra[stage] = 20 * ms
				}
				tm, drawn := life(c, extra)
				got, late := l.Shown(&tm, drawn, 16*ms)
				if late != (i == 150) || late && got != cause {
					t.Fatalf("Shown(picture %d) = %v, %v; want late only for 150, by %v", i, got, late, cause)
				}
			}
			var want [media.NumCauses]uint64
			want[cause] = 1
			if l.Late() != want {
				t.Errorf("Late() = %v; want %v", l.Late(), want)
			}
		})
	}
}

// life is a picture whose every stage takes 3 ms and what extra says.
func life(captured time.Time, extra [numStages]time.Duration) (t media.Timing, drawn time.Time) {
	t.Captured = captured
	t.Sent = captured.Add(3*ms + extra[stageHost])
	t.Received = t.Sent.Add(3*ms + extra[stageNetwork])
	t.Decoded = t.Received.Add(3*ms + extra[stageDecoder])
	drawn = t.Decoded.Add(3*ms + extra[stagePacer])
	t.Shown = drawn.Add(3*ms + extra[stageDisplay])
	return t, drawn
}

// TestLedgerLearns: a path that became longer for good is usual after a while.
func TestLedgerLearns(t *testing.T) {
	var l Ledger
	late := 0
	for i := range 400 {
		extra := [numStages]time.Duration{}
		if i >= 100 {
			extra[stageNetwork] = 40 * ms
		}
		tm, drawn := life(time.Unix(1, 0).Add(time.Duration(i)*16*ms), extra)
		if _, is := l.Shown(&tm, drawn, 16*ms); is {
			late++
		}
	}
	if late == 0 || late > 60 {
		t.Errorf("late after the path became 40 ms longer = %d; want some, but under 60 of 300", late)
	}
}

// TestNonsense: hostile times neither panic nor hang it.
func TestNonsense(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, cfg := range []Config{{}, {Policy: Variable, Period: 1, MaxPeriod: 2}, {Policy: VBlank, Period: time.Hour}, {Policy: Variable, Period: ms}} {
		p := New(cfg)
		var l Ledger
		for range 5000 {
			at := time.Unix(r.Int64N(1000)-500, r.Int64())
			switch r.IntN(5) {
			case 0:
				p.Arrived(at)
			case 1:
				w := r.IntN(4)
				if plan := p.Plan(at, w); plan.Drop < 0 || plan.Drop > w {
					t.Fatalf("Plan(%d waiting) drops %d", w, plan.Drop)
				}
			case 2:
				p.Drawn(at, time.Duration(r.Int64N(int64(time.Hour))), r.IntN(3), r.IntN(2) == 0)
			case 3:
				p.Flipped(at, uint32(r.IntN(3)))
			case 4:
				p.Phase(at)
				l.Shown(&media.Timing{Captured: at, Shown: time.Unix(r.Int64N(1000), 0)}, at, ms)
			}
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	p := New(Config{Period: time.Second / 144})
	now := time.Unix(1, 0)
	var l Ledger
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		now = now.Add(time.Second / 144)
		p.Arrived(now)
		p.Plan(now, 1)
		p.Drawn(now, ms, 0, false)
		p.Flipped(now.Add(3*ms), uint32(i+1))
		l.Shown(&media.Timing{Captured: now, Shown: now.Add(3 * ms)}, now, ms)
	}
}
