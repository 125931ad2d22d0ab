package microphone

import "time"

// pick is what a turn does.
type pick uint8

const (
	silent  pick = iota // nothing is to be heard
	play                // packet
	restore             // what came before packet, from it
	conceal             // nothing has come
)

// choose takes the turn's packet out of the queue into p.packet.
func (p *Playout) choose() (k pick, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := &p.queue
	waiting := q.waiting()
	if !p.talking {
		if waiting < max(p.target, 1) {
			return silent, 0
		}
		p.talking, p.hole = true, 0
		p.watched, p.calmFrom, p.lowest = time.Now(), time.Now(), waiting
	}
	for waiting > samples(mostWaits) {
		p.leaveOut()
		waiting = q.waiting()
	}
	p.level(waiting)
	if here := q.at(0); here != nil {
		p.packet = *here
		q.advance()
		return play, 0
	}
	if after := q.at(1); after != nil { // the next one is here, so this one is lost
		p.packet = *after
		q.advance()
		return restore, after.samples
	}
	if waiting > 0 {
		q.advance()
	} else if p.hole >= samples(silentFor) {
		p.talking = false
		q.begun = false
		return silent, 0
	}
	return conceal, 0
}

// leaveOut throws the oldest packet away.
func (p *Playout) leaveOut() {
	p.queue.advance()
	p.count.dropped.Add(1)
}

// level sees to it that as much waits as the network needs and no more: the
// two machines' clocks differ, and jitter comes and goes.
func (p *Playout) level(waiting int) {
	now := time.Now()
	if waiting == 0 { // it ran dry
		if p.hole == 0 {
			p.target = min(p.target+samples(tick), samples(most))
		}
		p.calmFrom, p.watched, p.lowest = now, now, samples(most)
		return
	}
	p.lowest = min(p.lowest, waiting)
	if now.Sub(p.watched) < watch {
		return
	}
	if p.lowest > p.target+samples(tick) {
		p.leaveOut()
	}
	p.watched, p.lowest = now, samples(mostWaits)
	if now.Sub(p.calmFrom) > calm {
		p.target, p.calmFrom = max(p.target-samples(tick)/2, samples(least)), now
	}
}

// more decodes one packet, or what stands for it, behind what there is.
func (p *Playout) more() bool {
	k, lost := p.choose()
	p.count.target.Store(uint64(p.target * 1000 / Rate))
	dst := p.pcm[p.have:]
	switch k {
	case silent:
		return false
	case play:
		if n, err := p.cfg.Decoder.Decode(dst, p.packet.payload()); err == nil && n > 0 && n <= longest {
			p.have += n
			p.hole = 0
			p.count.played.Add(1)
			return true
		}
		p.count.refused.Add(1)
	case restore:
		if n, err := p.cfg.Decoder.DecodeFEC(dst[:lost], p.packet.payload()); err == nil && n == lost {
			p.have += n
			p.hole = 0
			p.count.restored.Add(1)
			return true
		}
	}
	length := samples(tick)
	if p.packet.samples > 0 {
		length = p.packet.samples
	}
	p.conceal(dst[:length])
	return true
}

// conceal makes a packet of sound up.
func (p *Playout) conceal(dst []int16) {
	if n, err := p.cfg.Decoder.Conceal(dst); err != nil || n != len(dst) {
		clear(dst)
	}
	p.have += len(dst)
	p.hole += len(dst)
	p.count.concealed.Add(1)
}
