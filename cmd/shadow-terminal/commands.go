package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/program"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "shadow-terminal",
		Short: "Show a remote PC and send it keyboard, mouse and sound",
		Long: `Shadow-terminal shows the screens of a remote PC that runs shadow-host.

Where there is a window system it opens windows, elsewhere it takes the graphics
card and all its monitors; --display chooses.

Keys while it runs (in windows; all with Ctrl+Alt+Shift):
  Z  catch or release keyboard and mouse      M  relative or absolute mouse
  S  statistics on the picture                X  full screen
  Q  quit

Without a window system Ctrl+Alt+Shift+Esc, or Select+Start+Guide on a pad, held for
two seconds opens a menu; held on and let go it restarts the session (5 s), this
program (8 s) or powers off (12 s), whatever hangs.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newConnect(), newRun(), newMonitors(), newDevices(), newNetwork(), newBluetooth(), newSelftest(), newLinktest(), newVersion())
	return root
}

// output is what both session commands print at the end.
type output struct {
	json     bool
	logLevel string
}

func (o *output) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.json, "json", false, "print the session's summary as one JSON object on stdout at the end")
	cmd.Flags().StringVar(&o.logLevel, "log-level", "warn", "what to log to stderr: debug, info, warn or error")
}

// connection is which host to show and how, on the command line.
type connection struct {
	cfg       agent.Config
	tokenFile string
	asking    string // file with the device's token for the broker
	caFile    string
	servers   string // file with STUN and TURN servers
	codecs    []string
	size      string
	bitrate   string
	modes     map[string]string
	gpu       string
	sleep     string
}

func (c *connection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.tokenFile, "token-file", "", "file that holds the bearer token the host asks for; read again for each request")
	f.StringVar(&c.cfg.Broker, "broker", "", "address of the session broker, which knows the host; then no URL is given")
	f.StringVar(&c.asking, "broker-token-file", "", "file that holds this device's bearer token for the broker; read again for each request")
	f.StringVar(&c.cfg.DeviceCert, "device-cert", "", "PEM file with this device's certificate for the broker")
	f.StringVar(&c.cfg.DeviceKey, "device-key", "", "PEM file with the key of that certificate")
	f.StringVar(&c.servers, "ice-servers", "", "file with STUN and TURN servers beside those that the host or its broker names, one a line: URL, for TURN a user name and a credential after it; not readable by others")
	f.StringVar(&c.caFile, "ca-file", "", "PEM certificates to trust instead of the system's")
	f.IntVar(&c.cfg.Screens, "screens", 0, "how many of the host's screens to show, 1 or 2 (default one in a window, both on a card)")
	f.StringSliceVar(&c.codecs, "codec", nil, "codecs in order of preference: h264, hevc (default both)")
	f.StringVar(&c.size, "size", "", "window size in pixels, for example 1280x720 (default the stream's)")
	f.StringVar(&c.bitrate, "bitrate", "", "upper bound for each screen in bits per second, for example 10M (default the host's)")
	f.BoolVar(&c.cfg.Fullscreen, "fullscreen", false, "one full screen per screen of the host")
	f.BoolVar(&c.cfg.Overlay, "overlay", false, "show statistics on the picture from the start")
	f.BoolVar(&c.cfg.Mute, "mute", false, "play no sound")
	f.StringVar(&c.cfg.Display, "display", outputs.Auto, "where to show: window, card (the monitors themselves), none (nowhere), or auto")
	f.StringVar(&c.gpu, "gpu", "auto", "whether the GPU draws windows: auto (where it imports the decoder's pictures), on or off")
	f.BoolVar(&c.cfg.FreeRun, "free-run", false, "do not tell the host when to capture, as if it could not be told")
	f.StringVar(&c.cfg.Card, "card", "", "node of the graphics card, for example /dev/dri/card0 (default the first with monitors)")
	f.StringToStringVar(&c.modes, "mode", nil, "mode of a monitor instead of the best one, for example DP-1=1920x1080@144")
	f.StringVar(&c.cfg.Decoder, "decoder", "", "render node that decodes, for example /dev/dri/renderD128, or none for software (default the first that works)")
	f.StringVar(&c.sleep, "display-sleep", "", "how long monitors stay on when nobody touches anything and no film plays, or never (default 10m; not for windows)")
	f.StringVar(&c.cfg.USB, "usb", "", "USB devices that have no other way to the host: ask (about each, on the screen) or never (default ask on a card, never in a window)")
	f.StringVar(&c.cfg.Microphone, "microphone", agent.MicrophoneAsk, "when a program on the host wants to hear the microphone: ask (once, on the screen) or never")
	f.BoolVar(&c.cfg.Clipboard, "clipboard", false, "share the clipboard's text with the host, both ways, where the host does too (windows only, 1 MiB at most)")
	f.StringVar(&c.cfg.StateDir, "state-dir", "", "folder that remembers each monitor's settings and which decoders work (default nothing is kept)")
}

// config checks what was given and reads the files it names.
func (c *connection) config(url string) (cfg agent.Config, err error) {
	cfg = c.cfg
	cfg.URL = url
	if cfg.Codecs, err = media.ParseCodecs(c.codecs); err != nil {
		return cfg, program.UsageError{Err: err}
	}
	if cfg.Width, cfg.Height, err = media.ParseSize(c.size); err != nil {
		return cfg, program.UsageError{Err: err}
	}
	if c.bitrate != "" {
		if cfg.BitrateBps, err = media.ParseBitrate(c.bitrate); err != nil {
			return cfg, program.UsageError{Err: err}
		}
	}
	if cfg.GPU, err = sdl.ParseGPU(c.gpu); err != nil {
		return cfg, program.UsageError{Err: err}
	}
	if cfg.Modes, err = agent.ParseModes(c.modes); err != nil {
		return cfg, program.UsageError{Err: err}
	}
	if cfg.DisplaySleep, err = agent.ParseSleep(c.sleep); err != nil {
		return cfg, program.UsageError{Err: fmt.Errorf("display sleep: %w", err)}
	}
	if cfg.Token, err = agent.ReadToken(c.tokenFile); err != nil {
		return cfg, fmt.Errorf("token file: %w", err)
	}
	if cfg.BrokerToken, err = agent.ReadToken(c.asking); err != nil {
		return cfg, fmt.Errorf("broker token file: %w", err)
	}
	cfg.TokenFile, cfg.BrokerTokenFile = c.tokenFile, c.asking
	if cfg.ICEServers, err = peer.ReadServers(c.servers); err != nil {
		return cfg, fmt.Errorf("--ice-servers: %w", err)
	}
	if cfg.TLS, err = agent.ReadCA(c.caFile); err != nil {
		return cfg, fmt.Errorf("certificate authority file: %w", err)
	}
	return cfg, nil
}

func newConnect() *cobra.Command {
	var (
		conn     connection
		out      output
		duration time.Duration
	)
	cmd := &cobra.Command{
		Use:   "connect URL | connect --broker URL",
		Short: "Show a host in a window, or on the monitors themselves",
		Long: `Connect shows the host at a URL, or the one that a session broker names: a PC that
