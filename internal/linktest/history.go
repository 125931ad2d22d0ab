package linktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// Bounds of a history.
const (
	MaxHistory = 200      // results; the oldest are forgotten first
	maxResult  = 64 << 10 // bytes of one
	MaxFile    = 4 << 20  // bytes of all
)

// FileName is a history's in the folder where a terminal keeps its state.
const FileName = "linktest.jsonl"

// ParseHistory reads results, one JSON object a line, oldest first, and grades
// each by the present rules. Lines that are damaged, or of a later version, are
// counted and left out: a power cut shall not cost the others.
func ParseHistory(b []byte) (results []Result, damaged int) {
	for line := range bytes.Lines(b) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var r Result
		if len(line) > maxResult || json.Unmarshal(line, &r) != nil || r.check() != nil {
			damaged++
			continue
		}
		r.Finish()
		results = append(results, r)
	}
	slices.SortStableFunc(results, func(a, b Result) int { return a.At.Compare(b.At) })
	return results[max(len(results)-MaxHistory, 0):], damaged
}

// check bounds what the text and the plots of a result go by.
func (r *Result) check() error {
	if r.Version < 1 || r.Version > Version || r.At.IsZero() || len(r.Host) > 512 || len(r.Down)+len(r.Up) > MaxSteps {
		return errors.New("not a result of a link test")
	}
	for _, steps := range [...][]Step{r.Down, r.Up} {
		for i := range steps {
			if err := steps[i].check(); err != nil {
				return err
			}
			if steps[i].RateBps < 0 || steps[i].RateBps > MaxMax {
				return errors.New("a rate is out of range")
			}
		}
	}
	for _, x := range [...]float64{r.Idle.P50, r.Idle.P95, r.Seconds} {
		if !(math.Abs(x) <= 1e6) {
			return errors.New("a time is out of range")
		}
	}
	return nil
}

