//go:build linux && !nonative

package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/broker"
	"github.com/blade-shadow/terminal/internal/lab"
)

// brokered is what the tests read of a terminal's summary.
type brokered struct {
	Sessions   int `json:"sessions"`
	Reconnects int `json:"reconnects"`
	Broker     struct {
		Questions int     `json:"questions"`
		Waits     int     `json:"waits"`
		WaitS     float64 `json:"wait_s"`
		Renewals  int     `json:"renewals"`
	} `json:"broker"`
}

// asks starts a terminal that asks a host's broker, as one that comes up by
// itself does: it wakes nobody.
func (b bench) asks(d *lab.Display, host *lab.Host, tokenFile string) *lab.Process {
	b.Helper()
	address, err := host.Address()
	b.ok(err)
	file := b.file("terminal.toml", fmt.Sprintf("broker = \"http://%s\"\nbroker_token_file = %q\nfullscreen = false\nwidth = 640\nheight = 360\nmute = true\n", address, tokenFile))
	return b.terminal(lab.TerminalConfig{File: file, Display: d, Args: []string{"--log-level", "info"}})
}

// keep leaves a picture for people in build/pictures.
func (b bench) keep(d *lab.Display, w lab.Window, name string) {
	b.Helper()
	picture, err := d.Picture(w)
	b.ok(err)
	path := filepath.Join("..", "..", "build", "pictures", name+".png")
	b.ok(lab.SavePNG(path, picture))
	b.Logf("picture: %s", path)
}

// TestBroker is the way of a terminal that nobody touches but for one key: the
// PC is asleep, the key wakes it, it starts and is shown; its token is renewed
// while it is shown.
func TestBroker(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(640, 360)
	const life = 3 * time.Second
	token := b.file("token", "correct-horse-battery-staple")
	host := b.host(lab.HostConfig{
		Source: "testcard", Display: d, Size: "640x360", TokenFile: token,
		Args: []string{
			"--broker", "--token-lifetime", life.String(), "--sleep-after", "1s", "--sleep-command", "true",
			"--wake-command", "sleep 4",
		},
	})
	b.waitLine(host.Process, "state=asleep")
	terminal := b.asks(d, host, token)
	b.keepOnFailure(d, "terminal")
	w := b.windows(d, 1)[0]
	b.waitLine(terminal, "state=asleep")
	b.keep(d, w, "broker-asleep")
	b.ok(d.Focus(w))
	b.ok(d.Key(b.soon(), "space"))
	b.waitLine(host.Process, "state=waking")
	b.ok(lab.Until(b.soon(), "progress", func() error {
		if n := strings.Count(terminal.Stderr(), "state=starting"); n < 3 {
			return differs("the number of answers", n, 3)
		}
		return nil
	}))
	b.keep(d, w, "broker-starting")
	b.liveWindow(d, w, 0)
	connected := time.Now()
	b.ok(lab.Until(b.soon(), "three renewals of the token", func() error {
		if n := strings.Count(terminal.Stderr(), "token renewed"); n < 3 {
			return differs("the number of renewals", n, 3)
		}
		return nil
	}))
	if lasted := time.Since(connected); lasted < life {
		t.Errorf("the third renewal came after %v; want it after the first token expired, %v", lasted, life)
	}
	b.liveWindow(d, w, 0)

	code, err := terminal.Stop()
	b.ok(err)
	if code != 0 {
		t.Errorf("shadow-terminal's exit status = %d; want 0 (stderr: %s)", code, terminal.Stderr())
	}
	var s brokered
	b.ok(terminal.Summary(&s))
	if s.Sessions != 1 || s.Broker.Renewals < 3 || s.Broker.Waits < 2 || s.Broker.WaitS < 4 {
		t.Errorf("summary = %+v; want one session, 3 renewals, and 4 s of waiting", s)
	}
}

