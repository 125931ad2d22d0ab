package inject

import (
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// Times of what the host wants a pad to do (docs/PROTOCOL.md, RUMBLE).
const (
	rumbleTTL    = 250 * time.Millisecond
	rumbleRepeat = 100 * time.Millisecond
	rumbleStops  = 3 // how often it is said that it is over
)

// feelings are what the terminal's pads shall do, as the programs here want it.
type feelings struct {
	mu   sync.Mutex // guards below
	pads [wire.MaxPads]feeling
}

type feeling struct {
	now  wire.Rumble
	says int // how often it is still said; below 0: for as long as it shakes
}

// set takes a pad's new strength.
func (f *feelings) set(r wire.Rumble) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at := &f.pads[r.Pad%wire.MaxPads]
	r.TTL = rumbleTTL
	at.now, at.says = r, -1
	if r.Low|r.High|r.LeftTrigger|r.RightTrigger == 0 {
		at.says = rumbleStops
	}
}

// append adds what is to be said now, and reports whether there is more to say
// later.
func (f *feelings) append(b []byte) (out []byte, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.pads {
		at := &f.pads[i]
		if at.says == 0 {
			continue
		}
		b = wire.AppendRumble(b, at.now)
		if at.says > 0 {
			at.says--
		}
		more = more || at.says != 0
	}
	return b, more
}

// SetRumble says what a pad shall do until it is said again, from any goroutine:
// the terminal is told at once and repeatedly; TTL is not looked at.
func (r *Receiver) SetRumble(v wire.Rumble) {
	if v.Pad >= wire.MaxPads {
		return
	}
	r.feelings.set(v)
	select {
	case r.felt <- struct{}{}:
	default:
	}
}

// tellRumble says what pads shall do, and when to say it again.
func (r *Receiver) tellRumble(next *time.Timer) error {
	now := time.Now()
	header := r.header(now)
	b, more := r.feelings.append(header)
	if more {
		next.Reset(rumbleRepeat)
	}
	if len(b) == len(header) {
		r.outSeq-- // it was not sent
		return nil
	}
	return r.write(b)
}
