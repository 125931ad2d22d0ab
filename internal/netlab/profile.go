package netlab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Profile is a link by name: what it does in both directions, and how that
// changes over time.
type Profile struct {
	Name  string
	About string // one line for people: what it stands for and where the numbers are from

	Up   Conditions // from the terminal to the host
	Down Conditions // from the host to the terminal

	// Steps replace Up and Down from their time on, in the order of time.
	// They start again every Period; with Period 0 they happen once.
	Steps  []Step
	Period time.Duration
}

// Step is a change of conditions At a time after the beginning of its period.
type Step struct {
	At       time.Duration
	Up, Down Conditions
}

// At returns the conditions at a time after the profile was set.
func (p Profile) At(t time.Duration) (up, down Conditions) {
	if p.Period > 0 {
		t %= p.Period
	}
	up, down = p.Up, p.Down
	for _, s := range p.Steps {
		if s.At > t {
			break
		}
		up, down = s.Up, s.Down
	}
	return up, down
}

// Check returns an error that names the first value out of its range.
func (p Profile) Check() error {
	all := append([]Step{{Up: p.Up, Down: p.Down}}, p.Steps...)
	for _, s := range all {
		if err := s.Up.Check(); err != nil {
			return fmt.Errorf("profile %s: up: %w", p.Name, err)
		}
		if err := s.Down.Check(); err != nil {
			return fmt.Errorf("profile %s: down: %w", p.Name, err)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b Step) int { return cmp.Compare(a.At, b.At) }) {
		return fmt.Errorf("profile %s: steps are not in the order of time", p.Name)
	}
	return nil
}

// Find returns the profile of that name. The error lists all names.
func Find(name string) (Profile, error) {
	var names []string
	for _, p := range Profiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Profile{}, fmt.Errorf("no network profile is called %q; there are %s", name, strings.Join(names, ", "))
}

// both returns a profile that does the same in both directions.
func both(name, about string, c Conditions) Profile {
	return Profile{Name: name, About: about, Up: c, Down: c}
}

