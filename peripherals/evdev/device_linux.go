package evdev

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// eventSize is that of struct input_event with 64-bit times.
const eventSize = 24

// batch is how many events one read takes; the kernel keeps 64 of most
// devices and 128 of mice.
const batch = 64

// Stats counts since Open. Any goroutine may ask.
type Stats struct {
	Events  uint64 // given out
	Reports uint64 // given out
	Resyncs uint64 // times the kernel dropped events and the state was read again
	Slowed  uint64 // times a device that floods had to wait
	// RealTime says that it has a thread of its own now, and why; "" if not.
	RealTime string `json:",omitempty"`
}

// Device is an open input device. Run and Read belong to one goroutine at a
// time; the other methods are for any.
type Device struct {
	file   *os.File
	kernel kernel
	info   Info
	write  bool // lamps and feedback can be driven

	base  time.Time     // the same moment as mono
	mono  time.Duration //
	stats struct {
		events, reports, resyncs, slowed atomic.Uint64
		realTime                         atomic.Pointer[string] // nil: no thread of its own
	}

	// Owned by Run or Read.
	buf     [batch * eventSize]byte
	rest    []byte  // of buf, not given out yet
	events  []Event // of Run
	waiting []Event // differences after a resync, not given out yet
	discard bool    // until the next report's end
	state   state
	now     state // scratch
	pace    pace

	stolen atomic.Bool // Steal took events

	wake wake // ends the real-time thread's wait

	outMu    sync.Mutex // guards the feedback and lamps that are written
	feedback feedback
}

// Open opens a device for reading, and for writing where that is allowed.
// Nothing is given out before Run or Read. Errors keep their errno: ENOENT,
// EACCES and ENODEV tell a device that is not there yet, or no more.
func Open(path string) (*Device, error) {
	d := &Device{write: true}
	file, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrPermission) {
		d.write = false
		file, err = os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := d.attach(file, system{file}, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), file.Close())
	}
	return d, nil
}

// attach asks what the device is and what is down on it. What is held before
// the first read is no news: it came before, and its end alone is given out.
func (d *Device) attach(file *os.File, k kernel, path string) (err error) {
	d.file, d.kernel = file, k
	d.state.reset()
	d.events = make([]Event, batch)
	d.feedback.init()
	if d.info, err = k.info(); err != nil {
		return err
	}
	d.info.Path = path
	if err := k.useMonotonic(); err != nil { // first: it empties the queue
		return err
	}
	if err := k.state(&d.state, &d.info.Caps); err != nil {
		return err
	}
	if d.wake, err = newWake(); err != nil {
		return err
	}
	d.base, d.mono = time.Now(), monotonic()
	return nil
}

// monotonic reads the clock that events are stamped with.
func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // the clock is always there
	return time.Duration(ts.Nano())
}

// Info says what the device is. It does not change.
func (d *Device) Info() *Info { return &d.info }

// Time translates the time of an event.
func (d *Device) Time(t time.Duration) time.Time { return d.base.Add(t - d.mono) }

// Stats returns the counts so far.
func (d *Device) Stats() Stats {
	s := Stats{
		Events: d.stats.events.Load(), Reports: d.stats.reports.Load(),
		Resyncs: d.stats.resyncs.Load(), Slowed: d.stats.slowed.Load(),
	}
	if why := d.stats.realTime.Load(); why != nil {
		s.RealTime = *why
	}
	return s
}

// Grab keeps the device's events from everybody else: consoles, window
// systems, SysRq. EBUSY: somebody else has done so.
func (d *Device) Grab() error { return d.named("grab", d.kernel.grab(true)) }

// Ungrab ends Grab. The kernel does so when the device is closed.
func (d *Device) Ungrab() error { return d.named("ungrab", d.kernel.grab(false)) }

// Mask has the kernel give out only these codes of a type of event; what is
// not wanted then wakes nobody.
func (d *Device) Mask(kind uint16, codes *Set) error {
	count := map[uint16]int{Key: keyCount, Rel: relCount, Abs: absCount, Msc: mscCount, Switch: switchCount, LED: ledCount, Feedback: feedbackCount}[kind]
	if count == 0 {
		return fmt.Errorf("%s: mask events of type %#x: %w", d.info.Path, kind, unix.EINVAL)
	}
	return d.named("mask", d.kernel.mask(kind, codes, count))
}

func (d *Device) named(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", d.info.Path, what, err)
}

// Close closes the device and ends Run and Read at once.
func (d *Device) Close() error {
	d.wake.raise()
	err := d.file.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return errors.Join(err, d.wake.close())
}

