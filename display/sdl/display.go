package sdl

import (
	"fmt"

	"github.com/blade-shadow/terminal/display"
)

// Config describes the windows.
type Config struct {
	display.Config

	GPU GPU // what draws the pictures
	// OnImportFailed is told that a screen's dma-bufs cannot be drawn, once for
	// each of its pools, so that its decoder gives pictures in memory. It is
	// called on the main thread and must not block.
	OnImportFailed func(screen int)
}

func (c Config) withDefaults() (Config, error) {
	var err error
	c.Config, err = c.Config.WithDefaults()
	if c.OnImportFailed == nil {
		c.OnImportFailed = func(int) {}
	}
	if err == nil && c.GPU > GPUOff {
		err = fmt.Errorf("display: GPU is %v: want auto, on or off", c.GPU)
	}
	return c, err
}

// GPU says whether windows are drawn with OpenGL.
type GPU uint8

// The choices.
const (
	GPUAuto GPU = iota // where a real one draws dma-bufs into windows
	GPUOn              // wherever there is OpenGL, in software too
	GPUOff             // never: the CPU draws
)

// String returns the choice as [ParseGPU] reads it.
func (g GPU) String() string {
	names := [...]string{"auto", "on", "off"}
	if int(g) < len(names) {
		return names[g]
	}
	return fmt.Sprintf("gpu(%d)", uint8(g))
}

// ParseGPU reads a choice: auto, on or off; "" is auto.
func ParseGPU(s string) (GPU, error) {
	if s == "" {
		return GPUAuto, nil
	}
	for g := GPUAuto; g <= GPUOff; g++ {
		if s == g.String() {
			return g, nil
		}
	}
	return 0, fmt.Errorf("GPU %q: want auto, on or off", s)
}

// Capabilities is what windows can show.
type Capabilities struct {
	DMABuf   bool   // dma-bufs are drawn
	Proved   bool   // with the right pixels: it was tried on the GPU's own memory
	Reason   string // why not, or why it was not tried, else ""
	Renderer string // OpenGL's name of what draws; "": the CPU does, without OpenGL
}