// Profiles returns all profiles, those that stand for what people have first.
// They are chosen within published ranges, not fitted to one trace: delays by
// access technology and loss as in the FCC's Measuring Broadband America
// reports (idle latency fibre about 10-15 ms, cable 15-30 ms, DSL 25-45 ms;
// loss mostly under 0.4 %), buffers as bufferbloat measurements find them.
func Profiles() []Profile {
	const ms = time.Millisecond
	const mbps = 1_000_000
	return []Profile{
		{
			Name: "fibre", About: "fibre to the home, host in the same country: 10 ms round trip, 300/150 Mb/s (FCC MBA)",
			Up:   Conditions{Delay: 5 * ms, Jitter: ms, Loss: 0.0001, RateBps: 150 * mbps, Queue: 40 * ms},
			Down: Conditions{Delay: 5 * ms, Jitter: ms, Loss: 0.0001, RateBps: 300 * mbps, Queue: 40 * ms},
		},
		{
			// Upstream a modem asks for each slot (DOCSIS request and grant): that is its jitter.
			Name: "cable", About: "DOCSIS 3 cable: 20 ms round trip, 100/20 Mb/s, 0.1 % loss (FCC MBA; RFC 8034 for the buffers)",
			Up:   Conditions{Delay: 10 * ms, Jitter: 6 * ms, Loss: 0.001, RateBps: 20 * mbps, Queue: 200 * ms},
			Down: Conditions{Delay: 10 * ms, Jitter: 3 * ms, Loss: 0.001, RateBps: 100 * mbps, Queue: 120 * ms},
		},
		{
			// Interleaving delays, and turns line noise into short bursts.
			Name: "adsl", About: "ADSL2+ with interleaving: 36 ms round trip, 14/1 Mb/s, noise in bursts (ITU-T G.992.5; FCC MBA)",
			Up:   Conditions{Delay: 18 * ms, Jitter: 3 * ms, Burst: Burst{Share: 0.001, MeanLen: 3}, RateBps: mbps, Queue: 400 * ms},
			Down: Conditions{Delay: 18 * ms, Jitter: 2 * ms, Burst: Burst{Share: 0.002, MeanLen: 4}, RateBps: 14 * mbps, Queue: 200 * ms},
		},
		{
			// Contention and retries delay; collisions lose what is aggregated, so in a row.
			Name: "wifi-busy", About: "2.4 GHz Wi-Fi among many neighbours, on cable: 24 ms round trip, 25 ms jitter, 1.5 % loss in bursts of 6",
			Up:   Conditions{Delay: 12 * ms, Jitter: 25 * ms, Burst: Burst{Share: 0.01, MeanLen: 4}, Loss: 0.002, RateBps: 20 * mbps, Queue: 150 * ms},
			Down: Conditions{Delay: 12 * ms, Jitter: 25 * ms, Burst: Burst{Share: 0.015, MeanLen: 6}, Loss: 0.002, RateBps: 40 * mbps, Queue: 150 * ms},
		},
		mobile(), handover(),
		{
			Name: "transatlantic", About: "fibre from Western Europe to a host on the East Coast: 80 ms round trip, 0.2 % loss, a little reordering",
			Up:   Conditions{Delay: 40 * ms, Jitter: 2 * ms, Loss: 0.001, RateBps: 50 * mbps, Queue: 80 * ms},
			Down: Conditions{Delay: 40 * ms, Jitter: 3 * ms, Loss: 0.002, Reorder: 0.0005, RateBps: 100 * mbps, Queue: 80 * ms},
		},
		both("clean", "nothing is changed", Conditions{}),
		both("rtt20", "20 ms round trip and nothing else", Conditions{Delay: 10 * ms}),
		both("loss2", "20 ms round trip, 2 % random loss each way", Conditions{Delay: 10 * ms, Loss: 0.02}),
		both("loss10", "20 ms round trip, 10 % random loss each way", Conditions{Delay: 10 * ms, Loss: 0.10}),
		both("burst2", "20 ms round trip, 2 % loss in bursts of 10 packets each way", Conditions{Delay: 10 * ms, Burst: Burst{Share: 0.02, MeanLen: 10}}),
		both("wan60", "60 ms round trip, 10 ms jitter and 1 % random loss each way", Conditions{Delay: 30 * ms, Jitter: 10 * ms, Loss: 0.01}),
	}
}

// mobile is LTE at rest. The radio repeats what it loses (HARQ, RLC), which
// shows as jitter, and its buffers are deep.
func mobile() Profile {
	const ms = time.Millisecond
	return Profile{
		Name: "4g", About: "LTE at rest: 50 ms round trip, 20 ms jitter, 25/8 Mb/s, deep buffers (Huang et al., MobiSys 2012)",
		Up:   Conditions{Delay: 25 * ms, Jitter: 20 * ms, Loss: 0.001, RateBps: 8_000_000, Queue: 400 * ms},
		Down: Conditions{Delay: 25 * ms, Jitter: 15 * ms, Loss: 0.001, RateBps: 25_000_000, Queue: 400 * ms},
	}
}

// handover is LTE on the move: every 10 s the cell changes. What is sent
// within the gap is lost, as in a seamless handover, the new cell starts slower
// and farther away; once in 20 s the gap is long, a failed handover.
func handover() Profile {
	p := mobile()
	p.Name = "4g-handover"
	p.About = "LTE on the move: as 4g, a gap of 80 ms and a slow second every 10 s, every other gap 500 ms (Nguyen et al. 2014)"
	down := func(c Conditions) Conditions { c.Down = true; return c }
	slow := func(c Conditions) Conditions {
		c.RateBps /= 4
		c.Delay += 15 * time.Millisecond
		c.Burst = Burst{Share: 0.01, MeanLen: 4}
		return c
	}
	cell := func(at, gap time.Duration) {
		p.Steps = append(p.Steps,
			Step{At: at, Up: down(p.Up), Down: down(p.Down)},
			Step{At: at + gap, Up: slow(p.Up), Down: slow(p.Down)},
			Step{At: at + gap + time.Second, Up: p.Up, Down: p.Down})
	}
	cell(5*time.Second, 80*time.Millisecond)
	cell(15*time.Second, 500*time.Millisecond)
	p.Period = 20 * time.Second
	return p
}
