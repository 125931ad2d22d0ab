package netlab

import (
	"sync"
	"time"
)

// link is a Path in real time that any goroutine may use.
type link struct {
	start time.Time // time 0 of the path

	mu   sync.Mutex
	path *Path
}

func newLink(seed uint64, p Profile) *link {
	return &link{start: time.Now(), path: NewPath(seed, p)}
}

// send passes a datagram of size bytes into the link now.
func (l *link) send(up bool, size int) (arrivals [2]time.Duration, n int) {
	return l.sendWhole(up, size+Overhead)
}

// sendWhole passes a packet into the link whose size has its headers in it.
func (l *link) sendWhole(up bool, size int) (arrivals [2]time.Duration, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := time.Since(l.start)
	if up {
		return l.path.Up(at, size)
	}
	return l.path.Down(at, size)
}

func (l *link) setProfile(p Profile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path.SetProfile(time.Since(l.start), p)
}

func (l *link) profile() Profile {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path.Profile()
}

// frozen returns the profile without its steps, as it is now.
func (l *link) frozen() Profile {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.path.Profile()
	p.Up, p.Down = p.At(max(time.Since(l.start)-l.path.set, 0))
	p.Steps, p.Period = nil, 0
	return p
}

func (l *link) blackout(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.path.Blackout(time.Since(l.start), d)
}

func (l *link) stats() (up, down ModelStats) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.path.Stats()
}
