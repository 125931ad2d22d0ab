package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/broker"
	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/host/linktest"
	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/host/source/x11"
	"github.com/blade-shadow/terminal/internal/host/usb"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/program"
	protocol "github.com/blade-shadow/terminal/internal/wire"
)

// opusBitrate is for stereo at 5 ms a packet; more is not heard.
const opusBitrate = 128_000

// clipboardMax is what the protocol carries, in bytes.
const clipboardMax = protocol.MaxClipboard

// wiring is the host's parts.
type wiring struct {
	config    host.Config
	device    inject.Device    // nil: none is open
	broker    *broker.Broker   // nil: none was asked for
	idle      io.Closer        // of the broker; nil: there is none
	server    *host.Server     // set before anything runs
	linktest  *linktest.Server // nil: link tests are not answered
	recording *os.File         // nil: nothing is recorded
}

// run serves, with the broker beside, until ctx ends.
func (w *wiring) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return w.server.Run(ctx) })
	if w.broker != nil {
		g.Go(func() error { return w.broker.Run(ctx) })
	}
	if w.linktest != nil {
		w.linktest.SetBeside(w.server)
		g.Go(func() error { return w.linktest.Run(ctx) })
	}
	return g.Wait()
}

// Close closes what wire opened; the server must have ended.
func (w *wiring) Close() error {
	var errs []error
	if w.device != nil {
		errs = append(errs, w.device.Close())
	}
	if w.idle != nil {
		errs = append(errs, w.idle.Close())
	}
	if w.recording != nil {
		errs = append(errs, w.recording.Close())
	}
	if w.config.Source != nil {
		errs = append(errs, w.config.Source.Close())
	}
	return errors.Join(errs...)
}

