package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/client/broker"
	"github.com/blade-shadow/terminal/display/ui"
	nouns "github.com/blade-shadow/terminal/internal/broker"
	"github.com/blade-shadow/terminal/internal/peer"
)

// maxOutdated is how often in a row a host may refuse what its broker has just
// granted before that counts as final.
const maxOutdated = 3

// way is how to reach the host.
type way struct {
	url    string
	bearer func() string
	ice    func() []client.ICEServer // of this moment
}

// openBroker makes the broker's client, if there is a broker.
func (a *Agent) openBroker() (err error) {
	if a.cfg.Broker == "" {
		return nil
	}
	name, err := os.Hostname()
	if err != nil {
		a.log.Debug("name of this machine", "err", err)
	}
	a.broker, err = broker.New(broker.Config{
		URL: a.cfg.Broker, TLS: a.brokerTLS(), Bearer: func() string { return newest(a.cfg.BrokerTokenFile, a.cfg.BrokerToken) },
		Terminal: nouns.Terminal{
			Name: "shadow-terminal", Version: limited(a.cfg.Version, "dev"), Device: limited(name, ""), Screens: a.cfg.Screens,
		},
		OnState: a.onBroker, Logger: a.cfg.Logger,
	})
	return err
}

// limited is what a broker may be told, another word for what it may not.
func limited(s, other string) string {
	if s == "" || len(s) > nouns.MaxName {
		return other
	}
	return s
}

// brokerTLS adds the device's certificate, which is read for each handshake: it
// may be renewed while the terminal runs.
func (a *Agent) brokerTLS() *tls.Config {
	if a.cfg.DeviceCert == "" {
		return a.cfg.TLS
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.cfg.TLS != nil {
		cfg = a.cfg.TLS.Clone()
	}
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(a.cfg.DeviceCert, a.cfg.DeviceKey)
		return &pair, err
	}
	return cfg
}

// admit returns the way to the host, which the broker shows if there is one:
// that may take until somebody presses a key.
func (a *Agent) admit(ctx context.Context, asked bool) (way, error) {
	if a.broker == nil {
		return way{url: a.cfg.URL, bearer: func() string { return newest(a.cfg.TokenFile, a.cfg.Token) }, ice: a.ownServers}, nil
	}
	if !a.waited.Load() {
		a.say(ui.Status{Title: "Connecting to " + a.hostName(), Detail: "Asking where it is.", Busy: true})
	}
	g, err := a.broker.Ask(ctx, asked, a.pressed)
	if err != nil {
		return way{}, err
	}
	return way{url: g.URL, bearer: a.broker.Bearer, ice: a.allServers}, nil
}

// ownServers returns the ICE servers of the configuration.
func (a *Agent) ownServers() []client.ICEServer { return a.cfg.ICEServers }

// allServers returns those and the ones that the broker named last.
func (a *Agent) allServers() []client.ICEServer {
	var named []client.ICEServer
	for _, s := range a.broker.ICEServers() {
		named = append(named, client.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
	}
	return peer.Union(a.cfg.ICEServers, named)
}

// outdated makes an error that asking the broker again can mend one that is not
// final: a host that has just been started anew does not know our token.
func (a *Agent) outdated(err error) error {
	var ce *client.Error
	if a.broker == nil || !errors.As(err, &ce) || !ce.Final || ce.Stage != client.StageSignal || isRevoked(err) {
		a.refused = 0
		return err
	}
	if a.refused++; a.refused > maxOutdated {
		return err
	}
	again := *ce
	again.Final = false
	return &again
}

// onBroker says how the PC is; the goroutine of sessions.
func (a *Agent) onBroker(s broker.Status) {
	a.log.Info("broker", "state", string(s.State), "progress", s.Progress, "broker", s.Broker)
	if s.State == nouns.Moved && a.waited.Load() {
		return
	}
	a.say(brokerWords(s, time.Now()))
}

// brokerWords is how the PC is, for the person.
func brokerWords(s broker.Status, now time.Time) ui.Status {
	st := ui.Status{Detail: sentence(s.Message)}
	add := func(words string) {
		if st.Detail != "" {
			words = " " + words
		}
		st.Detail += words
	}
	switch {
	case s.State == nouns.Starting:
		st.Title, st.Busy, st.Progress = "Your PC is starting", true, float64(s.Progress)/100
		if s.Message == "" {
			add("This can take a minute.")
		}
	case s.State == nouns.Asleep && s.Waking:
		st.Title, st.Busy = "Waking your PC", true
		if s.Message == "" {
			add("It was asked to wake and has not answered yet.")
		}
	case s.State == nouns.Asleep:
		st.Title, st.Hint = "Your PC is asleep", "Press a key to wake it."
	case s.State == nouns.Moved:
		st.Title, st.Busy = "Your PC has moved", true
		add("Asking " + s.Broker + ".")
	case s.State == nouns.Maintenance:
		st.Title, st.RetryAt = "Your PC is being maintained", now.Add(s.Next)
		if s.EndsIn > 0 {
			add("It should be over in " + about(time.Duration(s.EndsIn)*time.Second) + ".")
		}
		st.Hint = "The terminal connects by itself as soon as it is over."
	default:
		st.Title, st.Busy = fmt.Sprintf("Your PC is %s", s.State), true
	}
	return st
}

// about rounds a time as people would say it.
func about(d time.Duration) string {
	unit := func(n time.Duration, word string) string {
		if n == 1 {
			return "about a " + word
		}
		return fmt.Sprintf("about %d %ss", n, word)
	}
	switch {
	case d < 90*time.Second:
		return unit(1, "minute")
	case d < 90*time.Minute:
		return unit((d+30*time.Second)/time.Minute, "minute")
	case d < 36*time.Hour:
		return fmt.Sprintf("about %d hours", (d+30*time.Minute)/time.Hour)
	}
	return fmt.Sprintf("about %d days", (d+12*time.Hour)/(24*time.Hour))
}
