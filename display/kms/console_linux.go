package kms

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of virtual terminals (linux/vt.h).
const (
	vtGetMode = 0x5601
	vtSetMode = 0x5602
	vtRelease = 0x5605 // VT_RELDISP

	vtAuto    = 0
	vtProcess = 1

	releaseAllowed = 1 // arguments of VT_RELDISP
	acquireDone    = 2
)

// vtMode is struct vt_mode.
type vtMode struct {
	mode, wait              int8
	release, acquire, frees int16
}

// console is the virtual terminal that the program runs on. It stays in text
// mode: when the program dies the kernel shows its text again by itself.
type console struct {
	file *os.File
	was  unix.Termios
}

// openConsole returns nil where the program runs on none: neither its standard
// input nor its controlling terminal is one.
func openConsole() (*console, error) {
	for _, open := range [...]func() (int, error){
		func() (int, error) { return unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3) },
		func() (int, error) { return unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0) },
	} {
		fd, err := open()
		if err != nil {
			continue // closed, or none
		}
		f := os.NewFile(uintptr(fd), "console")
		var m vtMode
		if vt(f, vtGetMode, unsafe.Pointer(&m)) == nil {
			return quietConsole(f)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// quietConsole stops keys from being written over what the console remembers.
func quietConsole(f *os.File) (*console, error) {
	was, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("console: %w", err), f.Close())
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO | unix.ICANON
	if err := unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, &quiet); err != nil {
		return nil, errors.Join(fmt.Errorf("console: %w", err), f.Close())
	}
	return &console{file: f, was: *was}, nil
}

// close gives the console back without what was typed meanwhile.
func (c *console) close() error {
	fd := int(c.file.Fd())
	m := vtMode{mode: vtAuto}
	return errors.Join(
		vt(c.file, vtSetMode, unsafe.Pointer(&m)),
		unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH),
		unix.IoctlSetTermios(fd, unix.TCSETS, &c.was),
		c.file.Close(),
	)
}

// watchConsole is told by signals when the person changes to another terminal
// and back. Without a console it only waits.
func watchConsole(stop <-chan struct{}, leave, enter func()) error {
	c, err := openConsole()
	if c == nil || err != nil {
		<-stop
		return err
	}
	// The kernel signals the thread that asked, so that has to live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, unix.SIGUSR1, unix.SIGUSR2)
	defer signal.Stop(signals)
	m := vtMode{mode: vtProcess, release: int16(unix.SIGUSR1), acquire: int16(unix.SIGUSR2)}
	if err := vt(c.file, vtSetMode, unsafe.Pointer(&m)); err != nil {
		<-stop
		return errors.Join(fmt.Errorf("console: VT_SETMODE: %w", err), c.close())
	}
	for {
		select {
		case <-stop:
			return c.close()
		case s := <-signals:
			err = errors.Join(err, c.switched(s, leave, enter))
		}
	}
}

// switched answers the kernel, which waits for it before it switches.
func (c *console) switched(s os.Signal, leave, enter func()) error {
	if s == unix.SIGUSR1 {
		leave()
		return vtNumber(c.file, vtRelease, releaseAllowed)
	}
	err := vtNumber(c.file, vtRelease, acquireDone)
	enter()
	return err
}

func vt(f *os.File, request uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

func vtNumber(f *os.File, request uint, arg uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), uintptr(request), arg); errno != 0 {
		return errno
	}
	return nil
}
