package selftest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/blade-shadow/terminal/internal/usbip"
	"github.com/blade-shadow/terminal/peripherals/usb"
)

// What the test of USB reads through the relays of both ends: a stick's way to
// read, in pieces that block layers ask for.
const (
	usbTransfer = 120 << 10 // bytes
	usbTotal    = 64 << 20
	usbDevID    = 1<<16 | 2
	usbLeast    = 40.0 // MB/s, more than a stick of USB 2 gives
)

// USBConfig is what the test of USB takes.
type USBConfig struct {
	Common
	Sys, Proc string // where the devices are; "": the machine's
}

// USBReport is what can be given to a host, and how fast.
type USBReport struct {
	Verdict
	Kernel  string      `json:"kernel"`  // what is missing to give devices away; "": nothing
	Devices []USBDevice `json:"devices"` // never null
	MBps    float64     `json:"relay_mb_per_s"`
}

// USBDevice is one device and its route.
type USBDevice struct {
	Port   string `json:"port"`
	Name   string `json:"name"`
	Route  string `json:"route"`
	Why    string `json:"why"`
	May    bool   `json:"may_redirect"`
	Driver string `json:"driver"`
}

// USB lists what is plugged in, says whether the kernel can give it away, and
// measures what the relays of both ends carry on this machine, checks included.
func USB(ctx context.Context, cfg USBConfig) (*USBReport, error) {
	cfg.Common = cfg.withDefaults()
	r := &USBReport{Verdict: Verdict{Failed: []string{}}, Devices: []USBDevice{}}
	redirector := usb.New(usb.Config{Sys: cfg.Sys, Proc: cfg.Proc, Logger: cfg.Logger})
	if err := redirector.Available(); err != nil {
		r.Kernel = err.Error()
		r.fail("%v", err)
	}
	all, err := redirector.List()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	for i := range all {
		d := &all[i].Device
		r.Devices = append(r.Devices, USBDevice{
			Port: d.BusID, Name: d.Label(), Route: all[i].Decision.Route.String(), Why: all[i].Decision.Reason,
			May: all[i].Decision.MayRedirect, Driver: d.Driver,
		})
		if d.Driver == "usbip-host" {
			r.fail("%s at %s is given to a host; a terminal that runs gives it back", d.Label(), d.BusID)
		}
	}
	cfg.Progress(fmt.Sprintf("%d MiB through the relays of both ends", usbTotal>>20))
	if r.MBps, err = relayed(ctx); err != nil {
		return nil, err
	}
	if r.MBps < usbLeast {
		r.fail("the relays carry %.0f MB/s; %.0f would be a stick's", r.MBps, usbLeast)
	}
	return r, nil
}

func (r *USBReport) table(w io.Writer) {
	if r.Kernel == "" {
		fmt.Fprintln(w, "kernel\tcan give devices away")
	} else {
		fmt.Fprintf(w, "kernel\t%s\n", r.Kernel)
	}
	for _, d := range r.Devices {
		fmt.Fprintf(w, "%s\t%s: %s (%s)\n", d.Port, d.Name, d.Route, d.Why)
	}
	fmt.Fprintf(w, "relays\t%.0f MB/s\n", r.MBps)
}

// relayed reads usbTotal bytes of a pretended device through both relays.
func relayed(parent context.Context) (mbps float64, err error) {
	ctx, cancel := context.WithCancel(parent)
	host, a := net.Pipe()
	device, b := net.Pipe()
	p, q := net.Pipe()
	ends := make(chan error, 3)
	endpoints := usbip.Endpoints{In: 1<<0 | 1<<1, Out: 1 << 0}
	go func() {
		_, err := usbip.Relay(ctx, usbip.RelayConfig{Kernel: a, Peer: p, Session: usbip.NewSession(usbDevID, nil), Host: true})
		ends <- err
	}()
	go func() {
		_, err := usbip.Relay(ctx, usbip.RelayConfig{Kernel: b, Peer: q, Session: usbip.NewSession(usbDevID, &endpoints)})
		ends <- err
	}()
	go func() { ends <- answerReads(device) }()
	begun := time.Now()
	err = readDevice(host)
	took := time.Since(begun).Seconds()
	cancel()
	_, _ = host.Close(), device.Close()
	for range cap(ends) {
		<-ends // the reader's error says what went wrong
	}
	return usbTotal / took / 1e6, errors.Join(parent.Err(), err)
}

// readDevice is the host's kernel.
func readDevice(host net.Conn) error {
	var out []byte
	in := make([]byte, usbip.HeaderSize+usbTransfer)
	for seq := uint32(1); seq <= usbTotal/usbTransfer; seq++ {
		out = usbip.AppendHeader(out[:0], usbip.Header{
			Command: usbip.CmdSubmit, Seq: seq, DevID: usbDevID, Direction: usbip.DirIn, Endpoint: 1, Length: usbTransfer,
		})
		if _, err := host.Write(out); err != nil {
			return fmt.Errorf("relays: %w", err)
		}
		if _, err := io.ReadFull(host, in); err != nil {
			return fmt.Errorf("relays: %w", err)
		}
	}
	return nil
}

// answerReads is the device's.
func answerReads(device net.Conn) error {
	ask := make([]byte, usbip.HeaderSize)
	answer := make([]byte, usbip.HeaderSize+usbTransfer)
	for {
		if _, err := io.ReadFull(device, ask); err != nil {
			return err
		}
		usbip.AppendHeader(answer[:0], usbip.Header{
			Command: usbip.RetSubmit, Seq: binary.BigEndian.Uint32(ask[4:]), Length: usbTransfer,
		})
		if _, err := device.Write(answer); err != nil {
			return err
		}
	}
}
