//go:build !linux

package inject

// uinputSurfaces stands for those of a kernel that is not Linux: there are none.
type uinputSurfaces struct{}
