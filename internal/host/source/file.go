package source

import (
	"errors"
	"fmt"
	"image"
	"math"
	"path/filepath"
	"sync"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
)

// FileConfig says which media file to play, in a loop.
type FileConfig struct {
	Path          string // anything libavformat reads
	Width, Height int    // of the pictures, rounded down to even; default the file's own
	Silent        bool   // no sound: OpenAudio gives errors.ErrUnsupported
}

// File is a media file, played in a loop. Picture and sound opened for one
// session keep step; when both are closed the file starts over. It is meant
// for one session at a time.
type File struct {
	cfg      FileConfig
	screen   Screen
	hasAudio bool

	mu    sync.Mutex
	users int       // videos and audios that are open
	epoch time.Time // when the file's first picture was due; zero until something is read
}

// NewFile opens the file once, to see what is in it.
func NewFile(cfg FileConfig) (*File, error) {
	f, err := libav.OpenFile(cfg.Path, libav.FileConfig{})
	if err != nil {
		return nil, fmt.Errorf("file source: %w", err)
	}
	info := f.Info()
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("file source: %w", err)
	}
	if info.Width == 0 || info.Height == 0 {
		return nil, fmt.Errorf("file source: %s has no pictures: name a video file", cfg.Path)
	}
	setDefault(&cfg.Width, info.Width)
	setDefault(&cfg.Height, info.Height)
	cfg.Width, cfg.Height = cfg.Width&^1, cfg.Height&^1
	if err := checkSize(cfg.Width, cfg.Height); err != nil {
		return nil, fmt.Errorf("file source: %s: %w", cfg.Path, err)
	}
	return &File{cfg: cfg, hasAudio: info.HasAudio, screen: Screen{
		Name: filepath.Base(cfg.Path), Width: cfg.Width, Height: cfg.Height,
		FPS:    min(max(int(math.Round(info.FPS)), 1), maxFPS),
		Bounds: image.Rect(0, 0, cfg.Width, cfg.Height),
	}}, nil
}

// Name returns "file" and the path.
func (f *File) Name() string { return "file " + f.cfg.Path }

// Screens returns the one screen.
func (f *File) Screens() []Screen { return []Screen{f.screen} }

// OpenVideo opens the file anew.
func (f *File) OpenVideo(screen int) (Video, error) {
	if screen != 0 {
		return nil, fmt.Errorf("file source: %w", noScreen(screen, 1))
	}
	in, err := f.open(true)
	if err != nil {
		return nil, err
	}
	return newFileVideo(f, in), nil
}

// OpenAudio opens the file anew.
func (f *File) OpenAudio() (Audio, error) {
	if f.cfg.Silent {
		return nil, fmt.Errorf("file source: sound is switched off: %w", errors.ErrUnsupported)
	}
	if !f.hasAudio {
		return nil, fmt.Errorf("file source: %s has no sound: %w", f.cfg.Path, errors.ErrUnsupported)
	}
	in, err := f.open(false)
	if err != nil {
		return nil, err
	}
	return newFileAudio(f, in), nil
}

func (f *File) open(silent bool) (*libav.File, error) {
	in, err := libav.OpenFile(f.cfg.Path, libav.FileConfig{NoAudio: silent})
	if err != nil {
		return nil, fmt.Errorf("file source: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users++
	return in, nil
}

// release counts one user less.
func (f *File) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users--; f.users == 0 {
		f.epoch = time.Time{}
	}
}

// start returns when the file began to play: now, for the first to ask.
func (f *File) start() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.epoch.IsZero() {
		f.epoch = time.Now()
	}
	return f.epoch
}

// Injector returns nil: nobody takes input.
func (f *File) Injector() Injector { return nil }

// Close does nothing: what is open belongs to the videos and audios.
func (f *File) Close() error { return nil }