// EncodeHistory is the file of the newest MaxHistory results.
func EncodeHistory(results []Result) ([]byte, error) {
	var b bytes.Buffer
	for _, r := range results[max(len(results)-MaxHistory, 0):] {
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// Trend says how a result compares with earlier ones with the same host.
type Trend struct {
	Than   string  `json:"than"` // "last week" or "the test before", "" where there is none
	Words  string  `json:"words"`
	Change Change  `json:"change"`
	DownPc float64 `json:"down_pct"` // how much more the line delivers
	UpPc   float64 `json:"up_pct"`
	RTTms  float64 `json:"rtt_ms"` // how much longer the round trip is
	LossPt float64 `json:"loss_points"`
}

// Change is a trend in a word.
type Change string

// Changes.
const (
	ChangeBetter Change = "better"
	ChangeWorse  Change = "worse"
	ChangeSame   Change = "same"
	ChangeMixed  Change = "mixed"
	ChangeNone   Change = "" // nothing to compare with
)

// What counts as a change: less is within what one test differs from the next.
const (
	changeRate = 15.0 // percent
	changeRTT  = 8.0  // ms
	changeLoss = 0.5  // percentage points
)

const day = 24 * time.Hour

// Compare holds the last of results against those of the week before it (between
// 12 hours and 8 days older, the median of them) or, where there are none,
// against the one before. Only tests with the same host and interface count.
func Compare(results []Result) Trend {
	if len(results) == 0 {
		return Trend{}
	}
	now := results[len(results)-1]
	var week, all []Result
	for _, r := range results[:len(results)-1] {
		if r.Host != now.Host || r.Link.Name != now.Link.Name || len(r.Down) == 0 {
			continue
		}
		all = append(all, r)
		if age := now.At.Sub(r.At); age >= 12*time.Hour && age <= 8*day {
			week = append(week, r)
		}
	}
	t := Trend{Than: "last week"}
	if len(week) == 0 {
		if len(all) == 0 || len(now.Down) == 0 {
			return Trend{}
		}
		week, t.Than = all[len(all)-1:], "the test before"
	}
	t.against(now, week)
	return t
}

func (t *Trend) against(now Result, then []Result) {
	down := middle(then, func(r Result) float64 { return float64(r.DownLine.Bps) })
	up := middle(then, func(r Result) float64 { return float64(r.UpLine.Bps) })
	rtt := middle(then, func(r Result) float64 { return r.Idle.P50 })
	loss := middle(then, Result.loss)
	t.DownPc, t.UpPc = more(float64(now.DownLine.Bps), down), more(float64(now.UpLine.Bps), up)
	t.RTTms, t.LossPt = round(now.Idle.P50-rtt), round(now.loss()-loss)
	var better, worse []string
	say := func(x, bound float64, up bool, words string) {
		switch {
		case math.Abs(x) < bound:
		case x > 0 == up:
			better = append(better, words)
		default:
			worse = append(worse, words)
		}
	}
	say(t.DownPc, changeRate, true, fmt.Sprintf("%s down instead of %s", Mbps(now.DownLine.Bps), Mbps(int(down))))
	say(t.UpPc, changeRate, true, fmt.Sprintf("%s up instead of %s", Mbps(now.UpLine.Bps), Mbps(int(up))))
	say(t.RTTms, changeRTT, false, fmt.Sprintf("a round trip of %s instead of %s", ms(now.Idle.P50), ms(rtt)))
	say(t.LossPt, changeLoss, false, fmt.Sprintf("%.1f %% lost instead of %.1f %%", now.loss(), loss))
	switch {
	case len(better) > 0 && len(worse) > 0:
		t.Change = ChangeMixed
		t.Words = fmt.Sprintf("Better than %s in some (%s), worse in some (%s).", t.Than, strings.Join(better, ", "), strings.Join(worse, ", "))
	case len(better) > 0:
		t.Change, t.Words = ChangeBetter, fmt.Sprintf("Better than %s: %s.", t.Than, strings.Join(better, ", "))
	case len(worse) > 0:
		t.Change, t.Words = ChangeWorse, fmt.Sprintf("Worse than %s: %s.", t.Than, strings.Join(worse, ", "))
	default:
		t.Change, t.Words = ChangeSame, fmt.Sprintf("About the same as %s.", t.Than)
	}
}

// loss is what a carried step lost at most, in percent.
func (r Result) loss() (most float64) {
	for _, s := range r.Down {
		if s.Carried {
			most = max(most, s.LossPct)
		}
	}
	return most
}

func middle(of []Result, f func(Result) float64) float64 {
	all := make([]float64, len(of))
	for i, r := range of {
		all[i] = f(r)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// more is by how many percent now is more than then.
func more(now, then float64) float64 {
	if then == 0 {
		return 0
	}
	return math.Round(1000*(now-then)/then) / 10
}

// WriteHistory writes results for people, newest last, and the trend. Times are
// in the zones that they have.
func WriteHistory(w io.Writer, results []Result) error {
	var b strings.Builder
	if len(results) == 0 {
		b.WriteString("No link test has been kept yet.\n")
	} else {
		fmt.Fprintf(&b, "%-18s %-26s %10s %10s %10s %8s", "when", "host", "down", "up", "round trip", "lost")
		for _, rule := range Rules() {
			fmt.Fprintf(&b, "  %-11s", rule.Name)
		}
		b.WriteByte('\n')
	}
	for _, r := range results {
		fmt.Fprintf(&b, "%-18s %-26.26s %10s %10s %10s %6.1f %%", r.At.Format("2006-01-02 15:04"), r.Host, lineWords(r.DownLine), lineWords(r.UpLine), ms(r.Idle.P50), r.loss())
		for _, v := range r.Verdicts {
			fmt.Fprintf(&b, "  %-11s", v.Grade.Words())
		}
		b.WriteByte('\n')
	}
	if t := Compare(results); t.Words != "" {
		fmt.Fprintf(&b, "\n%s\n", t.Words)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func lineWords(l Line) string {
	switch {
	case l.Bps == 0:
		return "-"
	case l.AtLeast:
		return ">" + Mbps(l.Bps)
	}
	return Mbps(l.Bps)
}
