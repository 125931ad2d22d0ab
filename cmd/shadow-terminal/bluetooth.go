package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/program"
	"github.com/blade-shadow/terminal/peripherals/bluetooth"
)

// bluetoothPatience is how long BlueZ may take to say what there is.
const bluetoothPatience = 5 * time.Second

func newBluetooth() *cobra.Command {
	var (
		asJSON bool
		search time.Duration
	)
	cmd := &cobra.Command{
		Use:   "bluetooth",
		Short: "Show Bluetooth devices, pair and forget them",
		Long: `Bluetooth shows the pads, keyboards, mice and headsets that BlueZ knows or sees, with
their batteries. With --search it looks for others first: have them visible.`,
		Example: `  shadow-terminal bluetooth --search 20s
  shadow-terminal bluetooth pair "Wireless Controller"
  shadow-terminal bluetooth forget 00:11:22:33:44:55`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if search < 0 || search > bluetooth.MaxSearch {
				return program.UsageError{Err: fmt.Errorf("--search %v: look for at most %v", search, bluetooth.MaxSearch)}
			}
			return withBluetooth(cmd, func(ctx context.Context, m *bluetooth.Manager) error {
				if search > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "looking for %v\n", search)
					if err := m.Search(ctx, "", search); err != nil {
						return err
					}
				}
				return printBluetooth(cmd.OutOrStdout(), m.State(), asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON on stdout")
	cmd.Flags().DurationVar(&search, "search", 0, "look for devices for so long first, for example 20s")
	cmd.AddCommand(
		newBluetoothDo("pair", "Pair with a device and connect to it", func(ctx context.Context, m *bluetooth.Manager, d bluetooth.Device) error {
			return m.Pair(ctx, d.ID)
		}),
		newBluetoothDo("connect", "Connect to a device that is paired", func(ctx context.Context, m *bluetooth.Manager, d bluetooth.Device) error {
			return m.Connect(ctx, d.ID)
		}),
		newBluetoothDo("disconnect", "End the connection with a device", func(ctx context.Context, m *bluetooth.Manager, d bluetooth.Device) error {
			return m.Disconnect(ctx, d.ID)
		}),
		newBluetoothDo("forget", "End the connection with a device and remove its keys", func(ctx context.Context, m *bluetooth.Manager, d bluetooth.Device) error {
			return m.Forget(ctx, d.ID)
		}),
	)
	return cmd
}

// newBluetoothDo is a command that does one thing to one device.
func newBluetoothDo(name, short string, do func(context.Context, *bluetooth.Manager, bluetooth.Device) error) *cobra.Command {
	return &cobra.Command{
		Use: name + " DEVICE", Short: short,
		Long:    short + ". DEVICE is its name or its address, as shadow-terminal bluetooth lists them.",
		Example: fmt.Sprintf("  shadow-terminal bluetooth %s \"Wireless Controller\"", name),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withBluetooth(cmd, func(ctx context.Context, m *bluetooth.Manager) error {
				d, err := findBluetooth(m.State(), args[0])
				if err != nil {
					return err
				}
				if err := do(ctx, m, d); err != nil {
					return fmt.Errorf("%s: %w", d.Name, err)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: done\n", d.Name)
				return err
			})
		},
	}
}

// findBluetooth finds a device by its name or its address; two of one name are
// told apart by the address.
func findBluetooth(s bluetooth.State, name string) (bluetooth.Device, error) {
	var found []bluetooth.Device
	for _, d := range s.Devices {
		if d.Name == name || strings.EqualFold(d.Address, name) {
			found = append(found, d)
		}
	}
	switch len(found) {
	case 0:
		return bluetooth.Device{}, fmt.Errorf("no device called %q is known: shadow-terminal bluetooth --search 20s looks for it", name)
	case 1:
		return found[0], nil
	}
	return bluetooth.Device{}, fmt.Errorf("%d devices are called %q: give the address of one", len(found), name)
}

// withBluetooth runs do beside a manager that knows what there is, asks and
// shows on the terminal that the program was started from.
func withBluetooth(cmd *cobra.Command, do func(context.Context, *bluetooth.Manager) error) error {
	ctx, cancel := context.WithCancel(cmd.Context())
	known := make(chan struct{}, 1)
	var shown string
	m := bluetooth.New(bluetooth.Config{Ask: askBluetooth, OnChange: func(s bluetooth.State) {
		if s.Shown != nil && s.Shown.Code != shown {
			shown = s.Shown.Code
			fmt.Fprintf(cmd.ErrOrStderr(), "type %s on the device, and Enter\n", shown)
		}
		if s.Service {
			select {
			case known <- struct{}{}:
			default:
			}
		}
	}})
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	defer func() {
		cancel()
		<-done
	}()
	patience := time.NewTimer(bluetoothPatience)
	defer patience.Stop()
	select {
	case <-known:
	case <-ctx.Done():
		return ctx.Err()
	case <-patience.C:
		return fmt.Errorf("BlueZ does not answer: bluetoothd is not installed or not running: %w", errors.ErrUnsupported)
	}
	return do(ctx, m)
}

// askBluetooth asks on the terminal that the program was started from.
func askBluetooth(_ context.Context, q bluetooth.Question) (string, bool) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", false
	}
	defer tty.Close()
	switch q.Want {
	case bluetooth.WantConfirm:
		fmt.Fprintf(tty, "Does %s show %s? [y/N] ", q.Device.Name, q.Code)
	case bluetooth.WantAllow:
		fmt.Fprintf(tty, "May %s pair with this machine? [y/N] ", q.Device.Name)
	default:
		if q.Again {
			fmt.Fprintln(tty, "That cannot be it.")
		}
		fmt.Fprintf(tty, "%s of %s: ", q.Want, q.Device.Name)
	}
	line, err := bufio.NewReader(io.LimitReader(tty, 256)).ReadString('\n')
	if err != nil {
		return "", false
	}
	answer := strings.TrimSpace(line)
	if q.Want == bluetooth.WantConfirm || q.Want == bluetooth.WantAllow {
		return "", strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes")
	}
	return answer, answer != ""
}

func printBluetooth(w io.Writer, s bluetooth.State, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADAPTER\tADDRESS\tSTATE")
	for _, a := range s.Adapters {
		state := "off"
		switch {
		case a.Blocked:
			state = "blocked by a switch"
		case a.Powered:
			state = "on"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", a.Name, a.Address, state)
	}
	fmt.Fprintln(t, "\nDEVICE\tKIND\tADDRESS\tSTATE")
	for _, d := range s.Devices {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", d.Name, d.Kind, d.Address, strings.Join(bluetoothState(d), ", "))
	}
	return t.Flush()
}

func bluetoothState(d bluetooth.Device) (all []string) {
	for _, s := range []struct {
		is   bool
		text string
	}{{d.Connected, "connected"}, {d.Paired, "paired"}, {d.Blocked, "blocked"}} {
		if s.is {
			all = append(all, s.text)
		}
	}
	if d.Battery >= 0 {
		all = append(all, fmt.Sprintf("battery %d %%", d.Battery))
	}
	if d.SignalDBm != 0 {
		all = append(all, fmt.Sprintf("%d dBm", d.SignalDBm))
	}
	return slices.Clip(all)
}
