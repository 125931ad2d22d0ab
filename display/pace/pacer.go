package pace

import "time"

// Policy is how an output shows pictures.
type Policy uint8

// The policies. Auto is one of the first two, chosen anew as the rates change.
const (
	Auto     Policy = iota
	Arrival         // at once
	VBlank          // one a blank, as late as possible
	Variable        // variable refresh, within the panel's range
)

// String returns the policy as it stands in summaries.
func (p Policy) String() string {
	return [...]string{"auto", "arrival", "vblank", "vrr", "?"}[min(p, Variable+1)]
}

// Config describes an output.
type Config struct {
	Policy Policy
	// Period is from one vertical blank to the next, by the mode. Required.
	Period time.Duration
	// MaxPeriod is the longest that a variable panel waits; Period is the
	// shortest. Only for Variable.
	MaxPeriod time.Duration
}

const (
	// history decides over slack.
	history = 500 * time.Millisecond
	// historyLen is enough for half a second at 240 Hz.
	historyLen = 128
	// firstLead is how long before a blank drawing starts while nothing is
	// measured; leads are kept between the two bounds, the upper one a part of
	// the period.
	firstLead = 4 * time.Millisecond
	leastLead = time.Millisecond
	// leadMargin is what a commit needs before the blank beside its drawing.
	leadMargin = 500 * time.Microsecond
	// leadDecay is how slowly a lead shrinks, in pictures: what was late once a
	// few seconds will be again.
	leadDecay = 256
	// capPercent is how far under a variable panel's maximum it is driven: at
	// the maximum pictures would wait for the blank as without variable refresh.
	capPercent = 3
)

// Pacer paces one output. Its methods are for one goroutine, the one that draws.
type Pacer struct {
	cfg  Config
	grid grid
	lead time.Duration // from the start of drawing to the blank
	took time.Duration // typical, of drawing alone

	arrivals intervals
	left     leftovers

	pending bool      // a commit has not flipped yet
	target  time.Time // the blank that it was meant for
	used    time.Time // the blank that the last picture got
	planned time.Time // when drawing was to begin; zero: at once, or nothing
	shown   time.Time // last flip

	counts Counts
}

// Counts is what a pacer has seen.
type Counts struct {
	Missed  uint64 // flips that came a blank later than meant
	Repeats uint64 // pictures shown again for a variable panel's minimum
	Dropped uint64 // pictures a newer one replaced
}

// New returns a pacer that knows no blank yet and so draws on arrival.
func New(cfg Config) *Pacer {
	if cfg.Period <= 0 {
		cfg.Period = time.Second / 60
	}
	p := &Pacer{cfg: cfg, lead: min(firstLead, cfg.Period/2)}
	p.grid.nominal, p.grid.period = cfg.Period, cfg.Period
	return p
}

// Plan is what to do next. A zero At means nothing before something happens.
type Plan struct {
	Drop   int       // so many of the oldest waiting pictures are to be given back now
	At     time.Time // when to begin to draw, at once when it has passed
	Repeat bool      // the picture on the screen once more, for no other waits
}

// Arrived notes a picture that came into the inbox.
func (p *Pacer) Arrived(at time.Time) { p.arrivals.add(at) }

// Plan decides, with so many pictures waiting, oldest first. Call it again
// after every arrival and flip and when At has come: a later call may drop
// more and name another time. What is drawn then is the oldest that is left.
func (p *Pacer) Plan(now time.Time, waiting int) Plan {
	if p.pending {
		return p.drop(max(0, waiting-p.keep()))
	}
	if waiting == 0 {
		return p.repeat()
	}
	switch p.policy() {
	case VBlank:
		return p.atBlank(now, waiting)
	case Variable:
		plan := p.drop(waiting - 1)
		plan.At = latest(now, p.shown.Add(p.shortest()-p.took))
		return plan
	}
	plan := p.drop(waiting - 1)
	plan.At = now
	if p.grid.software && !p.shown.IsZero() { // nothing else keeps to the mode's rate
		plan.At = latest(now, p.shown.Add(p.grid.period*9/10))
	}
	return plan
}

// keep is how many pictures may wait behind a pending flip.
func (p *Pacer) keep() int {
	if p.policy() == VBlank {
		return 2
	}
	return 1
}

func (p *Pacer) drop(n int) Plan {
	p.counts.Dropped += uint64(n)
	return Plan{Drop: n}
}

