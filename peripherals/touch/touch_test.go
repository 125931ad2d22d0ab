package touch_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/peripherals/touch"
)

const (
	abs, key, syn = 3, 1, 0
	slot, id      = 0x2f, 0x39
	mtX, mtY      = 0x35, 0x36
	tool          = 0x37
	touchKey      = 0x14a
)

var (
	panel = touch.Device{Axes: []touch.Axis{
		{Code: slot, Max: 9}, {Code: id, Max: 65535}, {Code: mtX, Max: 1000}, {Code: mtY, Min: -500, Max: 500}, {Code: tool, Max: 2}, {Code: 0x3a, Max: 100},
	}}
	old    = touch.Device{Keys: []uint16{touchKey}, Axes: []touch.Axis{{Code: 0, Max: 100}, {Code: 1, Max: 100}, {Code: 0x18, Max: 255}}}
	tablet = touch.Device{
		Keys: []uint16{0x140, 0x141, touchKey, 0x14b, 0x14c},
		Axes: []touch.Axis{
			{Code: 0, Max: 20000},
			{Code: 1, Max: 10000},
			{Code: 0x18, Max: 8191},
			{Code: 0x19, Max: 63},
			{Code: 0x1a, Min: -64, Max: 63, Resolution: 57},
			{Code: 0x1b, Min: 0, Max: 127},
			{Code: 2, Min: -900, Max: 899},
		},
	}
)

type event struct {
	kind, code uint16
	value      int32
}

// surface feeds a screen and keeps the last set.
type surface struct {
	s    *touch.Screen
	last *input.Touch
	n    int
}

func (s *surface) feed(all ...event) {
	for _, e := range all {
		if t := s.s.Event(e.kind, e.code, e.value, time.Unix(1, 0)); t != nil {
			s.last = t
			s.n++
		}
	}
}

func (s *surface) set() string {
	text := ""
	for _, c := range s.last.Contacts[:s.last.N] {
		text += fmt.Sprintf("%d:%d,%d/%d ", c.ID, c.X, c.Y, c.Tool)
	}
	return text
}

func TestSlotted(t *testing.T) {
	s := surface{s: touch.NewScreen(3, panel)}
	steps := []struct {
		what string
		feed []event
		want string
		n    int
	}{
		{"one finger", []event{{abs, id, 7}, {abs, mtX, 500}, {abs, mtY, 0}, {syn, 0, 0}}, "1:32767,32767/0 ", 1},
		{"nothing new", []event{{abs, mtX, 500}, {syn, 0, 0}}, "1:32767,32767/0 ", 1},
		{"a second", []event{{abs, slot, 1}, {abs, id, 8}, {abs, mtX, 1000}, {abs, mtY, 500}, {syn, 0, 0}}, "1:32767,32767/0 2:65535,65535/0 ", 2},
		{"the first lifted", []event{{abs, slot, 0}, {abs, id, -1}, {syn, 0, 0}}, "2:65535,65535/0 ", 3},
		{"another in its place", []event{{abs, id, 9}, {syn, 0, 0}}, "3:32767,32767/0 2:65535,65535/0 ", 4},
		{"one for another in one report", []event{{abs, id, -1}, {abs, id, 10}, {syn, 0, 0}}, "4:32767,32767/0 2:65535,65535/0 ", 5},
		{"a palm", []event{{abs, tool, 2}, {syn, 0, 0}}, "4:32767,32767/2 2:65535,65535/0 ", 6},
		{"outside", []event{{abs, mtX, math.MinInt32}, {abs, mtY, math.MaxInt32}, {syn, 0, 0}}, "4:0,65535/2 2:65535,65535/0 ", 7},
		{"slots that are none", []event{{abs, slot, -1}, {abs, id, 1}, {abs, slot, 99999}, {abs, id, 2}, {syn, 0, 0}}, "4:0,65535/2 2:65535,65535/0 ", 7},
		{"all lifted", []event{{abs, slot, 0}, {abs, id, -1}, {abs, slot, 1}, {abs, id, -1}, {syn, 0, 0}}, "", 8},
	}
	for _, c := range steps {
		s.feed(c.feed...)
		if got := s.set(); got != c.want || s.n != c.n {
			t.Errorf("%s: %q after %d sets; want %q after %d", c.what, got, s.n, c.want, c.n)
		}
	}
	if s.last.Device != 3 || !s.last.Time.Equal(time.Unix(1, 0)) {
		t.Errorf("set of device %d at %v; want 3", s.last.Device, s.last.Time)
	}
}

