package gamepad

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

func pad(t *testing.T, d Device) *Mapper {
	t.Helper()
	d.Keys = append(d.Keys, btnSouth)
	m, err := NewMapper(1, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		letters bool
		code    uint16
		bit     int
	}{
		{false, btnNorth, input.PadNorth},
		{false, btnWest, input.PadWest},
		{true, btnNorth, input.PadWest},
		{true, btnWest, input.PadNorth},
		{false, btnSouth, input.PadSouth},
		{false, btnThumbR, input.PadRightStick},
		{false, 0x13c, input.PadGuide},
		{false, btnDpadEnd, input.PadRight},
	} {
		m := pad(t, Device{Letters: c.letters})
		m.Event(evKey, c.code, 1, time.Time{})
		if got := m.Pad().Buttons; got != 1<<c.bit {
			t.Errorf("buttons of %#x, letters %v = %#x; want %#x", c.code, c.letters, got, 1<<c.bit)
		}
		if !m.Event(evKey, c.code, 0, time.Time{}) || m.Pad().Buttons != 0 {
			t.Errorf("%#x stays down", c.code)
		}
	}
	if _, err := NewMapper(0, Device{Keys: []uint16{0x120}}, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewMapper(a joystick) = %v; want unsupported", err)
	}
}

func TestAxes(t *testing.T) {
	for _, c := range []struct {
		min, max, flat, v int32
		stick             int16
		trigger           uint16
	}{
		{0, 255, 15, 127, 0, 32639},
		{0, 255, 15, 255, 32767, 65535},
		{0, 255, 300, 0, -32767, 0}, // flat is a lie
		{math.MinInt32, math.MaxInt32, 0, math.MinInt32, -32767, 0},
		{math.MinInt32, math.MaxInt32, math.MaxInt32, math.MaxInt32, 32767, 65535},
		{-5, 5, math.MinInt32, 99, 32767, 65535},
		{7, 7, 0, 7, 0, 0},
		{9, -9, 0, 3, 0, 0},
	} {
		m := pad(t, Device{Axes: []Axis{{absX, c.min, c.max, c.flat}, {absZ, c.min, c.max, c.flat}, {Code: 9999}}})
		m.Event(evAbs, absX, c.v, time.Time{})
		m.Event(evAbs, absZ, c.v, time.Time{})
		m.Event(evAbs, 9999, c.v, time.Time{})
		if p := m.Pad(); p.LeftX != c.stick || p.LeftTrigger != c.trigger {
			t.Errorf("%+v: stick, trigger = %d, %d", c, p.LeftX, p.LeftTrigger)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	m := pad(t, Device{Axes: []Axis{{absX, 0, 255, 0}}})
	v := int32(0)
	if n := testing.AllocsPerRun(100, func() {
		v ^= 255
		m.Event(evAbs, absX, v, time.Time{})
		m.Event(evKey, btnSouth, v&1, time.Time{})
	}); n != 0 {
		t.Errorf("allocations per event = %v; want 0", n)
	}
}

func TestRightStickOnZ(t *testing.T) {
	m := pad(t, Device{Axes: []Axis{
		{Code: absX, Max: 255}, {Code: absY, Max: 255}, {Code: absZ, Max: 255}, {Code: absRZ, Max: 255}, {Code: absGas, Max: 255},
	}})
	m.Event(evAbs, absZ, 255, time.Time{})
	m.Event(evAbs, absRZ, 0, time.Time{})
	m.Event(evAbs, absGas, 255, time.Time{})
	m.Event(evKey, btnTL2, 1, time.Time{}) // it has no axis
	m.Event(evKey, btnTR2, 1, time.Time{})
	m.Event(evKey, btnTR2, 0, time.Time{}) // it has one
	want := input.Pad{Slot: 1, Connected: true, RightX: 32767, RightY: -32767, LeftTrigger: 65535, RightTrigger: 65535}
	if got := m.Pad(); got != want {
		t.Errorf("pad = %+v; want %+v", got, want)
	}
}

func TestHat(t *testing.T) {
	m := pad(t, Device{Axes: []Axis{{Code: absHat0X, Min: -1, Max: 1}, {Code: absHat0Y, Min: -1, Max: 1}}})
	for _, c := range []struct {
		code uint16
		v    int32
		want uint32
	}{
		{absHat0X, -1, 1 << input.PadLeft},
		{absHat0Y, 1, 1<<input.PadLeft | 1<<input.PadDown},
		{absHat0X, 1, 1<<input.PadRight | 1<<input.PadDown},
		{absHat0X, 0, 1 << input.PadDown},
		{absHat0Y, -1, 1 << input.PadUp},
		{absHat0Y, 0, 0},
	} {
		m.Event(evAbs, c.code, c.v, time.Time{})
		if got := m.Pad().Buttons; got != c.want {
			t.Errorf("buttons after %#x = %d: %#x; want %#x", c.code, c.v, got, c.want)
		}
	}
}