// atBlank waits for the last moment before the next blank. Two pictures then
// are one too many, or the one of slack that jitter asks for.
func (p *Pacer) atBlank(now time.Time, waiting int) Plan {
	if !p.planned.IsZero() && !now.Before(p.planned) {
		p.widen(p.took + now.Sub(p.planned) + leadMargin) // woken late, perhaps past the blank
		p.planned = time.Time{}
	}
	blank := p.grid.next(now)
	if !p.used.IsZero() && blank.Sub(p.used) < p.grid.period/2 {
		blank = blank.Add(p.grid.period) // that one has its picture
	}
	due := blank.Add(-p.lead)
	if now.Before(due) {
		plan := p.drop(max(0, waiting-2))
		plan.At, p.planned = due, due
		return plan
	}
	keep := 2
	if p.left.needless(now) || p.faster() {
		keep = 1
	}
	plan := p.drop(max(0, waiting-keep))
	plan.At = now
	return plan
}

// repeat shows the last picture again before a variable panel runs dry. A
// stream below its minimum is repeated in equal parts, so that the next new
// picture finds the panel ready.
func (p *Pacer) repeat() Plan {
	if p.cfg.Policy != Variable || p.shown.IsZero() || p.cfg.MaxPeriod <= 0 {
		return Plan{}
	}
	longest := p.cfg.MaxPeriod - p.cfg.MaxPeriod*capPercent/100
	wait := longest
	if every := p.arrivals.mean(); every > longest {
		parts := (every + longest - 1) / longest
		if part := every / parts; part >= p.shortest() {
			wait = part
		}
	}
	return Plan{At: p.shown.Add(wait - p.took), Repeat: true}
}

// policy is the one in use now.
func (p *Pacer) policy() Policy {
	if p.cfg.Policy != Auto {
		return p.cfg.Policy
	}
	every := p.arrivals.mean()
	if p.grid.anchor.IsZero() || every > p.grid.period*5/4 {
		return Arrival
	}
	return VBlank
}

// faster reports a stream that has more pictures than the panel blanks.
func (p *Pacer) faster() bool {
	every := p.arrivals.mean()
	return every > 0 && every < p.grid.period*3/4
}

// shortest is the least time between two pictures of a variable panel.
func (p *Pacer) shortest() time.Duration { return p.cfg.Period + p.cfg.Period*capPercent/100 }

// Drawn notes a commit that was accepted at the time at and took so long from
// the start of drawing; so many pictures still waited when drawing began.
func (p *Pacer) Drawn(at time.Time, took time.Duration, waiting int, repeat bool) {
	p.pending = true
	// What began a little late was still meant for that blank.
	p.target = p.grid.next(at.Add(p.lead*3/4 - took))
	if p.grid.software { // its flip will say nothing of blanks
		p.used = p.grid.next(at.Add(-took))
	}
	if repeat {
		p.counts.Repeats++
	} else {
		p.left.add(at, waiting)
	}
	p.lead = max(p.lead-(p.lead-took-leadMargin)/leadDecay, leastLead)
	p.widen(took + leadMargin)
	p.took += (took - p.took) / 8
}

// widen makes the lead larger where something took longer than it.
func (p *Pacer) widen(want time.Duration) {
	if want > p.lead {
		p.lead += (want - p.lead) / 2
	}
	p.lead = min(p.lead, p.cfg.Period*3/4)
}

// Flipped notes the flip of the commit before, by its true time and vblank
// counter, 0 where the driver counts none.
func (p *Pacer) Flipped(at time.Time, seq uint32) {
	if p.pending && !p.target.IsZero() && !p.grid.software && at.Sub(p.target) > p.grid.period/2 {
		p.counts.Missed++
		p.lead = min(p.lead+p.lead/4, p.cfg.Period*3/4)
	}
	p.pending = false
	p.shown = at
	if !p.grid.software {
		p.used = at
	}
	if p.cfg.Policy != Variable {
		p.grid.flipped(at, seq)
	}
}

// Reset forgets the blanks after a mode set or a pause; the next flip is the
// first of a new grid. Drivers give the first flip after a mode set a stale
// time: do not report that one.
func (p *Pacer) Reset(cfg Config) {
	counts := p.counts
	*p = *New(cfg)
	p.counts = counts
}

// Phase returns the next moment after now at which a picture has to be in the
// inbox to make the blank that follows, and how far apart such moments are.
// It is not known before the first flips and under Variable.
func (p *Pacer) Phase(now time.Time) (due time.Time, period time.Duration, ok bool) {
	if p.grid.anchor.IsZero() || p.cfg.Policy == Variable {
		return time.Time{}, 0, false
	}
	return p.grid.next(now.Add(p.lead)).Add(-p.lead), p.grid.period, true
}

// Counts returns what was seen so far.
func (p *Pacer) Counts() Counts { return p.counts }

// Now returns the policy in use.
func (p *Pacer) Now() Policy { return p.policy() }

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
