package netlab

import "time"

// Path is both directions of a link under a profile, in virtual time: two
// Models that follow the profile's steps, and a blackout. It belongs to one
// goroutine.
type Path struct {
	up, down *Model
	profile  Profile
	set      time.Duration // when the profile began
	dark     time.Duration // the blackout lasts until then
}

// NewPath returns a link with the profile from time 0 on. The directions
// draw from different sequences.
func NewPath(seed uint64, p Profile) *Path {
	return &Path{up: NewModel(seed*2, p.Up), down: NewModel(seed*2+1, p.Down), profile: p}
}

// SetProfile changes the profile at a time; its steps begin there.
func (p *Path) SetProfile(at time.Duration, profile Profile) {
	p.profile, p.set = profile, at
}

// Profile returns the profile.
func (p *Path) Profile() Profile { return p.profile }

// Blackout loses everything that is sent from the time at on for d. A second one
// replaces the first; d 0 ends it.
func (p *Path) Blackout(at, d time.Duration) { p.dark = at + d }

// Up sends a packet to the host; see [Model.Packet].
func (p *Path) Up(at time.Duration, size int) (arrivals [2]time.Duration, n int) {
	c, _ := p.conditions(at)
	p.up.Set(c)
	return p.up.Packet(at, size)
}

// Down sends a packet to the terminal; see [Model.Packet].
func (p *Path) Down(at time.Duration, size int) (arrivals [2]time.Duration, n int) {
	_, c := p.conditions(at)
	p.down.Set(c)
	return p.down.Packet(at, size)
}

// conditions at a time, the blackout included.
func (p *Path) conditions(at time.Duration) (up, down Conditions) {
	up, down = p.profile.At(max(at-p.set, 0))
	if at < p.dark {
		up.Down, down.Down = true, true
	}
	return up, down
}

// Stats returns the counts of both directions so far.
func (p *Path) Stats() (up, down ModelStats) { return p.up.Stats(), p.down.Stats() }
