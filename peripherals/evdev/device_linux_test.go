package evdev

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/wire"
)

const patience = 20 * time.Second

var discard = slog.New(slog.DiscardHandler)

// fake is a kernel of the test's.
type fake struct {
	what Info

	mu       sync.Mutex // guards the rest
	now      state
	grabbed  bool
	uploads  []effect
	erased   []int16
	nextID   int16
	refuse   error
	masked   int
	uploadAt chan struct{} // nil, or what upload waits for
}

func (f *fake) info() (Info, error) { return f.what, nil }
func (f *fake) useMonotonic() error { return nil }

func (f *fake) state(s *state, _ *Caps) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*s = f.now
	return f.refuse
}

func (f *fake) grab(on bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if on && f.grabbed {
		return unix.EBUSY
	}
	f.grabbed = on
	return nil
}

func (f *fake) mask(_ uint16, codes *Set, _ int) error { f.masked = codes.Len(); return nil }

func (f *fake) upload(e *effect) (int16, error) {
	if f.uploadAt != nil {
		<-f.uploadAt
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.uploads = append(f.uploads, *e)
	if id := int16(binary.NativeEndian.Uint16(e[2:])); id >= 0 {
		return id, nil
	}
	f.nextID++
	return f.nextID - 1, nil
}

func (f *fake) erase(id int16) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.erased = append(f.erased, id)
	return nil
}

