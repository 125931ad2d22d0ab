// Package gl is the terminal's one pass over the GPU: it takes a decoded
// picture, in dma-bufs or in memory, converts its colours, crops and scales it
// into place, puts the on-screen layers and the cursor over it and leaves the
// result in the buffer that is shown. It is EGL and OpenGL ES 2 or 3, and GBM
// for buffers that a scanout engine can read.
//
// It decides nothing: not when to draw, not on which output, not what to do
// when a dma-buf cannot be imported. It sets no mode and opens no device or
// window (display/kms and display/sdl do), and it has no goroutine.
//
// A [Display] may be used from any goroutine. A [Renderer] has an OpenGL
// context and belongs to the OS thread that made it: the caller locks its
// goroutine to the thread, and uses one renderer for each. After the GPU was
// reset, [Renderer.Draw] fails with [ErrContextLost]; the renderer is then
// closed and another made. A dma-buf that cannot be used fails with
// [ErrImport], and nothing else is harmed. Success of an import is no proof
// that the right pixels arrive: [Renderer.ProveImport] is.
//
// Without cgo or with the tag nonative the Open functions fail with
// [errors.ErrUnsupported]; [Placement], [FillBars] and the arithmetic of colours are
// there in every build.
package gl
