package rtpdump_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/rtpdump"
)

var start = time.Unix(1_700_000_000, 123_456_000)

func newWriter(t testing.TB, w io.Writer) *rtpdump.Writer {
	t.Helper()
	out, err := rtpdump.NewWriter(w, rtpdump.Header{Start: start, Address: "192.0.2.1", Port: 5004})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func recording(t testing.TB) []byte {
	var file bytes.Buffer
	w := newWriter(t, &file)
	for i, p := range [][]byte{{0x80, 96, 0, 1}, {0x81, 200, 0, 0}, bytes.Repeat([]byte{7}, rtpdump.MaxPacket)} {
		if err := w.Packet(time.Duration(i)*1500*time.Microsecond, p, i == 1); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestBytes is against the format as rtptools' rtpdump.h has it.
func TestBytes(t *testing.T) {
	want := hex.EncodeToString([]byte("#!rtpplay1.0 192.0.2.1/5004\n")) +
		"6553f100" + "0001e240" + "c0000201" + "138c" + "0000" +
		"000c" + "0004" + "00000000" + "80600001" +
		"000c" + "0000" + "00000001" + "81c80000" +
		"ffff" + "fff7" + "00000003" + "0707"
	if got := hex.EncodeToString(recording(t)); !strings.HasPrefix(got, want) {
		t.Errorf("recording = %s; want %s...", got[:len(want)], want)
	}
}

func TestRoundTrip(t *testing.T) {
	r, err := rtpdump.NewReader(bytes.NewReader(recording(t)))
	if err != nil {
		t.Fatal(err)
	}
	if h := r.Header; !h.Start.Equal(start) || h.Address != "192.0.2.1" || h.Port != 5004 {
		t.Errorf("Header = %+v", h)
	}
	for i, want := range []struct {
		at   time.Duration
		size int
		rtcp bool
	}{{0, 4, false}, {time.Millisecond, 4, true}, {3 * time.Millisecond, rtpdump.MaxPacket, false}} {
		rec, err := r.Next()
		if err != nil || rec.At != want.at || len(rec.Packet) != want.size || rec.Length != want.size || rec.RTCP != want.rtcp {
			t.Errorf("record %d = %v, %d of %d bytes, RTCP %v, %v; want %+v", i, rec.At, len(rec.Packet), rec.Length, rec.RTCP, err, want)
		}
	}
	for range 2 {
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("after the last: %v; want io.EOF", err)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	whole := recording(t)
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":        {nil, rtpdump.ErrFormat},
		"other":        {[]byte("RIFF....\n"), rtpdump.ErrFormat},
		"no port":      {[]byte("#!rtpplay1.0 1.2.3.4\n"), rtpdump.ErrFormat},
		"endless line": {[]byte("#!rtpplay1.0 " + strings.Repeat("1", 10_000)), rtpdump.ErrFormat},
		"half header":  {whole[:35], io.ErrUnexpectedEOF},
		"half record":  {whole[:28+16+5], io.ErrUnexpectedEOF},
		"half packet":  {whole[:28+16+10], io.ErrUnexpectedEOF},
		"short length": {append(bytes.Clone(whole[:44]), 0, 7, 0, 1, 0, 0, 0, 0), rtpdump.ErrFormat},
		"long packet":  {append(bytes.Clone(whole[:44]), 0, 10, 0, 1, 0, 0, 0, 0, 1, 2), rtpdump.ErrFormat},
	} {
		r, err := rtpdump.NewReader(bytes.NewReader(c.file))
		for err == nil {
			_, err = r.Next()
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v; want %v", name, err, c.want)
		}
	}
	// A packet of which only the beginning was recorded is none of them.
	r, err := rtpdump.NewReader(bytes.NewReader(append(bytes.Clone(whole[:44]), 0, 10, 4, 0, 0, 0, 0, 0, 1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Next(); err != nil || len(rec.Packet) != 2 || rec.Length != 1024 {
		t.Errorf("Next = %+v, %v; want 2 bytes of 1024", rec, err)
	}
}

// failing fails once its room is used.
type failing struct{ room int }

var errFull = errors.New("disk full")

func (f *failing) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestWriterErrorsStay(t *testing.T) {
	w := newWriter(t, &failing{100_000})
	var err error
	for i := 0; i < 1000 && err == nil; i++ {
		err = w.Packet(0, make([]byte, 1000), false)
	}
	for _, got := range []error{err, w.Packet(0, []byte{1}, false), w.Flush()} {
		if !errors.Is(got, errFull) {
			t.Errorf("error = %v; want %v for ever", got, errFull)
		}
	}
	for name, f := range map[string]func(*rtpdump.Writer) error{
		"empty": func(w *rtpdump.Writer) error { return w.Packet(0, nil, false) },
		"long":  func(w *rtpdump.Writer) error { return w.Packet(0, make([]byte, rtpdump.MaxPacket+1), false) },
		"early": func(w *rtpdump.Writer) error { return w.Packet(-1, []byte{1}, false) },
		"late":  func(w *rtpdump.Writer) error { return w.Packet(rtpdump.MaxTime+1, []byte{1}, false) },
	} {
		w := newWriter(t, io.Discard)
		if f(w) == nil || w.Flush() == nil {
			t.Errorf("%s packet: no error, or it was forgotten", name)
		}
	}
	for _, h := range []rtpdump.Header{{Address: "a b"}, {Address: "x/y"}, {Start: time.Unix(-1, 0)}} {
		if _, err := rtpdump.NewWriter(io.Discard, h); err == nil {
			t.Errorf("NewWriter(%+v) = nil; want an error", h)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	w := newWriter(b, io.Discard)
	packet := make([]byte, 1200)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Packet(time.Second, packet, false); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var file bytes.Buffer
	w := newWriter(t, &file)
	packet := make([]byte, 1200)
	file.Grow(4 << 20)
	if n := testing.AllocsPerRun(2000, func() { _ = w.Packet(0, packet, false) }); n != 0 {
		t.Errorf("allocations per packet written = %v; want 0", n)
	}
	_ = w.Flush()
	r, err := rtpdump.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = r.Next() }); n != 0 {
		t.Errorf("allocations per packet read = %v; want 0", n)
	}
}

func FuzzReader(f *testing.F) {
	whole := recording(f)
	f.Add(whole[:200])
	f.Add(whole[:50])
	f.Add([]byte("#!rtpplay1.0 /0\n0123456789abcdef\x00\x08\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := rtpdump.NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		var copied bytes.Buffer
		w, err := rtpdump.NewWriter(&copied, rtpdump.Header{})
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for {
			rec, err := r.Next()
			if err != nil {
				break
			}
			if len(rec.Packet) > rec.Length || rec.At > rtpdump.MaxTime {
				t.Fatalf("record %+v", rec)
			}
			if total += len(rec.Packet) + 8; total > len(file) {
				t.Fatalf("%d bytes of packets from %d of file", total, len(file))
			}
			if len(rec.Packet) > 0 {
				if err := w.Packet(rec.At, rec.Packet, rec.RTCP); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
