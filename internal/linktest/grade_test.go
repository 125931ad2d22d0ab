package linktest_test

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/linktest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// line describes a result in a few numbers.
type line struct {
	rtt, jitter, loss, run, bloat float64
	down, up                      []int // Mb/s carried, lowest first
	downFull, upFull              int   // Mb/s that came of the next step, 0: there is none
	slow                          bool  // the next step failed because of a computer
	link                          linktest.Link
	path                          linktest.Path
	stopped                       string
}

func (l line) result() linktest.Result {
	idle := linktest.Times{N: 40, Min: l.rtt, P50: l.rtt, P95: l.rtt * 1.2, Max: l.rtt * 2}
	r := linktest.Result{
		At: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), Host: "pc.example:8089", Seconds: 17.2,
		MaxBps: linktest.DefaultMax, Path: l.path, Link: l.link, Idle: idle, Stopped: l.stopped,
	}
	if r.Path.Transport == "" {
		r.Path = linktest.Path{
			Transport: linktest.TransportUDP, UDP: linktest.ReachOpen, MTU: linktest.MTU{Down: 1500, Up: 1500},
			NAT: linktest.NAT{Mapping: linktest.BehaviourShared, Filtering: linktest.BehaviourPerPort},
		}
	}
	climb := func(d linktest.Direction, carried []int, full int) (steps []linktest.Step) {
		for _, mbps := range carried {
			lost := int(10 * l.loss)
			f := linktest.Figures{
				Sent: 1000, Received: 1000 - lost, Lost: lost, LossPct: l.loss, SentBps: mbps * 950_000, DeliveredBps: int(float64(mbps) * 950_000 * (1 - l.loss/100)),
				Jitter: l.jitter / 4, DelayP50: l.jitter / 2, DelayP95: l.jitter,
			}
			if l.loss > 0 {
				f.LossRunMean, f.LossRunMax, f.LossRuns = l.run, int(3*l.run), max(int(10*l.loss/l.run), 1)
			}
			rtt := linktest.Times{N: 60, Min: l.rtt, P50: l.rtt + l.bloat, P95: l.rtt*1.2 + l.bloat}
			steps = append(steps, linktest.NewStep(d, mbps*1_000_000, f, rtt, idle))
		}
		if full > 0 {
			rate := linktest.Ladder(linktest.DefaultMax)[len(carried)]
			f := linktest.Figures{Sent: 1000, Received: 700, Lost: 300, LossPct: 30, SentBps: rate * 95 / 100, DeliveredBps: full * 1_000_000, DelayP95: 200, Slow: l.slow}
			rtt := linktest.Times{N: 60, Min: l.rtt, P50: l.rtt + 180, P95: l.rtt + 200}
			steps = append(steps, linktest.NewStep(d, rate, f, rtt, idle))
		}
		return steps
	}
	r.Down, r.Up = climb(linktest.Down, l.down, l.downFull), climb(linktest.Up, l.up, l.upFull)
	r.Finish()
	return r
}

