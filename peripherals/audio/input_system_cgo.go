//go:build linux && cgo && !nonative

package audio

import (
	"errors"
	"fmt"
	"os"
	"sync"

	sdl2 "github.com/veandco/go-sdl2/sdl"
)

// system counts who uses SDL's sound. SDL has one for the whole process:
// starting it again closes every device, and ending it does under whoever
// still uses one. InitSubSystem would count, but without a lock, and the
// display starts on another thread.
var system struct {
	mu    sync.Mutex
	users int
}

// startSystem makes sure that SDL's sound runs until as many endSystem as
// there were startSystem that returned nil.
func startSystem() error {
	system.mu.Lock()
	defer system.mu.Unlock()
	if system.users == 0 {
		if err := sdl2.AudioInit(os.Getenv("SDL_AUDIODRIVER")); err != nil {
			return fmt.Errorf("start sound: %w: %w", err, errors.ErrUnsupported)
		}
	}
	system.users++
	return nil
}

func endSystem() {
	system.mu.Lock()
	defer system.mu.Unlock()
	if system.users--; system.users == 0 {
		sdl2.AudioQuit()
	}
}
