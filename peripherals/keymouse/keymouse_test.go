package keymouse_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/input"
	"github.com/blade-shadow/terminal/internal/input/keycode"
	"github.com/blade-shadow/terminal/peripherals/keymouse"
)

// raw is one event of a device; a report ends with syn.
type raw struct {
	kind, code uint16
	value      int32
}

var syn = raw{}

// table is the translation of codes.
func table(t testing.TB) *keycode.Table {
	t.Helper()
	k, err := keycode.New()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// translated says what comes out of a device's events.
func translated(t *testing.T, cfg keymouse.Config, events []raw, then func(*keymouse.Translator)) (out []string) {
	t.Helper()
	cfg.Keys = table(t)
	cfg.Emit = func(ev input.Event) {
		switch ev.Kind {
		case input.KindKey:
			out = append(out, fmt.Sprintf("%v %v", ev.Usage, ev.Down))
		case input.KindMotion:
			out = append(out, fmt.Sprintf("move %d %d", ev.DX, ev.DY))
		case input.KindWheel:
			out = append(out, fmt.Sprintf("wheel %d %d", ev.DX, ev.DY))
		case input.KindAbsolute:
			out = append(out, fmt.Sprintf("at %d: %d %d", ev.Screen, ev.X, ev.Y))
		}
	}
	tr := keymouse.New(cfg)
	for _, e := range events {
		tr.Event(e.kind, e.code, e.value, time.Unix(1, 0))
	}
	if then != nil {
		then(tr)
	}
	return out
}

func TestTranslator(t *testing.T) {
	tests := []struct {
		name   string
		cfg    keymouse.Config
		events []raw
		then   func(*keymouse.Translator)
		want   []string
	}{
		{"USB keyboard says usages", keymouse.Config{}, []raw{{4, 4, 0x70004}, {1, 30, 1}, syn, {1, 30, 2}, syn, {4, 4, 0x70004}, {1, 30, 0}, syn}, nil, []string{"07:0004 true", "07:0004 false"}},
		{"a driver changed the code, not the place", keymouse.Config{}, []raw{{4, 4, 0x70039}, {1, 29, 1}, syn, {4, 4, 0x70039}, {1, 29, 0}, syn}, nil, []string{"07:0039 true", "07:0039 false"}},
		{"PS/2 keyboard says scan codes", keymouse.Config{}, []raw{{4, 4, 0x1e}, {1, 30, 1}, syn, {4, 4, 0xdb}, {1, 125, 1}, syn}, nil, []string{"07:0004 true", "07:00e3 true"}},
		{"virtio keyboard says nothing", keymouse.Config{}, []raw{{1, 28, 1}, syn, {1, 28, 0}, syn, {1, 113, 1}, syn}, nil, []string{"07:0028 true", "07:0028 false", "0c:00e2 true"}},
		{"a scan is of one key only", keymouse.Config{}, []raw{{4, 4, 0x70004}, {1, 30, 1}, {1, 48, 1}, syn, {4, 4, 0x70006}, syn, {1, 31, 1}, syn}, nil, []string{"07:0004 true", "07:0005 true", "07:0016 true"}},
		{"key without a place", keymouse.Config{}, []raw{{1, 0x1d0, 1}, syn, {1, 0x2ff, 1}, {1, 0x300, 1}, {1, 0xffff, 1}, syn}, nil, nil},
		{"up without down, down twice", keymouse.Config{}, []raw{{1, 30, 0}, syn, {1, 30, 1}, syn, {1, 30, 1}, syn}, nil, []string{"07:0004 true"}},
		{"click where the pointer then is", keymouse.Config{}, []raw{{4, 4, 0x90001}, {1, 0x110, 1}, {2, 0, 5}, {2, 1, -3}, syn}, nil, []string{"move 5 -3", "09:0001 true"}},
		{"side buttons", keymouse.Config{}, []raw{{1, 0x113, 1}, {1, 0x114, 1}, {1, 0x117, 1}, syn}, nil, []string{"09:0004 true", "09:0005 true", "09:0008 true"}},
		{"wheel by steps", keymouse.Config{}, []raw{{2, 8, -1}, {2, 6, 2}, syn}, nil, []string{"wheel 240 -120"}},
		{"wheel of high resolution", keymouse.Config{HiResWheel: true, HiResHWheel: true}, []raw{{2, 11, 30}, syn, {2, 11, 90}, {2, 8, 1}, {2, 6, 1}, {2, 12, 120}, syn}, nil, []string{"wheel 0 30", "wheel 120 90"}},
		{"only one wheel of high resolution", keymouse.Config{HiResWheel: true}, []raw{{2, 11, 30}, {2, 6, -1}, syn}, nil, []string{"wheel -120 30"}},
		{"motion beyond all bounds", keymouse.Config{}, []raw{{2, 0, math.MaxInt32}, {2, 0, math.MaxInt32}, {2, 8, math.MinInt32}, syn}, nil, []string{"move 2147483647 0", "wheel 0 -2147483648"}},
		{"absolute pointer", keymouse.Config{X: keymouse.Range{Max: 32767}, Y: keymouse.Range{Min: -100, Max: 100}}, []raw{{3, 0, 32767}, {3, 1, 0}, {1, 0x110, 1}, syn, {3, 0, -5}, {3, 1, 500}, syn, syn}, nil, []string{"at 0: 65535 32767", "09:0001 true", "at 0: 0 65535"}},
		{"absolute pointer without a width", keymouse.Config{X: keymouse.Range{Min: 5, Max: 5}, Y: keymouse.Range{Min: math.MaxInt32, Max: math.MinInt32}}, []raw{{3, 0, 5}, {3, 1, 0}, syn}, nil, nil},
		{"the widest range", keymouse.Config{X: keymouse.Range{Min: math.MinInt32, Max: math.MaxInt32}, Y: keymouse.Range{Max: 1}}, []raw{{3, 0, math.MaxInt32}, {3, 1, 1}, syn}, nil, []string{"at 0: 65535 65535"}},
		{
			"over two screens",
			keymouse.Config{X: keymouse.Range{Max: 65535}, Y: keymouse.Range{Max: 65535}, Place: func(x, y uint16) (uint8, uint16, uint16) { return uint8(x >> 15), x << 1, y }},
			[]raw{{3, 0, 0xc000}, {3, 1, 7}, syn},
			nil,
			[]string{"at 1: 32768 7"},
		},
		{
			"gone with keys down",
			keymouse.Config{},
			[]raw{{1, 30, 1}, syn, {4, 4, 0x90003}, {1, 0x112, 1}, syn, {2, 0, 1}, {1, 48, 1}},
			func(tr *keymouse.Translator) { tr.Release(time.Unix(2, 0)); tr.Release(time.Unix(3, 0)) },
			[]string{"07:0004 true", "09:0003 true", "move 1 0", "07:0005 true", "07:0004 false", "07:0005 false", "09:0003 false"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := translated(t, tt.cfg, tt.events, tt.then); !slices.Equal(got, tt.want) {
				t.Errorf("events %v came out as %q; want %q", tt.events, got, tt.want)
			}
		})
	}
}

// A report with more keys than anyone has fingers loses none.
func TestManyKeysAtOnce(t *testing.T) {
	var events []raw
	for code := uint16(2); code < 60; code++ {
		events = append(events, raw{1, code, 1})
	}
	if got := translated(t, keymouse.Config{}, append(events, syn), nil); len(got) != len(events) {
		t.Errorf("%d keys came out as %d: %q", len(events), len(got), got)
	}
}

func TestTranslatorAllocatesNothing(t *testing.T) {
	tr := keymouse.New(keymouse.Config{Keys: table(t), Emit: func(input.Event) {}})
	now := time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		tr.Event(4, 4, 0x70004, now)
		tr.Event(1, 30, 1, now)
		tr.Event(2, 0, 1, now)
		tr.Event(0, 0, 0, now)
		tr.Event(1, 30, 0, now)
		tr.Event(0, 0, 0, now)
	}); n != 0 {
		t.Errorf("two reports made %v allocations; want 0", n)
	}
}

// Whatever a device says, what goes down comes up again, in turn.
func FuzzTranslator(f *testing.F) {
	f.Add([]byte{1, 0, 30, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{4, 0, 4, 0, 4, 0, 7, 0, 1, 0, 30, 0, 1, 0, 0, 0, 3, 0, 0, 0, 9, 9, 9, 9})
	keys := table(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		down := map[input.Usage]int{}
		tr := keymouse.New(keymouse.Config{Keys: keys, X: keymouse.Range{Max: 100}, Y: keymouse.Range{Max: 100}, Emit: func(ev input.Event) {
			if ev.Kind != input.KindKey {
				return
			}
			if ev.Down {
				down[ev.Usage]++
			} else {
				down[ev.Usage]--
			}
			if n := down[ev.Usage]; n < 0 {
				t.Errorf("%v went up without having been down", ev.Usage)
			}
		}})
		for ; len(b) >= 8; b = b[8:] {
			tr.Event(binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), int32(binary.LittleEndian.Uint32(b[4:])), time.Unix(1, 0))
		}
		tr.Release(time.Unix(2, 0))
		for u, n := range down {
			if n != 0 {
				t.Errorf("%v is down %d times after Release", u, n)
			}
		}
	})
}
