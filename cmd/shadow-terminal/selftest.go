package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/agent"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/program"
	"github.com/blade-shadow/terminal/internal/selftest"
)

func newSelftest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Measure what this machine decodes, shows and reads, without a host",
		Long: `Selftest measures the machine with the terminal's own decoders and displays and
compares the figures with what was promised. A test that fails ends with exit
code 1 and says what did not hold; the figures are printed all the same.`,
		Example: `  shadow-terminal selftest decode
  shadow-terminal selftest display --pictures /tmp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newSelftestDecode(), newSelftestPlay(), newSelftestDisplay(), newSelftestLatency(), newSelftestInput(), newSelftestUSB())
	return cmd
}

// test is what the self tests have in common on the command line.
type test struct {
	json     bool
	quiet    bool
	logLevel string
}

func (t *test) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&t.json, "json", false, "print the report as one JSON object on stdout")
	f.BoolVar(&t.quiet, "quiet", false, "do not say on stderr what comes next")
	f.StringVar(&t.logLevel, "log-level", "warn", "what to log to stderr: debug, info, warn or error")
}

// run runs a test and prints its report, also where something failed.
func (t *test) run(cmd *cobra.Command, work func(context.Context, selftest.Common) (selftest.Report, error)) error {
	log, err := program.Logger(cmd.ErrOrStderr(), t.logLevel)
	if err != nil {
		return err
	}
	common := selftest.Common{Logger: log}
	if !t.quiet {
		common.Progress = func(text string) { fmt.Fprintf(cmd.ErrOrStderr(), "shadow-terminal: %s\n", text) }
	}
	report, err := work(cmd.Context(), common)
	if err != nil {
		return err
	}
	if err := selftest.Write(cmd.OutOrStdout(), report, t.json); err != nil {
		return err
	}
	if failed := report.Failures(); len(failed) > 0 {
		return fmt.Errorf("%s: %d of its checks failed, the first: %s", cmd.Name(), len(failed), failed[0])
	}
	return nil
}

// where is the choice of a display on the command line.
type where struct {
	selftest.Output
	size string
}

func (w *where) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&w.Display, "display", outputs.Auto, "where to show: window, card (the monitors themselves), or auto")
	f.StringVar(&w.Card, "card", "", "node of the graphics card, for example /dev/dri/card0 (default the first with monitors)")
	f.StringVar(&w.size, "size", "", "window size in pixels, for example 1280x720 (default the stream's)")
	f.BoolVar(&w.Fullscreen, "fullscreen", false, "full screen instead of a window")
}

// output checks the choice.
func (w *where) output() (out selftest.Output, err error) {
	if w.Width, w.Height, err = media.ParseSize(w.size); err != nil {
		return out, program.UsageError{Err: err}
	}
	switch w.Display {
	case outputs.Auto, outputs.Window, outputs.Card:
	default:
		return out, program.UsageError{Err: fmt.Errorf("display is %q: use auto, window or card", w.Display)}
	}
	return w.Output, nil
}

func newSelftestDecode() *cobra.Command {
	var (
		t      test
		cfg    selftest.DecodeConfig
		codecs []string
		sizes  []string
		span   float64
	)
	cmd := &cobra.Command{
		Use:   "decode [FILE...]",
		Short: "Prove and measure every way to decode",
		Long: `Decode lists what decodes on this machine, proves each way with known pictures,
