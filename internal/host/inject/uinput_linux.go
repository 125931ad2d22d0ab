package inject

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
)

// Requests of linux/uinput.h.
const (
	uiDevCreate  = 'U'<<8 | 1
	uiDevDestroy = 'U'<<8 | 2
	uiDevSetup   = 1<<30 | unsafe.Sizeof(uinputSetup{})<<16 | 'U'<<8 | 3
	uiAbsSetup   = 1<<30 | unsafe.Sizeof(uinputAbsSetup{})<<16 | 'U'<<8 | 4
	uiSetEvBit   = 1<<30 | 4<<16 | 'U'<<8 | 100
	uiSetKeyBit  = 1<<30 | 4<<16 | 'U'<<8 | 101
	uiSetRelBit  = 1<<30 | 4<<16 | 'U'<<8 | 102
	uiSetLEDBit  = 1<<30 | 4<<16 | 'U'<<8 | 105
)

// busVirtual is BUS_VIRTUAL of linux/input.h.
const busVirtual = 0x06

// uinputSetup is struct uinput_setup.
type uinputSetup struct {
	busType, vendor, product, version uint16
	name                              [80]byte
	ffEffectsMax                      uint32
}

// uinputAbsSetup is struct uinput_abs_setup.
type uinputAbsSetup struct {
	code                                          uint16
	_                                             uint16
	value, minimum, maximum, fuzz, flat, unitsPer int32
}

// eventTime is the length of the time before each event, which the kernel
// fills in itself.
const eventTime = int(unsafe.Sizeof(unix.Timeval{}))

// node is one device in the kernel. Events gather in buf until sync.
type node struct {
	file *os.File
	buf  []byte
}

// openUInput makes the devices.
func openUInput(cfg DeviceConfig) (*UInput, error) {
	codes, err := keycode.New()
	if err != nil {
		return nil, err
	}
	u := &UInput{codes: codes}
	u.SetRegions(cfg.Regions)
	if u.keyboard, err = newNode(keyboardName, 1, u.setUpKeyboard); err != nil {
		return nil, err
	}
	if u.mouse, err = newNode(mouseName, 2, u.setUpMouse); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	if u.pointer, err = newNode(pointerName, 3, setUpPointer); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

// newNode makes a device of no real make.
func newNode(name string, product uint16, setUp func(*node) error) (*node, error) {
	return makeNode(name, uinputSetup{busType: busVirtual, product: product, version: 1}, setUp)
}

// makeNode opens the door, lets setUp say what the device can do and makes it.
func makeNode(name string, setup uinputSetup, setUp func(*node) error) (*node, error) {
	// Read and write: lamps and rumble come back through the same file.
	file, err := os.OpenFile(uinputPath, os.O_RDWR, 0)
	if err != nil {
		return nil, explain(err)
	}
	n := &node{file: file, buf: make([]byte, 0, 16*(eventTime+8))}
	copy(setup.name[:len(setup.name)-1], name)
	if err := errors.Join(
		setUp(n),
		n.control("UI_DEV_SETUP", uiDevSetup, unsafe.Pointer(&setup)),
		n.set("UI_DEV_CREATE", uiDevCreate, 0),
	); err != nil {
		return nil, fmt.Errorf("create %q through %s: %w", name, uinputPath, errors.Join(err, file.Close()))
	}
	return n, nil
}

// explain says what to do about a closed door.
func explain(err error) error {
	hint := "load the kernel module with modprobe uinput"
	if errors.Is(err, fs.ErrPermission) {
		hint = "give this user write permission, for example by a udev rule for the group input"
	}
	return fmt.Errorf("%w: %s: %w", err, hint, errors.ErrUnsupported)
}

func (u *UInput) setUpKeyboard(n *node) error {
	err := errors.Join(
		n.set("UI_SET_EVBIT", uiSetEvBit, evKey),
		n.set("UI_SET_EVBIT", uiSetEvBit, evRep),
		n.set("UI_SET_EVBIT", uiSetEvBit, evLED),
	)
	for led := range uintptr(ledKana + 1) {
		err = errors.Join(err, n.set("UI_SET_LEDBIT", uiSetLEDBit, led))
	}
	key := func(code uint16) error { return n.set("UI_SET_KEYBIT", uiSetKeyBit, uintptr(code)) }
	for _, page := range []uint16{input.PageKeyboard, input.PageConsumer, input.PageSystem} {
		err = errors.Join(err, u.codes.Each(page, key))
	}
	return err
}

func (u *UInput) setUpMouse(n *node) error {
	err := errors.Join(
		n.set("UI_SET_EVBIT", uiSetEvBit, evKey),
		n.set("UI_SET_EVBIT", uiSetEvBit, evRel),
	)
	for button := uintptr(btnLeft); button <= btnTask; button++ {
		err = errors.Join(err, n.set("UI_SET_KEYBIT", uiSetKeyBit, button))
	}
	for _, rel := range []uintptr{relX, relY, relWheel, relHWheel, relWheelHiRes, relHWheelHiRes} {
		err = errors.Join(err, n.set("UI_SET_RELBIT", uiSetRelBit, rel))
	}
	return err
}

// setUpPointer makes what virtual machines call a tablet: a mouse that jumps.
// Without a button libinput would not take it for a pointer.
func setUpPointer(n *node) error {
	err := errors.Join(
		n.set("UI_SET_EVBIT", uiSetEvBit, evKey),
		n.set("UI_SET_KEYBIT", uiSetKeyBit, btnLeft),
		n.set("UI_SET_EVBIT", uiSetEvBit, evAbs),
	)
	for _, code := range []uint16{absX, absY} {
		setup := uinputAbsSetup{code: code, maximum: 0xffff}
		err = errors.Join(err, n.control("UI_ABS_SETUP", uiAbsSetup, unsafe.Pointer(&setup)))
	}
	return err
}

// control is an ioctl with a struct that the kernel reads.
func (n *node) control(name string, request uintptr, arg unsafe.Pointer) error {
	return n.ioctl(name, func(fd uintptr) unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
		return errno
	})
}

