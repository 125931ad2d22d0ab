package evdev

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Directions of an ioctl (asm-generic/ioctl.h) and numbers of linux/input.h.
const (
	iocWrite = 1
	iocRead  = 2

	nrID        = 0x02
	nrName      = 0x06
	nrPhys      = 0x07
	nrUniq      = 0x08
	nrProps     = 0x09
	nrMTSlots   = 0x0a
	nrKeys      = 0x18
	nrLEDs      = 0x19
	nrSwitches  = 0x1b
	nrBits      = 0x20 // + type of event
	nrAbs       = 0x40 // + code of axis
	nrFeedback  = 0x80
	nrErase     = 0x81
	nrGrab      = 0x90
	nrMask      = 0x93
	nrClock     = 0xa0
	clockSource = int32(unix.CLOCK_MONOTONIC)
)

// maxText bounds the texts of a device, in bytes.
const maxText = 128

// ioc is _IOC of asm-generic/ioctl.h for magic 'E'.
func ioc(dir, nr, size uintptr) uintptr { return dir<<30 | size<<16 | 'E'<<8 | nr }

// kernel asks one open device. Tests have one of their own.
type kernel interface {
	info() (Info, error)
	state(s *state, caps *Caps) error // reads all of it
	useMonotonic() error
	grab(on bool) error
	mask(kind uint16, codes *Set, count int) error
	upload(e *effect) (id int16, err error)
	erase(id int16) error
}

// system is the kernel itself.
type system struct{ file *os.File }

// control is one ioctl. It leaves the file in the poller, so that Close ends a
// read.
func (k system) control(what string, request uintptr, arg unsafe.Pointer) error {
	return k.ioctl(what, func(fd uintptr) unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(arg))
		return errno
	})
}

// set is one ioctl with a number.
func (k system) set(what string, request, arg uintptr) error {
	return k.ioctl(what, func(fd uintptr) unix.Errno {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, arg)
		return errno
	})
}

func (k system) ioctl(what string, call func(fd uintptr) unix.Errno) error {
	raw, err := k.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	var errno unix.Errno
	if err := raw.Control(func(fd uintptr) { errno = call(fd) }); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if errno != 0 {
		return fmt.Errorf("%s: %w", what, errno)
	}
	return nil
}

// bits reads a set of bits; what the kernel has beyond a Set is left out.
func (k system) bits(what string, nr uintptr, s *Set) error {
	return k.control(what, ioc(iocRead, nr, unsafe.Sizeof(*s)), unsafe.Pointer(s))
}

// text reads a device's words; one without them has none.
func (k system) text(nr uintptr) string {
	var b [maxText]byte
	if k.control("", ioc(iocRead, nr, maxText), unsafe.Pointer(&b)) != nil {
		return ""
	}
	s, _, _ := bytes.Cut(b[:], []byte{0})
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(s), ""))
}

func (k system) info() (Info, error) {
	var id struct{ bus, vendor, product, version uint16 }
	if err := k.control("EVIOCGID", ioc(iocRead, nrID, unsafe.Sizeof(id)), unsafe.Pointer(&id)); err != nil {
		return Info{}, err
	}
	i := Info{
		Name: k.text(nrName), Phys: k.text(nrPhys), Uniq: k.text(nrUniq),
		Bus: id.bus, Vendor: id.vendor, Product: id.product, Version: id.version,
	}
	c := &i.Caps
	err := k.bits("EVIOCGBIT", nrBits, &c.Types)
	for _, t := range []struct {
		kind uint16
		set  *Set
	}{{Key, &c.Keys}, {Rel, &c.Rel}, {Abs, &c.Abs}, {Msc, &c.Msc}, {LED, &c.LEDs}, {Feedback, &c.Feedback}, {Switch, &c.Switches}} {
		if c.Types.Has(t.kind) {
			err = errors.Join(err, k.bits("EVIOCGBIT", nrBits+uintptr(t.kind), t.set))
		}
	}
	// Kernels before 2.6.38 have no properties; no reason to refuse a device.
	_ = k.bits("EVIOCGPROP", nrProps, &c.Props)
	if err != nil {
		return Info{}, err
	}
	c.Abs.All(func(code uint16) bool {
		var a Axis
		if a, err = k.axis(code); err != nil || code >= absCount {
			return false
		}
		i.Axes = append(i.Axes, a)
		return true
	})
	return i, err
}

