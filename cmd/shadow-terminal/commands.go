package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
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
  Q  quit`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newConnect(), newRun(), newVersion())
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

func newConnect() *cobra.Command {
	var (
		cfg       agent.Config
		out       output
		tokenFile string
		caFile    string
		codecs    []string
		size      string
		bitrate   string
		modes     map[string]string
	)
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "Show a host in a window",
		Example: `  shadow-terminal connect http://127.0.0.1:8089/whep
  shadow-terminal connect https://pc.example:8089 --token-file ~/.config/shadow/token --screens 2`,
		Args: oneURL,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg.URL = args[0]
			if cfg.Codecs, err = media.ParseCodecs(codecs); err != nil {
				return program.UsageError{Err: err}
			}
			if cfg.Width, cfg.Height, err = media.ParseSize(size); err != nil {
				return program.UsageError{Err: err}
			}
			if bitrate != "" {
				if cfg.BitrateBps, err = media.ParseBitrate(bitrate); err != nil {
					return program.UsageError{Err: err}
				}
			}
			if cfg.Modes, err = agent.ParseModes(modes); err != nil {
				return program.UsageError{Err: err}
			}
			if cfg.Token, err = agent.ReadToken(tokenFile); err != nil {
				return fmt.Errorf("token file: %w", err)
			}
			if cfg.TLS, err = agent.ReadCA(caFile); err != nil {
				return fmt.Errorf("certificate authority file: %w", err)
			}
			cfg.Once = true
			return session(cmd, cfg, &out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&tokenFile, "token-file", "", "file that holds the bearer token the host asks for")
	f.StringVar(&caFile, "ca-file", "", "PEM certificates to trust instead of the system's")
	f.IntVar(&cfg.Screens, "screens", 0, "how many of the host's screens to show, 1 or 2 (default one in a window, both on a card)")
	f.StringSliceVar(&codecs, "codec", nil, "codecs in order of preference: h264, hevc (default both)")
	f.StringVar(&size, "size", "", "window size in pixels, for example 1280x720 (default the stream's)")
	f.StringVar(&bitrate, "bitrate", "", "upper bound for each screen in bits per second, for example 10M (default the host's)")
	f.BoolVar(&cfg.Fullscreen, "fullscreen", false, "one full screen per screen of the host")
	f.BoolVar(&cfg.Overlay, "overlay", false, "show statistics on the picture from the start")
	f.BoolVar(&cfg.Mute, "mute", false, "play no sound")
	f.StringVar(&cfg.Display, "display", agent.DisplayAuto, "where to show: window, card (the monitors themselves), or auto")
	f.StringVar(&cfg.Card, "card", "", "node of the graphics card, for example /dev/dri/card0 (default the first with monitors)")
	f.StringToStringVar(&modes, "mode", nil, "mode of a monitor instead of the best one, for example DP-1=1920x1080@144")
	f.StringVar(&cfg.Decoder, "decoder", "", "render node that decodes, for example /dev/dri/renderD128, or none for software (default the first that works)")
	f.StringVar(&cfg.StateDir, "state-dir", "", "folder that remembers each monitor's settings and which decoders work (default nothing is kept)")
	f.DurationVar(&cfg.Duration, "duration", 0, "quit this long after the first picture, for example 20s (default never)")
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
cannot be reached. Keys of the file: url, token_file, ca_file, screens, codecs,
fullscreen, width, height, bitrate, overlay, mute, display, card, modes (a table
of connectors, "DP-1" = "1920x1080@144"), decoder, state_dir.`,
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
