package receive

import "github.com/blade-shadow/terminal/internal/media"

// MaxNACKs is the most sequence numbers one SendNACK call gets: even when no
// two share an entry they fit one RTCP packet (RFC 4585, 6.2.1).
const MaxNACKs = 250

// outboxRoom is how many sequence numbers wait while callbacks run; more are
// left to the next retry.
const outboxRoom = 2 * maxGaps

// outbox collects, under the mutex, what callbacks are to be told.
type outbox struct {
	units []*media.AccessUnit
	nacks []uint16
	pli   bool
}

func newOutbox(units int) *outbox {
	return &outbox{units: make([]*media.AccessUnit, 0, units), nacks: make([]uint16, 0, outboxRoom)}
}

func (o *outbox) nack(seq uint16) {
	if len(o.nacks) < cap(o.nacks) {
		o.nacks = append(o.nacks, seq)
	}
}

func (o *outbox) empty() bool { return len(o.units) == 0 && len(o.nacks) == 0 && !o.pli }

// tell runs the callbacks and empties the box. No mutex is held.
func (o *outbox) tell(cfg *VideoConfig, ssrc uint32) {
	for i, au := range o.units {
		o.units[i] = nil
		cfg.OnAccessUnit(au)
	}
	for rest := o.nacks; len(rest) > 0 && cfg.SendNACK != nil; {
		n := min(len(rest), MaxNACKs)
		cfg.SendNACK(ssrc, rest[:n])
		rest = rest[n:]
	}
	if o.pli && cfg.SendPLI != nil {
		cfg.SendPLI(ssrc)
	}
	o.units, o.nacks, o.pli = o.units[:0], o.nacks[:0], false
}