// Run calls handle with events, whole reports or parts of them, until ctx
// ends, which returns nil, or the device does. handle must not keep the slice;
// while it does not return nothing is read but by Steal. A device runs once.
func (d *Device) Run(ctx context.Context, handle func([]Event)) error {
	stop := context.AfterFunc(ctx, func() {
		d.wake.raise()
		_ = d.file.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	defer func() {
		d.pace.fast = false
		d.prioritise()
	}()
	for {
		n, err := d.Read(d.events)
		if n > 0 {
			handle(d.events[:n])
		}
		if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil {
			// Steal has ended, and wants its theft looked at now.
			if err = d.file.SetReadDeadline(time.Time{}); err == nil && ctx.Err() == nil {
				continue
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
		case errors.Is(err, errWoken):
			return fmt.Errorf("read %s: %w", d.info.Path, os.ErrClosed)
		default:
			return err
		}
		if wait := d.pace.count(d.events[:n], time.Now()); wait > 0 {
			d.stats.slowed.Add(1)
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return nil
			}
		}
		d.prioritise()
	}
}

// prioritise gives a fast device a thread of its own, and takes it back.
func (d *Device) prioritise() {
	switch {
	case d.pace.fast && !d.pace.locked:
		d.pace.locked = true
		runtime.LockOSThread()
		why := realTime(true)
		d.stats.realTime.Store(&why)
	case !d.pace.fast && d.pace.locked:
		d.pace.locked = false
		_ = realTime(false)
		d.stats.realTime.Store(nil)
		runtime.UnlockOSThread()
	}
}

// Read fills events and returns how many there were, at least one unless the
// device has ended. It blocks.
func (d *Device) Read(events []Event) (n int, err error) {
	for n == 0 {
		if d.stolen.Swap(false) {
			d.rest, d.discard = nil, false
			if err := d.resync(monotonic()); err != nil {
				return 0, fmt.Errorf("read %s: state after others read: %w", d.info.Path, err)
			}
		}
		if len(d.waiting) > 0 {
			n = copy(events, d.waiting)
			d.waiting = d.waiting[:copy(d.waiting, d.waiting[n:])]
			break
		}
		if len(d.rest) < eventSize {
			if err := d.fill(); err != nil {
				return 0, fmt.Errorf("read %s: %w", d.info.Path, err)
			}
		}
		if n, err = d.take(events); err != nil {
			return n, fmt.Errorf("read %s: state after dropped events: %w", d.info.Path, err)
		}
	}
	d.stats.events.Add(uint64(n))
	return n, nil
}

// fill reads from the kernel, which gives whole events; what else serves as a
// device may not.
func (d *Device) fill() error {
	have := copy(d.buf[:], d.rest)
	for have < eventSize {
		n, err := d.read(d.buf[have:])
		if n == 0 && err == nil {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		have += n
	}
	d.rest = d.buf[:have]
	return nil
}

// read waits in Go's poller, or, with a thread of its own, in the kernel.
func (d *Device) read(b []byte) (int, error) {
	if !d.pace.locked {
		return d.file.Read(b)
	}
	return d.wake.read(d.file, b)
}

// take decodes what was read until events is full, or until the kernel says
// that it dropped some.
func (d *Device) take(events []Event) (n int, err error) {
	for len(d.rest) >= eventSize && n < len(events) {
		ev := &events[n]
		decode(ev, d.rest)
		d.rest = d.rest[eventSize:]
		switch {
		case ev.Type == Syn && ev.Code == SynDropped:
			d.discard = true
		case ev.Type == Syn && ev.Code == SynReport && d.discard:
			d.discard = false
			return n, d.resync(ev.Time)
		case d.discard:
		case d.state.follow(ev):
			if ev.Type == Syn && ev.Code == SynReport {
				d.stats.reports.Add(1)
			}
			n++
		}
	}
	return n, nil
}

// decode reads a struct input_event.
func decode(ev *Event, b []byte) {
	_ = b[eventSize-1]
	sec, usec := binary.NativeEndian.Uint64(b), binary.NativeEndian.Uint64(b[8:])
	ev.Time = time.Duration(sec)*time.Second + time.Duration(usec)*time.Microsecond
	ev.Type = binary.NativeEndian.Uint16(b[16:])
	ev.Code = binary.NativeEndian.Uint16(b[18:])
	ev.Value = int32(binary.NativeEndian.Uint32(b[20:]))
}

// resync reads the device's state and has Read give out what has changed.
// Relative motion of the meantime is gone for good.
func (d *Device) resync(at time.Duration) error {
	d.stats.resyncs.Add(1)
	if err := d.kernel.state(&d.now, &d.info.Caps); err != nil {
		return err
	}
	d.waiting = d.state.differences(d.waiting[:0], &d.now, &d.info.Caps)
	for i := range d.waiting {
		d.waiting[i].Time = at
	}
	d.state = d.now
	if len(d.waiting) > 0 {
		d.stats.reports.Add(1)
	}
	return nil
}
