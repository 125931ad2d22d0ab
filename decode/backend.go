package decode

import (
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// Backend decodes one stream of one codec, one picture for each access unit.
// All methods are called by one goroutine on one OS thread.
type Backend interface {
	// Name says what decodes, for summaries: "software", "vaapi".
	Name() string
	// Send takes one access unit, which stays the caller's. It returns
	// libav.ErrAgain when pictures have to be received first.
	Send(au *media.AccessUnit) error
	// Receive returns a picture that is the caller's to release, or
	// libav.ErrAgain when there is none now. Screen, FrameID, RTPTime and
	// Timing are those of its access unit.
	Receive() (*media.Frame, error)
	// Flush forgets every picture and reference.
	Flush()
	// Close frees the backend. Pictures that are out stay valid.
	Close() error
}

// openBackend is the chain of backends. Software is its end and, so far, all
// of it; hardware goes in front, each link proved by decoding a picture.
func openBackend(codec media.Codec) (Backend, error) {
	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: codec})
	if err != nil {
		return nil, err
	}
	return d, nil
}
