package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/internal/monitors"
	"github.com/blade-shadow/terminal/internal/program"
)

func newMonitors() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:   "monitors",
		Short: "List the monitors and choose how they are used",
		Long: `Monitors lists what is plugged into this machine: what each monitor can show,
what was chosen for it, and what it shows where on the host's desktop by that.
Choices are kept in the folder that the terminal is given with --state-dir, by
the monitor's identity, and a terminal that runs follows them. "~60" is a
refresh of which the monitor says no more than that, "?" one that nothing says.`,
		Example: `  shadow-terminal monitors --state-dir /var/lib/shadow-terminal
  shadow-terminal monitors set DP-2 --state-dir /var/lib/shadow-terminal --mode 1920x1080@144 --primary`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := monitors.List(d.sys(), d.look(cmd.ErrOrStderr()))
			if err != nil {
				return err
			}
			return d.print(cmd.OutOrStdout(), all)
		},
	}
	d.flags(cmd)
	cmd.AddCommand(newMonitorsSet(), newMonitorsForget())
	return cmd
}

// desk is what the monitor commands have in common on the command line.
type desk struct {
	json   bool
	state  string
	folder string
}

func (d *desk) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&d.json, "json", false, "print JSON on stdout")
	f.StringVar(&d.state, "state-dir", "", "the terminal's folder of that name")
	f.StringVar(&d.folder, "sys", monitors.Folder, "folder with the kernel's list of connectors")
	if err := f.MarkHidden("sys"); err != nil {
		panic(err) // it is defined above
	}
}

func (d *desk) sys() fs.FS { return os.DirFS(d.folder) }

// look opens the choices to look at them, nil without a folder. A damaged file
// is complained about and left alone.
func (d *desk) look(w io.Writer) *mode.Store {
	if d.state == "" {
		return nil
	}
	s := mode.NewStore(filepath.Join(d.state, mode.FileName))
	if _, err := s.Reload(); err != nil {
		fmt.Fprintf(w, "shadow-terminal: %v\n", err)
	}
	return s
}

// open opens the choices to change them. A damaged file is set aside and
// complained about.
func (d *desk) open(w io.Writer) (*mode.Store, error) {
	if d.state == "" {
		return nil, program.UsageError{Err: errors.New("give the terminal's folder of choices with --state-dir")}
	}
	if err := os.MkdirAll(d.state, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	s, err := mode.OpenStore(filepath.Join(d.state, mode.FileName))
	if err != nil {
		fmt.Fprintf(w, "shadow-terminal: %v\n", err)
	}
	return s, nil
}

func (d *desk) print(w io.Writer, all []monitors.Monitor) error {
	if d.json {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(all)
	}
	for _, m := range all {
		if _, err := io.WriteString(w, m.String()); err != nil {
			return err
		}
	}
	return nil
}

// change runs one that changes a monitor and prints it.
func (d *desk) change(cmd *cobra.Command, work func(fs.FS, *mode.Store) (monitors.Monitor, error)) error {
	choices, err := d.open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	m, err := work(d.sys(), choices)
	if err != nil {
		return err
	}
	return d.print(cmd.OutOrStdout(), []monitors.Monitor{m})
}

func newMonitorsSet() *cobra.Command {
	var (
		d              desk
		size, position string
		fit, vrr       string
		order, scale   int
		primary        bool
	)
	cmd := &cobra.Command{
		Use:   "set CONNECTOR",
		Short: "Choose mode, place, scale and more for a monitor",
		Long: `Set changes what was chosen for the monitor on a connector; what is not named
stays. A terminal that runs with the same --state-dir follows within a second.`,
		Example: `  shadow-terminal monitors set DP-1 --state-dir /var/lib/shadow-terminal --mode 3840x2160@30 --scale 150
  shadow-terminal monitors set DP-2 --state-dir /var/lib/shadow-terminal --order 1 --primary
  shadow-terminal monitors set DP-2 --state-dir /var/lib/shadow-terminal --mode auto --position auto`,
		Args: oneConnector,
		RunE: func(cmd *cobra.Command, args []string) error {
			w := monitors.Wish{
				Mode: given(cmd, "mode", &size), Position: given(cmd, "position", &position), Fit: given(cmd, "fit", &fit), VRR: given(cmd, "vrr", &vrr),
				Order: given(cmd, "order", &order), Scale: given(cmd, "scale", &scale), Primary: given(cmd, "primary", &primary),
			}
			if _, err := w.Change(mode.Choice{}); err != nil {
				return program.UsageError{Err: err}
			}
			return d.change(cmd, func(sys fs.FS, choices *mode.Store) (monitors.Monitor, error) {
				return monitors.Set(sys, choices, args[0], w)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&size, "mode", "", "mode, for example 1920x1080@144, or auto for the best one")
	f.IntVar(&order, "order", 0, "place from the left, the first is 1; 0 leaves it to the connectors")
	f.StringVar(&position, "position", "", "left upper corner on the host's desktop, for example 1920,0, or auto")
	f.IntVar(&scale, "scale", 100, "how large the host draws, percent")
	f.BoolVar(&primary, "primary", false, "make it the host's main screen")
	f.StringVar(&fit, "fit", "", "a picture of another shape: letterbox or stretch")
	f.StringVar(&vrr, "vrr", "", "variable refresh: auto, on or off")
	d.flags(cmd)
	return cmd
}

// given is the flag's value where it was given, else nil.
func given[T any](cmd *cobra.Command, name string, value *T) *T {
	if cmd.Flags().Changed(name) {
		return value
	}
	return nil
}

func newMonitorsForget() *cobra.Command {
	var d desk
	cmd := &cobra.Command{
		Use:     "forget CONNECTOR",
		Short:   "Forget what was chosen for a monitor",
		Example: `  shadow-terminal monitors forget DP-2 --state-dir /var/lib/shadow-terminal`,
		Args:    oneConnector,
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.change(cmd, func(sys fs.FS, choices *mode.Store) (monitors.Monitor, error) {
				return monitors.Forget(sys, choices, args[0])
			})
		},
	}
	d.flags(cmd)
	return cmd
}

func oneConnector(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return program.UsageError{Err: fmt.Errorf("%s takes a monitor's connector, for example DP-1, and nothing else, got %d arguments", cmd.Name(), len(args))}
	}
	return nil
}
