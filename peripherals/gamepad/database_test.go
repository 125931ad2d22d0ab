package gamepad

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
)

// dragonRise is a pad that numbers its twelve buttons.
func dragonRise() Device {
	d := Device{Name: "DragonRise Inc.", Bus: 3, Vendor: 0x79, Product: 6, Version: 0x110}
	for code := uint16(0x120); code < 0x12c; code++ {
		d.Keys = append(d.Keys, code)
	}
	for _, code := range []uint16{0, 1, 2, 3, 5} {
		d.Axes = append(d.Axes, Axis{Code: code, Max: 255})
	}
	d.Axes = append(d.Axes, Axis{Code: 0x10, Min: -1, Max: 1}, Axis{Code: 0x11, Min: -1, Max: 1})
	return d
}

func TestShipped(t *testing.T) {
	known, err := Shipped()
	if err != nil || known.Len() < 6 {
		t.Fatalf("Shipped() = %d pads, %v", known.Len(), err)
	}
	m, err := NewMapper(2, dragonRise(), known)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(5, 0)
	steps := []struct {
		kind, code uint16
		value      int32
		want       input.Pad
	}{
		{evKey, 0x122, 1, input.Pad{Buttons: 1 << input.PadSouth}},
		{evKey, 0x122, 0, input.Pad{}},
		{evKey, 0x126, 1, input.Pad{LeftTrigger: math.MaxUint16}},
		{evKey, 0x126, 0, input.Pad{}},
		{evAbs, 0x11, -1, input.Pad{Buttons: 1 << input.PadUp}},
		{evAbs, 0x10, 1, input.Pad{Buttons: 1<<input.PadUp | 1<<input.PadRight}},
		{evAbs, 0x11, 0, input.Pad{Buttons: 1 << input.PadRight}},
		{evAbs, 0x10, 0, input.Pad{}},
		{evAbs, 0, 255, input.Pad{LeftX: 32767}},
		{evAbs, 3, 0, input.Pad{LeftX: 32767, RightX: -32767}},
		{evAbs, 5, 255, input.Pad{LeftX: 32767, RightX: -32767, RightY: 32767}},
	}
	for _, s := range steps {
		if !m.Event(s.kind, s.code, s.value, at) {
			t.Errorf("%d/%#x/%d changes nothing", s.kind, s.code, s.value)
		}
		s.want.Slot, s.want.Connected, s.want.Time = 2, true, at
		if got := m.Pad(); got != s.want {
			t.Errorf("%d/%#x/%d: %+v; want %+v", s.kind, s.code, s.value, got, s.want)
		}
	}
	if _, err := NewMapper(0, dragonRise(), nil); err == nil || !strings.Contains(err.Error(), "0079:0006") {
		t.Errorf("NewMapper without a database = %v; want its numbers", err)
	}
}

