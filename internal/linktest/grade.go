package linktest

import (
	"cmp"
	"fmt"
	"slices"
)

// Mark is how well a mode will work.
type Mark string

// Marks.
const (
	MarkGood     Mark = "good"
	MarkUsable   Mark = "usable"
	MarkNot      Mark = "not_enough"
	MarkNotKnown Mark = "not_known"
)

// Words is the mark for people.
func (m Mark) Words() string {
	switch m {
	case MarkNot:
		return "not enough"
	case MarkNotKnown:
		return "not known"
	}
	return string(m)
}

// worse orders marks: one that is certain and bad comes before "not known".
func (m Mark) worse() int {
	return slices.Index([]Mark{MarkGood, MarkUsable, MarkNotKnown, MarkNot}, m)
}

// Verdict is what a test says of one mode.
type Verdict struct {
	Mode   Mode   `json:"mode"`
	Name   string `json:"name"`
	Grade  Mark   `json:"grade"`
	Reason string `json:"reason"`
	Advice string `json:"advice,omitempty"`
}

// finding is one bound and how it was met.
type finding struct {
	mark   Mark
	reason string
	about  topic
}

// Grade gives each mode its verdict by the present [Rules], and says what else
// is worth knowing of the line.
func Grade(r *Result) (verdicts []Verdict, notes []string) {
	for _, rule := range Rules() {
		found := rule.findings(r)
		worst := slices.MaxFunc(found, func(a, b finding) int { return cmp.Compare(a.mark.worse(), b.mark.worse()) })
		verdicts = append(verdicts, Verdict{
			Mode: rule.Mode, Name: rule.Name, Grade: worst.mark, Reason: worst.reason, Advice: advise(r, worst),
		})
	}
	return verdicts, observe(r)
}

// findings holds the line against each bound, the most important first.
func (u Rule) findings(r *Result) []finding {
	if r.Path.Transport == TransportNone {
		return []finding{{MarkNot, "The host can be reached by HTTP, but no packet of a session gets through: UDP is blocked.", aboutBlocked}}
	}
	if len(r.Down) == 0 {
		return []finding{{MarkNotKnown, "The test ended before anything was measured.", aboutNothing}}
	}
	out := []finding{
		u.rate(r.DownLine, u.Down, "delivers"),
		u.rate(r.UpLine, u.Up, "sends"),
		atMost(r.Idle.P50, u.RTT, aboutRTT, func(bound string) string {
			return fmt.Sprintf("The way to the host and back takes %s; %s %s at most.", ms(r.Idle.P50), u.verb("want"), bound)
		}),
	}
	if s := u.step(r.Down); s != nil {
		out = append(
			out,
			atMost(s.LossPct, u.Loss, aboutLoss, func(string) string { return u.lossWords(s) }),
			atMost(s.AddedP50, u.Bloat, aboutBloat, func(string) string {
				return fmt.Sprintf("When %s are on the line, everything comes %s later.", Mbps(s.RateBps), ms(s.AddedP50))
			}),
			atMost(s.DelayP95, u.Jitter, aboutJitter, func(bound string) string {
				return fmt.Sprintf("Packets come up to %s late; %s %s at most.", ms(s.DelayP95), u.verb("want"), bound)
			}),
		)
	}
	if r.Path.Transport == TransportTCP {
		out = append(out, finding{MarkUsable, "Only TCP gets through: one lost packet holds up all that follow.", aboutBlocked})
	}
	return out
}

// step is the one whose quality counts for the mode: the lowest that has the
// rate it wants, or the highest that was carried.
func (u Rule) step(steps []Step) *Step {
	var best *Step
	for i := range steps {
		s := &steps[i]
		if !s.Carried && best != nil {
			break
		}
		best = s
		if float64(s.RateBps) >= u.Down.Good*1e6 {
			break
		}
	}
	return best
}

// rate holds what a line carries against what a mode needs.
func (u Rule) rate(l Line, need Level, verb string) finding {
	have := float64(l.Bps) / 1e6
	topic := aboutDown
	if verb == "sends" {
		topic = aboutUp
	}
	needs := fmt.Sprintf("%s %s", u.verb("need"), Mbps(int(need.Good*1e6)))
	switch {
	case have >= need.Good:
		return finding{MarkGood, fmt.Sprintf("Your line %s %s; %s.", verb, atLeast(l), needs), topic}
	case l.Slow:
		return finding{MarkNotKnown, fmt.Sprintf("The computers could not test more than %s, so the line was not measured as far as %s.", Mbps(l.Bps), u.Name), aboutSlow}
	case l.AtLeast && have >= need.Usable:
		return finding{MarkUsable, fmt.Sprintf("The test went up to %s; %s for its full quality.", Mbps(l.Bps), needs), aboutBound}
	case l.AtLeast && l.Bps == 0:
		return finding{MarkNotKnown, "The test ended before it was measured what your line " + verb + ".", aboutNothing}
	case l.AtLeast:
		return finding{MarkNotKnown, fmt.Sprintf("The test went up to %s only; %s.", Mbps(l.Bps), needs), aboutBound}
	case have >= need.Usable:
		return finding{MarkUsable, fmt.Sprintf("Your line %s %s; %s for its full quality.", verb, Mbps(l.Bps), needs), topic}
	}
	least := fmt.Sprintf("%s %s, and %s at the very least", u.verb("need"), Mbps(int(need.Good*1e6)), Mbps(int(need.Usable*1e6)))
	return finding{MarkNot, fmt.Sprintf("Your line %s %s; %s.", verb, Mbps(l.Bps), least), topic}
}

// verb is the mode and what it does: "1080p60 needs".
func (u Rule) verb(does string) string {
	if u.Mode == ModeTwo {
		return u.Name + " " + does
	}
	return u.Name + " " + does + "s"
}

func (u Rule) lossWords(s *Step) string {
	text := fmt.Sprintf("%.1f %% of the packets are lost at %s", s.LossPct, Mbps(s.RateBps))
	if s.LossRunMean >= 2 {
		text += fmt.Sprintf(", %.0f in a row on average and up to %d", s.LossRunMean, s.LossRunMax)
	}
	return text + "."
}

// atMost holds a figure against upper bounds. words gets the one that was
// broken.
func atMost(have float64, bound Level, about topic, words func(bound string) string) finding {
	switch {
	case have <= bound.Good:
		return finding{MarkGood, "", about}
	case have <= bound.Usable:
		return finding{MarkUsable, words(ms(bound.Good)), about}
	}
	return finding{MarkNot, words(ms(bound.Usable)), about}
}

func atLeast(l Line) string {
	if l.AtLeast {
		return "at least " + Mbps(l.Bps)
	}
	return Mbps(l.Bps)
}

// ms writes milliseconds for people.
func ms(x float64) string {
	switch {
	case x < 0.05:
		return "<0.1 ms"
	case x < 10:
		return fmt.Sprintf("%.1f ms", x)
	}
	return fmt.Sprintf("%.0f ms", x)
}