func (k system) axis(code uint16) (Axis, error) {
	var v [6]int32 // struct input_absinfo
	err := k.control("EVIOCGABS", ioc(iocRead, nrAbs+uintptr(code), unsafe.Sizeof(v)), unsafe.Pointer(&v))
	return Axis{Code: code, Value: v[0], Min: v[1], Max: v[2], Fuzz: v[3], Flat: v[4], Resolution: v[5]}, err
}

// state reads what is down, lit and where. The kernel drops the events of each
// type that wait with it, so that nothing is told twice.
func (k system) state(s *state, caps *Caps) (err error) {
	s.reset()
	for _, t := range []struct {
		kind uint16
		nr   uintptr
		set  *Set
	}{{Key, nrKeys, &s.keys}, {Switch, nrSwitches, &s.switches}, {LED, nrLEDs, &s.leds}} {
		if caps.Types.Has(t.kind) {
			err = errors.Join(err, k.bits("EVIOCG", t.nr, t.set))
		}
	}
	caps.Abs.All(func(code uint16) bool {
		if code >= absMTFirst && code <= absMTLast && caps.Abs.Has(absMTSlot) {
			err = errors.Join(err, k.slots(s, code))
			return true
		}
		a, e := k.axis(code)
		err = errors.Join(err, e)
		if code == absMTSlot {
			s.slot = a.Value
		} else {
			s.abs[code%absCount] = a.Value
		}
		return true
	})
	return err
}

// slots reads one multi-touch axis of all fingers (EVIOCGMTSLOTS).
func (k system) slots(s *state, code uint16) error {
	var request struct {
		code   uint32
		values [maxSlots]int32
	}
	request.code = uint32(code)
	for i := range request.values {
		request.values[i] = s.slots[i][code-absMTFirst] // slots that the device lacks stay at rest
	}
	if err := k.control("EVIOCGMTSLOTS", ioc(iocRead, nrMTSlots, unsafe.Sizeof(request)), unsafe.Pointer(&request)); err != nil {
		return err
	}
	for i, v := range request.values {
		s.slots[i][code-absMTFirst] = v
	}
	return nil
}

func (k system) useMonotonic() error {
	clock := clockSource
	return k.control("EVIOCSCLOCKID", ioc(iocWrite, nrClock, unsafe.Sizeof(clock)), unsafe.Pointer(&clock))
}

func (k system) grab(on bool) error {
	arg := uintptr(0)
	if on {
		arg = 1
	}
	return k.set("EVIOCGRAB", ioc(iocWrite, nrGrab, 4), arg)
}

// mask has the kernel give out only these codes of a type.
func (k system) mask(kind uint16, codes *Set, count int) error {
	bits := make([]byte, (count+7)/8)
	codes.All(func(code uint16) bool {
		if int(code) < count {
			bits[code/8] |= 1 << (code % 8)
		}
		return true
	})
	m := struct { // struct input_mask
		kind, size uint32
		bits       *byte
	}{uint32(kind), uint32(len(bits)), &bits[0]}
	return k.control("EVIOCSMASK", ioc(iocWrite, nrMask, unsafe.Sizeof(m)), unsafe.Pointer(&m))
}

func (k system) upload(e *effect) (id int16, err error) {
	err = k.control("EVIOCSFF", ioc(iocWrite, nrFeedback, unsafe.Sizeof(*e)), unsafe.Pointer(e))
	return int16(binary.NativeEndian.Uint16(e[2:])), err
}

func (k system) erase(id int16) error {
	return k.set("EVIOCRMFF", ioc(iocWrite, nrErase, 4), uintptr(id))
}
