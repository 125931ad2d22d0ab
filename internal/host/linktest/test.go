package linktest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
	"github.com/blade-shadow/terminal/internal/peer"
)

const (
	connectTimeout = 10 * time.Second // from answer to connection
	helloTimeout   = 3 * time.Second  // after that
	liveInterval   = 200 * time.Millisecond
	// upGrace is how long an up step may take beyond its duration: the word
	// that it is over waits behind what the line still holds.
	upGrace = 3 * time.Second
	// farewell is for the last message to leave before the path closes.
	farewell = 100 * time.Millisecond
)

// test is one test. open belongs to the HTTP handler, run to Server.Run; end may
// be called from anywhere.
type test struct {
	id   string
	srv  *Server
	ends time.Time
	quit chan string // capacity 1: the first reason wins

	lane    *lane.Lane // nil until open
	mirror  *mirror    // nil: the NAT cannot be told
	maxBps  int        // both ends'
	steps   int
	carried int64 // bytes sent and received, for the log
}

// open answers the offer. Whoever calls it closes the test.
func (t *test) open(ctx context.Context, offer string) (answer string, err error) {
	cfg := t.srv.cfg
	if t.lane, err = lane.New(lane.Config{
		Loopback: cfg.Loopback, Net: cfg.Net, TCP: t.srv.tcp(), ICEServers: peer.Servers(cfg.ICEServers), MaxBps: cfg.MaxBps,
	}); err != nil {
		return "", err
	}
	return t.lane.Answer(ctx, offer, gatherTimeout)
}

func (t *test) close() error {
	if t.lane == nil {
		return nil
	}
	return t.lane.Close()
}

// end asks the test to end; the first reason wins.
func (t *test) end(reason string) {
	select {
	case t.quit <- reason:
	default:
	}
}

// errEnded carries the reason of an end that is no fault.
type errEnded string

func (e errEnded) Error() string { return string(e) }

// run runs the test to its end. It never takes longer than its bound.
func (t *test) run(parent context.Context) {
	ctx, cancel := context.WithDeadline(parent, t.ends)
	defer cancel()
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return t.watch(inner) })
	g.Go(func() error {
		err := t.serve(inner)
		if err == nil {
			err = errEnded("done")
		}
		return err // ends the others as well
	})
	err := g.Wait()
	t.goodbye(parent, err)
	cerr := t.close()
	t.srv.log.Info("link test ended", "reason", err, "steps", t.steps, "bytes", t.carried, "close_err", cerr)
}

// goodbye tells the terminal why, where it can still hear it.
func (t *test) goodbye(parent context.Context, err error) {
	if errors.Is(err, lane.ErrLost) || errors.Is(err, context.Canceled) && parent.Err() == nil {
		return
	}
	reason := "the host's bound of time"
	var ended errEnded
	switch {
	case errors.As(err, &ended):
		reason = string(ended)
	case parent.Err() != nil:
		reason = errClosing.Error()
	case !errors.Is(err, context.DeadlineExceeded):
		reason = "the test cannot go on" // the cause may quote what the other end sent
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(parent), farewell)
	defer cancel()
	if t.lane.Tell(ctx, linktest.Message{Type: linktest.MessageBye, Reason: reason}) == nil && reason != "done" {
		<-ctx.Done() // it is on its way
	}
}

// watch ends the test when the path is lost, a session becomes live, or somebody
// asks for it.
func (t *test) watch(ctx context.Context) error {
	tick := time.NewTicker(liveInterval)
	defer tick.Stop()
	connected := t.lane.Connected()
	patience := time.NewTimer(connectTimeout)
	defer patience.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-connected:
			connected = nil
			patience.Stop()
		case <-patience.C:
			return fmt.Errorf("the terminal did not connect: %w", lane.ErrLost)
		case <-t.lane.Failed():
			return lane.ErrLost
		case <-t.lane.Flooded():
			return lane.ErrFlooded
		case reason := <-t.quit:
			return errEnded(reason)
		case <-tick.C:
			if t.srv.sessionLive() {
				return errEnded("a session began")
			}
		}
	}
}

