package libav_test

import (
	"errors"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
)

func TestOpusHead(t *testing.T) {
	for _, channels := range []int{1, 2, 6, 8} {
		want, err := libav.OpusFamily1(channels)
		if err != nil {
			t.Fatalf("OpusFamily1(%d) = %v; want a layout", channels, err)
		}
		got, err := libav.ParseOpusHead(want.AppendOpusHead(nil))
		if err != nil || got != want {
			t.Errorf("ParseOpusHead(head of %d) = %+v, %v; want %+v", channels, got, err, want)
		}
	}
	if _, err := libav.OpusFamily1(5); err == nil {
		t.Error("OpusFamily1(5) = nil; want an error")
	}
	// RFC 7845, 5.1: what encoders write for stereo.
	plain := []byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00")
	if l, err := libav.ParseOpusHead(plain); err != nil || l.Channels != 2 || l.Coupled != 1 {
		t.Errorf("ParseOpusHead(stereo) = %+v, %v; want one coupled stream", l, err)
	}
	six, _ := libav.OpusFamily1(6)
	head := six.AppendOpusHead(nil)
	change := func(at int, to byte) []byte {
		b := append([]byte(nil), head...)
		b[at] = to
		return b
	}
	for name, b := range map[string][]byte{
		"cut off": head[:len(head)-1], "no magic": change(0, 'o'), "version": change(8, 0x21), "no channels": change(9, 0),
		"too many channels": change(9, 9), "family": change(18, 255), "family 0 of six": change(18, 0), "no streams": change(19, 0),
		"more coupled than streams": change(20, 9), "stream that is not there": change(21, 6),
	} {
		if l, err := libav.ParseOpusHead(b); !errors.Is(err, libav.ErrInvalidData) {
			t.Errorf("ParseOpusHead(%s) = %+v, %v; want ErrInvalidData", name, l, err)
		}
	}
}

func FuzzOpusHead(f *testing.F) {
	for _, channels := range []int{1, 2, 6, 8} {
		l, _ := libav.OpusFamily1(channels)
		f.Add(l.AppendOpusHead(nil))
	}
	f.Add([]byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := libav.ParseOpusHead(b)
		if err != nil {
			return
		}
		again, err := libav.ParseOpusHead(l.AppendOpusHead(nil))
		if err != nil || again != l {
			t.Errorf("ParseOpusHead(%+v again) = %+v, %v", l, again, err)
		}
		if d, err := libav.NewOpusSurroundDecoder(l); err == nil { // the library must not be harmed by what passed
			d.Close()
		}
	})
}
