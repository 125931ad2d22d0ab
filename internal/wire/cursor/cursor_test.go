package cursor_test

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"testing"

	"github.com/blade-shadow/terminal/internal/wire"
	"github.com/blade-shadow/terminal/internal/wire/cursor"
)

// noise is a shape that does not get smaller.
func noise(serial uint32, width, height int) cursor.Shape {
	r := rand.New(rand.NewPCG(1, uint64(serial)))
	s := cursor.Shape{Serial: serial, Width: width, Height: height, HotX: width - 1, Pix: make([]byte, 4*width*height)}
	for i := range s.Pix {
		s.Pix[i] = byte(r.Uint32())
		if i%4 == 3 {
			s.Pix[i] = 255
		}
	}
	return s
}

func messages(t testing.TB, e *cursor.Encoder, s cursor.Shape) []byte {
	t.Helper()
	b, err := e.Append(nil, s)
	if err != nil {
		t.Fatalf("Append(%dx%d) = %v; want no error", s.Width, s.Height, err)
	}
	return b
}

// parts reads the messages.
func parts(t testing.TB, b []byte) (all []wire.CursorPart) {
	t.Helper()
	for len(b) > 0 {
		m, rest, err := wire.ParseMessage(b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Cursor()
		if err != nil {
			t.Fatal(err)
		}
		all, b = append(all, p), rest
	}
	return all
}

func TestRoundTrip(t *testing.T) {
	var e cursor.Encoder
	var j cursor.Joiner
	plain := cursor.Shape{Serial: 9, Width: 24, Height: 24, HotX: 3, HotY: 4, Pix: bytes.Repeat([]byte{1, 2, 3, 200}, 24*24)}
	for _, want := range []cursor.Shape{noise(1, 256, 256), {Serial: 2}, plain, noise(3, 1, 1), noise(4, 32, 48), noise(5, 256, 1)} {
		all := parts(t, messages(t, &e, want))
		for i, p := range all {
			got, done, err := j.Add(p)
			if err != nil || done != (i == len(all)-1) {
				t.Fatalf("Add(part %d of %d, pointer %d) = done %v, %v; want no error", i, len(all), want.Serial, done, err)
			}
			if done && !reflect.DeepEqual(got, want) {
				t.Errorf("pointer %d comes as %dx%d, hot %d,%d; want the same pixels", want.Serial, got.Width, got.Height, got.HotX, got.HotY)
			}
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	one := make([]byte, 4)
	for _, s := range []cursor.Shape{
		{Width: 257, Height: 1, Pix: make([]byte, 4*257)},
		{Width: 1, Height: 1, HotX: 1, Pix: one},
		{Width: 1, Height: 1, HotY: -1, Pix: one},
		{Width: 1, Height: 0, Pix: one},
		{Width: 1, Height: 1, Pix: one[:3]},
	} {
		if b, err := new(cursor.Encoder).Append(nil, s); err == nil || len(b) != 0 {
			t.Errorf("Append(%+v) = %d bytes, %v; want an error", s, len(b), err)
		}
	}
}

// packed returns a shape's only part from pixels that need not fit it.
func packed(t testing.TB, width, height int, pix []byte) wire.CursorPart {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(pix); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return wire.CursorPart{Serial: 1, Width: uint16(width), Height: uint16(height), Total: uint32(b.Len()), Data: b.Bytes()}
}

func TestAddRefuses(t *testing.T) {
	all := parts(t, messages(t, new(cursor.Encoder), noise(1, 64, 64)))
	other := all[1]
	other.Serial++
	wider := all[1]
	wider.Width++
	good := packed(t, 2, 2, make([]byte, 16))
	more := good
	more.Data, more.Total = append(bytes.Clone(good.Data), 0), good.Total+1
	cut := good
	cut.Data, cut.Total = good.Data[:len(good.Data)-1], good.Total-1
	tests := []struct {
		name string
		in   []wire.CursorPart
	}{
		{"not from the start", all[1:2]},
		{"a part is missing", []wire.CursorPart{all[0], all[2]}},
		{"a part twice", []wire.CursorPart{all[0], all[1], all[1]}},
		{"part of another", []wire.CursorPart{all[0], other}},
		{"part of another size", []wire.CursorPart{all[0], wider}},
		{"too few pixels", []wire.CursorPart{packed(t, 2, 2, make([]byte, 15))}},
		{"a pixel too many", []wire.CursorPart{packed(t, 2, 2, make([]byte, 17))}},
		{"bytes after the end", []wire.CursorPart{more}},
		{"no end", []wire.CursorPart{cut}},
		{"not packed", []wire.CursorPart{{Serial: 1, Width: 1, Height: 1, Total: 4, Data: []byte{0xff, 0xff, 0xff, 0xff}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var j cursor.Joiner
			last := len(tt.in) - 1
			for i, p := range tt.in {
				_, done, err := j.Add(p)
				if done || (i == last) != errors.Is(err, wire.ErrMalformed) {
					t.Errorf("Add(part %d) = done %v, %v; want ErrMalformed from the last", i, done, err)
				}
			}
			if _, done, err := j.Add(good); !done || err != nil {
				t.Errorf("Add(a good one after that) = done %v, %v; want a shape", done, err)
			}
		})
	}
}

// A new shape replaces one that is not complete.
func TestNewShapeWins(t *testing.T) {
	var j cursor.Joiner
	if _, done, err := j.Add(parts(t, messages(t, new(cursor.Encoder), noise(1, 64, 64)))[0]); done || err != nil {
		t.Fatalf("Add(first part) = done %v, %v; want more", done, err)
	}
	if s, done, err := j.Add(wire.CursorPart{Serial: 2}); !done || err != nil || !s.Hidden() || s.Serial != 2 {
		t.Errorf("Add(no shape) = %+v, done %v, %v; want it", s, done, err)
	}
}

// What unpacks to gigabytes costs no more memory than was announced.
func TestBomb(t *testing.T) {
	bomb := packed(t, 1, 1, make([]byte, 64<<20))
	var j cursor.Joiner
	if _, _, err := j.Add(packed(t, 1, 1, make([]byte, 4))); err != nil { // warm
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for at := 0; at < len(bomb.Data); at += wire.MaxCursorPart {
		p := bomb
		p.Offset, p.Data = uint32(at), bomb.Data[at:min(at+wire.MaxCursorPart, len(bomb.Data))]
		_, done, err := j.Add(p)
		last := at+wire.MaxCursorPart >= len(bomb.Data)
		if done || last != errors.Is(err, wire.ErrMalformed) {
			t.Errorf("Add(bomb) = done %v, %v; want ErrMalformed at its end", done, err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("a bomb of 64 MiB in %d bytes allocated %d; want less than 1 MiB", len(bomb.Data), n)
	}
}

// Colours over their alpha are cut to it.
func TestClamp(t *testing.T) {
	var j cursor.Joiner
	s, done, err := j.Add(packed(t, 1, 1, []byte{255, 7, 8, 8}))
	if want := []byte{8, 7, 8, 8}; err != nil || !done || !bytes.Equal(s.Pix, want) {
		t.Errorf("Add = %v, %v; want %v", s.Pix, err, want)
	}
}

// The example that docs/PROTOCOL.md's vectors give in bytes.
func TestVector(t *testing.T) {
	b, err := hex.DecodeString("0c0023000700000002000100010000000d000000000000000d00" + "010800f7ffff0000ff80008080")
	if err != nil {
		t.Fatal(err)
	}
	s, done, err := new(cursor.Joiner).Add(parts(t, b)[0])
	want := cursor.Shape{Serial: 7, Width: 2, Height: 1, HotX: 1, Pix: []byte{255, 0, 0, 255, 128, 0, 128, 128}}
	if err != nil || !done || !reflect.DeepEqual(s, want) {
		t.Errorf("vector = %+v, done %v, %v; want %+v", s, done, err, want)
	}
}

// Whatever comes, a shape is one that the encoder takes, and nothing panics.
func FuzzJoiner(f *testing.F) {
	var e cursor.Encoder
	f.Add(append(messages(f, &e, noise(1, 40, 40)), messages(f, &e, cursor.Shape{Serial: 2})...))
	f.Add(messages(f, &e, cursor.Shape{Serial: 1, Width: 16, Height: 16, Pix: make([]byte, 1024)}))
	f.Add(wire.AppendCursor(nil, packed(f, 1, 1, make([]byte, 1<<16))))
	f.Fuzz(func(t *testing.T, b []byte) {
		var j cursor.Joiner
		for len(b) > 0 {
			m, rest, err := wire.ParseMessage(b)
			if err != nil {
				return
			}
			b = rest
			p, err := m.Cursor()
			if err != nil {
				continue
			}
			s, done, err := j.Add(p)
			if err != nil && !errors.Is(err, wire.ErrMalformed) || err != nil && done {
				t.Fatalf("Add(%d) = done %v, %v; want ErrMalformed", p.Serial, done, err)
			}
			if !done {
				continue
			}
			var back cursor.Joiner
			for _, p := range parts(t, messages(t, new(cursor.Encoder), s)) {
				got, done, err := back.Add(p)
				if err != nil || done && !reflect.DeepEqual(got, s) {
					t.Fatalf("Add(Append(%dx%d)) = %v; want the same", s.Width, s.Height, err)
				}
			}
		}
	})
}

func BenchmarkShape(b *testing.B) {
	var e cursor.Encoder
	var j cursor.Joiner
	s := noise(1, 32, 32)
	buf := make([]byte, 0, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		out, err := e.Append(buf[:0], s)
		if err != nil {
			b.Fatal(err)
		}
		for len(out) > 0 {
			m, rest, _ := wire.ParseMessage(out)
			p, _ := m.Cursor()
			if _, _, err := j.Add(p); err != nil {
				b.Fatal(err)
			}
			out = rest
		}
	}
}
