package main

import (
	"log/slog"
	"sync"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/program"
	protocol "github.com/blade-shadow/terminal/internal/wire"
)

// openInput decides where input goes and opens the device. What was asked for
// must work; what auto chose may be missing: then the host only shows.
func (w *wiring) openInput(o *options, log *slog.Logger) error {
	mode, err := inject.ParseMode(o.inject)
	if err != nil {
		return program.UsageError{Err: err}
	}
	in := &inputs{log: log}
	w.config.OpenInput, w.config.InputSummary = in.open, in.summary
	if card := w.config.Source.Injector(); card != nil && mode == inject.ModeAuto {
		in.device = card
		return nil
	}
	if mode == inject.ModeAuto && o.source != "desktop" {
		mode = inject.ModeNone
	}
	device, err := inject.Open(inject.DeviceConfig{
		Mode: mode, Display: o.displayName(), Regions: regions(w.config.Source.Screens()), Logger: log,
	})
	switch {
	case err == nil:
		w.device, in.device = device, device
		in.listen(device)
		w.config.OnScreens = func(screens []source.Screen) { device.SetRegions(regions(screens)) }
		log.Info("input device opened", "component", "host", "device", device.Name())
	case mode == inject.ModeAuto:
		w.config.OpenInput = nil
		log.Warn("input is off", "component", "host", "err", err)
	default:
		return hinted{err, "use --inject none to show only"}
	}
	return nil
}

func regions(screens []source.Screen) (all []inject.Region) {
	for _, s := range screens {
		all = append(all, inject.Region{X: s.Bounds.Min.X, Y: s.Bounds.Min.Y, Width: s.Bounds.Dx(), Height: s.Bounds.Dy()})
	}
	return all
}

// inputs makes a receiver for each session and adds up what they did.
type inputs struct {
	device inject.Injector
	log    *slog.Logger
	oneWay metric.Latency

	mu      sync.Mutex // guards below
	current *inject.Receiver
	lit     uint8        // lamps that the system wants
	earlier inputSummary // of the receivers before it
}

// setLEDs has the terminal's keyboards show the system's lamps.
func (in *inputs) setLEDs(lit uint8) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lit = lit
	if in.current != nil {
		in.current.SetLEDs(lit)
	}
}

// setRumble has a pad of the terminal shake.
func (in *inputs) setRumble(r protocol.Rumble) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.current != nil {
		in.current.SetRumble(r)
	}
}

// listen hears what programs want of the devices, until those are closed.
func (in *inputs) listen(device inject.Device) {
	if d, ok := device.(interface{ SetRumble(func(protocol.Rumble)) }); ok {
		d.SetRumble(in.setRumble)
	}
	d, ok := device.(interface{ ReadLEDs(func(uint8)) error })
	if !ok {
		return
	}
	go func() { // ends when the device is closed
		if err := d.ReadLEDs(in.setLEDs); err != nil {
			in.log.Warn("keyboard lamps do not follow", "component", "host", "err", err)
		}
	}()
}

func (in *inputs) open(c host.InputChannel) (host.Input, error) {
	r, err := inject.New(inject.Config{
		Injector: in.device, Write: c.Reply, Mark: c.Mark, SameClock: c.SameMachine, OneWay: &in.oneWay, Logger: in.log,
	})
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	if in.current != nil {
		in.earlier.add(in.current.Stats())
	}
	in.current = r
	r.SetLEDs(in.lit)
	in.mu.Unlock()
	return r, nil
}

// inputSummary is the host summary's "input".
type inputSummary struct {
	Events    uint64           `json:"events"`
	Datagrams uint64           `json:"datagrams"`
	Malformed uint64           `json:"malformed"`
	DeadMan   uint64           `json:"dead_man"`
	OneWay    metric.Quantiles `json:"one_way_ms"`
}

func (s *inputSummary) add(r inject.Stats) {
	s.Events += r.Events
	s.Datagrams += r.Datagrams
	s.Malformed += r.Malformed
	s.DeadMan += r.DeadMan
}

func (in *inputs) summary() any {
	in.mu.Lock()
	defer in.mu.Unlock()
	out := in.earlier
	if in.current != nil {
		out.add(in.current.Stats())
	}
	out.OneWay = in.oneWay.Quantiles()
	return out
}
