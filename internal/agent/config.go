package agent

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/outputs"
	"github.com/blade-shadow/terminal/internal/peer"
)

// MaxScreens is how many screens one terminal shows: the box has two outputs.
const MaxScreens = 2

// Config is what a terminal needs to know. Load reads it from a file.
type Config struct {
	URL        string        // the host's WHEP endpoint, http or https; "": Broker knows
	Token      string        // bearer token, empty for none
	TokenFile  string        // where Token is from; "": it never changes
	TLS        *tls.Config   // nil: the system's certificate authorities
	Screens    int           // screens to ask for, 1 or 2; 0: one in a window, both on a card
	Codecs     []media.Codec // in order of preference; empty: H.264, then HEVC
	Fullscreen bool
	Width      int           // window size in pixels; 0: the stream's
	Height     int           //
	BitrateBps int           // upper bound a screen, 0: the host decides
	Overlay    bool          // statistics on the picture from the start
	Mute       bool          // no sound
	Once       bool          // a first attempt that fails ends Run with its error
	Duration   time.Duration // end this long after the first picture; 0: never
	Version    string
	Logger     *slog.Logger

	// ICEServers are STUN and TURN servers of one's own; those that the broker
	// and the host name come on top.
	ICEServers []client.ICEServer

	Broker      string // the session broker's address, https; "": URL is the host
	BrokerToken string // the device's bearer token there, empty for none
	// BrokerTokenFile is where BrokerToken is from; "": it never changes. It and
	// TokenFile are read again before each request.
	BrokerTokenFile string
	DeviceCert      string // PEM files of the device's certificate and its key, read
	DeviceKey       string // for each question to the broker; "": none
	// Wake says that a person asked for the first session: a PC that is asleep
	// is woken for it. Later ones take a key.
	Wake bool

	Display string               // outputs.Auto, the default, or another of its kinds
	GPU     sdl.GPU              // whether windows are drawn by it
	FreeRun bool                 // do not tell the host when to capture
	Card    string               // node of the graphics card, "": the first with monitors
	Modes   map[string]mode.Mode // own modes by connector, before those of the monitor
	// Decoder is the render node that decodes, "none" for software only, "" for
	// the first that works.
	Decoder string
	// OnMarker is told of every marker in a picture on the screen (see
	// [Agent.Mark]), on a thread of the display. Looking for them costs each
	// frame a wait for the GPU: nil, the default, does not.
	OnMarker func(id uint16, t media.Timing)
	// StateDir keeps what was chosen for each monitor and which decoders work;
	// "" keeps nothing.
	StateDir string
	// DisplaySleep is how long monitors stay on when nobody touches anything and
	// no film plays; 0: 10 minutes, negative: for ever. Windows are not concerned.
	DisplaySleep time.Duration
	// InputDir is where input devices are read without a window system, "":
	// /dev/input.
	InputDir string
	// USB is what happens to USB devices that have no other way to the host:
	// USBAsk or USBNever; "" asks where this program has the machine to itself.
	USB string
	// Microphone is MicrophoneAsk, the default, or MicrophoneNever.
	Microphone string
	// Clipboard shares the clipboard's text with the host, where windows have one.
	Clipboard bool
	// Restart replaces this process by a new one, or ends it; PowerOff has the
	// kernel power the machine off. Both are for a person at a terminal that
	// hangs, and are called on any goroutine; nil: it is not done.
	Restart  func()
	PowerOff func() error
}

