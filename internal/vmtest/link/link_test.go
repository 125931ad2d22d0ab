package link_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

func TestRecords(t *testing.T) {
	var wire bytes.Buffer
	flushed := 0
	out := link.NewWriter(&wire, func() error { flushed++; return nil })
	long := bytes.Repeat([]byte("0123456789"), link.MaxPayload/10)
	for _, record := range []struct {
		kind    link.Kind
		payload []byte
	}{{link.KindStdout, []byte("one")}, {link.KindEnd, nil}, {link.KindStderr, long}} {
		if err := out.Write(record.kind, record.payload); err != nil {
			t.Fatal(err)
		}
	}
	if flushed != 3 {
		t.Errorf("flushed %d times; want 3", flushed)
	}
	if got := wire.Bytes()[:8]; !bytes.Equal(got, []byte{byte(link.KindStdout), 0, 0, 0, 3, 'o', 'n', 'e'}) {
		t.Errorf("first record = %x", got)
	}
	in := link.NewReader(&wire)
	for _, want := range []struct {
		kind link.Kind
		size int
	}{{link.KindStdout, 3}, {link.KindEnd, 0}, {link.KindStderr, len(long)}} {
		kind, payload, err := in.Next()
		if err != nil || kind != want.kind || len(payload) != want.size {
			t.Errorf("Next() = %d, %d bytes, %v; want %d, %d bytes", kind, len(payload), err, want.kind, want.size)
		}
	}
	if _, _, err := in.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("Next() at the end = %v; want io.EOF", err)
	}
	if err := out.Write(link.KindStdout, make([]byte, link.MaxPayload+1)); !errors.Is(err, link.ErrTooLong) {
		t.Errorf("Write of too much = %v; want ErrTooLong", err)
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		want       error
	}{
		{"half a header", "\x01\x00\x00", io.ErrUnexpectedEOF},
		{"half a payload", "\x01\x00\x00\x00\x05abc", io.ErrUnexpectedEOF},
		{"too long", "\x01\xff\xff\xff\xff", link.ErrTooLong},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, _, err := link.NewReader(strings.NewReader(test.wire)).Next(); !errors.Is(err, test.want) {
				t.Errorf("Next() = %v; want %v", err, test.want)
			}
		})
	}
}

// FuzzReader reads anything: no crash, and what it accepts is written the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x03one\x03\x00\x00\x00\x00"))
	f.Add([]byte("\x05\x00\x10\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		in := link.NewReader(bytes.NewReader(wire))
		var again bytes.Buffer
		out := link.NewWriter(&again, nil)
		for {
			kind, payload, err := in.Next()
			if err != nil {
				break
			}
			if err := out.Write(kind, payload); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(wire, again.Bytes()) {
			t.Errorf("records of %x are written as %x", wire, again.Bytes())
		}
	})
}
