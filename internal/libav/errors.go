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
)

// errClosed is returned by methods of a closed value.
var errClosed = fmt.Errorf("libav: %w", os.ErrClosed)