func lines() map[string]line {
	all := []int{5, 10, 15, 25, 50}
	cable := linktest.Link{Name: "eth0", Kind: linktest.LinkCable, SpeedMbps: 1000, BestMbps: 1000, PeerMbps: 1000, Duplex: "full", MTU: 1500}
	with := func(change func(*linktest.Link)) linktest.Link {
		l := cable
		change(&l)
		return l
	}
	blocked := linktest.Path{Transport: linktest.TransportNone, UDP: linktest.ReachBlocked, NAT: linktest.NAT{Mapping: linktest.BehaviourNotKnown, Filtering: linktest.BehaviourNotKnown}}
	tcp := linktest.Path{Transport: linktest.TransportTCP, UDP: linktest.ReachBlocked, NAT: blocked.NAT}
	return map[string]line{
		"01 fibre":                   {rtt: 9, jitter: 1, down: all, up: all, link: cable},
		"02 adsl on wi-fi":           {rtt: 36, jitter: 6, down: all[:2], downFull: 12, upFull: 1, link: linktest.Link{Name: "wlan0", Kind: linktest.LinkWiFi, SpeedMbps: 72, Duplex: "not known", SignalDBm: -78}},
		"03 adsl on cable":           {rtt: 36, jitter: 6, down: all[:2], downFull: 12, upFull: 1, link: cable},
		"04 modem":                   {rtt: 60, jitter: 10, downFull: 3, upFull: 1, link: cable},
		"05 far away":                {rtt: 95, jitter: 2, down: all, up: all, link: cable},
		"06 jitter on wi-fi":         {rtt: 14, jitter: 28, down: all, up: all, link: linktest.Link{Name: "wlan0", Kind: linktest.LinkWiFi, SpeedMbps: 300, Duplex: "not known"}},
		"07 loss in bursts":          {rtt: 14, jitter: 3, loss: 1.8, run: 6, down: all, up: all, link: cable},
		"08 loss, cable damaged":     {rtt: 4, jitter: 1, loss: 4.1, run: 1.1, down: all, up: all, link: with(func(l *linktest.Link) { l.Errors, l.NewErrors, l.Losses, l.NewLosses = 812, 77, 4, 1 })},
		"09 cable fell":              {rtt: 9, jitter: 1, down: all, up: all, link: with(func(l *linktest.Link) { l.SpeedMbps, l.Fallen = 100, true })},
		"10 cable fell to 10, half":  {rtt: 9, jitter: 9, down: all[:1], downFull: 7, up: all[:1], upFull: 6, link: with(func(l *linktest.Link) { l.SpeedMbps, l.Fallen, l.Duplex = 10, true, "half" })},
		"11 cable fell since before": {rtt: 9, jitter: 1, down: all, up: all, link: with(func(l *linktest.Link) { l.SpeedMbps, l.PeerMbps, l.Fallen, l.EarlierMbps = 100, 0, true, 1000 })},
		"12 bufferbloat":             {rtt: 12, jitter: 7, bloat: 60, down: all, up: all[:2], upFull: 11, link: cable},
		"13 udp blocked":             {path: blocked, link: cable},
		"14 only tcp":                {rtt: 12, jitter: 2, down: all, up: all, path: tcp, link: cable},
		"15 slow computer":           {rtt: 9, jitter: 2, down: all[:2], downFull: 11, up: all[:2], upFull: 11, slow: true, link: cable},
		"16 bounded to 10":           {rtt: 9, jitter: 2, down: all[:2], up: all[:2], link: cable},
		"17 ended early":             {rtt: 9, jitter: 2, down: all, link: cable, stopped: "the host ended it: a session began"},
		"18 nothing measured":        {link: cable, stopped: "the connection was lost"},
		"19 mobile":                  {rtt: 45, jitter: 18, loss: 0.3, run: 2, down: all[:4], downFull: 30, up: all[:1], upFull: 8, link: linktest.Link{Name: "wwan0", Kind: linktest.LinkMobile, Duplex: "not known"}},
		"20 small packets":           {rtt: 9, jitter: 1, down: all, up: all, link: cable, path: linktest.Path{Transport: linktest.TransportRelay, UDP: linktest.ReachOpen, IPv6: true, MTU: linktest.MTU{Down: 1280, Up: 1500}, NAT: linktest.NAT{Mapping: linktest.BehaviourPerPort, Filtering: linktest.BehaviourPerPort}}},
	}
}

// TestTexts holds what people read against testdata/texts.golden; -update
// rewrites it.
func TestTexts(t *testing.T) {
	var got strings.Builder
	all := lines()
	for _, name := range sorted(all) {
		r := all[name].result()
		got.WriteString("=== " + name + "\n")
		if err := r.WriteText(&got); err != nil {
			t.Fatal(err)
		}
		got.WriteString("\n")
	}
	const file = "testdata/texts.golden"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		g, w := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] {
				t.Fatalf("line %d = %q; want %q (-update rewrites %s)", i+1, g[i], w[i], file)
			}
		}
		t.Fatalf("text has %d lines; want %d", len(g), len(w))
	}
}

func sorted(m map[string]line) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	for i := range names {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
	return names
}

