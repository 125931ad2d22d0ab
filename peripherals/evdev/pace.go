package evdev

import "time"

// What a device may report, and from when it is fast.
const (
	paceWindow  = 100 * time.Millisecond
	mostEvents  = 10000            // in a window: three times what an 8 kHz mouse reports
	fastReports = 120              // in a window: above 1 kHz
	calmAfter   = 10 * time.Second // without a fast window
)

// pace measures a device. It belongs to the goroutine of Run.
type pace struct {
	begin           time.Time // of the window
	events, reports int
	fast            bool
	fastAt          time.Time
	locked          bool // on a thread of its own
}

// count takes what was read and returns how long to leave the device alone:
// until the end of the window if it floods. The kernel drops meanwhile what it
// cannot keep.
func (p *pace) count(events []Event, now time.Time) (wait time.Duration) {
	if now.Sub(p.begin) >= paceWindow {
		p.begin, p.events, p.reports = now, 0, 0
	}
	p.events += len(events)
	for i := range events {
		if events[i].Type == Syn && events[i].Code == SynReport {
			p.reports++
		}
	}
	switch {
	case p.reports >= fastReports:
		p.fast, p.fastAt = true, now
	case p.fast && now.Sub(p.fastAt) > calmAfter:
		p.fast = false
	}
	if p.events < mostEvents {
		return 0
	}
	return paceWindow - now.Sub(p.begin)
}