// plug returns a device and the other end of it.
func plug(t testing.TB, f *fake) (d *Device, device *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	ok(t, err)
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	f.now.reset()
	d = &Device{write: true}
	ok(t, d.attach(near, f, "test"))
	t.Cleanup(func() { ok(t, d.Close()); _ = far.Close() })
	return d, far
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// raw encodes events.
func raw(events ...Event) (b []byte) {
	for _, e := range events {
		b = binary.NativeEndian.AppendUint64(b, uint64(e.Time/time.Second))
		b = binary.NativeEndian.AppendUint64(b, uint64(e.Time%time.Second/time.Microsecond))
		b = binary.NativeEndian.AppendUint16(b, e.Type)
		b = binary.NativeEndian.AppendUint16(b, e.Code)
		b = binary.NativeEndian.AppendUint32(b, uint32(e.Value))
	}
	return b
}

// next reads n events.
func next(t *testing.T, d *Device, n int) (out []Event) {
	t.Helper()
	ok(t, d.file.SetReadDeadline(time.Now().Add(patience)))
	for len(out) < n {
		b := make([]Event, n-len(out))
		m, err := d.Read(b)
		ok(t, err)
		out = append(out, b[:m]...)
	}
	return out
}

var report = Event{Type: Syn, Code: SynReport}

func TestReadWhole(t *testing.T) {
	d, far := plug(t, &fake{})
	want := []Event{{Type: Key, Code: 30, Value: 1, Time: 3*time.Second + 7*time.Microsecond}, {Type: Rel, Code: 1, Value: -5}, report}
	go func() { // as no kernel would
		for _, b := range raw(want...) {
			_, _ = far.Write([]byte{b})
		}
	}()
	if got := next(t, d, 3); !slices.Equal(got, want) {
		t.Errorf("Read = %v; want %v", got, want)
	}
	if s := d.Stats(); s.Events != 3 || s.Reports != 1 {
		t.Errorf("Stats() = %+v; want 3 events, 1 report", s)
	}
	if got := d.Time(d.mono + time.Second).Sub(d.base); got != time.Second {
		t.Errorf("Time of a second after the beginning is %v after it", got)
	}
}

// Events that the kernel dropped are made up for from its state; a key that
// went down and up meanwhile never was.
func TestDropped(t *testing.T) {
	f := &fake{}
	f.what.Caps.Abs.Add(0)
	for _, code := range []uint16{absMTSlot, 0x35, absMTTrackingID} {
		f.what.Caps.Abs.Add(code)
	}
	d, far := plug(t, f)
	_, err := far.Write(raw(
		Event{Type: Key, Code: 30, Value: 1}, Event{Type: Abs, Code: absMTSlot, Value: 1}, Event{Type: Abs, Code: absMTTrackingID, Value: 9}, report,
		Event{Type: Key, Code: 31, Value: 1},
		Event{Type: Syn, Code: SynDropped}, Event{Type: Key, Code: 99, Value: 1}, report,
		Event{Type: Key, Code: 33, Value: 1}, report,
	))
	ok(t, err)
	f.mu.Lock()
	f.now.keys.Add(31)
	f.now.keys.Add(600)
	f.now.switches.Add(5)
	f.now.abs[0] = 77
	f.now.slot = 2
	f.now.slots[2][absMTTrackingID-absMTFirst], f.now.slots[2][5] = 10, 400
	f.mu.Unlock()
	want := []Event{
		{Type: Key, Code: 30, Value: 1},
		{Type: Abs, Code: absMTSlot, Value: 1},
		{Type: Abs, Code: absMTTrackingID, Value: 9},
		report,
		{Type: Key, Code: 31, Value: 1},
		{Type: Key, Code: 30},
		{Type: Key, Code: 600, Value: 1},
		{Type: Switch, Code: 5, Value: 1},
		{Type: Abs, Code: 0, Value: 77},
		{Type: Abs, Code: absMTTrackingID, Value: -1}, // in slot 1
		{Type: Abs, Code: absMTSlot, Value: 2},
		{Type: Abs, Code: 0x35, Value: 400},
		{Type: Abs, Code: absMTTrackingID, Value: 10},
		report,
		{Type: Key, Code: 33, Value: 1},
		report,
	}
	if got := next(t, d, len(want)); !slices.Equal(got, want) {
		t.Errorf("Read = %v; want %v", got, want)
	}
	if s := d.Stats(); s.Resyncs != 1 {
		t.Errorf("Stats() = %+v; want 1 resync", s)
	}
}

// Whatever gets lost, at the end the reader knows what is true.
func TestDroppedModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	f := &fake{}
	for _, code := range []uint16{0, 1, absMTSlot, 0x35, 0x36, absMTTrackingID} {
		f.what.Caps.Abs.Add(code)
	}
	d, far := plug(t, f)
	var seen state // what the reader made of it
	seen.reset()
	for range 3000 {
		var b []byte
		dropping := r.IntN(20) == 0
		if dropping {
			b = raw(Event{Type: Syn, Code: SynDropped})
		}
		f.mu.Lock()
		for range r.IntN(8) {
			e := Event{Type: Key, Code: uint16(r.IntN(40)), Value: int32(r.IntN(2))}
			switch r.IntN(6) {
			case 0:
				e = Event{Type: Switch, Code: uint16(r.IntN(4)), Value: int32(r.IntN(2))}
			case 1:
				e = Event{Type: Abs, Code: uint16(r.IntN(2)), Value: r.Int32()}
			case 2:
				e = Event{Type: Abs, Code: absMTSlot, Value: int32(r.IntN(5))}
			case 3:
				e = Event{Type: Abs, Code: []uint16{0x35, 0x36, absMTTrackingID}[r.IntN(3)], Value: int32(r.IntN(9) - 1)}
			}
			f.now.follow(&e)
			if !dropping || r.IntN(2) == 0 {
				b = append(b, raw(e)...)
			}
		}
		f.mu.Unlock()
		b = append(b, raw(report)...)
		_, err := far.Write(b)
		ok(t, err)
		// The device ends what it sends with a mark, so that all is read.
		_, err = far.Write(raw(Event{Type: Msc, Code: 7}))
		ok(t, err)
		for marked := false; !marked; {
			for _, e := range next(t, d, 1) {
				seen.follow(&e)
				marked = marked || e.Type == Msc
			}
		}
	}
	if seen != f.now {
		t.Errorf("after %d resyncs the reader knows %v; true is %v", d.Stats().Resyncs, seen, f.now)
	}
	if d.Stats().Resyncs == 0 {
		t.Error("nothing was dropped; want some")
	}
}

