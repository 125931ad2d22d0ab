package linktest

// Gilbert is a model of bursty loss (Gilbert 1960, Elliott 1963): between two
// states, a good one that loses nothing and a burst that loses LossInside of its
// packets. Enter and Leave are the probabilities, for each packet, of the burst
// to begin and to end. All zero: nothing was lost.
type Gilbert struct {
	Enter      float64 `json:"enter"`
	Leave      float64 `json:"leave"`
	LossInside float64 `json:"loss_inside"`
}

// fewLosses is below which three parameters would be guesses: then a burst is
// taken to lose everything.
const fewLosses = 60

// runs is what the holes in a sequence look like.
type runs struct {
	lost, runs, longest int
	pairs, triples      int // lost, and the next as well; and the one after that
	bridges             int // lost, then not, then lost
}

// lossRuns walks the first n numbers of got.
func lossRuns(got []bool, n int) (r runs) {
	length := 0
	missing := func(i int) bool { return i < n && (i >= len(got) || !got[i]) }
	for i := range n {
		if !missing(i) {
			length = 0
			continue
		}
		r.lost++
		if length++; length == 1 {
			r.runs++
		}
		r.longest = max(r.longest, length)
		next, after := missing(i+1), missing(i+2)
		if next {
			r.pairs++
		}
		switch {
		case next && after:
			r.triples++
		case !next && after:
			r.bridges++
		}
	}
	return r
}

// fit returns the model of the holes in n packets: Gilbert's estimate from the
// shares of single, double and triple losses, or the one with LossInside 1
// where there are too few losses or the shares fit no burst.
func (r runs) fit(n int) Gilbert {
	if r.lost == 0 || n == 0 {
		return Gilbert{}
	}
	a := float64(r.lost) / float64(n)
	b := float64(r.pairs) / float64(r.lost)
	simple := Gilbert{Leave: round(float64(r.runs) / float64(r.lost)), LossInside: 1}
	if a >= 1 {
		return Gilbert{Enter: 1, Leave: 0, LossInside: 1}
	}
	simple.Enter = round(a * simple.Leave / (1 - a))
	if r.lost < fewLosses || r.triples+r.bridges == 0 {
		return simple
	}
	c := float64(r.triples) / float64(r.triples+r.bridges)
	d := 2*a*c - b*(a+c)
	if d == 0 {
		return simple
	}
	stay := (a*c - b*b) / d
	if stay <= 0 || stay >= 1 || b/stay > 1 || b/stay <= a {
		return simple
	}
	inside := b / stay
	return Gilbert{Enter: round(a * (1 - stay) / (inside - a)), Leave: round(1 - stay), LossInside: round(inside)}
}
