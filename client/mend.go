package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/peer"
)

// Times of looking for another path.
const (
	carries   = 1200 * time.Millisecond // for packets to come on it
	heardSoon = 80 * time.Millisecond   // for those on the way when the host can be asked again
	// outage is how long a path is silent at most that only was interrupted while
	// the host could be asked. Another path is found in steps of ICE's checks,
	// 200 ms, so leaving such a path makes its interruption longer.
	outage       = 1500 * time.Millisecond
	firstBackOff = 200 * time.Millisecond
	lastBackOff  = 2 * time.Second
	// costlyAfter is how long a path may be interrupted that cannot be changed
	// within the session: another session takes longer than most interruptions.
	costlyAfter = 4 * time.Second
)

// mend looks for another path until packets come or there is no hope; then it
// returns why the session ends.
func (p *path) mend(ctx context.Context, t trouble, connected <-chan struct{}) error {
	p.s.log.Info("looking for another path", "reason", t.reason)
	backOff := firstBackOff
	hopeless := time.Now().Add(p.s.waits.lost - p.quiet())
	p.mu.Lock()
	patches := p.patches
	p.mu.Unlock()
	if !patches && !t.sure {
		if t.wanted || p.listen(ctx, time.Since(p.begun), costlyAfter) {
			return nil
		}
	}
	for ctx.Err() == nil {
		network, changed, known := p.network()
		if known && len(network.Interfaces) == 0 {
			if !p.pause(ctx, changed, time.Until(hopeless)) {
				return errLost() // nobody knows of a network
			}
			continue
		}
		if known && p.cutOff(network) {
			t.sure = true
			p.s.whep.transport.CloseIdleConnections() // they have the old address
		}
		done, err := p.try(ctx, changed, &t)
		switch {
		case errors.Is(err, errForgotten):
			return fail(StageLive, false, "it is connected to again at once", ErrForgotten)
		case errors.Is(err, syscall.ECONNREFUSED) && !done && (t.sure || p.quiet() > quietAfter):
			return fail(StageLive, false, "it is connected to again as soon as it is there", fmt.Errorf("%w: %w", errGone, syscall.ECONNREFUSED))
		case errors.Is(err, errNoRestart):
			p.s.log.Debug("no restart", "err", err)
			if !closedChannel(connected) {
				p.mu.Lock()
				p.patches = false
				p.mu.Unlock()
				return nil // the session's own patience decides
			}
			return errLost()
		case done || ctx.Err() != nil:
			return nil
		case time.Now().After(hopeless):
			if !closedChannel(connected) {
				return nil // the session's own patience decides
			}
			return errLost()
		}
		p.s.log.Debug("no other path yet", "err", err)
		p.pause(ctx, changed, backOff)
		backOff = min(2*backOff, lastBackOff)
	}
	return nil
}

// ErrForgotten is wrapped when the host does not know the session any more: it
// was started anew, or we were away for too long. A new session is what helps.
var ErrForgotten = errors.New("the host has forgotten the session")

// errGone says that the host's machine is there and its program is not: what
// was silent stays silent.
var errGone = errors.New("the host has ended without a word")

func closedChannel(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// pause waits for the time or for news of the network; false: for the time.
func (p *path) pause(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-timer.C:
		return false
	case <-ctx.Done():
		return true
	}
}

// try makes one attempt; news of the network ends it. A path that may only be
// interrupted is given up when the host can be asked and media does not come:
// giving it up earlier would cost what follows the interruption.
func (p *path) try(ctx context.Context, changed <-chan struct{}, t *trouble) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-changed:
			cancel()
		case <-ctx.Done():
		}
	}()
	p.mu.Lock()
	resource, ours := p.resource, p.ours
	p.mu.Unlock()
	if resource == nil {
		return false, fmt.Errorf("%w: it named no resource", errNoRestart)
	}
	if !t.sure {
		asked := time.Since(p.begun)
		err := p.s.whep.probe(ctx, resource)
		if errors.Is(err, errForgotten) && !ours {
			err = nil // it does not know the method
		}
		if err != nil {
			// Where the host cannot be asked, what carries is kept.
			return t.wanted || p.heardSince(asked), err
		}
		if !t.wanted && p.listen(ctx, asked, max(heardSoon, outage-p.quiet())) {
			return true, nil
		}
	}
	t.sure = true // what there was is given up now
	begun := time.Since(p.begun)
	if err := p.restart(ctx, t.reason); err != nil {
		return false, err
	}
	if p.listen(ctx, begun, carries) {
		return true, nil
	}
	p.everything.Store(true)
	return false, errors.New("the host answered, but nothing came")
}

func (p *path) heardSince(since time.Duration) bool { return time.Duration(p.heardAt.Load()) > since }

// listen waits for a packet that came after since, d at most.
func (p *path) listen(ctx context.Context, since, d time.Duration) bool {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	poll := time.NewTicker(5 * time.Millisecond) // packets wake nobody: there are too many
	defer poll.Stop()
	for !p.heardSince(since) {
		select {
		case <-poll.C:
		case <-deadline.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// restart exchanges new names and addresses with the host. From its first
// line the old path is gone.
func (p *path) restart(ctx context.Context, reason string) error {
	s := p.s
	p.candidates.reset()
	s.renewServers()
	offer, err := s.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		return err
	}
	f, err := peer.FragOf(offer.SDP)
	if err != nil {
		return err
	}
	if err := p.candidates.wait(ctx, false); err != nil {
		return err
	}
	f.Candidates, f.End = p.candidates.take()
	p.mu.Lock()
	resource, ours, answer := p.resource, p.ours, p.answer
	p.mu.Unlock()
	got, err := s.whep.restart(ctx, resource, f, ours)
	if err != nil {
		return err
	}
	late := holdBack(&got.frag)
	if answer, err = got.frag.With(answer); err != nil {
		return err
	}
	if err := s.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	p.mu.Lock()
	p.base = netip.Addr{} // until pion has chosen, which it may as soon as it has the answer
	p.mu.Unlock()
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("%w: %w", errNoRestart, err)
	}
	f.Candidates, f.End = nil, false
	p.mu.Lock()
	p.etag, p.ufrag = got.etag, f
	p.restarts++
	p.reason, p.at = reason, time.Now()
	p.mu.Unlock()
	p.candidates.settle()
	p.addLater(ctx, late)
	return nil
}

// trickle sends the host what is found of our addresses after an exchange.
func (p *path) trickle(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.candidates.news:
		}
		p.mu.Lock()
		resource, etag, f, patches := p.resource, p.etag, p.ufrag, p.patches
		p.mu.Unlock()
		if !patches || etag == "" {
			continue
		}
		if f.Candidates, f.End = p.candidates.takeLate(); len(f.Candidates) == 0 {
			continue
		}
		if _, err := p.s.whep.patch(ctx, resource, etag, f); err != nil {
			p.s.log.Debug("late candidates were not taken", "err", err)
		}
	}
}
