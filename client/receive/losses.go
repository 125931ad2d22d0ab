package receive

import "github.com/blade-shadow/terminal/internal/media"

// What the assembler does about packets that were given up.

// await drops everything up to the next keyframe and charges it to cause.
func (a *assembler) await(cause media.Cause, reason string) {
	a.awaitKey, a.awaitCause, a.discontinuity = true, cause, true
	if a.need = reason; a.heals() {
		a.need = ""
	}
}

// doubt meets a picture that lacks nothing itself but may need one that was
// lost before the last that was shown.
func (a *assembler) doubt() {
	a.heal.loss()
	a.await(media.CauseNetwork, reasonLoss)
	if a.heals() {
		a.deliver(false)
		return
	}
	a.ledger.lose(a.cur.timing.Frame, media.CauseNetwork)
	a.drop()
}

// keyBegun says that the picture in the making is a keyframe.
func (a *assembler) keyBegun() bool {
	return a.cur.active && a.depack.flags&(hasKey|hasSPS) != 0
}

// skip says that the next packet of the stream was given up.
func (a *assembler) skip() {
	reason := reasonLoss
	if a.cur.active {
		if a.keyBegun() {
			reason = reasonLostKey
		}
		a.torn, a.tornTime = true, a.cur.rtpTime
		a.cur.active = false
		if !a.cur.failed {
			a.drop()
		}
	}
	a.prevKnown = false
	a.ledger.hole = true
	a.refs.lost(1)
	a.heal.loss()
	if a.need == reasonLostKey { // skipped with its keyframe a moment ago
		reason = reasonLostKey
	}
	a.await(media.CauseNetwork, reason)
}

// discard passes over a packet of a frame whose beginning is missing. The
// frame is charged when its end shows.
func (a *assembler) discard(p *packet) {
	if a.torn && a.tornTime != p.rtpTime {
		a.ledger.lose(0, a.awaitCause)
	}
	a.torn, a.tornTime = !p.marker, p.rtpTime
	if p.marker {
		a.ledger.lose(p.timing.Frame, a.awaitCause)
	}
}

// restart forgets a stream whose sequence space ended.
func (a *assembler) restart() {
	a.skip()
	if a.torn {
		a.ledger.lose(0, media.CauseHost)
	}
	a.torn = false
	a.params = 0
	a.refs.restarted()
	a.ledger.restart()
	a.await(media.CauseHost, reasonRestart)
}

// hopeless says that the picture in the making is not worth waiting for: only
// a keyframe helps and it is none.
func (a *assembler) hopeless() bool { return a.awaitKey && a.cur.active && a.cur.useless }

// spares says that the picture in the making, which lacks a packet, is one
// that others do not need, or that the stream heals by itself: what is missing
// is not worth a keyframe.
func (a *assembler) spares() bool {
	if a.refs.refresh && a.refs.everKey && (!a.awaitKey || a.awaitCause == media.CauseNetwork) {
		return true
	}
	return a.cur.active && !a.cur.failed && a.cur.au != nil && !a.awaitKey && a.refs.disposable(a.cur.au.Data)
}
