package manager

import (
	"cmp"
	"slices"
)

// Nearby is a network in radio range: all access points of one name and one
// kind of security.
type Nearby struct {
	SSID     SSID
	Security Security
	// Signal is the strongest access point's in per cent, as NetworkManager
	// reckons it.
	Signal int
	// Bands are those of all access points, Best is that of the one to
	// expect: a strong one in a higher band, else the strongest.
	Bands  []Band
	Best   Band
	Points int // access points
	// Profile is that of this network; "": it was not joined yet.
	Profile ID
	// Active says that a device is connected with it.
	Active bool
}

// point is an access point.
type point struct {
	ssid      SSID
	security  Security
	signal    int // per cent
	frequency int // MHz
	active    bool
}

// good is the signal in per cent above which a higher band is the better
// choice, whatever the lower one's signal: about -65 dBm.
const good = 50

// maxNearby bounds the list.
const maxNearby = 128

// merge makes one network of all access points that belong to it: the
// connected first, then by signal. Access points that hide their name are
// left out.
func merge(points []point) []Nearby {
	type key struct {
		ssid   SSID
		family family
	}
	best := map[key]point{}
	all := map[key]*Nearby{}
	for _, p := range points {
		if p.ssid.blank() || len(p.ssid) > maxSSID {
			continue
		}
		k := key{p.ssid, p.security.family()}
		n := all[k]
		if n == nil {
			n = &Nearby{SSID: p.ssid}
			all[k] = n
		}
		n.Points++
		n.Signal = max(n.Signal, p.signal)
		n.Security = union(p.security, n.Security)
		n.Active = n.Active || p.active
		if b := BandOf(p.frequency); b != "" && !slices.Contains(n.Bands, b) {
			n.Bands = append(n.Bands, b)
		}
		if old, ok := best[k]; !ok || better(p, old) {
			best[k] = p
		}
	}
	out := make([]Nearby, 0, len(all))
	for k, n := range all {
		slices.Sort(n.Bands)
		n.Best = BandOf(best[k].frequency)
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b Nearby) int {
		return cmp.Or(first(a.Active, b.Active), cmp.Compare(b.Signal, a.Signal), cmp.Compare(a.SSID, b.SSID), cmp.Compare(a.Security, b.Security))
	})
	return out[:min(len(out), maxNearby)]
}

// better reports whether a device does better with a than with b.
func better(a, b point) bool {
	if (a.signal >= good) != (b.signal >= good) {
		return a.signal > b.signal
	}
	if x, y := BandOf(a.frequency), BandOf(b.frequency); a.signal >= good && x != y {
		return x > y // the names sort as the bands do
	}
	return a.signal > b.signal
}

// first orders what is true before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
