package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

var update = flag.Bool("update", false, "rewrite the vectors under testdata")

// vector is one example: bytes and what they mean. Refused vectors have no
// fields but the reason.
type vector[T any] struct {
	Name   string `json:"name"`
	Hex    string `json:"hex"`
	Fields T      `json:"fields"`
}

type refused struct {
	Name  string `json:"name"`
	Hex   string `json:"hex"`
	Error string `json:"error"` // "malformed" or "version"
}

func inputVectors() []vector[datagram] {
	return []vector[datagram]{
		{Name: "idle terminal", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagFocused | wire.FlagSnapshot, Seq: 1, Time: 1_000_000},
			Pointer: &wire.Pointer{Age: 0xffff},
			Keys:    &wire.Keys{},
		}},
		{Name: "motion and wheel", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagFocused, Epoch: 3, Seq: 0xffffffff, Time: 0x89abcdef, Ack: 17},
			Pointer: &wire.Pointer{Age: 25, X: 1000, Y: 0xffffff38, WheelV: 120, WheelH: 0xffffffe2},
		}},
		{Name: "click of the right button with a key held", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagFocused | wire.FlagSnapshot, Epoch: 3, Seq: 42, Time: 5_000_000, Ack: 40},
			Pointer: &wire.Pointer{Age: 1, X: 0x10005, Y: 7, Buttons: 2},
			Events: &wire.Events{First: 9, List: []wire.Transition{
				{Age: 1000, Down: true, Key: 0x001a, X: 3, Y: 4},
				{Age: 1, Down: true, Key: 0x6002, X: 5, Y: 7},
			}},
			Keys: &wire.Keys{LastEvent: 10, Held: []wire.Key{0x001a, 0x6002}},
		}},
		{Name: "absolute click on screen 1", Fields: datagram{
			Header:     wire.Header{Flags: wire.FlagFocused, Epoch: 0xffff, Seq: 43, Time: 5_001_000, Ack: 40},
			Pointer:    &wire.Pointer{X: 5, Buttons: 1},
			PointerAbs: &wire.PointerAbs{InRange: true, Screen: 1, X: 32768, Y: 65535, Buttons: 1},
			Events:     &wire.Events{First: 11, List: []wire.Transition{{Down: true, Absolute: true, Screen: 1, Key: 0x6001, X: 32700, Y: 65535, Wheel: 240}}},
		}},
		{Name: "marker 4660, pressed and let go", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagFocused, Epoch: 1, Seq: 44, Time: 5_002_000, Ack: 43},
			Pointer: &wire.Pointer{X: 5},
			Events: &wire.Events{First: 12, List: []wire.Transition{
				{Age: 2, Down: true, Key: 0x9234, X: 5}, {Key: 0x9234, X: 5},
			}},
		}},
		{Name: "goodbye", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagGoodbye | wire.FlagSnapshot, Epoch: 4, Seq: 44, Time: 6_000_000, Ack: 40},
			Pointer: &wire.Pointer{Age: 9},
			Events:  &wire.Events{First: 12, List: []wire.Transition{{Key: 0x6001}}},
			Keys:    &wire.Keys{LastEvent: 12},
		}},
		{Name: "game pad 1: south and start pressed, left stick up, right trigger half", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagFocused, Epoch: 1, Seq: 45, Time: 5_003_000, Ack: 43},
			Pointer: &wire.Pointer{X: 5},
			Pad: &wire.Pad{
				Pad: 1, Connected: true, Age: 3, Buttons: 1<<input.PadSouth | 1<<input.PadStart,
				LeftX: 0, LeftY: -32767, RightX: 1000, RightTrigger: 32768,
			},
		}},
		{Name: "game pad 1 unplugged", Fields: datagram{
			Header:  wire.Header{Flags: wire.FlagFocused, Epoch: 1, Seq: 46, Time: 5_004_000, Ack: 43},
			Pointer: &wire.Pointer{X: 5},
			Pad:     &wire.Pad{Pad: 1},
		}},
		{Name: "answer of the host", Fields: datagram{
			Header: wire.Header{Epoch: 3, Seq: 41, Time: 77, Ack: 42},
			Ack:    &wire.Ack{Next: 11, Echo: 5_000_000, Hold: 250 * time.Microsecond},
			LEDs:   &wire.LEDs{Lit: wire.LEDNum | wire.LEDCaps},
		}},
		{Name: "the host's pointer on screen 1", Fields: datagram{
			Header:    wire.Header{Epoch: 3, Seq: 42, Time: 78, Ack: 42},
			PointerAt: &wire.PointerAt{Screen: 1, Visible: true, Age: 125, X: 32785, Y: 30, Shape: 7},
		}},
		{Name: "the host's pointer over no screen", Fields: datagram{
			Header:    wire.Header{Epoch: 3, Seq: 43, Time: 79, Ack: 42},
			PointerAt: &wire.PointerAt{Shape: 7},
		}},
		{Name: "two fingers and a pen", Fields: datagram{
			Header: wire.Header{Flags: wire.FlagFocused, Epoch: 1, Seq: 47, Time: 5_005_000, Ack: 43},
			Touch: &wire.Touch{Device: 2, N: 2, Screen: 1, Age: 2, Contacts: [input.MaxContacts]input.Contact{
				{ID: 0, X: 100, Y: 65535, Pressure: 500, Major: 20, Minor: 10}, {ID: 7, Tool: input.ToolPalm, X: 32768, Y: 1},
			}},
			Pen: &wire.Pen{Device: 3, InRange: true, Touching: true, Age: 1, X: 1, Y: 2, Pressure: 40000, TiltX: -30, TiltY: 45, Rotation: 9000, Distance: 5, Buttons: 2},
		}},
		{Name: "all fingers lifted, touchpad and motion of pad 3", Fields: datagram{
			Header:    wire.Header{Flags: wire.FlagFocused, Epoch: 1, Seq: 48, Time: 5_006_000, Ack: 43},
			Touch:     &wire.Touch{Device: 2},
			PadTouch:  &wire.PadTouch{Pad: 3, N: 1, Contacts: [2]input.Contact{{ID: 4, X: 9, Y: 8}}},
			PadMotion: &wire.PadMotion{Pad: 3, Age: 6, AccelY: 4096, GyroX: -160},
		}},
		{Name: "what the host wants of pad 3", Fields: datagram{
			Header:     wire.Header{Epoch: 3, Seq: 44, Time: 80, Ack: 42},
			Rumble:     &wire.Rumble{Pad: 3, Low: 65535, High: 1000, RightTrigger: 7, TTL: 250 * time.Millisecond},
			RGB:        &wire.RGB{Pad: 3, R: 255, B: 16},
			Triggers:   &wire.Triggers{Pad: 3, SetRight: true, RightType: 0x21, Right: [10]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			MotionRate: &wire.MotionRate{Pad: 3, Hertz: 250},
		}},
	}
}

