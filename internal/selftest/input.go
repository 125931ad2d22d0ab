package selftest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/peripherals/devices"
	"github.com/blade-shadow/terminal/peripherals/evdev"
)

// What is promised of the way from a device to the network.
const (
	mostEventMS = 0.3
	// inputDevices is how many devices are read at once; none costs a thread.
	inputDevices = 12
	// spareThreads is what Go's scheduler may start meanwhile for reasons of its
	// own.
	spareThreads = 2
)

// InputConfig is what the test of input takes.
type InputConfig struct {
	Common
	Keys int // transitions to press, 0: 2000
}

// InputReport is how fast input is read and sent.
type InputReport struct {
	Verdict
	Devices    []devices.Device `json:"devices"` // of this machine, never null
	Keys       int              `json:"keys"`
	EventMSP50 float64          `json:"event_to_datagram_ms_p50"` // from the kernel's stamp to the datagram handed over
	EventMSP99 float64          `json:"event_to_datagram_ms_p99"`
	Allocs     float64          `json:"allocs_per_event"`
	Threads    int              `json:"os_threads_12_devices"` // that they cost
	Resyncs    uint64           `json:"resyncs"`
	Unreadable int              `json:"unreadable"` // of Devices
}

// Input measures the way of keys from a device to the datagram with pipes in
// place of devices, twelve of them, and lists the machine's own.
func Input(ctx context.Context, cfg InputConfig) (*InputReport, error) {
	cfg.Common = cfg.withDefaults()
	if cfg.Keys == 0 {
		cfg.Keys = 2000
	}
	r := &InputReport{Verdict: Verdict{Failed: []string{}}, Devices: []devices.Device{}}
	if all, err := devices.Look(""); err == nil {
		r.Devices = all
	}
	for _, d := range r.Devices {
		if d.Number == 0 {
			r.Unreadable++
			r.fail("%s: %s", d.Path, d.RouteWhy)
		}
	}
	cfg.Progress(fmt.Sprintf("%d keys through %d devices", cfg.Keys, inputDevices))
	if err := r.measure(ctx, cfg); err != nil {
		return nil, err
	}
	if r.EventMSP99 > mostEventMS {
		r.fail("99 of 100 keys leave within %.2f ms; %.1f was promised on a machine that does nothing else", r.EventMSP99, mostEventMS)
	}
	if r.Allocs >= 1 {
		r.fail("a key makes %.1f allocations; want 0", r.Allocs)
	}
	if r.Threads > spareThreads {
		r.fail("%d devices cost %d threads; want none", inputDevices, r.Threads)
	}
	return r, nil
}

// pipes are devices that the test itself speaks for.
type pipes struct {
	ends []*os.File
}

func (p *pipes) open(path string) (*evdev.Device, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	i := evdev.Info{Path: path, Name: filepath.Base(path), Phys: "test-" + filepath.Base(path)}
	for code := range uint16(0x80) {
		i.Caps.Keys.Add(code)
	}
	p.ends = append(p.ends, w)
	return evdev.FromFile(r, i)
}

// measure presses keys and sees when they leave.
func (r *InputReport) measure(ctx context.Context, cfg InputConfig) (err error) {
	dir, err := os.MkdirTemp("", "selftest-input-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p := &pipes{}
	for i := range inputDevices {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("event%d", i)), nil, 0o600); err != nil {
			return err
		}
	}
	var latency metric.Latency
	sent := make(chan struct{}, 1) // a datagram was written
	s, err := inputs.New(inputs.Config{KeyToChannel: &latency, Write: func([]byte) error {
		select {
		case sent <- struct{}{}:
		default:
		}
		return nil
	}})
	if err != nil {
		return err
	}
	before := threads()
	ready := make(chan struct{}, inputDevices)
	m, err := devices.New(devices.Config{
		Dir: dir, Open: p.open, Sink: host{s}, Logger: cfg.Logger,
		OnChange: func() { ready <- struct{}{} },
	})
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(ctx)
	g, run := errgroup.WithContext(run)
	g.Go(func() error { return s.Run(run) })
	g.Go(func() error { return m.Run(run) })
	defer func() {
		cancel()
		err = errors.Join(err, g.Wait())
	}()
	for range inputDevices {
		select {
		case <-ready:
		case <-run.Done():
			return run.Err()
		}
	}
	if err := r.press(run, cfg.Keys, p, s, sent); err != nil {
		return err
	}
	r.Threads = max(threads()-before, 0)
	q := latency.Quantiles()
	r.Keys, r.EventMSP50, r.EventMSP99 = int(q.N), q.P50, q.P99
	if r.Keys < cfg.Keys {
		r.fail("%d keys of %d left", r.Keys, cfg.Keys)
	}
	for _, d := range m.List() {
		r.Resyncs += d.Stats.Resyncs
	}
	return nil
}

// press presses and releases a key, at times that a person's are as irregular
// as.
func (r *InputReport) press(ctx context.Context, keys int, p *pipes, s *inputs.Sender, sent <-chan struct{}) error {
	var (
		was, is runtime.MemStats
		b       [48]byte // a key and the report's end
		answer  = make([]byte, 0, wire.MaxDatagram)
		pause   = time.NewTimer(0)
	)
	defer pause.Stop()
	binary.NativeEndian.PutUint16(b[16:], evdev.Key)
	binary.NativeEndian.PutUint16(b[18:], 30)
	warm := keys / 10
	for i := range keys + warm {
		if i == warm {
			runtime.ReadMemStats(&was)
		}
		pause.Reset(time.Millisecond + time.Duration(rand.N(3000))*time.Microsecond)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		binary.NativeEndian.PutUint32(b[20:], uint32(i+1)&1)
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
			return err
		}
		for _, at := range []int{0, 24} {
			binary.NativeEndian.PutUint64(b[at:], uint64(ts.Sec))
			binary.NativeEndian.PutUint64(b[at+8:], uint64(ts.Nsec/1000))
		}
		select {
		case <-sent: // of the time before
		default:
		}
		if _, err := p.ends[i/2%len(p.ends)].Write(b[:]); err != nil {
			return err
		}
		select {
		case <-sent:
		case <-ctx.Done():
			return ctx.Err()
		}
		answer = wire.AppendAck(wire.AppendHeader(answer[:0], wire.Header{Seq: uint32(i + 1)}), wire.Ack{Next: uint32(i + 2)})
		s.Datagram(answer)
	}
	runtime.ReadMemStats(&is)
	r.Allocs = float64(is.Mallocs-was.Mallocs) / float64(keys)
	return nil
}

// threads counts those of this process.
func threads() int {
	all, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0
	}
	return len(all)
}

func (r *InputReport) table(w io.Writer) {
	fmt.Fprintf(w, "devices\t%d, %d of them cannot be read\n", len(r.Devices), r.Unreadable)
	fmt.Fprintf(w, "key to datagram\tp50 %.3f ms, p99 %.3f ms of %d\n", r.EventMSP50, r.EventMSP99, r.Keys)
	fmt.Fprintf(w, "allocations\t%.2f a key\n", r.Allocs)
	fmt.Fprintf(w, "threads\t%d for %d devices\n", r.Threads, inputDevices)
}

// host is the session's end of the devices, as in the product.
type host struct{ *inputs.Sender }

// Touch sends what touches the first screen.
func (h host) Touch(t *input.Touch) { h.Sender.Touch(0, t) }

// Pen sends a pen over it.
func (h host) Pen(p *input.Pen) { h.Sender.Pen(0, *p) }
