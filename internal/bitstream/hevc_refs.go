package bitstream

// refSet is a short-term reference picture set: distances in POC, the negative
// ones first, as 7.4.8 derives them.
type refSet struct {
	negative, positive [16]int32
	negatives, n       int // n is NumDeltaPocs
}

// shortTermSets steps over st_ref_pic_set (7.3.7), each of which may be told by
// the one before.
func (p *HEVCParams) shortTermSets(r *bitReader, keep *HEVCOrder) bool {
	n := r.ue()
	if n > 64 {
		return false
	}
	p.ShortTermSets = uint8(n)
	var set refSet
	for i := range n {
		ok := false
		if i > 0 && r.flag() {
			set, ok = set.predict(r)
		} else {
			set, ok = readRefSet(r)
		}
		if !ok || r.past {
			return false
		}
		if keep != nil {
			keep.sets[i] = set
		}
	}
	return true
}

func readRefSet(r *bitReader) (s refSet, ok bool) {
	negatives, positives := r.ue(), r.ue()
	if negatives > 16 || positives > 16 || negatives+positives > 16 {
		return s, false
	}
	s.negatives, s.n = int(negatives), int(negatives+positives)
	at := int32(0)
	for i := range negatives {
		d := r.ue()
		r.skip(1)
		if d > 1<<15 {
			return s, false
		}
		at -= int32(d + 1)
		s.negative[i] = at
	}
	at = 0
	for i := range positives {
		d := r.ue()
		r.skip(1)
		if d > 1<<15 {
			return s, false
		}
		at += int32(d + 1)
		s.positive[i] = at
	}
	return s, true
}

// predict reads a set that is told by s (7-61 and 7-62).
func (s *refSet) predict(r *bitReader) (next refSet, ok bool) {
	negate, abs := r.flag(), r.ue()
	if abs > 1<<15 {
		return next, false
	}
	delta := int32(abs + 1)
	if negate {
		delta = -delta
	}
	var use [17]bool
	for i := range s.n + 1 {
		use[i] = r.flag() // used_by_curr_pic_flag
		if !use[i] {
			use[i] = r.flag() // use_delta_flag
		}
	}
	var below, above [17]int32
	nb, na := 0, 0
	add := func(d int32, used, negative bool) {
		switch {
		case used && d < 0 && negative:
			below[nb] = d
			nb++
		case used && d > 0 && !negative:
			above[na] = d
			na++
		}
	}
	positives := s.n - s.negatives
	for i := positives - 1; i >= 0; i-- {
		add(s.positive[i]+delta, use[s.negatives+i], true)
	}
	add(delta, use[s.n], true)
	for i := range s.negatives {
		add(s.negative[i]+delta, use[i], true)
	}
	for i := s.negatives - 1; i >= 0; i-- {
		add(s.negative[i]+delta, use[i], false)
	}
	add(delta, use[s.n], false)
	for i := range positives {
		add(s.positive[i]+delta, use[s.negatives+i], false)
	}
	if nb+na > 16 {
		return next, false
	}
	copy(next.negative[:], below[:nb])
	copy(next.positive[:], above[:na])
	next.negatives, next.n = nb, nb+na
	return next, true
}
