package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/holoplot/go-evdev"
	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/devices"
	reader "github.com/blade-shadow/terminal/peripherals/evdev"
	"github.com/blade-shadow/terminal/peripherals/power"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

const busUSB = 3 // BUS_USB, linux/input.h

// inventory is what the devices command prints.
type inventory struct {
	Input     []devices.Device `json:"input"`
	USB       []usbDevice      `json:"usb"`
	Batteries []power.Battery  `json:"batteries"`
}

// usbDevice is one that is plugged into USB.
type usbDevice struct {
	Port        string `json:"port"`
	Vendor      uint16 `json:"vendor"`
	Product     uint16 `json:"product"`
	Name        string `json:"name"`
	Route       string `json:"route"`
	RouteWhy    string `json:"route_why"`
	MayRedirect bool   `json:"may_redirect"`
	Given       bool   `json:"given"` // to a host, now
}

// usbDevices lists what is plugged into USB; a machine without has none.
func usbDevices(keyboards int) ([]usbDevice, error) {
	all, err := usb.New(usb.Config{Surroundings: func() usb.Surroundings { return usb.Surroundings{OtherKeyboards: keyboards} }}).List()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	list := make([]usbDevice, len(all))
	for i := range all {
		d := &all[i].Device
		list[i] = usbDevice{
			Port: d.BusID, Vendor: d.Vendor, Product: d.Product, Name: d.Label(), Route: all[i].Decision.Route.String(), RouteWhy: all[i].Decision.Reason,
			MayRedirect: all[i].Decision.MayRedirect, Given: d.Driver == "usbip-host",
		}
	}
	return list, nil
}

func newDevices() *cobra.Command {
	var (
		asJSON, watch bool
		dir           string
	)
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "List what is plugged in and where it goes, and show what it reports",
		Long: `Devices lists the input devices of this machine: what each is for and why, and
where a terminal without a window system sends it; devices with the same number are
one plug. Wireless devices follow with the charge of their batteries, then what is
plugged into USB: how it reaches the host and why, and which of it may be given to
the host as it is.

With --watch it shows what the devices report, as it comes, until it is
interrupted; devices that come and go are shown, too. A program that has a device to
itself, as a terminal that runs has, keeps it from this one.`,
		Example: `  shadow-terminal devices
  shadow-terminal devices --watch`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch {
				return watchDevices(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), dir, asJSON)
			}
			return listDevices(cmd.OutOrStdout(), dir, asJSON)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "print JSON on stdout, with --watch one object a line")
	f.BoolVar(&watch, "watch", false, "show what the devices report until interrupted")
	f.StringVar(&dir, "dir", "", "folder with the kernel's event devices")
	if err := f.MarkHidden("dir"); err != nil {
		panic(err) // it is defined above
	}
	return cmd
}

func listDevices(w io.Writer, dir string, asJSON bool) error {
	all, err := devices.Look(dir)
	if err != nil {
		return fmt.Errorf("input devices: %w", err)
	}
	keyboards := 0
	for _, d := range all {
		if d.Kind == "keyboard" && d.Bus != busUSB {
			keyboards++
		}
	}
	list := inventory{Input: all, Batteries: power.Batteries(power.Supplies())}
	if list.USB, err = usbDevices(keyboards); err != nil {
		return fmt.Errorf("USB devices: %w", err)
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NODE\tNO.\tKIND\tNAME\tGOES TO")
	for _, d := range list.Input {
		fmt.Fprintln(t, d)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, b := range list.Batteries {
		if _, err := fmt.Fprintln(w, b); err != nil {
			return err
		}
	}
	if len(list.USB) == 0 {
		return nil
	}
	fmt.Fprintln(t, "\nUSB PORT\tDEVICE\tGOES TO")
	for _, d := range list.USB {
		fmt.Fprintf(t, "%s\t%s\t%s: %s\n", d.Port, d.Name, d.Route, d.RouteWhy)
	}
	return t.Flush()
}

// report is one event of a device.
type report struct {
	Node  string  `json:"node"`
	Type  string  `json:"type"`
	Code  string  `json:"code"`
	Value int32   `json:"value"`
	Usage string  `json:"usage,omitempty"` // page:id of a key
	At    float64 `json:"at"`              // seconds since the first
}

// watchDevices prints what devices report until ctx ends.
func watchDevices(ctx context.Context, w, log io.Writer, dir string, asJSON bool) error {
	p := &printer{w: w, json: asJSON}
	m, err := devices.New(devices.Config{
		Dir: dir, Sink: p, Tap: p.print, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		return err
	}
	if err := m.Run(ctx); err != nil {
		return err
	}
	return p.err
}

// printer prints events; the goroutines of the devices.
type printer struct {
	w    io.Writer
	json bool

	mu    sync.Mutex // guards the rest
	first time.Time
	usage string // of the MSC_SCAN before
	err   error
}

// Handle and Unplugged take what would go to a host.
func (*printer) Handle(input.Event) {}

// Pad does nothing: its events are printed.
func (*printer) Pad(input.Pad) {}

// Touch does nothing: its events are printed.
func (*printer) Touch(*input.Touch) {}

// Pen does nothing either.
func (*printer) Pen(*input.Pen) {}

// Unplugged does nothing: the manager logs it.
func (*printer) Unplugged(uint8) {}

func (p *printer) print(d *devices.Device, ev reader.Event, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first.IsZero() {
		p.first = at
	}
	kind, code := evdev.EvType(ev.Type), evdev.EvCode(ev.Code)
	switch {
	case ev.Type == reader.Syn:
		return
	case ev.Type == reader.Msc && code == evdev.MSC_SCAN:
		p.usage = input.Usage(uint32(ev.Value)).String()
		return
	}
	r := report{Node: d.Path, Type: evdev.TypeName(kind), Code: evdev.CodeName(kind, code), Value: ev.Value, At: at.Sub(p.first).Seconds()}
	if ev.Type == reader.Key {
		r.Usage, p.usage = p.usage, ""
	}
	if p.err == nil {
		p.err = r.write(p.w, p.json, d)
	}
}

func (r *report) write(w io.Writer, asJSON bool, d *devices.Device) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%9.3f  %-20.20s  %-18s %6d  %s\n", r.At, d.Name, r.Code, r.Value, r.Usage)
	return err
}
