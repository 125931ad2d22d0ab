package kms

import (
	"cmp"
	"math/bits"
	"slices"
)

// pipe is what drives one connector.
type pipe struct {
	crtc    uint32
	primary uint32 // plane
	cursor  uint32 // plane, 0: none
}

// assign gives a CRTC and planes to each connector in order, without touching
// the pipes in use. Connectors that nothing is left for are not in the result.
func assign(t topology, connectors []connector, used []pipe) map[uint32]pipe {
	a := assigner{t: t, owner: make([]int, len(t.CRTCs))}
	for i, id := range t.CRTCs {
		a.owner[i] = nobody
		if slices.ContainsFunc(used, func(p pipe) bool { return p.crtc == id }) {
			a.owner[i] = taken
		}
	}
	a.connectors = connectors
	for i := range connectors {
		a.place(i, 0)
	}
	return a.pipes(used)
}

const (
	nobody = -1
	taken  = -2
)

// assigner finds a maximum matching of connectors and CRTCs (Kuhn).
type assigner struct {
	t          topology
	connectors []connector
	owner      []int // of each CRTC: index of a connector, nobody or taken
}

// place gives connector i a CRTC: a free one, else one whose connector can take
// another. Those of others in tried are not asked again.
func (a *assigner) place(i int, tried uint32) (after uint32, ok bool) {
	list := a.preferred(a.connectors[i])
	for _, n := range list {
		if a.owner[n] == nobody {
			a.owner[n] = i
			return tried, true
		}
	}
	for _, n := range list {
		if a.owner[n] == taken || tried&(1<<n) != 0 {
			continue
		}
		tried |= 1 << n
		var moved bool
		if tried, moved = a.place(a.owner[n], tried); moved {
			a.owner[n] = i
			return tried, true
		}
	}
	return tried, false
}

// preferred lists the CRTCs that can drive c, the one that does so now first:
// that mode set is the quickest.
func (a *assigner) preferred(c connector) []int {
	var list []int
	for n, id := range a.t.CRTCs {
		if c.CRTCs&(1<<n) == 0 {
			continue
		}
		if id == c.CRTC {
			list = slices.Insert(list, 0, n)
		} else {
			list = append(list, n)
		}
	}
	return list
}

func (a *assigner) pipes(used []pipe) map[uint32]pipe {
	out := make(map[uint32]pipe)
	busy := func(id uint32) bool {
		for _, p := range used {
			if p.primary == id || p.cursor == id {
				return true
			}
		}
		for _, p := range out {
			if p.primary == id || p.cursor == id {
				return true
			}
		}
		return false
	}
	// The planes that fit the fewest CRTCs first, so that none is taken from
	// a CRTC that has no other.
	planes := slices.Clone(a.t.Planes)
	slices.SortStableFunc(planes, func(x, y plane) int {
		return cmp.Compare(bits.OnesCount32(x.CRTCs), bits.OnesCount32(y.CRTCs))
	})
	find := func(n int, kind uint64) uint32 {
		for _, p := range planes {
			if p.Type == kind && p.CRTCs&(1<<n) != 0 && !busy(p.ID) {
				return p.ID
			}
		}
		return 0
	}
	for n, i := range a.owner {
		if i < 0 {
			continue
		}
		if primary := find(n, planePrimary); primary != 0 {
			out[a.connectors[i].ID] = pipe{crtc: a.t.CRTCs[n], primary: primary, cursor: find(n, planeCursor)}
		}
	}
	return out
}
