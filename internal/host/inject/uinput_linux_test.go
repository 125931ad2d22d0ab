package inject_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/blade-shadow/terminal/internal/host/inject"
	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/wire"
)

// The numbers are those of linux/uinput.h on every architecture we build for.
func TestUInputRequests(t *testing.T) {
	if dev, abs := inject.Requests(); dev != 0x405c5503 || abs != 0x401c5504 {
		t.Errorf("UI_DEV_SETUP, UI_ABS_SETUP = %#x, %#x; want 0x405c5503, 0x401c5504", dev, abs)
	}
}

// eventSize is struct input_event on 64-bit machines.
const eventSize = 24

// report reads the events in b as "type/code/value".
func report(b []byte) (events []string) {
	for ; len(b) >= eventSize; b = b[eventSize:] {
		events = append(events, fmt.Sprintf("%d/%d/%d", binary.NativeEndian.Uint16(b[16:]),
			binary.NativeEndian.Uint16(b[18:]), int32(binary.NativeEndian.Uint32(b[20:]))))
	}
	return events
}

func TestUInputReports(t *testing.T) {
	regions := []inject.Region{{X: -100, Width: 100, Height: 100}, {Width: 100, Height: 100}}
	tests := []struct {
		name    string
		do      func(*inject.UInput) error
		device  int // keyboard, mouse, pointer
		regions []inject.Region
		want    []string
	}{
		{"key", func(u *inject.UInput) error { return u.Key(0x070004, true) }, 0, nil, []string{"1/30/1", "0/0/0"}},
		{"consumer key", func(u *inject.UInput) error { return u.Key(0x0c00e9, false) }, 0, nil, []string{"1/115/0", "0/0/0"}},
		{"no such key", func(u *inject.UInput) error { return u.Key(0x0700fe, true) }, 0, nil, nil},
		{"button", func(u *inject.UInput) error { return u.Key(input.ButtonForward, true) }, 1, nil, []string{"1/276/1", "0/0/0"}},
		{"no mouse's button", func(u *inject.UInput) error { return u.Key(0x090009, true) }, 1, nil, nil},
		{"motion", func(u *inject.UInput) error { return u.Motion(-3, 4) }, 1, nil, []string{"2/0/-3", "2/1/4", "0/0/0"}},
		{
			"wheel", func(u *inject.UInput) error { return errors.Join(u.Wheel(60, 0), u.Wheel(180, -120)) }, 1, nil,
			[]string{"2/11/60", "2/11/180", "2/8/2", "2/12/-120", "2/6/-1", "0/0/0"},
		},
		{"position", func(u *inject.UInput) error { return u.Absolute(0, 5, 65535) }, 2, nil, []string{"3/0/5", "3/1/65535", "0/0/0"}},
		{"no second screen", func(u *inject.UInput) error { return u.Absolute(1, 5, 6) }, 2, nil, nil},
		{"left screen", func(u *inject.UInput) error { return u.Absolute(0, 0, 0x8000) }, 2, regions, []string{"3/0/163", "3/1/33095", "0/0/0"}},
		{"right screen", func(u *inject.UInput) error { return u.Absolute(1, 65535, 0) }, 2, regions, []string{"3/0/65372", "3/1/327", "0/0/0"}},
		{"a screen that moved", func(u *inject.UInput) error {
			u.SetRegions([]inject.Region{{Width: 100, Height: 100}, {X: 100, Width: 300, Height: 100}})
			return u.Absolute(0, 0, 0x8000)
		}, 2, regions, []string{"3/0/81", "3/1/33095", "0/0/0"}},
		{"no third screen", func(u *inject.UInput) error { return u.Absolute(2, 0, 0) }, 2, regions, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := openFiles(t)
			u, err := inject.UInputOn(files[0], files[1], files[2], tt.regions...)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tt.do(u), u.Sync(), u.Sync()); err != nil {
				t.Fatal(err)
			}
			for i, f := range files {
				var want []string
				if i == tt.device {
					want = tt.want
				}
				if got := report(content(t, f)); !slices.Equal(got, want) {
					t.Errorf("device %d got %v; want %v", i, got, want)
				}
			}
		})
	}
}