// file is the configuration file. Keys that it does not know are errors.
type file struct {
	URL        string   `toml:"url"`
	TokenFile  string   `toml:"token_file"`
	CAFile     string   `toml:"ca_file"`
	ICEServers string   `toml:"ice_servers"`
	Screens    int      `toml:"screens"`
	Codecs     []string `toml:"codecs"`
	Fullscreen bool     `toml:"fullscreen"`
	Width      int      `toml:"width"`
	Height     int      `toml:"height"`
	Bitrate    string   `toml:"bitrate"`
	Overlay    bool     `toml:"overlay"`
	Mute       bool     `toml:"mute"`

	Broker          string `toml:"broker"`
	BrokerTokenFile string `toml:"broker_token_file"`
	DeviceCert      string `toml:"device_cert"`
	DeviceKey       string `toml:"device_key"`

	Display    string            `toml:"display"`
	GPU        string            `toml:"gpu"`
	Card       string            `toml:"card"`
	Modes      map[string]string `toml:"modes"`
	Decoder    string            `toml:"decoder"`
	StateDir   string            `toml:"state_dir"`
	Sleep      string            `toml:"display_sleep"`
	USB        string            `toml:"usb"`
	Microphone string            `toml:"microphone"`
	Clipboard  bool              `toml:"clipboard"`
}

// Load reads the configuration file at path. Errors name file and line.
func Load(path string) (Config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	f := file{Fullscreen: true}
	d := toml.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Config{}, tomlError(path, err)
	}
	cfg, err := f.config()
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return cfg, nil
}

func (f file) config() (Config, error) {
	cfg := Config{
		URL: f.URL, Screens: f.Screens, Fullscreen: f.Fullscreen,
		Width: f.Width, Height: f.Height, Overlay: f.Overlay, Mute: f.Mute,
		Display: f.Display, Card: f.Card, Decoder: f.Decoder, StateDir: f.StateDir,
		TokenFile: f.TokenFile, BrokerTokenFile: f.BrokerTokenFile, Broker: f.Broker, DeviceCert: f.DeviceCert, DeviceKey: f.DeviceKey,
		USB: f.USB, Microphone: f.Microphone, Clipboard: f.Clipboard,
	}
	if f.URL == "" && f.Broker == "" {
		return cfg, errors.New("url is missing: give the host's address, for example url = \"https://pc.example:8089/whep\", or broker, who knows it")
	}
	var err error
	if cfg.Codecs, err = media.ParseCodecs(f.Codecs); err != nil {
		return cfg, fmt.Errorf("codecs: %w", err)
	}
	if f.Bitrate != "" {
		if cfg.BitrateBps, err = media.ParseBitrate(f.Bitrate); err != nil {
			return cfg, fmt.Errorf("bitrate: %w", err)
		}
	}
	if cfg.GPU, err = sdl.ParseGPU(f.GPU); err != nil {
		return cfg, fmt.Errorf("gpu: %w", err)
	}
	if cfg.Modes, err = ParseModes(f.Modes); err != nil {
		return cfg, fmt.Errorf("modes: %w", err)
	}
	if cfg.DisplaySleep, err = ParseSleep(f.Sleep); err != nil {
		return cfg, fmt.Errorf("display_sleep: %w", err)
	}
	if cfg.Token, err = ReadToken(f.TokenFile); err != nil {
		return cfg, fmt.Errorf("token_file: %w", err)
	}
	if cfg.BrokerToken, err = ReadToken(f.BrokerTokenFile); err != nil {
		return cfg, fmt.Errorf("broker_token_file: %w", err)
	}
	if cfg.TLS, err = ReadCA(f.CAFile); err != nil {
		return cfg, fmt.Errorf("ca_file: %w", err)
	}
	if cfg.ICEServers, err = peer.ReadServers(f.ICEServers); err != nil {
		return cfg, fmt.Errorf("ice_servers: %w", err)
	}
	return cfg, cfg.check()
}

// ParseModes reads modes as people write them, by connector: 1920x1080@60, or
// @59.94. They are made by VESA's rule with reduced blanking.
func ParseModes(written map[string]string) (map[string]mode.Mode, error) {
	modes := make(map[string]mode.Mode, len(written))
	for connector, text := range written {
		size, hz, _ := strings.Cut(text, "@")
		width, height, err := media.ParseSize(size)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", connector, err)
		}
		rate, err := strconv.ParseFloat(hz, 64)
		if err != nil || !(rate >= 1 && rate <= 500) || width == 0 {
			return nil, fmt.Errorf("%s: mode %q is not possible: write size and refresh, for example 1920x1080@60", connector, text)
		}
		modes[connector] = mode.CVT(width, height, mode.Rate{Num: uint64(math.Round(rate * 1000)), Den: 1000}, true)
	}
	return modes, nil
}

