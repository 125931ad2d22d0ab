package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/pion/transport/v5"

	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Encoder makes access units of one screen's pictures. One goroutine uses it.
type Encoder interface {
	// Encode appends one access unit (Annex B) to dst. src stays the caller's.
	Encode(dst []byte, src *media.Frame, keyframe bool) (out []byte, isKey bool, err error)
	SetBitrate(bps int) error
	Name() string
	Close() error
}

// EncoderConfig is what a session needs of an encoder.
type EncoderConfig struct {
	Codec         media.Codec
	Width, Height int // pixels, even
	FPS           int
	BitrateBps    int
	IntraRefresh  bool // renew pictures in rounds
}

// AudioEncoder makes Opus packets of 5 ms of 48 kHz stereo.
type AudioEncoder interface {
	Encode(dst []byte, pcm []int16) ([]byte, error)
	Close() error
}

// Input takes the datagrams of channel st.input.
type Input interface {
	// Run works until ctx ends, then releases everything the terminal holds.
	Run(ctx context.Context) error
	// Datagram takes one message of the channel; it copies b and never blocks.
	Datagram(b []byte)
}

// PointerTeller is an [Input] that tells the terminal where the host's pointer
// is: its datagrams and that news share one channel and one numbering.
type PointerTeller interface {
	// SetPointer says where the pointer is and since when. It never blocks;
	// the terminal is told as often as is good for it.
	SetPointer(p wire.PointerAt, since time.Time)
}

// InputChannel is what an Input needs to know of its channel.
type InputChannel struct {
	// Reply sends a datagram back; b stays the caller's. A terminal that does
	// not read loses replies; an error means that the channel is closed.
	Reply func(b []byte) error
	// Mark shows a marker in the pictures that are taken from now on, for a
	// while; what is pressed of [input.PageMarker] goes here and nowhere else.
	// Any goroutine may call it; it never blocks.
	Mark func(id uint16)
	// SameMachine says that the terminal runs here and reads our clock.
	SameMachine bool
}

// Clipboard is where the host's programs copy to and paste from.
type Clipboard interface {
	// Run tells onText what they copy, until ctx ends.
	Run(ctx context.Context, onText func(string)) error
	// Set lets them paste a text. It never blocks for long.
	Set(text string)
	Close() error
}

// Route is something that the host's HTTP server answers beside WHEP.
type Route struct {
	Pattern string // of [http.ServeMux], for example "POST /linktest"
	Handler http.Handler
	Public  bool // answers without the token, where there is one
}

// Scaler makes pictures smaller. One goroutine uses it.
type Scaler interface {
	// Scale fills dst, which has its size, layout and colours set, from src.
	Scale(dst, src *media.Frame) error
	Close()
}

// Config describes a host.
type Config struct {
	Source source.Source // required; the caller closes it after Run
	// OpenEncoder opens a screen's encoder; required.
	OpenEncoder func(EncoderConfig) (Encoder, error)
	// NewScaler makes a screen's scaler, which a terminal may need that cannot
	// decode the screen's size; nil: pictures keep their size.
	NewScaler func() Scaler
	// OpenAudioEncoder opens the sound's encoder; nil: the host is silent.
	OpenAudioEncoder func() (AudioEncoder, error)
	// OpenInput makes a session's input receiver; nil: input is discarded.
	OpenInput func(InputChannel) (Input, error)
	// OpenMicrophone opens what programs record the terminal's microphone from, for
	// a session; wanted is told when one begins to record and when none does.
	// nil: the terminal is not heard.
	OpenMicrophone func(wanted func(bool)) (Microphone, error)
	// USB takes the terminal's USB devices; nil: it may give none.
	USB USB
	// OpenClipboard opens the clipboard that texts go to and come from, for a
	// session; nil: none do.
	OpenClipboard func() (Clipboard, error)
	// InputSummary is what Summary prints as "input"; nil: nothing.
	InputSummary func() any

	// OnScreens is told where the source's screens are after a terminal has
	// arranged them, and again when they are back; may be nil.
	OnScreens func([]source.Screen)
	// FixedScreens keeps the source's screens as they are, whatever outputs the
	// terminal has: pictures are only scaled for it.
	FixedScreens bool

	Codecs     []media.Codec // that may be used; default both
	BitrateBps int           // bits per second and screen at most; default 10 Mb/s

	Listen      string // host:port of the HTTP server; default 127.0.0.1:8089
	TLSCertFile string // PEM chain
	TLSKeyFile  string // PEM key
	TokenFile   string // one line, at least 16 characters, readable by its owner and group only; followed while the host runs
	// CheckToken accepts further bearer tokens where TokenFile asks for one:
	// short-lived ones of a broker. It must not tell by its time how much of a
	// token is right. stands reports later whether who was given the token may
	// still be here, expired or not; it is asked every second while a session
	// lasts, and false ends the session. nil: there are none. Any goroutine.
	CheckToken func(token string) (stands func() bool, ok bool)
	// ClientCAFile is a PEM file with who issues devices' certificates, for
	// [Server.Device]; "": no certificate is asked for.
	ClientCAFile string
	// Routes are what the HTTP server answers beside WHEP.
	Routes []Route
	// OnListen is told the endpoint's URL once it accepts connections.
	OnListen func(url string)

	// Record takes the packets of all sessions in the format of package rtpdump:
	// what leaves, before SRTP, and the feedback that comes; nil: nothing. The
	// caller closes it after Run.
	Record io.Writer
	// IntraRefresh lets encoders renew pictures in rounds, so that losses heal
	// without keyframes; OpenEncoder must make such encoders.
	IntraRefresh bool

	Net transport.Net // sockets and interfaces of media; nil: the kernel's
	// ICEServers are used by the host and told to each terminal with its answer.
	ICEServers []peer.Server
	// ICETCP is the host:port where media is taken over TCP (RFC 6544), for
	// terminals whose network lets no UDP through; "": nowhere.
	ICETCP string

	Name   string       // of this host for people; default the source's
	Logger *slog.Logger // nil discards
}

const (
	defaultListen  = "127.0.0.1:8089"
	defaultBitrate = 10_000_000
	minBitrate     = media.MinBitrate // below this a screen cannot be read
)

func (c Config) withDefaults() (Config, error) {
	if c.Source == nil || c.OpenEncoder == nil {
		return c, errors.New("internal error: a host needs a source and an encoder")
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.BitrateBps == 0 {
		c.BitrateBps = defaultBitrate
	}
	if c.BitrateBps < minBitrate {
		return c, fmt.Errorf("bit rate of %d b/s is too low: use at least %d", c.BitrateBps, minBitrate)
	}
	if len(c.Codecs) == 0 {
		c.Codecs = []media.Codec{media.CodecH264, media.CodecHEVC}
	}
	for _, server := range c.ICEServers {
		if err := server.Check(); err != nil {
			return c, err
		}
	}
	if c.Name == "" {
		c.Name = c.Source.Name()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
