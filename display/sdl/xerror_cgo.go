//go:build linux && cgo && !nonative

package sdl

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>

// The few declarations of Xlib that are needed, so that its headers are not.
typedef struct {
	int type;
	void *display;
	unsigned long resourceid;
	unsigned long serial;
	unsigned char error_code;
	unsigned char request_code;
	unsigned char minor_code;
} st_x_error;
typedef int (*st_x_handler)(void *, st_x_error *);

enum { ST_BAD_WINDOW = 3, ST_X_SEND_EVENT = 25 };

static st_x_handler st_next;

static int st_on_x_error(void *display, st_x_error *e)
{
	if (e->error_code == ST_BAD_WINDOW && e->request_code == ST_X_SEND_EVENT)
		return 0;
	return st_next ? st_next(display, e) : 0;
}

// Xlib stays loaded: SDL puts the handler that it found back when it ends.
static void st_tolerate_late_wakes(void)
{
	void *lib = dlopen("libX11.so.6", RTLD_NOW);
	st_x_handler (*set)(st_x_handler), previous;

	if (!lib)
		return; // then SDL has no X11 either
	set = (st_x_handler (*)(st_x_handler))dlsym(lib, "XSetErrorHandler");
	if (!set)
		return;
	previous = set(st_on_x_error);
	if (previous != st_on_x_error)
		st_next = previous;
}
*/
import "C"

// tolerateLateWakes keeps Xlib from ending the program over a wake event that
// meets a window that is just gone. SDL sends those through the X server on a
// connection of its own, and destroys the window on another: the server keeps
// no order between the two, and SDL has no way to wait for the first. So the
// mutex that ends waking before the windows go is not enough; that it has been
// in practice (1500 quits, some with the server stopped) is luck of the server's, not a
// promise. Xlib's own handler calls exit. Every other X error goes where it went before. It is
// called before SDL starts, because SDL returns to the handler of that time
// before it closes its connections, which is when most such errors are read.
// Wakes go this way whoever draws. OpenGL does not mind: Mesa's EGL has an XCB
// connection of its own, whose errors never come to Xlib's handler.
func tolerateLateWakes() { C.st_tolerate_late_wakes() }
