package host

// numbering gives pictures the numbers that the terminal sees: one more for
// each that was due at the rate that is sent, whether the source made it in
// time or not. Pictures that are left out because fewer are wanted were not
// due; they leave no gap.
type numbering struct {
	last uint32 // given
	in   uint32 // the source's newest

	keep, of uint64 // rates: that is sent, and the source's
	waiting  uint64 // keeps since the last picture that was due
}

// reopened starts with a source that counts from 1 again.
func (n *numbering) reopened() {
	n.in = 0
	n.soon()
}

// soon makes the next picture one that is due.
func (n *numbering) soon() { n.waiting = n.of - n.keep }

// setRate says how many of the source's pictures per 1000 s are sent.
func (n *numbering) setRate(keep, of int) {
	k, o := uint64(max(min(keep, of), 1)), uint64(max(of, 1))
	if k == n.keep && o == n.of {
		return
	}
	n.keep, n.of = k, o
	n.soon()
}

// next takes the number of the source's newest picture and says how many
// became due with it, 0 when it is left out.
func (n *numbering) next(id uint32) (due uint32) {
	n.waiting += uint64(id-n.in) * n.keep
	n.in = id
	due = uint32(n.waiting / n.of)
	n.waiting %= n.of
	n.last += due
	return due
}
