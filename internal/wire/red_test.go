package wire_test

import (
	"bytes"
	"testing"

	"github.com/blade-shadow/terminal/internal/wire"
)

func TestREDBytes(t *testing.T) {
	got := wire.AppendRED(nil,
		wire.REDBlock{PayloadType: 111, Offset: 480, Data: []byte{1, 2, 3}},
		wire.REDBlock{PayloadType: 111, Offset: 240, Data: []byte{4}},
		wire.REDBlock{PayloadType: 111, Data: []byte{5, 6}})
	// RFC 2198, 3: F, PT, offset, length.
	want := []byte{0xef, 0x07, 0x80, 0x03, 0xef, 0x03, 0xc0, 0x01, 0x6f, 1, 2, 3, 4, 5, 6}
	if !bytes.Equal(got, want) {
		t.Fatalf("AppendRED() = % x; want % x", got, want)
	}
	var blocks [wire.MaxREDBlocks]wire.REDBlock
	n, err := wire.ReadRED(&blocks, got)
	if err != nil || n != 3 {
		t.Fatalf("ReadRED() = %d, %v; want 3 blocks", n, err)
	}
	if b := blocks[0]; b.Offset != 480 || !bytes.Equal(b.Data, []byte{1, 2, 3}) {
		t.Errorf("first block = %+v; want offset 480 and 1 2 3", b)
	}
	if b := blocks[2]; b.Offset != 0 || b.PayloadType != 111 || !bytes.Equal(b.Data, []byte{5, 6}) {
		t.Errorf("last block = %+v; want 5 6", b)
	}
}

func TestREDMalformed(t *testing.T) {
	var blocks [wire.MaxREDBlocks]wire.REDBlock
	for name, payload := range map[string][]byte{
		"empty":              {},
		"header cut":         {0xef, 0, 0},
		"no last header":     {0xef, 0, 0, 0},
		"longer than it is":  {0xef, 0, 0, 9, 0x6f, 1},
		"more than anything": bytes.Repeat([]byte{0xef, 0, 0, 0}, 300),
	} {
		if n, err := wire.ReadRED(&blocks, payload); err == nil {
			t.Errorf("ReadRED(%s) = %d, nil; want an error", name, n)
		}
	}
}

func FuzzReadRED(f *testing.F) {
	f.Add([]byte{0xef, 0x07, 0x80, 0x03, 0x6f, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{0x6f})
	f.Add([]byte{0xef, 0xff, 0xff, 0xff, 0x00})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var blocks [wire.MaxREDBlocks]wire.REDBlock
		n, err := wire.ReadRED(&blocks, payload)
		if err != nil {
			return
		}
		if again := wire.AppendRED(nil, blocks[:n]...); !bytes.Equal(again, payload) {
			t.Fatalf("AppendRED(ReadRED(% x)) = % x; want the same", payload, again)
		}
	})
}
