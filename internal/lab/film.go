package lab

import (
	"bufio"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// filmGrain is the amplitude of the noise in a film, in luma levels: enough
// that an encoder spends all of 10 Mb/s on 1280x720 at 60 pictures a second.
const filmGrain = 12

// SaveFilm writes a film for shadow-host's source file: a slope that moves,
// with grain over it, as uncompressed YUV4MPEG2, which costs the host almost
// nothing to read. A test card is too easy: most of it stands still.
func SaveFilm(path string, size image.Point, fps, frames int) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420mpeg2\n", size.X, size.Y, fps)
	random := rand.New(rand.NewPCG(1, 2)) // the same film every time
	luma := make([]byte, size.X*size.Y)
	chroma := make([]byte, (size.X+1)/2*((size.Y+1)/2)*2)
	for i := range chroma {
		chroma[i] = 128
	}
	for n := range frames {
		grain(luma, size.X, n, random)
		fmt.Fprint(w, "FRAME\n")
		w.Write(luma)
		w.Write(chroma)
	}
	return w.Flush() // bufio keeps the first error for it
}

// grain draws picture n of the film.
func grain(luma []byte, width, n int, random *rand.Rand) {
	for i := 0; i < len(luma); i += 8 {
		x, y := i%width, i/width
		slope := 64 + (x+y+4*n)/8%128
		bits := random.Uint64()
		for j := range min(8, len(luma)-i) {
			luma[i+j] = byte(slope + int(bits>>(8*j)&0xff)*filmGrain/256 - filmGrain/2)
		}
	}
}