// end runs a device and returns what ended it.
func end(ctx context.Context, t *testing.T, d *Device, handle func([]Event)) func() error {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, handle) }()
	return func() error {
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			t.Fatal("Run does not return")
			return nil
		}
	}
}

func TestRunEnds(t *testing.T) {
	for _, fast := range []bool{false, true} {
		for _, how := range []string{"context", "close", "unplug"} {
			t.Run(fmt.Sprintf("%s, fast %v", how, fast), func(t *testing.T) {
				d, far := plug(t, &fake{})
				d.pace.fast, d.pace.fastAt = fast, time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				heard := make(chan string, 8)
				wait := end(ctx, t, d, func(e []Event) { heard <- d.Stats().RealTime })
				_, err := far.Write(raw(report))
				ok(t, err)
				<-heard
				_, err = far.Write(raw(report)) // the second is read by a thread of its own
				ok(t, err)
				if words := <-heard; (words != "") != fast {
					t.Errorf("RealTime = %q; that it is fast is %v", words, fast)
				}
				var want error
				switch how {
				case "context":
					cancel()
				case "close":
					want = os.ErrClosed
					ok(t, d.Close())
				case "unplug":
					ok(t, far.Close())
				}
				err = wait()
				if how == "unplug" && err == nil || how != "unplug" && !errors.Is(err, want) {
					t.Errorf("Run() = %v; want %v", err, want)
				}
			})
		}
	}
}

func TestPace(t *testing.T) {
	at := time.Unix(100, 0)
	events := func(reports, each int) (all []Event) {
		for range reports {
			for range each - 1 {
				all = append(all, Event{Type: Rel})
			}
			all = append(all, report)
		}
		return all
	}
	var p pace
	for ms := range 2000 { // a mouse of 1 kHz
		if wait := p.count(events(1, 3), at.Add(time.Duration(ms)*time.Millisecond)); wait != 0 || p.fast {
			t.Fatalf("at 1 kHz: wait %v, fast %v; want none", wait, p.fast)
		}
	}
	at = at.Add(2 * time.Second)
	for ms := range 2000 { // of 8 kHz
		if wait := p.count(events(8, 3), at.Add(time.Duration(ms)*time.Millisecond)); wait != 0 {
			t.Fatalf("at 8 kHz it waits %v; want 0", wait)
		}
	}
	if !p.fast {
		t.Error("8 kHz are not fast")
	}
	p.count(events(1, 3), at.Add(13*time.Second))
	if p.fast {
		t.Error("still fast after eleven calm seconds")
	}
	at = at.Add(20 * time.Second)
	waited := time.Duration(0)
	for ms := 0; ms < 1000; ms++ { // a flood of a million events a second, also without reports
		wait := p.count(make([]Event, 1000), at.Add(time.Duration(ms)*time.Millisecond))
		waited += wait
		ms += int(wait / time.Millisecond)
	}
	if waited < 800*time.Millisecond {
		t.Errorf("a flood waited %v of a second; want 0.8 or more", waited)
	}
}

func TestStates(t *testing.T) {
	f := &fake{}
	d, _ := plug(t, f)
	ok(t, d.Grab())
	if err := d.Grab(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("second Grab = %v; want EBUSY", err)
	}
	ok(t, d.Ungrab())
	var codes Set
	codes.Add(5)
	ok(t, d.Mask(Key, &codes))
	if err := d.Mask(0x1f, &codes); !errors.Is(err, unix.EINVAL) || f.masked != 1 {
		t.Errorf("Mask of no type = %v, %d codes masked; want EINVAL, 1", err, f.masked)
	}
}