and measures it with streams that it makes itself, or with the files given: one
stream, and two at once as for both outputs. It fails where a way that the
driver offers does not decode, and where the promised rates are not reached; with
--device none nothing is promised.`,
		Example: `  shadow-terminal selftest decode
  shadow-terminal selftest decode --device none --size 1920x1080 --seconds 1
  shadow-terminal selftest decode --json film.mkv`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg.Files = args
			if cfg.Codecs, err = media.ParseCodecs(codecs); err != nil {
				return program.UsageError{Err: err}
			}
			if cfg.Sizes, err = parseSizes(sizes); err != nil {
				return program.UsageError{Err: err}
			}
			if cfg.Span, err = seconds(span); err != nil {
				return err
			}
			return t.run(cmd, func(ctx context.Context, c selftest.Common) (selftest.Report, error) {
				cfg.Common = c
				return asReport(selftest.Decode(ctx, cfg))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Device, "device", "", "render node, for example /dev/dri/renderD128, or none for software (default the first that works)")
	f.StringSliceVar(&codecs, "codec", nil, "codecs: h264, hevc (default both)")
	f.StringSliceVar(&sizes, "size", nil, "sizes of the streams, for example 1920x1080 (default 1280x720, 1920x1080 and 3840x2160)")
	f.Float64Var(&span, "seconds", 3, "how long each measurement takes")
	t.flags(cmd)
	return cmd
}

func newSelftestPlay() *cobra.Command {
	var (
		t    test
		w    where
		mode map[string]string
		cfg  selftest.PlayConfig
		rate string
	)
	cmd := &cobra.Command{
		Use:   "play FILE|-",
		Short: "Show a file or pipe as a session would be shown",
		Long: `Play decodes and shows an H.264 or HEVC stream with the decoder and the display
of a session, and prints at the end how long each picture took. Any container
that FFmpeg reads will do; "-" is standard input. Pictures of a film that were
reordered for coding are shown in decoding order, because hosts never do that.`,
		Example: `  shadow-terminal selftest play film.mkv
  shadow-terminal selftest play --size 1280x720 --json - <stream.flv
  shadow-terminal selftest play --display card --mode DP-1=1920x1080@144 --rate free film.mkv`,
		Args: oneStream,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg.Path, cfg.Rate = args[0], selftest.Rate(rate)
			switch cfg.Rate {
			case selftest.RateAuto, selftest.RatePaced, selftest.RateFree:
			default:
				return program.UsageError{Err: fmt.Errorf("rate is %q: use auto, paced or free", rate)}
			}
			if cfg.Output, err = w.output(); err != nil {
				return err
			}
			if cfg.Modes, err = agent.ParseModes(mode); err != nil {
				return program.UsageError{Err: err}
			}
			return t.run(cmd, func(ctx context.Context, c selftest.Common) (selftest.Report, error) {
				cfg.Common = c
				return asReport(selftest.Play(ctx, cfg))
			})
		},
	}
	f := cmd.Flags()
	w.flags(cmd)
	f.StringToStringVar(&mode, "mode", nil, "mode of a monitor instead of the best one, for example DP-1=1920x1080@144")
	f.StringVar(&cfg.Decoder, "decoder", "", "render node that decodes, for example /dev/dri/renderD128, or none for software (default the first that works)")
	f.StringVar(&rate, "rate", string(selftest.RateAuto), "when pictures are decoded: paced by their own time, free as they come, or auto: paced for files, free for pipes")
	t.flags(cmd)
	return cmd
}

func newSelftestDisplay() *cobra.Command {
	var (
		t     test
		w     where
		modes []string
		span  float64
		cfg   selftest.DisplayConfig
	)
	cmd := &cobra.Command{
		Use:   "display",
		Short: "Show a test picture on every monitor and measure its flips",
		Long: `Display says what monitors there are and what they say of themselves, shows a
