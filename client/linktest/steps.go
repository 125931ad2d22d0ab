package linktest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
	"github.com/blade-shadow/terminal/internal/linktest/lane"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Ends of a ladder.
var (
	errNoTime = errors.New("no time is left")                  // for another step
	errSilent = errors.New("the host or the line went silent") // in a step
)

// byeError is the host's goodbye before the end.
type byeError struct{ reason string }

func (b *byeError) Error() string { return "the host ended the test: " + b.reason }

// hear waits for a message of one type and, for steps, of one number.
func (r *run) hear(ctx context.Context, want linktest.MessageType, step int) (linktest.Message, error) {
	for {
		m, err := r.lane.Hear(ctx)
		switch {
		case err != nil:
			return m, err
		case m.Type == linktest.MessageBye:
			return m, &byeError{wire.Printable(m.Reason)}
		case m.Type == want && m.Step == step:
			return m, nil
		}
	}
}

// greet agrees on the bounds.
func (r *run) greet(parent context.Context) (linktest.Message, error) {
	ctx, cancel := context.WithTimeout(parent, greetTimeout)
	defer cancel()
	err := r.lane.Tell(ctx, linktest.Message{Type: linktest.MessageHello, Version: linktest.Version, MaxBps: r.cfg.MaxBps})
	if err != nil {
		return linktest.Message{}, err
	}
	m, err := r.hear(ctx, linktest.MessageHello, 0)
	if err != nil {
		return m, err
	}
	if m.Version < 1 || m.MaxBps < linktest.MinMax {
		return m, &Error{"use programs of the same version here and there", fmt.Errorf("host %s speaks another kind of link test", r.result.Host)}
	}
	r.result.MaxBps = min(r.cfg.MaxBps, m.MaxBps)
	return m, nil
}

// quiet measures what there is without load: the round trip, sizes, the NAT.
func (r *run) quiet(ctx context.Context, hello linktest.Message) error {
	r.cfg.Progress(0.05, "measuring the quiet line")
	p, ok := r.lane.Path()
	if !ok {
		return lane.ErrLost
	}
	r.result.Path = describe(p)
	r.lane.RTTs(0)
	if p.TCP || p.Relayed || !p.Remote.IsValid() {
		if err := lane.Pause(ctx, idleTime); err != nil {
			return err
		}
		r.result.Idle = r.lane.RTTs(pingGrace)
		return nil
	}
	begun := time.Now()
	r.result.Path.NAT = r.nat(ctx, p, hello)
	if err := lane.Pause(ctx, idleTime-time.Since(begun)); err != nil {
		return err
	}
	r.result.Idle = r.lane.RTTs(pingGrace)
	r.cfg.Progress(0.1, "trying sizes of packets")
	return r.sizes(ctx, p)
}

// describe is the path as the result has it.
func describe(p lane.Path) linktest.Path {
	out := linktest.Path{
		Transport: linktest.TransportUDP, UDP: linktest.ReachOpen, IPv6: p.IPHeader() == 40,
		NAT: linktest.NAT{Mapping: linktest.BehaviourNotKnown, Filtering: linktest.BehaviourNotKnown},
	}
	switch {
	case p.TCP:
		out.Transport, out.UDP = linktest.TransportTCP, linktest.ReachBlocked
	case p.Relayed:
		out.Transport = linktest.TransportRelay
	}
	return out
}

// sizes finds the largest packet that gets through each way, of those that
// usual lines have: Ethernet, PPPoE, tunnels, and IPv6's least.
func (r *run) sizes(ctx context.Context, p lane.Path) error {
	sizes := [...]int{1500, 1492, 1480, 1460, 1440, 1420, 1400, 1360, 1280}
	for range 3 { // some of them may be lost for other reasons
		for _, size := range sizes {
			r.lane.Probe(size, p.IPHeader())
			if err := lane.Pause(ctx, 5*time.Millisecond); err != nil {
				return err
			}
		}
	}
	rtt := time.Duration(r.result.Idle.P95 * float64(time.Millisecond))
	if err := lane.Pause(ctx, min(rtt+100*time.Millisecond, time.Second)); err != nil {
		return err
	}
	mtu := &r.result.Path.MTU
	for _, size := range sizes {
		there, back := r.lane.Probed(size)
		if there {
			mtu.Up = max(mtu.Up, size)
		}
		if back {
			mtu.Down = max(mtu.Down, size)
		}
	}
	return nil
}