// written waits for the events that a device was sent.
func written(t *testing.T, far *os.File, n int) (out []Event) {
	t.Helper()
	b := make([]byte, n*eventSize)
	ok(t, far.SetReadDeadline(time.Now().Add(patience)))
	for at := 0; at < len(b); {
		m, err := far.Read(b[at:])
		ok(t, err)
		at += m
	}
	for ; len(b) > 0; b = b[eventSize:] {
		var e Event
		decode(&e, b)
		out = append(out, e)
	}
	return out
}

func TestFeedback(t *testing.T) {
	f := &fake{uploadAt: make(chan struct{})}
	for _, code := range []uint16{ffRumble, ffSpring, ffConstant, ffPeriodic} {
		f.what.Caps.Feedback.Add(code)
	}
	for code := range uint16(3) {
		f.what.Caps.LEDs.Add(code)
	}
	d, far := plug(t, f)
	if kinds := d.Info().Caps.EffectKinds(); kinds != 1<<wire.FFConstant|1<<wire.FFPeriodic|1<<wire.FFSpring || !d.Info().Caps.CanRumble() {
		t.Errorf("EffectKinds() = %b; want constant, periodic and spring", kinds)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.RunFeedback(ctx) }()

	d.Rumble(1, 1, time.Second)
	f.uploadAt <- struct{}{} // the first is on its way
	if got, want := written(t, far, 1), []Event{{Type: Feedback, Code: 0, Value: 1}}; !slices.Equal(got, want) {
		t.Errorf("rumble wrote %v; want %v", got, want)
	}
	close(f.uploadAt)
	d.Rumble(0, 0, 0)
	if got, want := written(t, far, 1), []Event{{Type: Feedback}}; !slices.Equal(got, want) {
		t.Errorf("the end of rumble wrote %v; want %v", got, want)
	}
	d.SetLEDs(wire.LEDCaps)
	if got, want := written(t, far, 3), []Event{{Type: LED}, {Type: LED, Code: 1, Value: 1}, {Type: LED, Code: 2}}; !slices.Equal(got, want) {
		t.Errorf("lamps wrote %v; want %v", got, want)
	}
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFUpload, ID: 7, Kind: wire.FFSpring}))
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFPlay, ID: 7, Value: 3}))
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFPlay, ID: 8, Value: 3}))   // not there
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFPlay, ID: 255, Value: 3})) // cannot be
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFUpload, ID: 9, Kind: 99}))
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFGain, Value: 0xffff}))
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFAutocentre, Value: 5}))
	ok(t, d.Effect(wire.FFEffect{Op: wire.FFStop, ID: 7}))
	want := []Event{
		{Type: Feedback, Code: 1, Value: 3},
		{Type: Feedback, Code: ffGain, Value: 0xffff},
		{Type: Feedback, Code: ffAutocentre, Value: 5},
		{Type: Feedback, Code: 1},
	}
	if got := written(t, far, 4); !slices.Equal(got, want) {
		t.Errorf("effects wrote %v; want %v", got, want)
	}
	cancel()
	ok(t, <-ended)
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.Sort(f.erased)
	if !slices.Equal(f.erased, []int16{0, 1}) {
		t.Errorf("effects %v were erased at the end; want 0 and 1", f.erased)
	}
}

