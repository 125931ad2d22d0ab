package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	nouns "github.com/blade-shadow/terminal/internal/broker"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/broker"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/program"
)

// brokerOptions are the flags of the reference broker.
type brokerOptions struct {
	on                       bool
	lifetime, sleepAfter     time.Duration
	sleepCommand             string
	wakeCommand              string
	maintenance, revoked     string
	movedTo                  string
	iceServers               []string
	turnSecret, deviceCAFile string
}

func (o *brokerOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.on, "broker", false, "also be the session broker of this PC: answer POST /v1/session (docs/broker.yaml)")
	f.DurationVar(&o.lifetime, "token-lifetime", 10*time.Minute, "how long a token of the broker lasts, 1s to 168h")
	f.DurationVar(&o.sleepAfter, "sleep-after", 0, "put the PC to sleep when there was no session and no input for so long, for example 15m (default never)")
	f.StringVar(&o.sleepCommand, "sleep-command", "", "shell command that puts the PC to sleep and returns (default: it is only said)")
	f.StringVar(&o.wakeCommand, "wake-command", "", "shell command that wakes the PC and returns when it is awake")
	f.StringVar(&o.maintenance, "maintenance-file", "", "while this file exists the PC is being maintained: one sentence for the person; a line \"until 2026-01-31T12:00:00Z\" before it says for how long")
	f.StringVar(&o.revoked, "revoked-file", "", "devices to refuse, one a line: a name, or the SHA-256 of a certificate in hex; read for each question and once a second, which ends their sessions")
	f.StringVar(&o.movedTo, "moved-to", "", "send terminals to this broker instead")
	f.StringArrayVar(&o.iceServers, "broker-ice-server", nil, "STUN or TURN server that the broker names, for example turn:turn.example:3478?transport=udp; give it again for the next (default those of --ice-servers)")
	f.StringVar(&o.turnSecret, "turn-secret-file", "", "file with the secret shared with the TURN servers (coturn's static-auth-secret), for passwords that expire")
	f.StringVar(&o.deviceCAFile, "device-ca", "", "PEM file with who issues the certificates by which devices may ask instead of by the token")
}

// check reports flags that do nothing as they are given.
func (o *brokerOptions) check(cmd *cobra.Command) error {
	for _, name := range []string{
		"token-lifetime", "sleep-after", "sleep-command", "wake-command", "maintenance-file", "revoked-file",
		"moved-to", "broker-ice-server", "turn-secret-file", "device-ca",
	} {
		if cmd.Flags().Changed(name) && !o.on {
			return program.UsageError{Err: fmt.Errorf("--%s needs --broker", name)}
		}
	}
	if o.sleepAfter == 0 && (o.sleepCommand != "" || o.wakeCommand != "") {
		return program.UsageError{Err: errors.New("--sleep-command and --wake-command need --sleep-after")}
	}
	return nil
}

// addBroker makes the broker and hangs it into the host's configuration.
func (w *wiring) addBroker(o *options, log *slog.Logger) error {
	if !o.broker.on {
		return nil
	}
	servers, err := o.broker.ice(w.config.ICEServers)
	if err != nil {
		return err
	}
	secret, err := readSecret(o.broker.turnSecret)
	if err != nil {
		return err
	}
	idle, err := w.openIdle(o, log)
	if err != nil {
		return err
	}
	w.broker, err = broker.New(broker.Config{
		Device: func(r *http.Request) (broker.Device, bool) {
			d, ok := w.server.Device(r)
			return broker.Device(d), ok
		},
		Ready:    func() bool { return len(w.config.Source.Screens()) > 0 },
		Sessions: func() int { return w.server.Sessions() },
		Tokens:   o.tokenFile != "", Lifetime: o.broker.lifetime,
		ICEServers: servers, TURNSecret: secret,
		MaintenanceFile: o.broker.maintenance, RevokedFile: o.broker.revoked, MovedTo: o.broker.movedTo,
		SleepAfter: o.broker.sleepAfter, Idle: idle,
		Sleep: broker.Command(o.broker.sleepCommand), Wake: broker.Command(o.broker.wakeCommand),
		Logger: log,
	})
	if err != nil {
		return err
	}
	w.config.CheckToken = w.broker.CheckToken
	w.config.ClientCAFile = o.broker.deviceCAFile
	w.config.Routes = append(w.config.Routes, host.Route{Pattern: "POST " + nouns.Path, Handler: w.broker, Public: true})
	return nil
}

// openIdle returns what tells how long nobody used the desktop's own keyboard
// and pointer; nil where nothing does.
func (w *wiring) openIdle(o *options, log *slog.Logger) (func() time.Duration, error) {
	if o.broker.sleepAfter == 0 || o.source != "desktop" {
		return nil, nil
	}
	x, err := broker.OpenXIdle(o.displayName())
	if errors.Is(err, errors.ErrUnsupported) {
		log.Warn("only sessions keep the PC awake", "component", "broker", "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	w.idle = x
	return x.Idle, nil
}

// ice reads the addresses of STUN and TURN servers.
func (o *brokerOptions) ice(host []peer.Server) (all []nouns.ICEServer, err error) {
	for _, u := range o.iceServers {
		all = append(all, nouns.ICEServer{URLs: []string{u}})
	}
	if len(all) == 0 { // those that every terminal of this host is told
		for _, s := range host {
			all = append(all, nouns.ICEServer{URLs: s.URLs, Username: s.Username, Credential: s.Credential})
		}
	}
	if err := nouns.CheckICEServers(all); err != nil {
		return nil, program.UsageError{Err: fmt.Errorf("--broker-ice-server: %w", err)}
	}
	return all, nil
}

// readSecret reads the first line of a file; no path is no secret.
func readSecret(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("TURN secret: %w", err)
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return nil, fmt.Errorf("TURN secret: %s holds none", path)
	}
	return []byte(line), nil
}