func TestOldKinds(t *testing.T) {
	s := surface{s: touch.NewScreen(1, old)}
	s.feed(event{abs, 0, 50}, event{abs, 1, 25}, event{syn, 0, 0})
	if s.n != 0 {
		t.Error("a finger that does not touch was told")
	}
	s.feed(event{key, touchKey, 1}, event{abs, 0x18, 255}, event{syn, 0, 0})
	if got := s.set(); got != "1:32767,16383/0 " || s.last.Contacts[0].Pressure != 65535 {
		t.Errorf("single touch: %q, pressure %d", got, s.last.Contacts[0].Pressure)
	}
	s.feed(event{key, touchKey, 0}, event{syn, 0, 0})
	if s.last.N != 0 {
		t.Error("a single touch was not lifted")
	}
	a := surface{s: touch.NewScreen(1, touch.Device{Axes: []touch.Axis{{Code: mtX, Max: 10}, {Code: mtY, Max: 10}}})}
	a.feed(event{abs, mtX, 0}, event{abs, mtY, 10}, event{syn, 2, 0}, event{abs, mtX, 10}, event{abs, mtY, 0}, event{syn, 2, 0}, event{syn, 0, 0})
	if got := a.set(); got != "1:0,65535/0 2:65535,0/0 " {
		t.Errorf("two of type A: %q", got)
	}
	a.feed(event{abs, mtX, 5}, event{abs, mtY, 5}, event{syn, 2, 0}, event{syn, 0, 0})
	if got := a.set(); got != "1:32767,32767/0 " {
		t.Errorf("one of type A: %q", got)
	}
	a.feed(event{syn, 2, 0}, event{syn, 0, 0})
	if a.last.N != 0 {
		t.Error("type A was not lifted")
	}
}

func TestPen(t *testing.T) {
	p := touch.NewStylus(4, tablet)
	var last input.Pen
	n := 0
	feed := func(all ...event) input.Pen {
		for _, e := range all {
			if s := p.Event(e.kind, e.code, e.value, time.Unix(2, 0)); s != nil {
				last, n = *s, n+1
			}
		}
		last.Time = time.Time{}
		return last
	}
	feed(event{abs, 0, 10000}, event{syn, 0, 0})
	if n != 0 {
		t.Error("a pen that is far was told")
	}
	got := feed(event{key, 0x140, 1}, event{abs, 1, 10000}, event{abs, 0x19, 63}, event{abs, 0x1a, 57}, event{abs, 0x1b, 0}, event{abs, 2, 0}, event{syn, 0, 0})
	want := input.Pen{Device: 4, InRange: true, X: 32767, Y: 65535, Distance: 65535, TiltX: 57, TiltY: -64, Rotation: 18009}
	if got != want {
		t.Errorf("near: %+v; want %+v", got, want)
	}
	feed(event{syn, 0, 0})
	if n != 1 {
		t.Errorf("%d states; want one for one change", n)
	}
	got = feed(event{key, touchKey, 1}, event{abs, 0x18, 8191}, event{key, 0x14c, 1}, event{syn, 0, 0})
	if !got.Touching || got.Pressure != 65535 || got.Buttons != 2 {
		t.Errorf("touching: %+v", got)
	}
	got = feed(event{key, 0x140, 0}, event{key, touchKey, 0}, event{key, 0x14c, 0}, event{syn, 0, 0})
	if got != (input.Pen{Device: 4}) {
		t.Errorf("far again: %+v; want nothing left", got)
	}
	if got = feed(event{key, 0x141, 1}, event{syn, 0, 0}); !got.Eraser || !got.InRange {
		t.Errorf("turned over: %+v", got)
	}
	bare := touch.NewStylus(1, touch.Device{Keys: []uint16{touchKey, 0x14b}})
	bare.Event(key, touchKey, 1, time.Time{})
	if s := bare.Event(syn, 0, 0, time.Time{}); s == nil || !s.InRange || !s.Touching {
		t.Errorf("a pen that does not tell when it is near: %+v", s)
	}
}