// check refuses what no session can be made of.
func (c *Config) check() error {
	switch {
	case c.Screens < 0 || c.Screens > MaxScreens:
		return fmt.Errorf("screens is %d: use 1 or 2", c.Screens)
	case c.Width < 0 || c.Height < 0 || (c.Width == 0) != (c.Height == 0) || c.Width > 16384 || c.Height > 16384:
		return fmt.Errorf("window size %dx%d: give both, at most 16384", c.Width, c.Height)
	}
	if err := c.checkBroker(); err != nil {
		return err
	}
	if c.USB != "" && c.USB != USBAsk && c.USB != USBNever {
		return fmt.Errorf("usb is %q: use ask or never", c.USB)
	}
	if c.Microphone != "" && c.Microphone != MicrophoneAsk && c.Microphone != MicrophoneNever {
		return fmt.Errorf("microphone is %q: use ask or never", c.Microphone)
	}
	switch c.Display {
	case "", outputs.Auto, outputs.Window, outputs.Card, outputs.None:
	default:
		return fmt.Errorf("display is %q: use auto, window, card or none", c.Display)
	}
	return nil
}

// checkBroker refuses what two places would decide, and half a certificate.
func (c *Config) checkBroker() error {
	switch {
	case c.Broker != "" && c.URL != "":
		return errors.New("a host's address and a broker: give one of them, the address goes without the broker")
	case c.Broker != "" && c.Token != "":
		return errors.New("a token for the host and a broker: the broker gives that token; its own is broker_token_file or --broker-token-file")
	case c.Broker == "" && (c.BrokerToken != "" || c.DeviceCert != "" || c.DeviceKey != ""):
		return errors.New("a device's token or certificate is for a broker, and there is none")
	case (c.DeviceCert == "") != (c.DeviceKey == ""):
		return errors.New("a device's certificate and its key are needed together")
	case c.DeviceCert == "":
		return nil
	}
	if _, err := tls.LoadX509KeyPair(c.DeviceCert, c.DeviceKey); err != nil {
		return fmt.Errorf("device's certificate: %w", err)
	}
	return nil
}

func tomlError(path string, err error) error {
	var (
		strict *toml.StrictMissingError
		decode *toml.DecodeError
	)
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		line, _ := strict.Errors[0].Position()
		return fmt.Errorf("%s:%d: key %q is not known", path, line, strings.Join(strict.Errors[0].Key(), "."))
	case errors.As(err, &decode):
		line, col := decode.Position()
		return fmt.Errorf("%s:%d:%d: %s", path, line, col, strings.TrimPrefix(decode.Error(), "toml: "))
	}
	return fmt.Errorf("%s: %w", path, err)
}

// maxSecretFile bounds the files we read whole.
const maxSecretFile = 1 << 20

// ReadToken reads a bearer token from a file; an empty path means none. The
// token never comes from a flag or the environment, where others could see it.
func ReadToken(path string) (string, error) {
	raw, err := readBounded(path)
	if err != nil || path == "" {
		return "", err
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s holds no token: one line of printable characters is expected", path)
	}
	return token, nil
}

// newest returns the token of a file at this moment: it may have got another one
// since was was read.
func newest(path, was string) string {
	if token, err := ReadToken(path); err == nil && path != "" {
		return token
	}
	return was
}

// ReadCA reads certificate authorities to trust instead of the system's.
func ReadCA(path string) (*tls.Config, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no PEM certificate", path)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

func readBounded(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSecretFile))
}
