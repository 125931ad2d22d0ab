package vmtest

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
)

// Screenshot is what an output shows, without the cursor's plane: see
// [VM.Cursor]. Outputs are counted from 0. An output that is off shows
// something small that QEMU makes up.
func (vm *VM) Screenshot(output int) (*image.NRGBA, error) {
	picture, err := vm.screenshot(output)
	if err != nil {
		return nil, fmt.Errorf("screenshot of output %d: %w", output, err)
	}
	return picture, nil
}

func (vm *VM) screenshot(output int) (*image.NRGBA, error) {
	file, err := os.CreateTemp(vm.files.dir, "screen-*.ppm")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	where := map[string]any{"device": gpuID, "head": output, "filename": filepath.Clean(file.Name())}
	if err := vm.qmp.run("screendump", where, nil); err != nil {
		return nil, err
	}
	return decodePPM(bufio.NewReader(file))
}

// maxPicture bounds a picture's sides, pixels.
const maxPicture = 16384

// decodePPM reads a picture of kind P6 with 8 bits a sample (netpbm's ppm(5),
// as QEMU writes it: without comments).
func decodePPM(r io.Reader) (*image.NRGBA, error) {
	var width, height, most int
	if _, err := fmt.Fscanf(r, "P6\n%d %d\n%d\n", &width, &height, &most); err != nil {
		return nil, fmt.Errorf("ppm: %w", err)
	}
	if width < 1 || width > maxPicture || height < 1 || height > maxPicture || most != 255 {
		return nil, fmt.Errorf("ppm: %dx%d with samples to %d", width, height, most)
	}
	// One row at a time, so that a false size costs no memory.
	var pixels []byte
	row := make([]byte, 3*width)
	for y := range height {
		if _, err := io.ReadFull(r, row); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("ppm: row %d of %d: %w", y, height, err)
		}
		for i := 0; i < len(row); i += 3 {
			pixels = append(pixels, row[i], row[i+1], row[i+2], 0xff)
		}
	}
	return &image.NRGBA{Pix: pixels, Stride: 4 * width, Rect: image.Rect(0, 0, width, height)}, nil
}
