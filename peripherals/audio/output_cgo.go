//go:build linux && cgo && !nonative

package audio

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
	"unsafe"

	sdl2 "github.com/veandco/go-sdl2/sdl"
)

// period is how much a device takes at a time.
const period = 5 * time.Millisecond

// Output is a sound device with a queue. Its methods may be called from any
// goroutine.
type Output struct {
	mu sync.Mutex         // held over calls that only copy into SDL's queue
	id sdl2.AudioDeviceID // guarded by mu; 0 after Close
}

// Open opens a device and starts it. SDL's own variables SDL_AUDIODRIVER and
// AUDIODEV are honoured. Close the last Output before opening another one.
func Open(cfg OutputConfig) (*Output, error) {
	// Not InitSubSystem: that one counts its users without a lock, and the
	// display starts on another thread.
	if err := sdl2.AudioInit(os.Getenv("SDL_AUDIODRIVER")); err != nil {
		return nil, fmt.Errorf("start sound: %w: %w", err, errors.ErrUnsupported)
	}
	want := sdl2.AudioSpec{
		Freq: Rate, Format: sdl2.AUDIO_S16SYS,
		Channels: Channels, Samples: uint16(samples(period)),
	}
	var got sdl2.AudioSpec
	id, err := sdl2.OpenAudioDevice(cfg.Device, false, &want, &got, 0)
	if err != nil {
		sdl2.AudioQuit()
		return nil, fmt.Errorf("open sound device %q: %w", cfg.Device, err)
	}
	sdl2.PauseAudioDevice(id, false)
	return &Output{id: id}, nil
}

// Write queues a copy of pcm, interleaved. It does not block. Its error wraps
// ErrLost when the device is gone: close it and open another one.
func (o *Output) Write(pcm []int16) error {
	if len(pcm) == 0 {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.id == 0 {
		return fmt.Errorf("write sound: %w", os.ErrClosed)
	}
	if sdl2.GetAudioDeviceStatus(o.id) == sdl2.AUDIO_STOPPED {
		return fmt.Errorf("write sound: %w", ErrLost)
	}
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(pcm))), 2*len(pcm))
	if err := sdl2.QueueAudio(o.id, bytes); err != nil {
		return fmt.Errorf("write sound: %w: %w", err, ErrLost)
	}
	return nil
}

// Queued returns how much sound the device has not taken yet. What it took
// last, a period or two, is still to be heard.
func (o *Output) Queued() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.id == 0 {
		return 0
	}
	return duration(int(sdl2.GetQueuedAudioSize(o.id)) / 2 / Channels)
}

// Close stops and frees the device. It may be called again.
func (o *Output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.id != 0 {
		sdl2.CloseAudioDevice(o.id)
		sdl2.AudioQuit()
		o.id = 0
	}
	return nil
}