// Every kind of item that databases have.
func TestItems(t *testing.T) {
	var known Database
	if err := known.Load(strings.NewReader(`# a comment

03000000790000000600000010010000,A pad,crc:1234,a:b0,b:a2,x:-a3,leftx:a0~,-lefty:h0.1,+lefty:h0.4,+rightx:b4,-rightx:b5,righty:+a4,lefttrigger:a1,righttrigger:-a1,touchpad:b9,paddle1:b10,type:xbox,hint:A:=1,y:,x:q3,x:b,x:h0.0,x:b999,platform:Linux,
xinput,Windows,a:b0,platform:Windows,
03000000790000000600000010010001,Elsewhere,a:b0,platform:Mac OS X,
`)); err != nil || known.Len() != 1 {
		t.Fatalf("Load() = %d pads, %v; want one", known.Len(), err)
	}
	m, err := NewMapper(0, dragonRise(), &known)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		code  uint16
		value int32
		want  input.Pad
	}{
		{0x120, 1, input.Pad{Buttons: 1 << input.PadSouth}},
		{0x120, 0, input.Pad{}},
		{2, 255, input.Pad{Buttons: 1 << input.PadEast}},
		{2, 0, input.Pad{}},
		{3, 0, input.Pad{Buttons: 1 << input.PadWest}},
		{3, 255, input.Pad{}},
		{0, 255, input.Pad{LeftX: -32767}},
		{0, 128, input.Pad{LeftX: -128}},
		{0, 127, input.Pad{LeftX: 128}},
		{0x11, -1, input.Pad{LeftX: 128, LeftY: -32767}},
		{0x11, 1, input.Pad{LeftX: 128, LeftY: 32767}},
		{0x11, 0, input.Pad{LeftX: 128}},
		{0x124, 1, input.Pad{LeftX: 128, RightX: 32767}},
		{0x125, 1, input.Pad{LeftX: 128}},
		{0x124, 0, input.Pad{LeftX: 128, RightX: -32767}},
		{0x125, 0, input.Pad{LeftX: 128}},
		{5, 255, input.Pad{LeftX: 128, RightY: 32767}},
		{5, 0, input.Pad{LeftX: 128}},
		{1, 255, input.Pad{LeftX: 128, LeftTrigger: 65535}},
		{1, 0, input.Pad{LeftX: 128, RightTrigger: 65535}},
	}
	for _, s := range steps {
		kind := uint16(evAbs)
		if s.code >= 0x120 {
			kind = evKey
		}
		m.Event(kind, s.code, s.value, time.Time{})
		s.want.Connected = true
		if got := m.Pad(); got != s.want {
			t.Errorf("%#x/%d: %+v; want %+v", s.code, s.value, got, s.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	if got, want := sdlButtons([]uint16{0x13b, 1, 0x120, 0x100, 0x130, 0x120}), []uint16{0x120, 0x130, 0x13b, 1, 0x100}; !slices.Equal(got, want) {
		t.Errorf("buttons by SDL's numbers: %#x; want %#x", got, want)
	}
	d := Device{Name: "A pad with a very long name", Bus: 5}
	if got, want := fmt.Sprintf("%x", guidOf(&d)), "05000000"+fmt.Sprintf("%x", "A pad with ")+"00"; got != want {
		t.Errorf("GUID by name %s; want %s", got, want)
	}
}

func TestBadDatabases(t *testing.T) {
	good := "03000000790000000600000010010000,A,a:b0,platform:Linux,\n"
	for name, text := range map[string]string{
		"no name": good + "03000000790000000600000010010000", "no GUID": good + "hello,world,a:b0", "short": good + "0300,world,a:b0",
		"long": good + strings.Repeat("x", maxLine+1),
	} {
		var d Database
		err := d.Load(strings.NewReader(text))
		if err == nil || d.Len() != 0 {
			t.Errorf("%s: %d pads, %v; want an error and none", name, d.Len(), err)
		}
		if name != "long" && !strings.Contains(fmt.Sprint(err), "line 2") {
			t.Errorf("%s: %v; want the line", name, err)
		}
	}
	var d Database
	for range 2 {
		if err := d.Load(strings.NewReader(good)); err != nil || d.Len() != 1 {
			t.Errorf("Load() = %d, %v", d.Len(), err)
		}
	}
}

func FuzzDatabase(f *testing.F) {
	f.Add(shipped, int32(0), int32(255))
	f.Add("03000000790000000600000010010000,A,+leftx:-a0~,-leftx:h3.15,lefttrigger:a1,a:b255,", int32(math.MinInt32), int32(math.MaxInt32))
	f.Fuzz(func(t *testing.T, text string, least, most int32) {
		var known Database
		if known.Load(strings.NewReader(text)) != nil {
			return
		}
		d := dragonRise()
		for i := range d.Axes {
			d.Axes[i].Min, d.Axes[i].Max = least, most
		}
		m, err := NewMapper(0, d, &known)
		if err != nil {
			return
		}
		for code := range uint16(0x140) {
			for _, v := range []int32{most, 0, least, 1, -1} {
				m.Event(evAbs, code, v, time.Time{})
				m.Event(evKey, code, v, time.Time{})
			}
		}
		if p := m.Pad(); p.LeftX == math.MinInt16 || p.RightX == math.MinInt16 || p.Buttons>>input.PadButtons != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestMappedAllocations(t *testing.T) {
	known, err := Shipped()
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewMapper(0, dragonRise(), known)
	if err != nil {
		t.Fatal(err)
	}
	v := int32(0)
	if n := testing.AllocsPerRun(1000, func() {
		v = (v + 1) & 255
		m.Event(evAbs, 0, v, time.Time{})
		m.Event(evKey, 0x122, v&1, time.Time{})
		m.Event(evAbs, 0x10, v&1, time.Time{})
	}); n != 0 {
		t.Errorf("%v allocations a report; want none", n)
	}
}