is asleep is woken, and its state is shown until it is there.`,
		Example: `  shadow-terminal connect http://127.0.0.1:8089/whep
  shadow-terminal connect https://pc.example:8089 --token-file ~/.config/shadow/token --screens 2
  shadow-terminal connect https://pc.example:8089 --token-file token --ice-servers relays
  shadow-terminal connect --broker https://broker.example --broker-token-file ~/.config/shadow/device`,
		Args: func(cmd *cobra.Command, args []string) error { return hostOrBroker(cmd, args, conn.cfg.Broker) },
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := conn.config(strings.Join(args, ""))
			if err != nil {
				return err
			}
			cfg.Once, cfg.Wake, cfg.Duration = true, true, duration
			return session(cmd, cfg, &out)
		},
	}
	conn.flags(cmd)
	cmd.Flags().DurationVar(&duration, "duration", 0, "quit this long after the first picture, for example 20s (default never)")
	out.flags(cmd)
	return cmd
}

func newRun() *cobra.Command {
	var (
		path string
		out  output
	)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Show the host named in a configuration file, for ever",
		Long: `Run shows the host named in a TOML configuration file and keeps trying when it
cannot be reached, or the one that a session broker names. Keys of the file: url,
token_file, or instead of the two broker with broker_token_file, or device_cert and
device_key; ca_file, ice_servers (a file like that of connect --ice-servers), screens,
codecs, fullscreen, width, height, bitrate, overlay, mute, display, gpu, card, modes
(a table of connectors, "DP-1" = "1920x1080@144"), decoder, state_dir,
display_sleep (how long monitors stay on when nobody touches anything and no film
plays, "10m" by default, or "never").

A PC that its broker says is asleep is woken by a key.`,
		Example: `  shadow-terminal run --config /etc/shadow-terminal.toml`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := agent.Load(path)
			if err != nil {
				return fmt.Errorf("configuration: %w", err)
			}
			return session(cmd, cfg, &out)
		},
	}
	cmd.Flags().StringVar(&path, "config", "/etc/shadow-terminal.toml", "configuration file")
	out.flags(cmd)
	return cmd
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program and of its libraries",
		Example: "  shadow-terminal version",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "shadow-terminal %s\n%s\n", version, libav.Version())
			return err
		},
	}
}

// session runs the agent and prints its summary, whether it ended well or not.
func session(cmd *cobra.Command, cfg agent.Config, out *output) error {
	log, err := program.Logger(cmd.ErrOrStderr(), out.logLevel)
	if err != nil {
		return err
	}
	cfg.Logger, cfg.Version = log, version
	cfg.Restart, cfg.PowerOff = restart, powerOff
	a, err := agent.New(cfg)
	if err != nil {
		return err
	}
	runErr := a.Run(cmd.Context())
	sum, err := a.Summary()
	if err != nil {
		return err
	}
	if runErr != nil && !sum.Connected() {
		return runErr
	}
	if err := write(cmd.OutOrStdout(), sum, out.json); err != nil {
		return err
	}
	return runErr
}

func write(w io.Writer, sum *agent.Summary, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(sum)
	}
	_, err := io.WriteString(w, sum.String())
	return err
}

// hostOrBroker wants the address of a host, or of a broker and none of a host.
func hostOrBroker(cmd *cobra.Command, args []string, broker string) error {
	switch {
	case broker == "":
		return oneURL(cmd, args)
	case len(args) > 0:
		return program.UsageError{Err: errors.New("connect takes the host's URL or --broker, not both")}
	}
	return nil
}

func oneURL(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return program.UsageError{Err: fmt.Errorf("connect takes the host's URL and nothing else, got %d arguments", len(args))}
	}
	return nil
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) != 0 {
		return program.UsageError{Err: fmt.Errorf("%s takes no arguments, got %s", cmd.Name(), strings.Join(args, " "))}
	}
	return nil
}
