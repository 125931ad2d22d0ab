package libav

import (
	"errors"
	"fmt"
	"os"
)

var (
	// ErrAgain says that there is nothing to receive now, or, from Send, that
	// what is ready has to be received first.
	ErrAgain = errors.New("nothing ready, try again")

	// ErrInvalidData says that the bitstream is damaged or is something else.
	ErrInvalidData = errors.New("damaged or foreign bitstream")

	// ErrFramesHeld says that every frame of the pool is held by somebody.
	ErrFramesHeld = errors.New("all frames of the pool are held: release them")

	// ErrHardware says that a driver or its device failed. Another picture may
	// go well, and so may another way to decode this one.
	ErrHardware = errors.New("hardware failure")

	// ErrExport comes together with ErrHardware where a picture was decoded but
	// its memory cannot be given away; copying it may work.
	ErrExport = errors.New("export as dma-buf")

	// ErrNoProfile says that the device does not decode this kind of stream:
	// profile, size or sample format. A hardware decoder never goes on in
	// software by itself.
	ErrNoProfile = fmt.Errorf("not decoded by this device: %w", errors.ErrUnsupported)
)

// errClosed is returned by methods of a closed value.
var errClosed = fmt.Errorf("libav: %w", os.ErrClosed)
