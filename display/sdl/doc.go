// Package sdl shows pictures in windows on a PC, one for each screen, and
// turns what a person does over them into input events. SDL 2 has the windows;
// pictures get into them in one of two ways, which look the same. Where a real
// GPU imports dma-bufs, display/gl draws: pictures that the GPU decoded are not
// copied, those in memory are uploaded, and Timing.Shown is when the picture
// was handed to the window system. Elsewhere a picture is converted straight into
// the window's shared memory, which on X11 costs one copy and is finished when
// the call returns. That is also where all windows go, with the frame in hand,
// when OpenGL fails in the middle; [Config].OnImportFailed tells whoever
// decodes to give pictures in memory then, and [Display.Capabilities] says before
// anything is decoded what will be drawn.
//
// Windows are not paced: a picture is drawn when it comes, never held for a
// vertical blank, of whose time a window knows nothing; display/kms does that.
//
// Over a picture the mouse looks like the host's pointer, if somebody says how
// that looks ([Display.SetCursor]); where the host's pointer really is, is not
// drawn, so in relative mode there is none to see.
//
// SDL belongs to the main OS thread: that thread calls [Display.Run], which
// owns the windows and the event loop and sleeps until there is an event or a
// frame. Everything else may be called from any goroutine and never blocks.
// Run fails when there is no window system to be had; a window that refuses
// one picture loses that picture and nothing more. Without cgo or with the
// tag nonative, [New] fails with [errors.ErrUnsupported].
package sdl