// serve does what the terminal asks for until it says goodbye.
func (t *test) serve(ctx context.Context) error {
	first, cancel := context.WithTimeout(ctx, connectTimeout+helloTimeout)
	hello, err := t.lane.Hear(first)
	cancel()
	if err != nil {
		return err
	}
	if hello.Type != linktest.MessageHello || hello.Version < 1 || hello.MaxBps < linktest.MinMax {
		return fmt.Errorf("the terminal began with %.16q", hello.Type)
	}
	t.maxBps = min(t.srv.cfg.MaxBps, hello.MaxBps)
	reply := linktest.Message{Type: linktest.MessageHello, Version: linktest.Version, MaxBps: t.maxBps}
	if t.mirror, err = openMirror(t.srv.cfg); err == nil {
		reply.Ports, reply.Key = t.mirror.ports(), t.mirror.key
	} else {
		t.srv.log.Debug("the NAT cannot be told", "err", err)
	}
	g, inner := errgroup.WithContext(ctx)
	if t.mirror != nil {
		g.Go(func() error { return t.mirror.run(inner) })
	}
	g.Go(func() error {
		if err := t.lane.Tell(inner, reply); err != nil {
			return err
		}
		err := t.obey(inner)
		if err == nil {
			err = errEnded("done")
		}
		return err
	})
	return g.Wait()
}

// obey runs the steps that the terminal asks for.
func (t *test) obey(ctx context.Context) error {
	for {
		m, err := t.lane.Hear(ctx)
		if err != nil {
			return err
		}
		switch m.Type {
		case linktest.MessageBye:
			return nil
		case linktest.MessageStep:
			if err := t.step(ctx, m); err != nil {
				return err
			}
		}
	}
}

// step runs one step within the bounds of both ends.
func (t *test) step(ctx context.Context, m linktest.Message) error {
	t.steps++
	if t.steps > linktest.MaxSteps || m.RateBps < 1 || m.RateBps > t.maxBps || m.DurationMS < 1 {
		return fmt.Errorf("step %d of %d b/s for %d ms is not within what was agreed", t.steps, m.RateBps, m.DurationMS)
	}
	switch m.Direction {
	case linktest.Down:
		sent := t.lane.Send(ctx, uint8(m.Step), m.RateBps, m.Duration())
		t.carried += int64(sent.Bytes)
		if ctx.Err() != nil {
			return ctx.Err() // it was not the whole step
		}
		return t.lane.Tell(ctx, linktest.Message{Type: linktest.MessageSent, Step: m.Step, Sent: &sent})
	case linktest.Up:
		return t.up(ctx, m)
	}
	return errors.New("a step without a direction")
}

// up receives a step and reports it.
func (t *test) up(ctx context.Context, m linktest.Message) error {
	drops := t.lane.SocketDrops()
	t.lane.Begin(uint8(m.Step), linktest.NewMeter(m.RateBps, m.Duration()))
	defer t.lane.End()
	if err := t.lane.Tell(ctx, linktest.Message{Type: linktest.MessageReady, Step: m.Step}); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, m.Duration()+upGrace)
	defer cancel()
	reply, err := t.lane.Hear(wait)
	if err != nil {
		return err
	}
	if reply.Type == linktest.MessageBye {
		return errEnded("done")
	}
	if reply.Type != linktest.MessageSent || reply.Sent == nil || reply.Step != m.Step {
		return fmt.Errorf("%.16q in place of the end of a step", reply.Type)
	}
	if err := lane.Pause(ctx, linktest.Drain); err != nil {
		return err
	}
	meter, base := t.lane.End()
	t.carried += meter.Bytes()
	figures := meter.Figures(*reply.Sent, base)
	figures.TakeDrops(drops, t.lane.SocketDrops())
	return t.lane.Tell(ctx, linktest.Message{Type: linktest.MessageReport, Step: m.Step, Figures: &figures})
}
