package host

import (
	"time"

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
		Codec: p.codec, Number: p.video.number, Screens: p.screens, Sound: p.hasAudio, Data: p.hasData,
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
