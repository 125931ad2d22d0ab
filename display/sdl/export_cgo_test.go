//go:build linux && cgo && !nonative

package sdl

import "unsafe"

// What tests put in the place of OpenGL.
type (
	GPUDevice = gpu
	Pen       = pen
)

// OpenGPU opens the OpenGL that New opens.
func OpenGPU(driver string, connection unsafe.Pointer) (GPUDevice, error) {
	return openGPU(driver, connection)
}

// NewWith is New with another OpenGL.
func NewWith(cfg Config, open func(driver string, connection unsafe.Pointer) (GPUDevice, error)) (*Display, error) {
	return newDisplay(cfg, open)
}