// set is an ioctl with a number.
func (n *node) set(name string, request, arg uintptr) error {
	return n.ioctl(name, func(fd uintptr) unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, arg)
		return errno
	})
}

// ioctl leaves the file in the poller, so that Close ends a read.
func (n *node) ioctl(name string, call func(fd uintptr) unix.Errno) error {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var errno unix.Errno
	if err := raw.Control(func(fd uintptr) { errno = call(fd) }); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if errno != 0 {
		return fmt.Errorf("%s: %w", name, errno)
	}
	return nil
}

// add appends one struct input_event.
func (n *node) add(kind, code uint16, value int32) {
	var unstamped [eventTime]byte
	n.buf = append(n.buf, unstamped[:]...)
	n.buf = binary.NativeEndian.AppendUint16(n.buf, kind)
	n.buf = binary.NativeEndian.AppendUint16(n.buf, code)
	n.buf = binary.NativeEndian.AppendUint32(n.buf, uint32(value))
}

// sync writes what gathered as one report.
func (n *node) sync() error {
	if len(n.buf) == 0 {
		return nil
	}
	n.add(evSyn, 0, 0)
	_, err := n.file.Write(n.buf)
	n.buf = n.buf[:0]
	return err
}

// Sync gives the kernel everything since the last Sync, one report for each
// device that has something.
func (u *UInput) Sync() error {
	// The pointer before the mouse: its buttons click where the pointer is.
	for _, n := range []*node{u.pointer, u.keyboard, u.mouse} {
		if err := n.sync(); err != nil {
			return fmt.Errorf("uinput: %w", err)
		}
	}
	for _, n := range u.pads.nodes {
		if n == nil {
			continue
		}
		if err := n.sync(); err != nil {
			return fmt.Errorf("uinput: %w", err)
		}
	}
	if err := u.surfaces.each((*node).sync); err != nil {
		return fmt.Errorf("uinput: %w", err)
	}
	return nil
}

// ReadLEDs calls f with the lamps that the system wants lit (wire.LEDNum, ...)
// at every change, until Close; then it returns nil.
func (u *UInput) ReadLEDs(f func(lit uint8)) error {
	const size = eventTime + 8
	buf := make([]byte, 16*size)
	lit := uint8(0)
	for {
		n, err := u.keyboard.file.Read(buf)
		if errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read keyboard lamps: %w", err)
		}
		for b := buf[:n]; len(b) >= size; b = b[size:] {
			lit = lamp(lit, b[eventTime:])
		}
		f(lit)
	}
}

// lamp applies one event without its time. The kernel's codes of lamps count
// as the bits of wire.LEDs do.
func lamp(lit uint8, event []byte) uint8 {
	code := binary.NativeEndian.Uint16(event[2:])
	if binary.NativeEndian.Uint16(event) != evLED || code > ledKana {
		return lit
	}
	if binary.NativeEndian.Uint32(event[4:]) == 0 {
		return lit &^ (1 << code)
	}
	return lit | 1<<code
}

// Close removes the devices; the kernel releases their keys.
func (u *UInput) Close() error {
	var err error
	for _, n := range append([]*node{u.pointer, u.mouse, u.keyboard}, u.pads.nodes[:]...) {
		if n != nil {
			err = errors.Join(err, n.destroy())
		}
	}
	_ = u.surfaces.each(func(n *node) error { err = errors.Join(err, n.destroy()); return nil })
	u.pads.feeling.Wait()
	return err
}

// destroy removes one device; doing so again does nothing.
func (n *node) destroy() (err error) {
	if e := n.set("UI_DEV_DESTROY", uiDevDestroy, 0); e != nil && !errors.Is(e, os.ErrClosed) {
		err = e
	}
	if e := n.file.Close(); e != nil && !errors.Is(e, os.ErrClosed) {
		err = errors.Join(err, e)
	}
	return err
}