moving test picture on each at its own rate, and measures when it was flipped.
Give --mode again with the same monitor to measure another mode of it. It fails
where a mode cannot be set, where flips do not follow the mode's rate, and where
the picture on the card is not the one that was drawn.`,
		Example: `  shadow-terminal selftest display
  shadow-terminal selftest display --mode DP-1=3840x2160@30 --mode DP-1=1920x1080@144 --pictures /tmp`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cfg.Output, err = w.output(); err != nil {
				return err
			}
			if cfg.Rounds, err = parseRounds(modes); err != nil {
				return program.UsageError{Err: err}
			}
			if cfg.Span, err = seconds(span); err != nil {
				return err
			}
			return t.run(cmd, func(ctx context.Context, c selftest.Common) (selftest.Report, error) {
				cfg.Common = c
				return asReport(selftest.Display(ctx, cfg))
			})
		},
	}
	f := cmd.Flags()
	w.flags(cmd)
	f.StringArrayVar(&modes, "mode", nil, "mode of a monitor, for example DP-1=1920x1080@144; several with commas, or again for another round (default the best ones)")
	f.Float64Var(&span, "seconds", 5, "how long each mode is measured")
	f.StringVar(&cfg.Pictures, "pictures", "", "folder for a PNG of what each monitor shows (default none is kept)")
	f.BoolVar(&cfg.NoSweep, "no-sweep", false, "do not go through the rates of a monitor with variable refresh")
	t.flags(cmd)
	return cmd
}

// asReport keeps a nil pointer from becoming a report.
func asReport[R interface {
	*T
	selftest.Report
}, T any](r R, err error) (selftest.Report, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

func oneStream(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return program.UsageError{Err: fmt.Errorf("play takes one file, or - for standard input, got %d arguments", len(args))}
	}
	return nil
}

// seconds reads a time that a measurement takes.
func seconds(s float64) (time.Duration, error) {
	if !(s >= 0.05 && s <= 3600) {
		return 0, program.UsageError{Err: fmt.Errorf("%g seconds are not possible: give 0.05 to 3600", s)}
	}
	return time.Duration(s * float64(time.Second)), nil
}

func parseSizes(texts []string) (sizes []image.Point, err error) {
	for _, text := range texts {
		w, h, err := media.ParseSize(text)
		if err != nil {
			return nil, err
		}
		if w == 0 || w%2 != 0 || h%2 != 0 || w > 8192 || h > 8192 {
			return nil, fmt.Errorf("size %q is not one of a stream: both sides are even, at most 8192", text)
		}
		sizes = append(sizes, image.Pt(w, h))
	}
	return sizes, nil
}

// parseRounds puts each mode into the first round in which its monitor has none
// yet.
func parseRounds(texts []string) ([]map[string]mode.Mode, error) {
	var rounds []map[string]mode.Mode
	for _, text := range texts {
		for one := range strings.SplitSeq(text, ",") {
			connector, wish, ok := strings.Cut(one, "=")
			if !ok || connector == "" {
				return nil, errors.New("mode " + one + " is not one: write for example DP-1=1920x1080@60")
			}
			m, err := agent.ParseModes(map[string]string{connector: wish})
			if err != nil {
				return nil, err
			}
			rounds = place(rounds, connector, m[connector])
		}
	}
	return rounds, nil
}

func place(rounds []map[string]mode.Mode, connector string, m mode.Mode) []map[string]mode.Mode {
	for _, r := range rounds {
		if _, taken := r[connector]; !taken {
			r[connector] = m
			return rounds
		}
	}
	return append(rounds, map[string]mode.Mode{connector: m})
}

func newSelftestInput() *cobra.Command {
	var (
		t   test
		cfg selftest.InputConfig
	)
	cmd := &cobra.Command{
		Use:   "input",
		Short: "Measure how fast keys leave, and list the input devices",
		Long: `Input presses keys on twelve pretended devices and measures how long each takes
from its event to the datagram that carries it, what that allocates and what threads
the devices cost. It lists the machine's own devices; one that may not be read is a
failure.`,
		Example: `  shadow-terminal selftest input --json`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cfg.Keys < 1 || cfg.Keys > 1e6 {
				return program.UsageError{Err: fmt.Errorf("%d keys: press 1 to 1000000", cfg.Keys)}
			}
			return t.run(cmd, func(ctx context.Context, c selftest.Common) (selftest.Report, error) {
				cfg.Common = c
				return selftest.Input(ctx, cfg)
			})
		},
	}
	cmd.Flags().IntVar(&cfg.Keys, "keys", 2000, "how many keys to press and release")
	t.flags(cmd)
	return cmd
}

func newSelftestUSB() *cobra.Command {
	var t test
	cmd := &cobra.Command{
		Use:   "usb",
		Short: "Say which USB devices can be given to the host, and how fast",
		Long: `Usb lists what is plugged into USB and how it reaches the host, says whether the
kernel can give devices away, and measures what the relays of both ends carry on
this machine. It touches no device.`,
		Example: `  shadow-terminal selftest usb --json`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return t.run(cmd, func(ctx context.Context, c selftest.Common) (selftest.Report, error) {
				return selftest.USB(ctx, selftest.USBConfig{Common: c})
			})
		},
	}
	t.flags(cmd)
	return cmd
}