func TestMarks(t *testing.T) {
	const good, usable, not, unknown = linktest.MarkGood, linktest.MarkUsable, linktest.MarkNot, linktest.MarkNotKnown
	for name, want := range map[string][4]linktest.Mark{ // 1080p60, 1080p144, 4K30, two screens
		"01 fibre":            {good, good, good, good},
		"02 adsl on wi-fi":    {usable, not, not, not},
		"04 modem":            {not, not, not, not},
		"05 far away":         {not, not, not, not},
		"13 udp blocked":      {not, not, not, not},
		"14 only tcp":         {usable, usable, usable, usable},
		"15 slow computer":    {unknown, unknown, unknown, unknown},
		"16 bounded to 10":    {usable, unknown, unknown, unknown},
		"18 nothing measured": {unknown, unknown, unknown, unknown},
	} {
		r := lines()[name].result()
		for i, v := range r.Verdicts {
			if v.Grade != want[i] {
				t.Errorf("%s: %s is %s (%s); want %s", name, v.Name, v.Grade, v.Reason, want[i])
			}
			if v.Grade != good && name != "18 nothing measured" && (v.Reason == "" || v.Advice == "") {
				t.Errorf("%s: %s is %s without reason or advice: %q, %q", name, v.Name, v.Grade, v.Reason, v.Advice)
			}
		}
	}
}

// TestRulesAreOrdered keeps the table sane: good wants more than usable.
func TestRulesAreOrdered(t *testing.T) {
	for _, r := range linktest.Rules() {
		for _, l := range []linktest.Level{r.Down, r.Up} {
			if l.Good < l.Usable || l.Usable <= 0 {
				t.Errorf("%s: rate %+v; want good above usable", r.Name, l)
			}
		}
		for _, l := range []linktest.Level{r.RTT, r.Jitter, r.Loss, r.Bloat} {
			if l.Good > l.Usable || l.Good <= 0 {
				t.Errorf("%s: bound %+v; want good below usable", r.Name, l)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	now := time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)
	at := func(l line, ago time.Duration) linktest.Result {
		r := l.result()
		r.At = now.Add(-ago)
		return r
	}
	all := []int{5, 10, 15, 25, 50}
	eth := linktest.Link{Name: "eth0", Kind: linktest.LinkCable}
	good, bad := line{rtt: 9, down: all, up: all, link: eth}, line{rtt: 30, down: all[:2], downFull: 12, up: all, link: eth}
	const day = 24 * time.Hour
	tests := []struct {
		name string
		all  []linktest.Result
		want linktest.Change
		says string
	}{
		{"none", nil, linktest.ChangeNone, ""},
		{"first", []linktest.Result{at(good, 0)}, linktest.ChangeNone, ""},
		{"worse than last week", []linktest.Result{at(good, 6*day), at(good, 2*day), at(bad, 0)}, linktest.ChangeWorse, "Worse than last week: 12 Mb/s down instead of 50 Mb/s"},
		{"better than last week", []linktest.Result{at(bad, 3*day), at(good, 0)}, linktest.ChangeBetter, "Better than last week"},
		{"same", []linktest.Result{at(good, 3*day), at(good, 0)}, linktest.ChangeSame, "About the same as last week."},
		{"long ago", []linktest.Result{at(bad, 30*day), at(good, 0)}, linktest.ChangeBetter, "Better than the test before"},
		{"minutes ago", []linktest.Result{at(good, time.Minute), at(bad, 0)}, linktest.ChangeWorse, "Worse than the test before"},
		{"another interface", []linktest.Result{at(line{rtt: 9, down: all, up: all, link: linktest.Link{Name: "wlan0"}}, day), at(bad, 0)}, linktest.ChangeNone, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := linktest.Compare(tt.all)
			if got.Change != tt.want || !strings.HasPrefix(got.Words, tt.says) || tt.says == "" && got.Words != "" {
				t.Errorf("Compare() = %+v; want %q, %q", got, tt.want, tt.says)
			}
		})
	}
}

// TestRegrade keeps a result with verdicts of other rules and reads it with
// those of today.
func TestRegrade(t *testing.T) {
	r := lines()["02 adsl on wi-fi"].result()
	want := r.Verdicts[0]
	r.Verdicts = []linktest.Verdict{{Mode: "1080p60", Grade: linktest.MarkGood}}
	b, err := linktest.EncodeHistory([]linktest.Result{r})
	if err != nil {
		t.Fatal(err)
	}
	all, damaged := linktest.ParseHistory(b)
	if len(all) != 1 || damaged != 0 || all[0].Verdicts[0] != want {
		t.Errorf("ParseHistory() = %+v, %d; want the verdict of today: %+v", all, damaged, want)
	}
}
