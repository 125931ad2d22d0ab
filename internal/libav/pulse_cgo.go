//go:build linux && cgo && !nonative

package libav

// #include "av.h"
// #include <stdlib.h>
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"
)

// PulseCapture records from a PulseAudio (or PipeWire) source, 48 kHz stereo.
type PulseCapture struct {
	mu   sync.Mutex // guards what follows; Close may come from any goroutine
	fmt  *C.AVFormatContext
	pkt  *C.AVPacket
	rest []byte // what is left of pkt
}

// OpenPulse starts recording from the named source. "" is the default source,
// "@DEFAULT_MONITOR@" what the default sink plays. The caller closes it.
func OpenPulse(source string) (*PulseCapture, error) {
	if source == "" {
		source = "default"
	}
	csource := C.CString(source)
	fragment := C.CString(strconv.Itoa(pulseFragmentBytes))
	defer C.free(unsafe.Pointer(csource))
	defer C.free(unsafe.Pointer(fragment))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	p := &PulseCapture{pkt: C.av_packet_alloc()}
	if rc := C.st_pulse_open(&p.fmt, csource, fragment); rc < 0 {
		return nil, errors.Join(pulseError(source, rc), p.Close())
	}
	return p, nil
}

// pulseError: libavdevice gives PulseAudio's error numbers out as errno, which
// they are not, so the number is kept and the text is not.
func pulseError(source string, rc C.int) error {
	if C.st_err_kind(rc) == C.ST_ERR_MISSING {
		return fmt.Errorf("open PulseAudio source %s: libavdevice was built without PulseAudio: %w", source, errors.ErrUnsupported)
	}
	return fmt.Errorf("open PulseAudio source %s: error %d: needs a running PulseAudio or PipeWire server "+
		"(PULSE_SERVER) that has this source: %w", source, -int(rc), errors.ErrUnsupported)
}

// Read fills pcm with interleaved samples, as many as one fragment has, and
// returns how many. It waits for the first one until Close.
func (p *PulseCapture) Read(pcm []int16) (int, error) {
	for {
		n, err := p.read(pcm)
		if !errors.Is(err, ErrAgain) {
			return n, err
		}
		time.Sleep(pulsePoll) // libavdevice has no way to wait that Close could end
	}
}

func (p *PulseCapture) read(pcm []int16) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fmt == nil {
		return 0, errClosed
	}
	if len(p.rest) == 0 {
		C.av_packet_unref(p.pkt)
		if rc := C.av_read_frame(p.fmt, p.pkt); rc < 0 {
			return 0, avError("read PulseAudio", rc)
		}
		p.rest = unsafe.Slice((*byte)(unsafe.Pointer(p.pkt.data)), int(p.pkt.size))
	}
	n := min(len(pcm), len(p.rest)/2)
	for i := range n {
		pcm[i] = int16(p.rest[2*i]) | int16(p.rest[2*i+1])<<8
	}
	p.rest = p.rest[2*n:]
	return n, nil
}

// Close stops recording. Any goroutine, more than once.
func (p *PulseCapture) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest = nil
	C.avformat_close_input(&p.fmt)
	C.av_packet_free(&p.pkt)
	return nil
}