func controlVectors() []vector[[]control] {
	ping := uint64(123_456_789)
	return append([]vector[[]control]{
		{Name: "hello", Fields: []control{{Hello: &hello{
			MinVersion: 1, MaxVersion: 1, Screens: 2, Codecs: []int{2, 1},
			Program: "shadow-terminal", Version: "1.2.3",
		}}}},
		{Name: "hello ack", Fields: []control{{HelloAck: &wire.HelloAck{
			Version: 1, Host: "büro", Screens: []wire.Screen{
				{Index: 0, Width: 1920, Height: 1080, MilliFPS: 60_000, Codec: media.CodecH264},
				{Index: 1, Width: 3840, Height: 2160, MilliFPS: 59_940, Codec: media.CodecHEVC},
			},
		}}}},
		{Name: "ping", Fields: []control{{Ping: &ping}}},
		{Name: "pong and bitrate in one SCTP message", Fields: []control{
			{Pong: &pong{Echo: ping, WallNS: 1_795_000_000_123_456_789}},
			{SetBitrate: &wire.SetBitrate{Screen: wire.AllScreens, MaxBps: 20_000_000}},
		}},
		{Name: "screen", Fields: []control{{Screen: &wire.Screen{Index: 1, Width: 2560, Height: 1440, MilliFPS: 120_000, Codec: media.CodecHEVC}}}},
		{Name: "bye", Fields: []control{{Bye: &wire.Bye{Code: wire.ByeTakenOver, Reason: "taken over by living room"}}}},
		{Name: "decoders", Fields: []control{{Decoders: []decoder{
			{1, wire.Decoder{Hardware: true, MaxWidth: 4096, MaxHeight: 4096, MacroblocksPerSecond: 2_073_600}},
			{2, wire.Decoder{MaxWidth: 1920, MaxHeight: 1088}},
		}}}},
		{Name: "no decoder at all", Fields: []control{{Decoders: []decoder{}}}},
		{Name: "limit of all screens, then of one", Fields: []control{
			{Limit: &wire.Limit{Screen: wire.AllScreens, MaxMilliFPS: 30_000}},
			{Limit: &wire.Limit{Screen: 1, MaxWidth: 1920, MaxHeight: 1080}},
		}},
		{Name: "layout of two outputs, the second pulled out", Fields: []control{{Layout: []wire.Placement{
			{Index: 0, Connected: true, Primary: true, Width: 3840, Height: 2160, MilliHz: 59_997, ScalePercent: 150, VRRMin: 48_000, VRRMax: 144_000},
			{Index: 1, X: -1920, Y: 540, Width: 1920, Height: 1080, MilliHz: 60_000, ScalePercent: 100},
		}}}},
		{Name: "phase", Fields: []control{{Phase: &phase{Screen: 1, AtNS: 1_795_000_000_123_456_789, Period: 16_683_350}}}},
		{Name: "shape of 2x1 pixels, the right one half transparent", Fields: []control{{Cursor: &cursorPart{
			wire.CursorPart{Serial: 7, Width: 2, Height: 1, HotX: 1, Total: 13}, "010800f7ffff0000ff80008080",
		}}}},
		{Name: "part of a shape", Fields: []control{{Cursor: &cursorPart{
			wire.CursorPart{Serial: 8, Width: 256, Height: 256, HotX: 255, HotY: 255, Total: 70_000, Offset: 69_998}, "0300",
		}}}},
		{Name: "no shape", Fields: []control{{Cursor: &cursorPart{wire.CursorPart{Serial: 9}, ""}}}},
		{Name: "unknown message, then ping", Fields: []control{
			{Unknown: &unknown{Type: 0x7f, BodyHex: "010203"}}, {Ping: &ping},
		}},
	}, peripheralVectors()...)
}

