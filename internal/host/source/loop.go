package source

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
)

// loop reads a file over and over on one timeline that never goes back. A
// round lasts from the file's first picture to the end of its last one, so
// picture and sound, each read by a loop of its own, stay together.
type loop struct {
	in       *libav.File
	interval time.Duration // of pictures, where the file does not say

	started bool          // first is known
	first   time.Duration // PTS of the file's first picture
	last    time.Duration // of the newest picture, from the round's start
	gap     time.Duration // between the newest two
	base    time.Duration // when the round began
}

func newLoop(in *libav.File, fps int) *loop {
	interval := time.Second / time.Duration(fps)
	return &loop{in: in, interval: interval, gap: interval}
}

// item is one thing that was read, with its place on the timeline. round says
// when the round it belongs to began.
type item struct {
	libav.FileItem
	at    time.Duration
	round time.Duration
}

// next returns the file's next item; after the last one the first, later.
func (l *loop) next() (item, error) {
	if err := l.start(); err != nil {
		return item{}, err
	}
	it, err := l.in.Next()
	if errors.Is(err, io.EOF) {
		if it, err = l.again(); errors.Is(err, io.EOF) {
			return item{}, errNoPictures
		}
	}
	if err != nil {
		return item{}, fmt.Errorf("read file: %w", err)
	}
	if it.Video != nil {
		l.see(it.PTS)
	}
	return item{it, l.base + it.PTS - l.first, l.base}, nil
}

var errNoPictures = errors.New("read file: none of its pictures can be decoded")

// start looks ahead for the first picture, once: sound may come before it.
func (l *loop) start() error {
	for !l.started {
		it, err := l.in.Next()
		if errors.Is(err, io.EOF) {
			return errNoPictures
		}
		if err != nil {
			return fmt.Errorf("read file: %w", err)
		}
		if it.Video == nil {
			continue
		}
		it.Video.Release()
		l.first, l.started = it.PTS, true
		if err := l.in.Rewind(); err != nil {
			return fmt.Errorf("rewind file: %w", err)
		}
	}
	return nil
}

// again starts the next round.
func (l *loop) again() (libav.FileItem, error) {
	l.base += l.last + l.gap
	l.last = 0
	if err := l.in.Rewind(); err != nil {
		return libav.FileItem{}, err
	}
	return l.in.Next()
}

// see notes a picture's time.
func (l *loop) see(pts time.Duration) {
	if at := pts - l.first; at > l.last {
		// A gap much longer than the rate's is a hole, not a picture's length.
		l.gap = min(at-l.last, 2*l.interval)
		l.last = at
	}
}