// A device that is slow is asked for the newest only, and for no more than fits.
func TestFeedbackOfSlowDevice(t *testing.T) {
	f := &fake{uploadAt: make(chan struct{})}
	f.what.Caps.Feedback.Add(ffRumble)
	f.what.Caps.Feedback.Add(ffConstant)
	d, far := plug(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.RunFeedback(ctx) }()
	d.Rumble(1, 0, time.Second)
	f.uploadAt <- struct{}{}
	written(t, far, 1)
	for i := range uint16(100) {
		d.Rumble(i+2, 0, time.Second)
	}
	var err error
	for i := range 200 {
		err = errors.Join(err, d.Effect(wire.FFEffect{Op: wire.FFPlay, ID: uint8(i), Value: 1}))
	}
	if !errors.Is(err, unix.EBUSY) {
		t.Errorf("200 wishes at once: %v; want EBUSY", err)
	}
	close(f.uploadAt)
	written(t, far, 1)
	cancel()
	ok(t, <-ended)
	f.mu.Lock()
	defer f.mu.Unlock()
	// The second may have been picked up among the hundred; the last is the last.
	if n := len(f.uploads); n > 3 {
		t.Errorf("%d rumbles were uploaded; want 3 at most", n)
	}
}

func TestFeedbackWithoutPermission(t *testing.T) {
	d, _ := plug(t, &fake{})
	d.write = false
	if err := d.RunFeedback(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("RunFeedback() = %v; want %v", err, errors.ErrUnsupported)
	}
}

// The encodings are those of a C program with struct ff_effect.
func TestEncodeEffect(t *testing.T) {
	tests := []struct {
		name string
		in   wire.FFEffect
		want string
	}{
		{"constant", wire.FFEffect{Kind: wire.FFConstant, Direction: 0x4000, Delay: 1, Length: 2, Level: -3, AttackLength: 4, AttackLevel: 0xffff, FadeLength: 6, FadeLevel: 7}, "5200 0500 0040 0000 0000 0200 0100 0000 fdff 0400 ff7f 0600 0700"},
		{"ramp", wire.FFEffect{Kind: wire.FFRamp, Level: 1, End: -1, FadeLevel: 2}, "5700 0500 0000 0000 0000 0000 0000 0000 0100 ffff 0000 0000 0000 0200"},
		{"periodic", wire.FFEffect{Kind: wire.FFPeriodic, Wave: 2, Period: 1, Level: 2, Offset: 3, Phase: 4, AttackLength: 5}, "5100 0500 0000 0000 0000 0000 0000 0000 5a00 0100 0200 0300 0400 0500"},
		{"spring", wire.FFEffect{Kind: wire.FFSpring, Axes: [2]wire.FFCondition{{RightSaturation: 1, LeftSaturation: 2, RightCoeff: 3, LeftCoeff: 4, Deadband: 5, Centre: 6}, {RightSaturation: 7}}}, "5300 0500 0000 0000 0000 0000 0000 0000 0100 0200 0300 0400 0500 0600 0700"},
	}
	for _, tt := range tests {
		var e effect
		if !e.encode(&tt.in, 5) {
			t.Errorf("%s: encode refuses it", tt.name)
		}
		got := ""
		for i := 0; i < len(e); i += 2 {
			got += fmt.Sprintf("%x ", e[i:i+2])
		}
		for len(got) > 5 && got[len(got)-5:] == "0000 " {
			got = got[:len(got)-5]
		}
		if got != tt.want+" " {
			t.Errorf("%s: encode = %s; want %s", tt.name, got, tt.want)
		}
	}
}

