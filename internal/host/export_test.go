package host

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

// Offer is what readOffer makes of an offer.
type Offer struct {
	Codec    media.Codec
	Number   uint8 // the video payload type
	Screens  int
	Sound    bool
	Data     bool
	Arrivals bool // transport feedback
	Reduced  string
	Accepted []bool
	// Answer restores the rejected sections.
	Answer func(raw string) (string, error)
}

// ReadOffer reads an offer for a host of two screens.
func ReadOffer(raw string, codecs ...media.Codec) (*Offer, error) {
	p, err := readOffer(raw, limits{codecs: codecs, screens: 2, sound: true, loopback: true})
	if err != nil {
		return nil, err
	}
	return &Offer{
		Codec: p.codec, Number: p.video.number, Screens: p.screens, Sound: p.hasAudio, Data: p.hasData, Arrivals: p.arrivals,
		Reduced: p.reduced, Accepted: p.accepted, Answer: p.answer,
	}, nil
}

// MaxConns is how many connections the HTTP server has at once.
const MaxConns = maxConns

// Reduce returns what pion sees of an offer.
func Reduce(raw string, loopback bool) (string, error) {
	p, err := readOffer(raw, limits{codecs: []media.Codec{media.CodecH264}, screens: 2, sound: true, loopback: loopback})
	if err != nil {
		return "", err
	}
	return p.reduced, nil
}

// Shape is the size and rate of pictures.
type Shape struct{ Width, Height, MilliFPS int }

// Wishes is what a terminal said about the pictures of a host of screens that
// give the shapes of given.
type Wishes struct{ w *wishes }

// NewWishes returns wishes with nothing said.
func NewWishes(codec media.Codec, given ...Shape) Wishes {
	w := newWishes(codec, len(given))
	for i, g := range given {
		w.give(i, shape{g.Width, g.Height, g.MilliFPS})
	}
	return Wishes{w}
}

// Decoders takes a DECODERS.
func (w Wishes) Decoders(all ...wire.Decoder) { w.w.setDecoders(all) }

// Limit takes a LIMIT.
func (w Wishes) Limit(l wire.Limit) { w.w.limit(l) }

// Layout takes a LAYOUT.
func (w Wishes) Layout(all ...wire.Placement) { w.w.place(all) }

// Shape returns how a screen is to be coded.
func (w Wishes) Shape(screen int) Shape {
	s := w.w.shape(screen)
	return Shape{s.width, s.height, s.milliFPS}
}

// Load returns the macroblocks a second of s.
func (s Shape) Load() float64 { return shape{s.Width, s.Height, s.MilliFPS}.load() }

// Placements is what a layout asks of a source of so many screens.
func Placements(all []wire.Placement, screens int) []source.Placement {
	s := &session{layouts: make(chan []wire.Placement, 1)}
	s.offerLayout(all)
	return placements(<-s.layouts, screens)
}

// Number runs a source's picture numbers through the numbering of a screen
// that sends keep of of pictures; 0 stands for one that is left out.
func Number(keep, of int, ids ...uint32) (out []uint32) {
	var n numbering
	n.setRate(keep, of)
	n.reopened()
	for _, id := range ids {
		if n.next(id) == 0 {
			out = append(out, 0)
			continue
		}
		out = append(out, n.last)
	}
	return out
}

// Marker draws marks into the pictures of a screen.
type Marker struct {
	m    marker
	mark *mark
}

// Mark is a mark that came then.
func (m *Marker) Mark(id uint16, at time.Time) { m.mark = &mark{id, at} }

// Draw returns the picture to encode in place of f.
func (m *Marker) Draw(f *media.Frame, ours bool) *media.Frame { return m.m.draw(m.mark, f, ours) }

// Degrader makes pictures rarer and smaller for a slow path.
type Degrader struct{ d degrader }

// Follow takes the rate of a moment and returns the level.
func (d *Degrader) Follow(now time.Time, codec media.Codec, load float64, bps, without int) int {
	d.d.follow(now, codec, load, bps, without)
	return d.d.level
}

// Degrade notes the level of a screen.
func (w Wishes) Degrade(screen, level int) { w.w.degrade(screen, level) }

// Rates is what each screen may use.
type Rates struct {
	r            *rates
	Path         int // what the path has
	Most, Wanted int // what the path was told
}

// NewRates returns rates of screens that send so much each.
func NewRates(configured int, loads ...float64) *Rates {
	r := &Rates{r: newRates(configured, len(loads))}
	r.r.path = func() int { return r.Path }
	r.r.tell = func(most, wanted int) { r.Most, r.Wanted = most, wanted }
	for k, load := range loads {
		r.r.show(k, load)
	}
	return r
}

// Ask takes a SET_BITRATE.
func (r *Rates) Ask(m wire.SetBitrate) { r.r.ask(m) }

// REMB takes the terminal's estimate.
func (r *Rates) REMB(bps int) { r.r.setEstimate(bps) }

// Bps returns a screen's rate.
func (r *Rates) Bps(screen int) int { return r.r.bps(screen) }

// Recorder writes packets to a recording.
type Recorder struct{ r *recorder }

// NewRecorder returns one that has not begun.
func NewRecorder(to io.Writer) Recorder {
	return Recorder{newRecorder(to, slog.New(slog.DiscardHandler))}
}

// Packet takes a packet that leaves.
func (r Recorder) Packet(at time.Time, h *rtp.Header, payload []byte) { r.r.packet(at, h, payload) }

// RTCP takes a packet that came.
func (r Recorder) RTCP(at time.Time, b []byte) { r.r.rtcp(at, b) }

// Run writes until ctx ends.
func (r Recorder) Run(ctx context.Context) error { return r.r.run(ctx) }

// Summary is what became of it.
func (r Recorder) Summary() RecordSummary { return r.r.summary() }

// Candidates is how many candidates a session has taken of its terminal.
func (s *Server) Candidates(id string) int {
	n, ok := s.find(id)
	if !ok {
		return -1
	}
	n.path.mu.Lock()
	defer n.path.mu.Unlock()
	return n.path.candidates
}

// Connected reports whether the one session's path carries.
func (s *Server) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.sessions {
		return n.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	}
	return false
}

// OwnToken is the host's token, whose file is followed.
type OwnToken struct{ o *ownToken }

// NewOwnToken reads a token's file.
func NewOwnToken(path string) (OwnToken, error) {
	o, err := newOwnToken(path)
	return OwnToken{o}, err
}

// Look looks at the file again.
func (t OwnToken) Look() (news string, err error) { return t.o.look() }

// Admit returns whether who came with a token still stands.
func (t OwnToken) Admit(token string) (stands func() bool, ok bool) { return t.o.admit(token) }
