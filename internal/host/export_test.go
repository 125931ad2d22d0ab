package host

import "github.com/blade-shadow/terminal/internal/media"

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
