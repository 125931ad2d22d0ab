//go:build linux && cgo && !nonative

package libav

// #include "av.h"
// #include <stdlib.h>
import "C"

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"
)

// File reads the best video and audio stream of a media file, decoded.
type File struct {
	c    *C.st_file
	pool *framePool
}

// OpenFile opens any file that libavformat can read. The caller closes it.
func OpenFile(path string, cfg FileConfig) (*File, error) {
	cpath := C.CString(path)
	defer C.free(unsafe.Pointer(cpath))
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	C.st_log_install()
	f := &File{}
	if rc := C.st_file_open(&f.c, cpath, cbool(!cfg.NoAudio)); rc < 0 {
		return nil, openError("open "+path, rc)
	}
	var err error
	if f.pool, err = newFramePool(poolFrames); err != nil {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return f, nil
}

// Next returns the next picture or piece of sound in the file's order, or
// io.EOF. Pictures that cannot be decoded are left out.
func (f *File) Next() (FileItem, error) {
	if f.c == nil {
		return FileItem{}, errClosed
	}
	s := f.pool.take()
	if s == nil {
		return FileItem{}, fmt.Errorf("read file: %w", ErrFramesHeld)
	}
	kind := C.st_file_next(f.c, s.pic)
	item := FileItem{PTS: time.Duration(f.c.pts_us) * time.Microsecond}
	if kind == C.ST_FILE_VIDEO {
		item.Video = f.pool.hand(s)
		return item, nil
	}
	C.st_pic_clear(s.pic)
	f.pool.untake(s)
	if kind < 0 {
		return FileItem{}, avError("read file", kind)
	}
	item.Audio = unsafe.Slice((*int16)(unsafe.Pointer(f.c.pcm)), 2*int(f.c.pcm_len))
	return item, nil
}

// Rewind goes back to the start; the PTS starts over as well.
func (f *File) Rewind() error {
	if f.c == nil {
		return errClosed
	}
	if rc := C.st_file_rewind(f.c); rc < 0 {
		return avError("rewind file", rc)
	}
	return nil
}

// Info describes the file.
func (f *File) Info() FileInfo {
	var i FileInfo
	if f.c == nil {
		return i
	}
	if v := f.c.video; v != nil {
		i.Width, i.Height, i.FPS = int(v.width), int(v.height), float64(C.st_file_fps(f.c))
	}
	i.HasAudio = f.c.audio != nil
	return i
}

// Outstanding is how many frames are not released yet. Any goroutine.
func (f *File) Outstanding() int { return f.pool.outstanding() }

// Close frees the file; frames that are out stay valid until released. It may
// be called more than once.
func (f *File) Close() error {
	C.st_file_free(f.c)
	f.c = nil
	if f.pool != nil {
		f.pool.close()
	}
	return nil
}
