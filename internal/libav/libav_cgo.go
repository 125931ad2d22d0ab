//go:build linux && cgo && !nonative

package libav

/*
#cgo pkg-config: libavcodec libavformat libavdevice libavutil libswscale libswresample libva libva-drm opus
#cgo CFLAGS: -O2 -Wall
#include "av.h"
#include <stdlib.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/blade-shadow/terminal/internal/media"
)

// Version names the libraries in use.
func Version() string {
	v := uint(C.avcodec_version())
	return fmt.Sprintf("FFmpeg %s (libavcodec %d.%d.%d), %s", C.GoString(C.av_version_info()),
		v>>16, v>>8&0xff, v&0xff, C.GoString(C.opus_get_version_string()))
}

func codecID(c media.Codec) (uint32, error) {
	switch c {
	case media.CodecH264:
		return C.AV_CODEC_ID_H264, nil
	case media.CodecHEVC:
		return C.AV_CODEC_ID_HEVC, nil
	}
	return 0, fmt.Errorf("codec %v: %w", c, errors.ErrUnsupported)
}

// avError turns a negative result into an error. ErrAgain and io.EOF come
// back bare, without allocation.
func avError(op string, code C.int) error {
	switch C.st_err_kind(code) {
	case C.ST_ERR_AGAIN:
		return ErrAgain
	case C.ST_ERR_EOF:
		return io.EOF
	case C.ST_ERR_DATA:
		return fmt.Errorf("%s: %w", op, ErrInvalidData)
	case C.ST_ERR_MISSING:
		return fmt.Errorf("%s: not in this build of FFmpeg: %w", op, errors.ErrUnsupported)
	}
	if code < 0 && code > -4096 {
		return fmt.Errorf("%s: %w", op, syscall.Errno(-code))
	}
	var buf [C.AV_ERROR_MAX_STRING_SIZE]C.char
	C.av_strerror(code, &buf[0], C.AV_ERROR_MAX_STRING_SIZE)
	return fmt.Errorf("%s: %s", op, C.GoString(&buf[0]))
}

// openError is avError with what the library said before it gave up. The
// caller has kept its OS thread since installing the log.
func openError(op string, code C.int) error {
	err := avError(op, code)
	if said := C.GoString(C.st_log_last()); said != "" {
		return fmt.Errorf("%w (%s)", err, said)
	}
	return err
}