// Keys are heard while Run's handler hangs, and afterwards Run knows what is
// true.
func TestSteal(t *testing.T) {
	f := &fake{}
	d, far := plug(t, f)
	hang, hung := make(chan struct{}), make(chan struct{})
	var seen state
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	wait := end(ctx, t, d, func(all []Event) {
		for _, e := range all {
			seen.follow(&e)
			switch {
			case e.Code == 30 && e.Value == 1:
				close(hung)
				<-hang
			case e.Code == 40 && e.Value == 1:
				close(done)
			}
		}
	})
	_, err := far.Write(raw(Event{Type: Key, Code: 30, Value: 1}))
	ok(t, err)
	<-hung
	needed, heard := make(chan struct{}), make(chan []Event, 8)
	stolen := make(chan error, 1)
	go func() {
		stolen <- d.Steal(func() bool {
			select {
			case <-needed:
				return false
			default:
				return true
			}
		}, func(e []Event) { heard <- slices.Clone(e) })
	}()
	_, err = far.Write(raw(report, Event{Type: Key, Code: 30}, Event{Type: Key, Code: 40, Value: 1}, report))
	ok(t, err)
	f.mu.Lock()
	f.now.keys.Add(40)
	f.mu.Unlock()
	if got := <-heard; len(got) != 4 || got[2].Code != 40 {
		t.Errorf("Steal heard %v; want 4 events", got)
	}
	close(needed)
	ok(t, <-stolen)
	close(hang)
	<-done // without another event
	cancel()
	ok(t, wait())
	if seen.keys.Has(30) || !seen.keys.Has(40) {
		t.Errorf("after the theft Run's handler has keys %v down; want 40, not 30", seen.keys)
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	for _, fast := range []bool{false, true} {
		d, far := plug(t, &fake{})
		d.pace.locked = fast
		b := raw(Event{Type: Rel, Code: 0, Value: 1}, Event{Type: Rel, Code: 1, Value: 1}, report)
		events := make([]Event, batch)
		if n := testing.AllocsPerRun(1000, func() {
			_, err := far.Write(b)
			ok(t, err)
			if n, err := d.Read(events); n != 3 || err != nil {
				t.Fatalf("Read = %d, %v; want 3", n, err)
			}
		}); n != 0 {
			t.Errorf("a report (fast %v) made %v allocations; want 0", fast, n)
		}
	}
}

// A dozen of devices that are read cost no thread.
func TestNoThreads(t *testing.T) {
	before := threads(t)
	ctx, cancel := context.WithCancel(t.Context())
	var waits []func() error
	for range 12 {
		d, far := plug(t, &fake{})
		read := make(chan struct{})
		var once sync.Once
		waits = append(waits, end(ctx, t, d, func([]Event) { once.Do(func() { close(read) }) }))
		_, err := far.Write(raw(report))
		ok(t, err)
		<-read
	}
	if n := threads(t) - before; n > runtime.GOMAXPROCS(0)+1 { // what the scheduler itself may start
		t.Errorf("12 devices cost %d threads; want none of their own", n)
	}
	cancel()
	for _, wait := range waits {
		ok(t, wait())
	}
}

func threads(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/task")
	ok(t, err)
	return len(all)
}

// Whatever a device sends, what is given out makes the state that is kept.
func FuzzRead(f *testing.F) {
	f.Add(raw(Event{Type: Key, Code: 30, Value: 1}, report), uint16(4))
	f.Add(raw(Event{Type: Syn, Code: SynDropped}, Event{Type: Abs, Code: absMTSlot, Value: 10000}, report, Event{Type: Abs, Code: absMTTrackingID, Value: 3}), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, n uint16) {
		d := &Device{kernel: &fake{}}
		d.state.reset()
		d.kernel.(*fake).now.reset()
		for _, code := range []uint16{0, absMTSlot, absMTTrackingID} {
			d.info.Caps.Abs.Add(code)
		}
		var seen state
		seen.reset()
		events := make([]Event, 1+n%batch)
		for d.rest = b; len(d.rest) >= eventSize; {
			n, err := d.take(events)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range append(events[:n:n], d.waiting...) {
				seen.follow(&e)
			}
			d.waiting = d.waiting[:0]
		}
		// A slot that is not followed may be current for one and not the other.
		seen.slot = d.state.slot
		if seen != d.state {
			t.Errorf("what was given out makes %v; kept is %v", seen, d.state)
		}
	})
}

func BenchmarkReport(b *testing.B) {
	d, far := plug(b, &fake{})
	report := raw(Event{Type: Rel, Code: 0, Value: 1}, Event{Type: Rel, Code: 1, Value: 1}, report)
	events := make([]Event, batch)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := far.Write(report); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Read(events); err != nil {
			b.Fatal(err)
		}
	}
}
