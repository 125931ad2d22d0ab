//go:build linux && cgo && !nonative

package libav

// #include "av.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/media"
)

// Packets reads the first stream of pictures of a media file or pipe, coded. A
// picture on a pipe is given as soon as all of it is there, where the container
// says how long it is (FLV, Matroska, MP4 fragments); a raw byte stream shows
// that by the picture after it.
type Packets struct {
	name string
	c    *C.st_packets // nil: not read from yet
	fd   int           // read by us, -1: none
	done bool          // closed

	mu   sync.Mutex
	wake int // eventfd, -1: none; guarded by mu
}

// stdin is the node of standard input.
const stdin = "/dev/stdin"

// OpenPackets opens any file that libavformat reads, "-" for standard input. Of
// a pipe nothing is read before Next. The caller closes it.
func OpenPackets(path string) (*Packets, error) {
	p := &Packets{name: path, fd: -1, wake: -1}
	node := path
	if path == "-" {
		node = stdin
	}
	if err := p.openPipe(node); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), p.Close())
	}
	if !p.Live() {
		if err := p.open("file:" + node); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// open reads the container's beginning.
func (p *Packets) open(url string) error {
	curl := C.CString(url)
	defer C.free(unsafe.Pointer(curl))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	rc := C.st_packets_open(&p.c, curl, C.int(p.fd), C.int(p.wake))
	switch {
	case rc == C.AVERROR_EXIT:
		return io.EOF
	case rc < 0:
		return openError("open "+p.name, rc)
	}
	return nil
}

// openPipe opens what cannot be sought in, so that reading it can be broken
// off. Files are libavformat's own business.
func (p *Packets) openPipe(path string) error {
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case st.IsDir():
		return unix.EISDIR
	case st.Mode().IsRegular():
		return nil
	}
	if path == stdin { // it may be a socket, which cannot be opened
		p.fd, err = unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	} else {
		p.fd, err = unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		p.fd = -1
		return err
	}
	p.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		p.wake = -1
	}
	return err
}

// Live says whether it is read from a pipe.
func (p *Packets) Live() bool { return p.fd >= 0 }

// Next returns the next coded picture, or io.EOF, also after Interrupt. Packets
// that are damaged are left out.
func (p *Packets) Next() (Packet, error) {
	if p.done {
		return Packet{}, errClosed
	}
	if p.c == nil {
		if err := p.open(""); err != nil {
			return Packet{}, err
		}
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	rc := C.st_packets_next(p.c)
	switch {
	case rc == C.AVERROR_EXIT:
		return Packet{}, io.EOF
	case rc == C.AVERROR_DECODER_NOT_FOUND:
		return Packet{}, fmt.Errorf("read packets: pictures are %s, want H.264 or HEVC: %w",
			C.GoString(C.st_log_last()), errors.ErrUnsupported)
	case rc < 0:
		return Packet{}, avError("read packets", rc)
	}
	pkt := p.c.pkt
	out := Packet{
		Codec: media.CodecH264, PTS: time.Duration(p.c.pts_us) * time.Microsecond,
		Data: unsafe.Slice((*byte)(unsafe.Pointer(pkt.data)), int(pkt.size)+media.Padding)[:pkt.size],
	}
	if C.st_packets_codec(p.c) == C.AV_CODEC_ID_HEVC {
		out.Codec = media.CodecHEVC
	}
	out.Keyframe = keyframe(out.Codec, out.Data)
	return out, nil
}

// Interrupt ends a Next that waits for a pipe, and every later one. Any
// goroutine.
func (p *Packets) Interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wake >= 0 {
		_, _ = unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it is full only when it was woken before
	}
}

// Close frees it. It may be called more than once.
func (p *Packets) Close() error {
	C.st_packets_free(p.c)
	p.c, p.done = nil, true
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, fd := range []*int{&p.fd, &p.wake} {
		if *fd >= 0 {
			errs = append(errs, unix.Close(*fd))
			*fd = -1
		}
	}
	return errors.Join(errs...)
}
