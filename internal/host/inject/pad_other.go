//go:build !linux

package inject

// uinputPads stands for pads of a kernel that is not Linux: there are none.
type uinputPads struct{}
