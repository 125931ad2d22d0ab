//go:build linux && cgo && !nonative

package sdl

/*
#cgo pkg-config: sdl2
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <SDL.h>
#include <SDL_syswm.h>

// The socket to the X server, -1 for none. Of Xlib one function is needed, and
// not its headers; SDL has loaded it.
static int st_x_socket(void *window)
{
	SDL_SysWMinfo info;
	void *lib = dlopen("libX11.so.6", RTLD_NOW);
	int (*number)(void *);

	SDL_VERSION(&info.version);
	if (!lib || !SDL_GetWindowWMInfo(window, &info))
		return -1;
	number = (int (*)(void *))dlsym(lib, "XConnectionNumber");
#if defined(SDL_VIDEO_DRIVER_X11)
	if (number && info.subsystem == SDL_SYSWM_X11)
		return number(info.info.x11.display);
#endif
	return -1;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	sdl2 "github.com/veandco/go-sdl2/sdl"
	"golang.org/x/sys/unix"
)

// rest is how the loop sleeps on X11: in Go, until the server's socket has
// something to read. A call of C that sleeps longer than 10 ms has Go's runtime
// take the thread's processor away and look for more of the kind, 50 times in a
// few ms; without one for each picture the terminal takes 5 % less of a CPU. And
// SDL's own wake event goes through the server on a connection of its own, where
// it may meet a window that is gone.
type rest struct {
	file  *os.File      // the socket, for Go's poller alone
	ready chan struct{} // there is something to read
	again chan struct{} // it was read
	stop  chan struct{} // closed by close
	ended chan struct{} // closed by watch
	poll  [1]unix.PollFd

	// Owned by the main thread.
	timer *time.Timer
	owes  bool // watch waits for again
}

// newRest returns a rest for the connection that a window belongs to.
func newRest(w *sdl2.Window) (*rest, error) {
	socket := int(C.st_x_socket(unsafe.Pointer(w)))
	if socket < 0 {
		return nil, errors.New("SDL does not tell the socket of the X server")
	}
	own, err := unix.FcntlInt(uintptr(socket), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate the socket of the X server: %w", err)
	}
	r := &rest{
		file:  os.NewFile(uintptr(own), "X server"), // Xlib's are non-blocking, so Go polls it
		ready: make(chan struct{}), again: make(chan struct{}), stop: make(chan struct{}), ended: make(chan struct{}),
		timer: time.NewTimer(time.Hour),
	}
	raw, err := r.file.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("poll the X server: %w", err), r.file.Close())
	}
	go r.watch(raw)
	return r, nil
}

// watch says when there is something to read, until the file is closed. It
// reads nothing.
func (r *rest) watch(raw syscall.RawConn) {
	defer close(r.ended)
	_ = raw.Read(r.tell) // its error is that the file was closed
}

// tell returns true at the end and false when there is nothing to read.
func (r *rest) tell(fd uintptr) bool {
	for r.readable(fd) {
		select {
		case r.ready <- struct{}{}:
		case <-r.stop:
			return true
		}
		select {
		case <-r.again:
		case <-r.stop:
			return true
		}
	}
	return false
}

// readable reports whether there is something to read, or the server is gone.
func (r *rest) readable(fd uintptr) bool {
	r.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, err := unix.Poll(r.poll[:], 0)
	return err == nil && n > 0
}

// sleep returns when there is something to read, at a nudge, or after d; below
// 0 that is never. The caller has read everything before it sleeps.
func (r *rest) sleep(nudge <-chan struct{}, d time.Duration) {
	if r.owes {
		r.owes = false
		r.again <- struct{}{}
	}
	var over <-chan time.Time
	if d >= 0 {
		r.timer.Reset(d)
		over = r.timer.C
	}
	select {
	case <-r.ready:
		r.owes = true
	case <-nudge:
	case <-over:
	}
}

func (r *rest) close() {
	close(r.stop)
	_ = r.file.Close() // a duplicate that nothing was written to
	<-r.ended
}
