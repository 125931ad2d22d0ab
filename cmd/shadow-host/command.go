package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/program"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

// options is the command line.
type options struct {
	source, display, size, file string
	screens, fps                int
	codecs, regions             []string
	bitrate, audio, usb, mic    string
	encoder, inject             string
	listen                      string
	tlsCert, tlsKey, tokenFile  string
	busy, fixed, json, web      bool
	clipboard                   bool
	logLevel                    string
	record                      string
	refresh                     bool
	reach                       reachOptions
	broker                      brokerOptions
	linktest                    linktestOptions
}

func newRoot() *cobra.Command {
	var o options
	root := &cobra.Command{
		Use:   "shadow-host --source testcard|desktop|file",
		Short: "Show this machine's screens to a shadow-terminal",
		Long: `Shadow-host captures, encodes and streams this machine's screens and sound to one
shadow-terminal at a time, or to any other WHEP player, and injects the
terminal's keyboard, pointer and game pads. USB devices that the person there
gives away are plugged in here. A terminal that connects takes over
from the one before it. Browsers get a client of their own at /; with --broker
terminals ask here first how the PC is.

Without a certificate and a token it listens on this machine only. On any other
address it wants both, because who connects controls the machine.

It runs until SIGINT or SIGTERM and then prints what it did.`,
		Example: `  shadow-host --source testcard --screens 2
  shadow-host --source desktop --display :0 --bitrate 20M
  shadow-host --source file --file film.mkv --codec hevc
  shadow-host --source desktop --broker --sleep-after 15m --sleep-command "virsh suspend pc" --wake-command "virsh resume pc"
  shadow-host --source desktop --listen :8089 --tls-cert host.pem --tls-key host.key --token-file token`,
		Args:          noArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return run(cmd, &o) },
	}
	o.addFlags(root)
	root.AddCommand(newVersion())
	return root
}

func (o *options) addFlags(cmd *cobra.Command) {
	o.reach.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.source, "source", "", "what to show: testcard (needs nothing), desktop (an X11 display) or file (a film in a loop)")
	f.StringVar(&o.display, "display", "", "X11 display of --source desktop and of injected input, for example :0 (default $DISPLAY)")
	f.IntVar(&o.screens, "screens", 0, "how many screens: 1 to 4 of the test card, or the first so many monitors of the desktop (default 1 of the test card, all of the desktop)")
	f.StringVar(&o.size, "size", "", "size of the pictures in pixels, test card and file only (default 1280x720, or the file's)")
	f.StringArrayVar(&o.regions, "region", nil, "a part of the desktop as a screen, WIDTHxHEIGHT+X+Y in pixels; give it again for the next screen")
	f.IntVar(&o.fps, "fps", 60, "pictures a second, test card and desktop only, 1 to 240, until the terminal says what its outputs show")
	f.StringSliceVar(&o.codecs, "codec", []string{"h264", "hevc"}, "codecs that may be used; the terminal's preference decides among them")
	f.StringVar(&o.bitrate, "bitrate", "10M", "upper bound for each screen in bits per second, with k or M, 200k to 1G")
	f.StringVar(&o.file, "file", "", "media file of --source file, anything FFmpeg reads")
	f.StringVar(&o.audio, "audio", "auto", "sound: auto (what the source has), none, pulse (what the desktop plays) or beep (of the test card)")
	f.BoolVar(&o.fixed, "fixed-screens", false, "keep size and rate of the screens whatever outputs the terminal has; pictures are only scaled for it")
	f.BoolVar(&o.busy, "busy", false, "fill a part of the test card with noise, so that the stream uses its whole bit rate")
	f.StringVar(&o.encoder, "encoder", "auto", "auto (the first that works: VA-API, NVENC, software) or libavcodec's name, for example libx264")
	f.StringVar(&o.inject, "inject", "auto", "where input goes: auto (the test card takes its own, the desktop uinput or xtest), uinput, xtest or none")
	f.BoolVar(&o.clipboard, "clipboard", false, "share the desktop's clipboard with terminals that do too: text, both ways, 1 MiB at most")
	f.StringVar(&o.mic, "microphone", "auto", "whether programs here may hear the terminal's microphone: auto (a desktop with PulseAudio or PipeWire; the person there is asked) or never")
	f.StringVar(&o.usb, "usb", "auto", "whether USB devices of the terminal may be plugged in here: auto (where the kernel has vhci-hcd and this user may use it) or never")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8089", "host:port to listen on; port 0 takes a free one. Other than loopback needs certificate and token")
	f.StringVar(&o.tlsCert, "tls-cert", "", "PEM file with the certificate and its chain")
	f.StringVar(&o.tlsKey, "tls-key", "", "PEM file with the certificate's key")
	f.StringVar(&o.tokenFile, "token-file", "", "file with the bearer token terminals must give: one line of 16 characters or more, not readable by others. Another one in it counts at once, and ends the sessions of who has the old")
	f.BoolVar(&o.web, "web", true, "serve the client for browsers at /: any browser is a terminal then")
	o.broker.flags(cmd)
	o.linktest.flags(cmd)
	f.BoolVar(&o.refresh, "intra-refresh", false, "renew pictures in rounds instead of by keyframes alone, so that losses heal with bounded pictures; needs libx264 or NVENC")
	f.StringVar(&o.record, "record", "", "file to write the sessions' RTP, as it leaves, and RTCP, as it comes, to, in rtptools' rtpdump format; not encrypted")
	f.BoolVar(&o.json, "json", false, "print the summary as one JSON object on stdout at the end")
	f.StringVar(&o.logLevel, "log-level", "info", "what to log to stderr: debug, info, warn or error")
}

// run serves until the command's context ends and prints the summary.
func run(cmd *cobra.Command, o *options) (err error) {
	log, err := program.Logger(cmd.ErrOrStderr(), o.logLevel)
	if err != nil {
		return err
	}
	if err := o.broker.check(cmd); err != nil {
		return err
	}
	w, err := wire(o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	w.config.OnListen = func(url string) { fmt.Fprintf(cmd.ErrOrStderr(), "listening url=%s\n", url) }
	if w.server, err = host.New(w.config); err != nil {
		return err
	}
	if err := w.run(cmd.Context()); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return printSummary(cmd, w.server.Summary("shadow-host", version), o.json)
}

func printSummary(cmd *cobra.Command, sum host.Summary, asJSON bool) error {
	if !asJSON {
		return sum.WriteText(cmd.OutOrStdout())
	}
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetIndent("", "  ")
	return e.Encode(sum)
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program and of its libraries",
		Example: "  shadow-host version",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "shadow-host %s\n%s\n", version, libav.Version())
			return err
		},
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) != 0 {
		return program.UsageError{Err: fmt.Errorf("%s takes no argument %q", cmd.Name(), args[0])}
	}
	return nil
}
