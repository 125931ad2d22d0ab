package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"image"
	"log/slog"

	"github.com/pion/transport/v5"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
	"github.com/blade-shadow/terminal/internal/netwatch"
	"github.com/blade-shadow/terminal/internal/peer"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Config is what a session needs.
type Config struct {
	URL string // WHEP endpoint, http or https; a missing path means /whep
	// Bearer returns the token for the next request, "" for none; it is asked
	// before each, never logged, and called on goroutines of the session. nil:
	// there is none.
	Bearer func() string
	TLS    *tls.Config // nil: the system's defaults
	// ICEServers are STUN and TURN servers that are known before the host is
	// asked; those that the host names come on top. Of all together 16 count,
	// these first.
	ICEServers []ICEServer
	// NewICEServers returns what takes the place of ICEServers meanwhile, for
	// passwords that expire; it is asked before each further search for a path, on
	// a goroutine of the session. nil: they stay.
	NewICEServers func() []ICEServer
	Net           transport.Net // sockets and interfaces; nil: the kernel's
	// Watch knows this machine's interfaces; its Run is the caller's. nil: the
	// session has one of its own, where the network is the kernel's.
	Watch      *netwatch.Watcher
	Screens    int           // video sections to offer, 1 or 2
	Codecs     []media.Codec // in order of preference
	BitrateBps int           // upper bound a screen that the host is told; 0: none
	Name       string        // program and version, told to the host
	Version    string

	// OnAccessUnit takes ownership of each picture, in order, per screen. It
	// is called on pion's goroutine and must not block. Required.
	OnAccessUnit func(*media.AccessUnit)
	// OnSound gets each Opus packet, in order, and how many are missing
	// before it; packet is only lent. Same goroutine, same rule. May be nil.
	OnSound func(packet []byte, lost int)
	// OnStage is told what the session is waiting for. May be nil.
	OnStage func(Stage)
	// OnScreen is told how the host codes a screen, at first and whenever that
	// changes, which is shortly before or after the first such picture. It is
	// called on the control channel's goroutine and must not block. May be nil.
	OnScreen func(wire.Screen)
	// OnCursor is told what the host's pointer looks like, whenever that
	// changes, and takes ownership of c. It is called on the control channel's
	// goroutine and must not block. May be nil.
	OnCursor func(c *Cursor)
	// OnPointer is told where the host's pointer is: its hot-spot, 0..65535
	// over the screen's picture; not visible is over none of the screens. It
	// is called on the input channel's goroutine, up to 250 times a second,
	// and must not block. May be nil.
	OnPointer func(screen int, x, y uint16, visible bool)
	// OnSilence is told when the host has not been heard for a second, and
	// when it is heard again. The session looks for another path meanwhile and
	// ends after 30 s, or at once when the host has forgotten it. [Session.Path]
	// knows more. May be nil.
	OnSilence func(silent bool)
	// OnViewOnly is told once that the host takes no input, and why. May be nil.
	OnViewOnly func(reason string)
	// KeyToChannel, if not nil, measures key events from their read to the
	// moment the channel has taken them.
	KeyToChannel *metric.Latency
	// OnLEDs is called when the host wants other lamps of keyboards lit
	// (wire.LEDNum and so on), by a goroutine of the session; nil: nobody has any.
	OnLEDs func(lit uint8)
	// OnFeedback is called with what the host wants of pads, by a goroutine of
	// the session; nil: they feel nothing.
	OnFeedback func(inputs.Feedback)

	// OnMic is called with what the host wants of the microphone (wire.MicOpen,
	// wire.MicClose), by a goroutine of the session; nil: there is none.
	OnMic func(what uint8)
	// OnClipboard is called with each text that the host's programs copy, by a
	// goroutine of the session; nil: texts are carried neither way.
	OnClipboard func(text string)

	Logger *slog.Logger // nil: discard
}

// ICEServer is a STUN or TURN server (RFC 7064, RFC 7065). Its credential is
// never logged.
type ICEServer = peer.Server

// Cursor is what the host's pointer looks like. It does not change.
type Cursor struct {
	Serial uint32      // another for each shape of a session
	Image  *image.RGBA // premultiplied, at most 256x256, in pixels of the host's screen; nil: there is nothing to see
	Hot    image.Point // the pixel that points
}

// withDefaults checks c and puts something that does nothing where nobody
// wants to be told.
func (c Config) withDefaults() (Config, error) {
	if c.Screens < 1 || c.Screens > maxScreens {
		return c, fmt.Errorf("%d screens: use 1 or 2", c.Screens)
	}
	if c.OnAccessUnit == nil {
		return c, errors.New("internal error: nobody takes the pictures of a session")
	}
	if c.Bearer == nil {
		c.Bearer = func() string { return "" }
	}
	if c.NewICEServers == nil {
		c.NewICEServers = func() []ICEServer { return c.ICEServers }
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.OnStage == nil {
		c.OnStage = func(Stage) {}
	}
	if c.OnScreen == nil {
		c.OnScreen = func(wire.Screen) {}
	}
	if c.OnCursor == nil {
		c.OnCursor = func(*Cursor) {}
	}
	if c.OnPointer == nil {
		c.OnPointer = func(int, uint16, uint16, bool) {}
	}
	if c.OnSilence == nil {
		c.OnSilence = func(bool) {}
	}
	if c.OnViewOnly == nil {
		c.OnViewOnly = func(string) {}
	}
	for _, server := range c.ICEServers {
		if err := server.Check(); err != nil {
			return c, err
		}
	}
	return c, nil
}
