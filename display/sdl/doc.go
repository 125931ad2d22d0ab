// Package sdl shows pictures in windows on a PC, one for each screen, and
// turns what a person does over them into input events. It uses SDL 2 for the
// windows and nothing of a GPU: a picture is converted straight into the
// window's shared memory, which on X11 costs one copy and is finished when
// the call returns, so the time that a frame was shown is known.
//
// SDL belongs to the main OS thread: that thread calls [Display.Run], which
// owns the windows and the event loop and sleeps until there is an event or a
// frame. Everything else may be called from any goroutine and never blocks.
// Run fails when there is no window system to be had; a window that refuses
// one picture loses that picture and nothing more. Without cgo or with the
// tag nonative, [New] fails with [errors.ErrUnsupported].
package sdl