func openFiles(t *testing.T) (files [3]*os.File) {
	t.Helper()
	for i := range files {
		f, err := os.Create(filepath.Join(t.TempDir(), "node"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		files[i] = f
	}
	return files
}

func content(t *testing.T, f *os.File) []byte {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestUInputLamps(t *testing.T) {
	kernel, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	u, err := inject.UInputOn(kernel, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	lamp := func(kind, code uint16, value uint32) []byte {
		b := make([]byte, eventSize)
		binary.NativeEndian.PutUint16(b[16:], kind)
		binary.NativeEndian.PutUint16(b[18:], code)
		binary.NativeEndian.PutUint32(b[20:], value)
		return b
	}
	lit := make(chan uint8)
	done := make(chan error, 1)
	go func() { done <- u.ReadLEDs(func(l uint8) { lit <- l }) }()
	steps := []struct {
		event []byte
		want  uint8
	}{
		{lamp(0x11, 1, 1), wire.LEDCaps},
		{lamp(0x11, 0, 1), wire.LEDCaps | wire.LEDNum},
		{lamp(1, 1, 0), wire.LEDCaps | wire.LEDNum},
		{lamp(0x11, 1, 0), wire.LEDNum},
		{lamp(0x11, 9, 1), wire.LEDNum},
	}
	for _, s := range steps {
		if _, err := ours.Write(s.event); err != nil {
			t.Fatal(err)
		}
		if got := <-lit; got != s.want {
			t.Errorf("after %v lamps = %#x; want %#x", report(s.event), got, s.want)
		}
	}
	kernel.Close()
	if err := <-done; err != nil {
		t.Errorf("ReadLEDs after Close = %v; want nil", err)
	}
}

// The structs of force feedback are as long as those of linux/uinput.h on 64-bit
// machines.
func TestFeedbackSizes(t *testing.T) {
	if upload, erase := inject.Sizes(); upload != 104 || erase != 12 {
		t.Errorf("struct uinput_ff_upload, uinput_ff_erase have %d, %d bytes; want 104, 12", upload, erase)
	}
}

// A set of contacts is told by slots, and only what differs.
func TestUInputTouch(t *testing.T) {
	files := openFiles(t)
	u, err := inject.UInputOn(files[0], files[1], files[2])
	if err != nil {
		t.Fatal(err)
	}
	u.TouchOn(1, files[0])
	u.PenOn(2, files[1])
	read := 0
	touch := func(want []string, contacts ...input.Contact) {
		t.Helper()
		if err := errors.Join(u.Touch(touchOf(1, contacts...)), u.Sync()); err != nil {
			t.Fatal(err)
		}
		all := content(t, files[0])
		if got := report(all[read:]); !slices.Equal(got, want) {
			t.Errorf("%d contacts: %v; want %v", len(contacts), got, want)
		}
		read = len(all)
	}
	a, b := input.Contact{ID: 7, X: 1, Y: 2, Pressure: 6}, input.Contact{ID: 8, X: 3, Y: 4, Pressure: 5}
	first := []string{"3/55/0", "3/53/1", "3/54/2", "3/58/6", "3/48/0", "3/49/0"}
	second := []string{"3/55/0", "3/53/3", "3/54/4", "3/58/5", "3/48/0", "3/49/0"}
	touch(slices.Concat([]string{"3/47/0", "3/57/0"}, first, []string{"1/330/1", "3/0/1", "3/1/2", "0/0/0"}), a)
	touch(slices.Concat([]string{"3/47/0"}, first, []string{"3/47/1", "3/57/1"}, second, []string{"3/0/1", "3/1/2", "0/0/0"}), a, b)
	touch(slices.Concat([]string{"3/47/0", "3/57/-1", "3/47/1"}, second, []string{"3/0/3", "3/1/4", "0/0/0"}), b)
	touch([]string{"3/47/1", "3/57/-1", "1/330/0", "0/0/0"})

	read = 0
	pen := func(p wire.Pen, want ...string) {
		t.Helper()
		if err := errors.Join(u.Pen(p), u.Sync()); err != nil {
			t.Fatal(err)
		}
		all := content(t, files[1])
		if got := report(all[read:]); !slices.Equal(got, want) {
			t.Errorf("%+v: %v; want %v", p, got, want)
		}
		read = len(all)
	}
	at := []string{"3/0/9", "3/1/0", "3/24/0", "3/25/0", "3/26/-5", "3/27/0", "3/2/100"}
	pen(wire.Pen{Device: 2, InRange: true, X: 9, TiltX: -5, Rotation: 100},
		slices.Concat([]string{"1/320/1"}, at, []string{"1/330/0", "1/331/0", "1/332/0", "1/329/0", "0/0/0"})...)
	pen(wire.Pen{Device: 2, InRange: true, Touching: true, X: 9, TiltX: -5, Rotation: 100, Buttons: 2},
		slices.Concat([]string{"1/320/1"}, at, []string{"1/330/1", "1/331/0", "1/332/1", "1/329/0", "0/0/0"})...)
	pen(wire.Pen{Device: 2, InRange: true, Eraser: true, X: 9, TiltX: -5, Rotation: 100}, slices.Concat(
		[]string{"1/330/0", "1/331/0", "1/332/0", "1/329/0", "3/24/0", "1/320/0", "0/0/0"},
		[]string{"1/321/1"}, at, []string{"1/330/0", "1/331/0", "1/332/0", "1/329/0", "0/0/0"})...)
	pen(wire.Pen{Device: 2}, "1/330/0", "1/331/0", "1/332/0", "1/329/0", "3/24/0", "1/321/0", "0/0/0")
}
