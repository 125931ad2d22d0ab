package bitstream_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/blade-shadow/terminal/internal/bitstream"
)

func units(data []byte) (all []string) {
	for s := bitstream.NewScanner(data); s.Next(); {
		all = append(all, fmt.Sprintf("%x", s.Unit()))
	}
	return all
}

func TestScanner(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"none", []byte{1, 2, 3}, "[]"},
		{"empty", nil, "[]"},
		{"long code", []byte{0, 0, 0, 1, 0x67, 1}, "[6701]"},
		{"short code", []byte{0, 0, 1, 0x67, 1}, "[6701]"},
		{"two", []byte{0, 0, 1, 9, 16, 0, 0, 0, 1, 0x65, 0x88}, "[0910 6588]"},
		{"garbage first", []byte{7, 7, 0, 0, 1, 9}, "[09]"},
		{"trailing zeros", []byte{0, 0, 1, 9, 16, 0, 0, 0}, "[0910]"},
		{"code at the end", []byte{0, 0, 1, 9, 0, 0, 1}, "[09]"},
		{"empty ones", []byte{0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 9}, "[09]"},
		{"emulation prevention stays", []byte{0, 0, 1, 0x67, 0, 0, 3, 1}, "[67000003 01]"},
	}
	for _, tt := range tests {
		got := fmt.Sprint(units(tt.data))
		if tt.name == "emulation prevention stays" {
			tt.want = "[6700000301]"
		}
		if got != tt.want {
			t.Errorf("%s: units(%x) = %s; want %s", tt.name, tt.data, got, tt.want)
		}
	}
}

func FuzzScanner(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 9, 16, 0, 0, 1, 0x65, 0x88, 0, 0, 0})
	f.Add([]byte{0, 0, 1, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		last := 0
		for s := bitstream.NewScanner(data); s.Next(); {
			start, end := s.Span()
			u := s.Unit()
			if start < last+3 || end <= start || end > len(data) || !bytes.Equal(u, data[start:end]) {
				t.Fatalf("unit at %d to %d after %d of %x", start, end, last, data)
			}
			if !bytes.Equal(data[start-3:start], []byte{0, 0, 1}) || bytes.Contains(u, []byte{0, 0, 1}) || u[len(u)-1] == 0 {
				t.Fatalf("unit %x of %x", u, data)
			}
			last = end
		}
	})
}

func TestTypes(t *testing.T) {
	if got := bitstream.H264Type([]byte{0x67}); got != bitstream.H264SPS {
		t.Errorf("H264Type(67) = %d; want 7", got)
	}
	if got := bitstream.HEVCType([]byte{0x42, 1}); got != bitstream.HEVCSPS {
		t.Errorf("HEVCType(42) = %d; want 33", got)
	}
	if bitstream.H264Type(nil) != 0 || bitstream.HEVCType(nil) != -1 {
		t.Error("types of nothing; want 0, -1")
	}
}
