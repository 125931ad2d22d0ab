package decode

import (
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// Backend decodes one stream of one codec, one picture for each access unit.
// All methods are called by one goroutine on one OS thread. A call that takes
// longer than Config.HangAfter is given up: the backend then lives until the
// call returns and is closed by the thread that made it.
type Backend interface {
	// Name says what decodes, for summaries: "software", "vaapi".
	Name() string
	// Send takes one access unit, which stays the caller's. It returns
	// libav.ErrAgain when pictures have to be received first. It wraps
	// libav.ErrHardware when a driver failed, errors.ErrUnsupported when
	// streams of this kind are not decoded.
	Send(au *media.AccessUnit) error
	// Receive returns a picture that is the caller's to release, or
	// libav.ErrAgain when there is none now. Screen, FrameID, RTPTime and
	// Timing are those of its access unit. Errors are Send's, and
	// libav.ErrExport when a picture cannot be given away as dma-bufs.
	Receive() (*media.Frame, error)
	// Flush forgets every picture and reference.
	Flush()
	// Close frees the backend. Pictures that are out stay valid.
	Close() error
}

func openSoftware(codec media.Codec) (Backend, error) {
	return openLibav(libav.DecoderConfig{Codec: codec})
}

func openLibav(cfg libav.DecoderConfig) (Backend, error) {
	d, err := libav.NewDecoder(cfg)
	if err != nil {
		return nil, err
	}
	return d, nil
}
