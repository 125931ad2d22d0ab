package bluetooth_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/sysbus"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// patience bounds every wait.
const patience = 20 * time.Second

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// person answers questions in turn and remembers them; without an answer left
// it refuses.
type person struct {
	mu        sync.Mutex
	answers   []string
	questions []bluetooth.Question
	wait      bool // no answer before the question is withdrawn
	withdrawn int
}

func (p *person) ask(ctx context.Context, q bluetooth.Question) (string, bool) {
	p.mu.Lock()
	p.questions = append(p.questions, q)
	wait := p.wait
	p.mu.Unlock()
	if wait {
		<-ctx.Done()
		p.mu.Lock()
		p.withdrawn++
		p.mu.Unlock()
		return "", true // too late to be heeded
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.answers) == 0 {
		return "", false
	}
	answer := p.answers[0]
	p.answers = p.answers[1:]
	return answer, true
}

func (p *person) will(answers ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = answers
}

func (p *person) waits() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait = true
}

func (p *person) asked() []bluetooth.Question {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.questions)
}

func (p *person) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.withdrawn
}

// bench is a manager beside a fake.
type bench struct {
	*bluetooth.Manager
	t      *testing.T
	bz     *fakeBlueZ
	person *person
	dial   sysbus.Dialer

	mu     sync.Mutex
	states []bluetooth.State
	times  []time.Time // of states
}

// quiet is a bench without BlueZ.
func quiet(t *testing.T) *bench {
	t.Helper()
	dial, _ := bustest.Start(t)
	b := &bench{t: t, dial: dial, person: &person{}}
	b.Manager = bluetooth.New(bluetooth.Config{Dial: dial, Ask: b.person.ask, OnChange: func(s bluetooth.State) {
		b.mu.Lock()
		b.states, b.times = append(b.states, s), append(b.times, time.Now())
		b.mu.Unlock()
	}})
	b.run()
	return b
}

// start is a bench with BlueZ and one adapter.
func start(t *testing.T) *bench {
	t.Helper()
	b := quiet(t)
	b.bz = newFake(t, b.dial)
	b.until("BlueZ", func(s bluetooth.State) bool { return s.Service && len(s.Adapters) == 1 })
	return b
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				b.t.Errorf("Run() = %v; want nil", err)
			}
		case <-time.After(patience):
			b.t.Error("Run does not return")
		}
	})
}

// until waits for a state.
func (b *bench) until(what string, is func(s bluetooth.State) bool) (s bluetooth.State) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if s = b.State(); is(s) {
			return s
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s: not within %v; the state is %+v", what, patience, s)
		}
	}
}

// pair pairs beside the test.
func (b *bench) pair(ctx context.Context, device bluetooth.ID) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- b.Pair(ctx, device) }()
	return ended
}

func (b *bench) await(what string, ended <-chan error) error {
	b.t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(patience):
		b.t.Fatalf("%s: not within %v; the state is %+v", what, patience, b.State())
		return nil
	}
}

func device(s bluetooth.State, id bluetooth.ID) (d bluetooth.Device) {
	for _, d := range s.Devices {
		if d.ID == id {
			return d
		}
	}
	return d
}
