package sdl

import (
	"image"

	"github.com/blade-shadow/terminal/display/gl"
)

// Places of the layers of a window's scene. They are fixed, because the GPU
// gets a layer again only when its place's version changes.
const (
	placePanel = iota
	placeWords
	placeSpinner // over the words: it alone changes eight times a second
	numPlaces
)

// part is how much of a scene is another than the time before.
type part uint8

const (
	partAll     part = iota // anything: the window changed, or the words
	partPicture             // the picture, and the panel over it
	partSpinner             // only the spinner's layer
)

// easel is what a window's scene is drawn on. It belongs to the main thread.
type easel interface {
	// begin gets ready for the window's present size in pixels and returns it.
	begin() (image.Point, error)
	// draw shows a scene and returns where in the window the picture is. It
	// fails with a gpuError where another easel may do better and with
	// gl.ErrImport where the picture is in dma-bufs that cannot be drawn. All that
	// was drawn before the last scene is no longer read when it returns.
	draw(s *gl.Scene, p part) (image.Rectangle, error)
	// copied counts the bytes of pictures that draw has copied or converted
	// with the CPU, and the dma-bufs that it has imported.
	copied() (bytes, imports uint64)
	close()
}