// climb runs a direction's ladder until a step is clearly too much.
func (r *run) climb(ctx context.Context, d linktest.Direction, ladder []int) error {
	for _, rate := range ladder {
		if time.Until(r.ends) < linktest.StepDuration+linktest.Drain+time.Second {
			return errNoTime
		}
		r.steps++
		r.cfg.Progress(0.12+0.86*float64(r.steps-1)/float64(r.planned), fmt.Sprintf("%s %s", d, linktest.Mbps(rate)))
		s, err := r.step(ctx, d, rate)
		if err != nil {
			return err
		}
		if d == linktest.Down {
			r.result.Down = append(r.result.Down, s)
		} else {
			r.result.Up = append(r.result.Up, s)
		}
		if !s.Carried {
			break
		}
	}
	if d == linktest.Down {
		r.steps = r.planned / 2
	}
	return nil
}

// step runs one rate in one direction.
func (r *run) step(parent context.Context, d linktest.Direction, rate int) (linktest.Step, error) {
	ctx, cancel := context.WithTimeout(parent, linktest.StepDuration+stepGrace)
	defer cancel()
	n := r.steps
	ask := linktest.Message{
		Type: linktest.MessageStep, Step: n, Direction: d, RateBps: rate,
		DurationMS: int(linktest.StepDuration / time.Millisecond),
	}
	measure := r.down
	if d == linktest.Up {
		measure = r.up
	}
	figures, err := measure(ctx, ask)
	rtt := r.lane.RTTs(pingGrace)
	if err != nil && ctx.Err() != nil && parent.Err() == nil {
		err = errSilent
	}
	if err != nil {
		return linktest.Step{}, err
	}
	return linktest.NewStep(d, rate, figures, rtt, r.result.Idle), nil
}

// down has the host send a step.
func (r *run) down(ctx context.Context, ask linktest.Message) (f linktest.Figures, err error) {
	drops := r.lane.SocketDrops()
	r.lane.Begin(uint8(ask.Step), linktest.NewMeter(ask.RateBps, ask.Duration()))
	defer r.lane.End()
	r.lane.RTTs(0)
	if err := r.lane.Tell(ctx, ask); err != nil {
		return f, err
	}
	m, err := r.hear(ctx, linktest.MessageSent, ask.Step)
	if err != nil {
		return f, err
	}
	if m.Sent == nil {
		return f, errors.New("the host did not say what it sent")
	}
	if err := lane.Pause(ctx, linktest.Drain); err != nil {
		return f, err
	}
	meter, base := r.lane.End()
	f = meter.Figures(*m.Sent, base)
	f.TakeDrops(drops, r.lane.SocketDrops())
	return f, nil
}

// up sends a step and takes the host's report.
func (r *run) up(ctx context.Context, ask linktest.Message) (f linktest.Figures, err error) {
	if err := r.lane.Tell(ctx, ask); err != nil {
		return f, err
	}
	if _, err := r.hear(ctx, linktest.MessageReady, ask.Step); err != nil {
		return f, err
	}
	r.lane.RTTs(0)
	sent := r.lane.Send(ctx, uint8(ask.Step), ask.RateBps, ask.Duration())
	if err := r.lane.Tell(ctx, linktest.Message{Type: linktest.MessageSent, Step: ask.Step, Sent: &sent}); err != nil {
		return f, err
	}
	m, err := r.hear(ctx, linktest.MessageReport, ask.Step)
	if err != nil {
		return f, err
	}
	if m.Figures == nil {
		return f, errors.New("the host did not say what came")
	}
	return *m.Figures, nil
}
