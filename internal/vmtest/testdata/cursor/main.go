//go:build linux

// Command cursor sets the same cursor on each output of a display adapter, for
// the tests of package vmtest, by the kernel's legacy calls (drm_mode.h). It
// prints "set", and keeps it until its standard input ends.
package main

import (
	"fmt"
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

type resources struct {
	fbs, crtcs, connectors, encoders         uint64 // pointers
	nFBs, nCRTCs, nConnectors, nEncoders     uint32
	minWidth, maxWidth, minHeight, maxHeight uint32
}

type createDumb struct {
	height, width, bpp, flags, handle, pitch uint32
	size                                     uint64
}

type mapDumb struct {
	handle, pad uint32
	offset      uint64
}

type cursor2 struct {
	flags, crtc   uint32
	x, y          int32
	width, height uint32
	handle        uint32
	hotX, hotY    int32
}

// call is one ioctl that reads and writes its argument.
func call[T any](fd int, number uintptr, argument *T) error {
	request := 3<<30 | unsafe.Sizeof(*argument)<<16 | 'd'<<8 | number
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(argument))); errno != 0 {
		return fmt.Errorf("ioctl %#x: %w", number, errno)
	}
	return nil
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "cursor: error:", err)
		os.Exit(1)
	}
}

func run(card string) error {
	fd, err := unix.Open(card, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	handle, err := picture(fd)
	if err != nil {
		return err
	}
	var crtcs [8]uint32
	found := resources{crtcs: uint64(uintptr(unsafe.Pointer(&crtcs[0]))), nCRTCs: uint32(len(crtcs))}
	if err := call(fd, 0xa0, &found); err != nil {
		return err
	}
	for _, crtc := range crtcs[:found.nCRTCs] {
		if err := call(fd, 0xbb, &cursor2{flags: 3, crtc: crtc, x: 10, y: 20, width: 64, height: 64, handle: handle, hotX: 5, hotY: 7}); err != nil {
			return err
		}
	}
	fmt.Println("set")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// picture makes a buffer whose first pixel is orange, the second a half
// transparent violet, and all others nothing.
func picture(fd int) (uint32, error) {
	buffer := createDumb{width: 64, height: 64, bpp: 32}
	if err := call(fd, 0xb2, &buffer); err != nil {
		return 0, err
	}
	where := mapDumb{handle: buffer.handle}
	if err := call(fd, 0xb3, &where); err != nil {
		return 0, err
	}
	pixels, err := unix.Mmap(fd, int64(where.offset), int(buffer.size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return 0, err
	}
	copy(pixels, []byte{0x00, 0x80, 0xff, 0xff, 0x40, 0x00, 0x80, 0x80})
	return buffer.handle, unix.Munmap(pixels)
}
