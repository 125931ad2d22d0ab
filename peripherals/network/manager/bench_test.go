package manager_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/sysbus"
	"github.com/blade-shadow/terminal/internal/sysbus/bustest"
	"github.com/blade-shadow/terminal/peripherals/network/manager"
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
	questions []manager.Question
	wait      bool // no answer before the question is withdrawn
	withdrawn int
}

func (p *person) ask(ctx context.Context, q manager.Question) (manager.Secret, bool) {
	p.mu.Lock()
	p.questions = append(p.questions, q)
	wait := p.wait
	p.mu.Unlock()
	if wait {
		<-ctx.Done()
		p.mu.Lock()
		p.withdrawn++
		p.mu.Unlock()
		return manager.Secret{}, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.answers) == 0 {
		return manager.Secret{}, false
	}
	answer := p.answers[0]
	p.answers = p.answers[1:]
	return manager.NewSecret(answer), true
}

func (p *person) will(answers ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers = answers
}

func (p *person) asked() []manager.Question {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.questions)
}

// bench is a manager beside a fake.
type bench struct {
	*manager.Manager
	t      *testing.T
	nm     *fakeNM
	person *person
	dial   sysbus.Dialer

	mu     sync.Mutex
	states []manager.State
	times  []time.Time // of states
}

func start(t *testing.T) *bench {
	t.Helper()
	dial, _ := bustest.Start(t)
	b := &bench{t: t, dial: dial, nm: newFake(t, dial), person: &person{}}
	b.Manager = manager.New(manager.Config{Dial: dial, Ask: b.person.ask, OnChange: func(s manager.State) {
		b.mu.Lock()
		b.states, b.times = append(b.states, s), append(b.times, time.Now())
		b.mu.Unlock()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run() = %v; want nil", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
	b.until("NetworkManager", func(s manager.State) bool { return s.Service })
	return b
}

// until waits for a state.
func (b *bench) until(what string, is func(s manager.State) bool) (s manager.State) {
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

func device(s manager.State, name string) (d manager.Device) {
	for _, d := range s.Devices {
		if d.Name == name {
			return d
		}
	}
	return d
}

func home(password string) manager.Network {
	return manager.Network{Kind: manager.KindWiFi, SSID: "home", Security: manager.WPA2, Password: manager.NewSecret(password)}
}