// TestBrokerAndHostRestarted kills the host with its broker: the last picture
// stays, dimmed, with words over it, and the new one is shown without anybody
// touching the terminal.
func TestBrokerAndHostRestarted(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(640, 360)
	cfg := lab.HostConfig{
		Source: "testcard", Display: d, Size: "640x360", TokenFile: b.file("token", "correct-horse-battery-staple"), Args: []string{"--broker"},
	}
	host := b.host(cfg)
	terminal := b.asks(d, host, cfg.TokenFile)
	b.keepOnFailure(d, "terminal")
	w := b.windows(d, 1)[0]
	b.liveWindow(d, w, 0)
	bright, err := brightness(d, w)
	b.ok(err)
	b.ok(host.Kill())
	killed := time.Now()
	b.ok(lab.Until(b.soon(), "the last picture to be dimmed", func() error {
		now, err := brightness(d, w)
		if err == nil && now > bright*3/4 {
			err = differs("the window's brightness", now, fmt.Sprintf("less than three quarters of %.0f", bright))
		}
		return err
	}))
	t.Logf("dimmed %v after the host was killed", time.Since(killed).Round(time.Millisecond))
	b.keep(d, w, "host-silent")
	cfg.Listen, err = host.Address()
	b.ok(err)
	host = b.host(cfg)
	b.comesBack(d, w)

	// One that says goodbye, and stays away for a while.
	b.endHost(host)
	b.waitLine(terminal, "connection refused")
	b.keep(d, w, "host-gone")
	if now, err := brightness(d, w); err != nil || now > bright*3/4 {
		t.Errorf("brightness without a host = %v, %v; want it dimmed from %.0f", now, err, bright)
	}
	b.host(cfg)
	b.comesBack(d, w)
	code, err := terminal.Stop()
	b.ok(err)
	var s brokered
	b.ok(terminal.Summary(&s))
	if code != 0 || s.Sessions != 3 || s.Reconnects < 2 || s.Broker.Questions < 3 {
		t.Errorf("exit status = %d, summary = %+v; want 0, three sessions", code, s)
	}
}

// comesBack waits for pictures of a host that has just started.
func (b bench) comesBack(d *lab.Display, w lab.Window) {
	b.Helper()
	restarted := time.Now()
	b.ok(lab.Until(b.soon(), "a picture of the new host", func() error {
		p, _, err := look(d, w)
		if err == nil && p.Captured.Before(restarted) {
			err = differs("the picture's time", p.Captured, "after "+restarted.String())
		}
		return err
	}))
	b.Logf("new picture %v after the host came back", time.Since(restarted).Round(time.Millisecond))
	b.liveWindow(d, w, 0)
}

// TestBrokerRefuses meets brokers that are none, with one sentence each.
func TestBrokerRefuses(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(320, 240)
	host := b.host(lab.HostConfig{
		Source: "testcard", Display: d, Size: "640x360", TokenFile: b.file("token", "correct-horse-battery-staple"), Args: []string{"--broker"},
	})
	address, err := host.Address()
	b.ok(err)
	tests := []struct {
		name, url string
		want      string
	}{
		{"nobody listens", "http://" + closedPort(t), "nothing is listening"},
		{"no token", "http://" + address, "401"},
		{"not over TLS", "http://192.0.2.1", "https://"},
		{"no broker", serve(t, answer(200, "text/html", "<html>")), "text/html"},
		{"redirects for ever", serve(t, redirect), "moved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := bench{t, b.Programs}
			p, err := lab.Start(b.life(), lab.Command{Name: "shadow-terminal", Path: b.Terminal, Args: []string{"connect", "--broker", tt.url, "--mute"}, Env: d.Env()})
			b.ok(err)
			b.onEnd("shadow-terminal", p)
			b.failsWith(p, 1, tt.want)
		})
	}
}

// TestIdle asks an X display how long nobody has touched it.
func TestIdle(t *testing.T) {
	t.Parallel()
	b := begin(t)
	d := b.display(320, 240)
	x, err := broker.OpenXIdle(d.Name())
	b.ok(err)
	t.Cleanup(func() { b.ok(x.Close()) })
	b.ok(lab.Until(b.soon(), "nobody to have touched it for a while", func() error {
		if idle := x.Idle(); idle < 1500*time.Millisecond {
			return differs("the idle time", idle, "more than 1.5 s")
		}
		return nil
	}))
	pressed := time.Now()
	b.ok(d.PressPlace(57))
	if idle := x.Idle(); idle > time.Since(pressed)+10*time.Millisecond {
		t.Errorf("Idle() %v after a key = %v; want no more", time.Since(pressed), idle)
	}
	if _, err := broker.OpenXIdle(":987"); err == nil {
		t.Error("OpenXIdle(:987) = nil; want an error")
	}
}

// waitLine waits until a program has said something.
func (b bench) waitLine(p *lab.Process, text string) {
	b.Helper()
	_, err := p.WaitLine(b.soon(), text)
	b.ok(err)
}