// Whatever fingers do, the set is what a model says: those that are down, each
// with one number while it is.
func TestModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	s := surface{s: touch.NewScreen(1, panel)}
	down := map[int]int32{} // slot to tracking id
	ids := map[int32]uint8{}
	next := int32(0)
	for range 20000 {
		k := rng.IntN(10)
		s.feed(event{abs, slot, int32(k)})
		if _, ok := down[k]; ok && rng.IntN(2) == 0 {
			delete(down, k)
			s.feed(event{abs, id, -1})
		} else {
			if !ok || rng.IntN(8) == 0 {
				next++
				down[k] = next
				s.feed(event{abs, id, next})
			}
			s.feed(event{abs, mtX, rng.Int32N(1001)})
		}
		if rng.IntN(3) != 0 {
			continue
		}
		s.feed(event{syn, 0, 0})
		if s.last == nil {
			continue
		}
		if int(s.last.N) != len(down) {
			t.Fatalf("%d contacts; want %d", s.last.N, len(down))
		}
		seen := map[uint8]bool{}
		i := 0
		for k := range 10 {
			tracking, ok := down[k]
			if !ok {
				continue
			}
			c := s.last.Contacts[i]
			i++
			if was, known := ids[tracking]; known && was != c.ID {
				t.Fatalf("a finger's number went from %d to %d", was, c.ID)
			}
			if seen[c.ID] {
				t.Fatalf("number %d twice", c.ID)
			}
			ids[tracking], seen[c.ID] = c.ID, true
		}
	}
}

func FuzzTouch(f *testing.F) {
	f.Add([]byte{3, 0, 0x39, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, int32(0), int32(100))
	f.Add([]byte{1, 0, 0x4a, 1, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0}, int32(math.MinInt32), int32(math.MaxInt32))
	f.Fuzz(func(t *testing.T, b []byte, least, most int32) {
		for _, d := range []touch.Device{
			{Axes: []touch.Axis{{Code: slot}, {Code: mtX, Min: least, Max: most}}},
			{Axes: []touch.Axis{{Code: mtX, Min: least, Max: most, Resolution: least}}},
			{Keys: []uint16{touchKey}, Axes: []touch.Axis{{Code: 0, Min: least, Max: most}, {Code: 0x1a, Min: least, Max: most, Resolution: most}}},
		} {
			s, p := touch.NewScreen(1, d), touch.NewStylus(1, d)
			for e := b; len(e) >= 8; e = e[8:] {
				kind, code, value := binary.LittleEndian.Uint16(e), binary.LittleEndian.Uint16(e[2:]), int32(binary.LittleEndian.Uint32(e[4:]))
				if got := s.Event(kind, code, value, time.Time{}); got != nil && got.N > input.MaxContacts {
					t.Fatalf("%d contacts", got.N)
				}
				p.Event(kind, code, value, time.Time{})
			}
		}
	})
}

func TestAllocations(t *testing.T) {
	s, p := touch.NewScreen(1, panel), touch.NewStylus(1, tablet)
	x := int32(0)
	if n := testing.AllocsPerRun(1000, func() {
		x = (x + 1) % 1000
		for _, e := range [...]event{{abs, slot, 0}, {abs, id, 4}, {abs, mtX, x}, {syn, 0, 0}} {
			s.Event(e.kind, e.code, e.value, time.Time{})
		}
		for _, e := range [...]event{{key, 0x140, 1}, {abs, 0, x}, {syn, 0, 0}} {
			p.Event(e.kind, e.code, e.value, time.Time{})
		}
	}); n != 0 {
		t.Errorf("%v allocations a report; want none", n)
	}
}
