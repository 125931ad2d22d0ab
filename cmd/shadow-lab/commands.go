package main

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/lab"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "shadow-lab",
		Short:         "Run host and terminal together on this machine, and measure them",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRun(), newBench(), newBenchDisplay(), newBenchNetwork(), newBenchInput(), newRelay())
	return root
}

func newRun() *cobra.Command {
	cfg := lab.SessionConfig{Pictures: "build/pictures/run-screen"}
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Show a host in a window on this machine",
		Long: `Run starts the host and a terminal that shows it, until the window is closed.
What is typed goes to a virtual display beside it. Without a display for the
window it starts another, is itself the person at it for a while and leaves a
picture of each window. In the end it prints what the
session measured.`,
		Example: "  shadow-lab run --screens 2\n  shadow-lab run --source film.mkv --duration 1m",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := lab.BesideThisProgram()
			if err != nil {
				return err
			}
			cfg.Programs, cfg.Log = lab.ProgramsIn(dir), cmd.ErrOrStderr()
			cfg.OwnDisplay = lab.HasDisplay()
			if !cfg.OwnDisplay || cmd.Flags().Changed("duration") {
				cfg.Duration = duration
			}
			return run(cmd, cfg)
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.Screens, "screens", 1, "how many screens, each in its window")
	f.StringVar(&cfg.Source, "source", "testcard", "what to stream: testcard, desktop (a virtual one with an xterm), or the path of a film")
	f.StringVar(&cfg.Codec, "codec", "", "h264 or hevc (default the terminal's preference)")
	f.DurationVar(&duration, "duration", 20*time.Second, "how long; with a display the default is until the window is closed")
	return cmd
}

func run(cmd *cobra.Command, cfg lab.SessionConfig) error {
	if cfg.OwnDisplay {
		fmt.Fprintln(cmd.ErrOrStderr(), "shadow-lab: a window opens; Ctrl+Alt+Shift+Q quits")
	} else {
		fmt.Fprintf(cmd.ErrOrStderr(), "shadow-lab: there is no display, so a virtual one is used for %v\n", cfg.Duration)
	}
	session, err := lab.RunSession(cmd.Context(), cfg)
	if err != nil {
		return err
	}
	if err := lab.WriteTable(cmd.OutOrStdout(), &session.Terminal, &session.Host); err != nil {
		return err
	}
	if !cfg.OwnDisplay {
		fmt.Fprintf(cmd.OutOrStdout(), "\npictures: %s-1.png", cfg.Pictures)
		for i := 2; i <= cfg.Screens; i++ {
			fmt.Fprintf(cmd.OutOrStdout(), ", %s-%d.png", cfg.Pictures, i)
		}
		fmt.Fprintln(cmd.OutOrStdout())
	}
	return nil
}

func newBench() *cobra.Command {
	return &cobra.Command{
		Use:     "bench",
		Short:   "Measure a session and write build/bench/session.json",
		Example: "  shadow-lab bench",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := lab.BesideThisProgram()
			if err != nil {
				return err
			}
			return lab.Bench(cmd.Context(), lab.BenchConfig{
				Programs: lab.ProgramsIn(dir),
				Report:   "build/bench/session.json",
				Pictures: "build/pictures",
				Out:      cmd.OutOrStdout(),
				Log:      cmd.ErrOrStderr(),
			})
		},
	}
}

func newBenchInput() *cobra.Command {
	return &cobra.Command{
		Use:     "bench-input",
		Short:   "Measure the way of keys and motion, and write build/bench/input.json",
		Example: "  shadow-lab bench-input",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := lab.BesideThisProgram()
			if err != nil {
				return err
			}
			return lab.BenchInput(cmd.Context(), lab.BenchConfig{
				Programs: lab.ProgramsIn(dir), Report: "build/bench/input.json", Out: cmd.OutOrStdout(), Log: cmd.ErrOrStderr(),
			})
		},
	}
}

func newBenchDisplay() *cobra.Command {
	return &cobra.Command{
		Use:   "bench-display",
		Short: "Measure decoding and showing against mpv and ffplay, and write build/bench/display.json",
		Long: `Bench-display has the terminal, mpv and ffplay show the same stream on the same
virtual display, one after another, and looks at the display. Then it has them
show it on the outputs of the virtual terminal, where everything is emulated and
only shares of work can be compared.`,
		Example: "  shadow-lab bench-display",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := lab.BesideThisProgram()
			if err != nil {
				return err
			}
			driver, err := filepath.Abs("build/vm/vatest")
			if err != nil {
				return err
			}
			if _, err := vatest.Build(driver); err != nil {
				return err
			}
			return lab.BenchDisplay(cmd.Context(), lab.BenchConfig{
				Driver:   vatest.Knobs{DRM: "/dev/dri/card0"}.Env(driver),
				Programs: lab.ProgramsIn(dir),
				Report:   "build/bench/display.json",
				Pictures: "build/pictures",
				Out:      cmd.OutOrStdout(),
				Log:      cmd.ErrOrStderr(),
			})
		},
	}
}
