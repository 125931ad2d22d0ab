//go:build linux && cgo && !nonative

package audio

import (
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	sdl2 "github.com/veandco/go-sdl2/sdl"
)

// Input is a microphone that records. Its methods may be called from any
// goroutine and do not block.
type Input struct {
	mu sync.Mutex         // held over calls that only copy out of SDL's queue
	id sdl2.AudioDeviceID // guarded by mu; 0 after Close
}

// OpenInput opens a microphone and starts recording: mono, whatever the device
// has. SDL's own variable SDL_AUDIODRIVER is honoured.
func OpenInput(cfg InputConfig) (*Input, error) {
	if err := startSystem(); err != nil {
		return nil, err
	}
	want := sdl2.AudioSpec{
		Freq: Rate, Format: sdl2.AUDIO_S16SYS, Channels: 1, Samples: uint16(samples(period)),
	}
	var got sdl2.AudioSpec
	id, err := sdl2.OpenAudioDevice(cfg.Device, true, &want, &got, 0)
	if err != nil {
		endSystem()
		return nil, fmt.Errorf("open microphone %q: %w", cfg.Device, err)
	}
	sdl2.PauseAudioDevice(id, false)
	return &Input{id: id}, nil
}

// Read moves what was recorded into pcm, and returns how many samples that
// are, 0 when there are none yet. Its error wraps ErrLost when the device is
// gone: close it and open another one.
func (i *Input) Read(pcm []int16) (int, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id == 0 {
		return 0, fmt.Errorf("read microphone: %w", os.ErrClosed)
	}
	if sdl2.GetAudioDeviceStatus(i.id) == sdl2.AUDIO_STOPPED {
		return 0, fmt.Errorf("read microphone: %w", ErrLost)
	}
	have := int(sdl2.GetQueuedAudioSize(i.id)) / 2
	if have > samples(inputBound) { // nobody reads, and SDL's queue has no end
		sdl2.ClearQueuedAudio(i.id)
		return 0, nil
	}
	if have = min(have, len(pcm)); have == 0 {
		return 0, nil
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(pcm))), 2*have)
	n, err := sdl2.DequeueAudio(i.id, bytes)
	if n == 0 && err != nil {
		return 0, fmt.Errorf("read microphone: %w: %w", err, ErrLost)
	}
	return n / 2, nil
}

// Queued returns how much sound waits to be read. What the device has not
// handed over yet, a period or two, comes on top.
func (i *Input) Queued() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id == 0 {
		return 0
	}
	return duration(int(sdl2.GetQueuedAudioSize(i.id)) / 2)
}

// Close stops and frees the device. It may be called again.
func (i *Input) Close() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.id != 0 {
		sdl2.CloseAudioDevice(i.id)
		endSystem()
		i.id = 0
	}
	return nil
}
