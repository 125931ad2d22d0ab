package client_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/netlab"
	"github.com/blade-shadow/terminal/internal/peer"
)

// stamped is a host's input device that notes when keys came.
type stamped struct {
	hosttest.Hands

	mu sync.Mutex // guards at
	at []time.Time
}

func (s *stamped) Key(u input.Usage, down bool) error {
	s.mu.Lock()
	s.at = append(s.at, time.Now())
	s.mu.Unlock()
	return s.Hands.Key(u, down)
}

func (s *stamped) times() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.at)
}

// BenchmarkInputLoss10 is a session over 20 ms of round trip that loses one in
// ten packets to the host, in virtual packets and real time: an iteration is a
// key's transition, beside motion of 500 Hz. It reports how long keys took, and
// by how many counts the motion differs in the end.
func BenchmarkInputLoss10(b *testing.B) {
	hands := &stamped{}
	h := hosttest.Start(b, hosttest.Config{Change: func(c *host.Config) {
		c.OpenInput = func(ch host.InputChannel) (host.Input, error) {
			return inject.New(inject.Config{Injector: hands, Write: ch.Reply, SameClock: ch.SameMachine})
		}
	}})
	inner, err := peer.NewNet()
	if err != nil {
		b.Fatal(err)
	}
	lossy := netlab.NewNet(inner, 7, netlab.Profile{
		Name: "loss10 up", Up: netlab.Conditions{Delay: 10 * time.Millisecond, Loss: 0.1}, Down: netlab.Conditions{Delay: 10 * time.Millisecond},
	})
	live := make(chan struct{}, 1)
	s, err := client.New(client.Config{
		URL: h.URL, Screens: 1, Codecs: []media.Codec{media.CodecH264}, Name: "bench", Net: lossy,
		OnAccessUnit: (*media.AccessUnit).Release,
		OnStage: func(st client.Stage) {
			if st == client.StageLive {
				live <- struct{}{}
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() { cancel(); <-done }()
	hosttest.Within(b, live, "a live session")
	const key = input.PageKeyboard<<16 | 4
	hosttest.Until(b, "a key arrives", func() bool { // before, there is no channel
		s.Handle(input.Event{Kind: input.KindKey, Usage: key, Down: true, Time: time.Now()})
		s.Handle(input.Event{Kind: input.KindKey, Usage: key, Time: time.Now()})
		return len(hands.times()) > 0
	})
	settle := func() (n int) {
		quiet := time.Now()
		hosttest.Until(b, "nothing more arrives", func() bool {
			if now := len(hands.times()); now != n {
				n, quiet = now, time.Now()
			}
			return time.Since(quiet) > 300*time.Millisecond
		})
		return n
	}
	before := settle()
	x0, y0 := hands.Moved()

	moving, stop := context.WithCancel(ctx)
	var moved sync.WaitGroup
	var dx int32
	moved.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for moving.Err() == nil {
			<-tick.C
			d := rand.Int32N(21) - 8
			dx += d
			s.Handle(input.Event{Kind: input.KindMotion, DX: d, DY: -d, Time: time.Now()})
		}
	})
	pressed := make([]time.Time, 0, b.N)
	b.ResetTimer()
	for i := range b.N {
		time.Sleep(8*time.Millisecond + rand.N(24*time.Millisecond)) // as fast as two hands
		pressed = append(pressed, time.Now())
		s.Handle(input.Event{Kind: input.KindKey, Usage: key, Down: i%2 == 0, Time: time.Now()})
	}
	b.StopTimer()
	stop()
	moved.Wait()
	settle()
	came := hands.times()[before:]
	if len(came) != b.N {
		b.Fatalf("%d transitions came of %d", len(came), b.N)
	}
	took := make([]float64, b.N)
	for i := range took {
		took[i] = float64(came[i].Sub(pressed[i]).Microseconds()) / 1000
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2], "key_ms_p50")
	b.ReportMetric(took[len(took)*99/100], "key_ms_p99")
	var x, y int32
	hosttest.Until(b, "the motion is there", func() bool {
		was := x
		x, y = hands.Moved()
		return x == was
	})
	b.ReportMetric(float64(max(x-x0-dx, dx-x+x0)+max(y-y0+dx, -dx-y+y0)), "motion_errors")
}