func frameTimingVectors() []vector[wire.FrameTiming] {
	return []vector[wire.FrameTiming]{
		{Name: "first frame", Fields: wire.FrameTiming{Frame: 1, Encoded: 4200 * time.Microsecond, SentFirst: 4310 * time.Microsecond, Sent: 9990 * time.Microsecond}},
		{Name: "saturated", Fields: wire.FrameTiming{Frame: 0xffffffff, Encoded: 655350 * time.Microsecond, SentFirst: 655350 * time.Microsecond, Sent: 655350 * time.Microsecond}},
	}
}

func refusedVectors() []refused {
	return []refused{
		{Name: "header cut", Hex: "100100000100000000000000000000", Error: "malformed"},
		{Name: "version 2", Hex: "20010000010000000000000000000000", Error: "version"},
		{Name: "record cut", Hex: "100100000100000000000000000000007f0300", Error: "malformed"},
		{Name: "POINTER too short", Hex: "10010000010000000000000000000000010400000000", Error: "malformed"},
		{Name: "PAD too short", Hex: "1001000001000000000000000000000005040100ffff", Error: "malformed"},
		{Name: "KEYS with more keys than bytes", Hex: "1001000001000000000000000000000003080000000000010000", Error: "malformed"},
	}
}

func TestInputVectors(t *testing.T) {
	check(t, "input.json", inputVectors(), datagram.encode, decode)
}

func TestControlVectors(t *testing.T) {
	encode := func(all []control) (b []byte) {
		for _, c := range all {
			b = c.encode(b)
		}
		return b
	}
	check(t, "control.json", controlVectors(), encode, decodeControl)
}

func TestFrameTimingVectors(t *testing.T) {
	encode := func(f wire.FrameTiming) []byte { return wire.AppendFrameTiming(nil, f) }
	check(t, "frame-timing.json", frameTimingVectors(), encode, wire.ParseFrameTiming)
}

func TestRefusedVectors(t *testing.T) {
	all := refusedVectors()
	if *update {
		write(t, "input-refused.json", all)
	}
	for _, v := range load[refused](t, "input-refused.json") {
		b, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		want := map[string]error{"malformed": wire.ErrMalformed, "version": wire.ErrVersion}[v.Error]
		if _, err := wire.ParseDatagram(b); want == nil || !errors.Is(err, want) {
			t.Errorf("%s: ParseDatagram(%s) = %v; want %s", v.Name, v.Hex, err, v.Error)
		}
	}
}

// check reads the vectors of a file and tries each in both directions.
func check[T any](t *testing.T, file string, source []vector[T], encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	if *update {
		for i := range source {
			source[i].Hex = hex.EncodeToString(encode(source[i].Fields))
		}
		write(t, file, source)
	}
	got := load[vector[T]](t, file)
	if len(got) != len(source) {
		t.Errorf("%s has %d vectors; want %d: run with -update", file, len(got), len(source))
	}
	for _, v := range got {
		t.Run(v.Name, func(t *testing.T) {
			b, err := hex.DecodeString(v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			if got := encode(v.Fields); !bytes.Equal(got, b) {
				t.Errorf("encode(%+v) = %x; want %x", v.Fields, got, b)
			}
			if got, err := decode(b); err != nil || !equal(got, v.Fields) {
				t.Errorf("decode(%x) = %+v, %v; want %+v", b, got, err, v.Fields)
			}
		})
	}
}

// equal compares as JSON does, where an empty list and none are the same.
func equal(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	if err1 != nil || err2 != nil {
		return false
	}
	null, empty := []byte(`:null`), []byte(`:[]`)
	return reflect.DeepEqual(bytes.ReplaceAll(x, null, empty), bytes.ReplaceAll(y, null, empty))
}

func load[T any](t *testing.T, file string) (all []T) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "vectors", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return all
}

func write(t *testing.T, file string, all any) {
	t.Helper()
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("testdata", "vectors")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, file), append(b, '\n'), 0o644)); err != nil {
		t.Fatal(err)
	}
}
