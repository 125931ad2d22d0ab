package microphone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	pipeBytes    = 4096          // the least that the kernel gives
	pipeMost     = Rate * 2 / 50 // 20 ms in the pipe, bytes
	pactlTimeout = 5 * time.Second
)

// Source is a recording device of the sound server. One goroutine writes.
type Source struct {
	name   string
	dir    string // of the pipe
	module string // its number at the server
	before string // the default source that was replaced; "" if none was
	pipe   int    // descriptor, -1 once closed
	old    [pipeBytes]byte
	left   int // bytes that waited after the last write
	taken  bool
}

// OpenSource makes the device.
func OpenSource(ctx context.Context, cfg SourceConfig) (s *Source, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("pactl"); err != nil {
		return nil, fmt.Errorf("open microphone: pactl of pulseaudio-utils is needed: %w: %w", err, errors.ErrUnsupported)
	}
	s = &Source{name: cfg.Name, pipe: -1}
	if err := sweep(ctx, cfg.Name); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "microphone-"); err != nil {
		return nil, fmt.Errorf("open microphone: %w", err)
	}
	if err := s.load(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Source) load(ctx context.Context, cfg SourceConfig) (err error) {
	path := filepath.Join(s.dir, "pipe")
	s.module, err = pactl(ctx, "load-module", "module-pipe-source", "source_name="+cfg.Name, "file="+path,
		"format=s16le", "rate="+strconv.Itoa(Rate), "channels=1",
		"source_properties='device.description=\""+cfg.Description+"\"'")
	if err != nil {
		return err
	}
	// For reading as well: what the server does not take can be taken back.
	if s.pipe, err = unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); err != nil {
		s.pipe = -1
		return fmt.Errorf("open microphone: open %s: %w", path, err)
	}
	if _, err := unix.FcntlInt(uintptr(s.pipe), unix.F_SETPIPE_SZ, pipeBytes); err != nil {
		return fmt.Errorf("open microphone: shorten pipe: %w", err)
	}
	if !cfg.Default {
		return nil
	}
	before, err := pactl(ctx, "get-default-source")
	if err != nil {
		return err
	}
	if _, err := pactl(ctx, "set-default-source", cfg.Name); err != nil {
		return err
	}
	if before != cfg.Name {
		s.before = before
	}
	return nil
}

// Write plays pcm, mono; it does not wait. Sound that the server does not take
// makes room for what is newer.
func (s *Source) Write(pcm []int16) error {
	if s.pipe < 0 {
		return fmt.Errorf("write microphone: %w", os.ErrClosed)
	}
	waiting, err := s.Waiting()
	if err != nil {
		return err
	}
	s.taken = waiting < s.left
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(pcm))), 2*min(len(pcm), pipeMost/2))
	if over := waiting + len(bytes) - pipeMost; over > 0 {
		// Even, so that the samples stay whole whoever reads the rest.
		n, err := unix.Read(s.pipe, s.old[:min((over+1)&^1, len(s.old))])
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("write microphone: make room: %w", err)
		}
		waiting -= max(n, 0)
	}
	// What fits into a pipe is written whole or not at all (pipe(7)).
	n, err := unix.Write(s.pipe, bytes)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("write microphone: %w", err)
	}
	s.left = waiting + max(n, 0)
	return nil
}

// Taken says whether the server took what was written before the last Write:
// whether some program records.
func (s *Source) Taken() bool { return s.taken }

// Waiting returns how many bytes the server has not taken.
func (s *Source) Waiting() (int, error) {
	if s.pipe < 0 {
		return 0, fmt.Errorf("write microphone: %w", os.ErrClosed)
	}
	n, err := unix.IoctlGetInt(s.pipe, unix.TIOCINQ)
	if err != nil {
		return 0, fmt.Errorf("write microphone: %w", err)
	}
	return n, nil
}

// Close takes the device away. It may be called again, not beside Write.
func (s *Source) Close() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), pactlTimeout)
	defer cancel()
	if s.before != "" {
		// What the user chose meanwhile stays.
		if now, gerr := pactl(ctx, "get-default-source"); gerr == nil && now == s.name {
			_, gerr = pactl(ctx, "set-default-source", s.before)
			err = errors.Join(err, gerr)
		}
		s.before = ""
	}
	if s.module != "" {
		_, uerr := pactl(ctx, "unload-module", s.module)
		err, s.module = errors.Join(err, uerr), ""
	}
	if s.pipe >= 0 {
		err, s.pipe = errors.Join(err, unix.Close(s.pipe)), -1
	}
	if s.dir != "" {
		err, s.dir = errors.Join(err, os.RemoveAll(s.dir)), ""
	}
	return err
}

// sweep takes away what a host that was killed left of that name.
func sweep(ctx context.Context, name string) error {
	list, err := pactl(ctx, "list", "short", "modules")
	if err != nil {
		return err
	}
	for _, module := range stale(list, name) {
		if _, err := pactl(ctx, "unload-module", module); err != nil {
			return err
		}
	}
	return nil
}

// pactl runs the server's own tool: the first line it prints is the answer.
func pactl(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, pactlTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "pactl", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("pactl %s: %w: %s: a running PulseAudio or PipeWire server (PULSE_SERVER) with module-pipe-source is needed: %w",
			args[0], err, strings.TrimSpace(said.String()), errors.ErrUnsupported)
	}
	return strings.TrimSpace(string(out)), nil
}