// wire turns the command line into a host's parts.
func wire(o *options, log *slog.Logger) (*wiring, error) {
	codecs, err := media.ParseCodecs(o.codecs)
	if err != nil {
		return nil, program.UsageError{Err: err}
	}
	bitrate, err := media.ParseBitrate(o.bitrate)
	if err != nil {
		return nil, program.UsageError{Err: err}
	}
	src, err := openSource(o)
	if err != nil {
		return nil, err
	}
	w := &wiring{config: host.Config{
		Source: src, BitrateBps: bitrate,
		OpenEncoder: o.openEncoder, NewScaler: newScaler, FixedScreens: o.fixed,
		Listen: o.listen, TLSCertFile: o.tlsCert, TLSKeyFile: o.tlsKey, TokenFile: o.tokenFile,
		Logger: log,
	}}
	if o.audio != "none" {
		w.config.OpenAudioEncoder = openOpus
	}
	if o.clipboard {
		if o.source != "desktop" {
			return nil, errors.Join(program.UsageError{Err: errors.New("--clipboard is a desktop's: it goes with --source desktop")}, w.Close())
		}
		w.config.OpenClipboard = func() (host.Clipboard, error) {
			return x11.OpenClipboard(x11.ClipboardConfig{Display: o.display, Max: clipboardMax, Logger: log})
		}
	}
	switch o.mic {
	case "auto":
		if o.source == "desktop" && o.audio != "none" {
			w.config.OpenMicrophone = openMicrophone(log)
		}
	case "never":
	default:
		return nil, errors.Join(program.UsageError{Err: fmt.Errorf("--microphone %s is not known: use auto or never", o.mic)}, w.Close())
	}
	switch o.usb {
	case "auto":
		w.config.USB = usb.New(usb.Config{Logger: log})
	case "never":
	default:
		return nil, errors.Join(program.UsageError{Err: fmt.Errorf("--usb %s is not known: use auto or never", o.usb)}, w.Close())
	}
	routes, err := webRoutes(o.web)
	if err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.config.Routes = append(w.config.Routes, routes...)
	if err := w.addReach(&o.reach); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := w.addBroker(o, log); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := w.addLinktest(o, log); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	w.config.IntraRefresh = o.refresh
	if err := w.record(o); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if err := w.open(codecs, o, log); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// record creates the file that --record names. It holds what was shown and
// played, in the clear, so nobody else may read it.
func (w *wiring) record(o *options) (err error) {
	if o.record == "" {
		return nil
	}
	w.recording, err = os.OpenFile(o.record, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	w.config.Record = w.recording
	return nil
}

// open tries the encoders and opens the input device. Mistakes in addresses,
// certificate and token show before that takes its time: New starts nothing.
func (w *wiring) open(codecs []media.Codec, o *options, log *slog.Logger) (err error) {
	if _, err := host.New(w.config); err != nil {
		return err
	}
	if w.config.Codecs, err = usable(codecs, w.config.Source, w.config.BitrateBps, o, log); err != nil {
		return err
	}
	return w.openInput(o, log)
}

func (o *options) openEncoder(c host.EncoderConfig) (host.Encoder, error) {
	return libav.NewEncoder(libav.EncoderConfig{
		Codec: c.Codec, Width: c.Width, Height: c.Height, FPS: c.FPS, BitrateBps: c.BitrateBps, Backend: o.encoder,
		IntraRefresh: c.IntraRefresh,
	})
}

func newScaler() host.Scaler { return libav.NewScaler() }

func openOpus() (host.AudioEncoder, error) { return libav.NewOpusEncoder(source.Channels, opusBitrate) }

// usable returns the codecs that this machine can really encode every screen of
// the source with, so that no terminal is promised another.
func usable(codecs []media.Codec, src source.Source, bitrate int, o *options, log *slog.Logger) ([]media.Codec, error) {
	var works []media.Codec
	var reasons []string
	for _, c := range codecs {
		err := o.tryEncoder(c, src.Screens(), bitrate, log)
		if err == nil {
			works = append(works, c)
			continue
		}
		reasons = append(reasons, fmt.Sprintf("%v: %v", c, err))
		log.Info("codec is not used", "component", "host", "codec", c, "err", err)
	}
	if len(works) == 0 {
		return nil, hinted{
			fmt.Errorf("no encoder works: %s", strings.Join(reasons, "; ")),
			"allow other codecs with --codec or another encoder with --encoder auto",
		}
	}
	return works, nil
}

func (o *options) tryEncoder(c media.Codec, screens []source.Screen, bitrate int, log *slog.Logger) error {
	for _, s := range screens {
		e, err := o.openEncoder(host.EncoderConfig{Codec: c, Width: s.Width, Height: s.Height, FPS: s.FPS, BitrateBps: bitrate, IntraRefresh: o.refresh})
		if err != nil {
			return err
		}
		if s, ok := e.(interface{ Skipped() error }); ok && s.Skipped() != nil {
			log.Info("GPU encoder is not used", "component", "host", "codec", c, "err", s.Skipped())
		}
		if err := e.Close(); err != nil {
			return err
		}
	}
	return nil
}

// openSource opens what --source names.
func openSource(o *options) (source.Source, error) {
	width, height, err := media.ParseSize(o.size)
	if err != nil {
		return nil, program.UsageError{Err: err}
	}
	if o.screens < 0 || o.fps < 1 || o.fps > 240 {
		return nil, program.UsageError{Err: fmt.Errorf("--screens %d or --fps %d is out of range", o.screens, o.fps)}
	}
	if err := o.checkAudio(); err != nil {
		return nil, program.UsageError{Err: err}
	}
	silent := o.audio == "none"
	switch o.source {
	case "testcard":
		return source.NewTestcard(source.TestcardConfig{
			Screens: o.screens, Width: width, Height: height, FPS: o.fps, Silent: silent, Busy: o.busy,
		})
	case "file":
		if o.file == "" {
			return nil, program.UsageError{Err: errors.New("--source file needs --file")}
		}
		return source.NewFile(source.FileConfig{Path: o.file, Width: width, Height: height, Silent: silent})
	case "desktop":
		return o.openDesktop(silent)
	case "":
		return nil, program.UsageError{Err: errors.New("--source is missing: testcard, desktop or file")}
	}
	return nil, program.UsageError{Err: fmt.Errorf("source %q is not known: use testcard, desktop or file", o.source)}
}

func (o *options) openDesktop(silent bool) (source.Source, error) {
	if o.size != "" {
		return nil, program.UsageError{Err: errors.New("--size does not change a desktop: change its monitors' modes")}
	}
	cfg := source.DesktopConfig{Display: o.display, FPS: o.fps}
	for _, s := range o.regions {
		r, err := media.ParseRegion(s)
		if err != nil {
			return nil, program.UsageError{Err: err}
		}
		cfg.Regions = append(cfg.Regions, r)
	}
	if silent {
		cfg.Audio = source.AudioNone
	}
	d, err := source.NewDesktop(cfg)
	if err != nil {
		return nil, hinted{err, "name the display with --display and allow this user to use it (XAUTHORITY)"}
	}
	if o.screens == 0 {
		return d, nil
	}
	return firstScreens{d, o.screens}, nil
}

// checkAudio reports a sound that the source does not have.
func (o *options) checkAudio() error {
	has := map[string]string{"pulse": "desktop", "beep": "testcard"}
	switch o.audio {
	case "auto", "none":
		return nil
	case "pulse", "beep":
		if has[o.audio] == o.source {
			return nil
		}
		return fmt.Errorf("--audio %s is of --source %s only", o.audio, has[o.audio])
	}
	return fmt.Errorf("sound %q is not known: use auto, none, pulse or beep", o.audio)
}

// firstScreens is a source that shows only its first n screens.
type firstScreens struct {
	source.Source
	n int
}

func (f firstScreens) Screens() []source.Screen {
	all := f.Source.Screens()
	return all[:min(f.n, len(all))]
}

// Arrange passes on what a terminal wants; the host asks for no screen that it
// does not show.
func (f firstScreens) Arrange(all []source.Placement) error {
	a, ok := f.Source.(source.Arranger)
	if !ok {
		return fmt.Errorf("arrange screens of %s: %w", f.Name(), errors.ErrUnsupported)
	}
	return a.Arrange(all)
}

// OpenPointer passes on the pointer.
func (f firstScreens) OpenPointer() (source.Pointer, error) {
	p, ok := f.Source.(source.Pointed)
	if !ok {
		return nil, fmt.Errorf("pointer of %s: %w", f.Name(), errors.ErrUnsupported)
	}
	return p.OpenPointer()
}

// displayName is the X display that input is for, "" where there is none.
func (o *options) displayName() string {
	if o.display != "" {
		return o.display
	}
	return os.Getenv("DISPLAY")
}
