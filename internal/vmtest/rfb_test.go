package vmtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"io"
	"strings"
	"testing"
)

// rectangle is one with our encodings, in an update of one.
func rectangle(x, y, width, height int, encoding int32, body ...byte) []byte {
	message := []byte{0, 0, 0, 1}
	for _, value := range []int{x, y, width, height} {
		message = binary.BigEndian.AppendUint16(message, uint16(value))
	}
	return append(binary.BigEndian.AppendUint32(message, uint32(encoding)), body...)
}

func newTestRFB() *rfb { return &rfb{sized: make(chan error, 1), more: make(chan struct{})} }

func TestCursor(t *testing.T) {
	c := newTestRFB()
	// QEMU's bytes: the encoding, then blue, green, red, alpha.
	body := append([]byte{0, 0, 0, 0}, 0x00, 0x80, 0xff, 0xff, 0x40, 0x00, 0x80, 0x80)
	if err := c.message(bytes.NewReader(rectangle(3, 4, 2, 1, encodingAlphaCursor, body...))); err != nil {
		t.Fatal(err)
	}
	cursor, hot, _, err := c.shape()
	if err != nil || hot != image.Pt(3, 4) || cursor.Bounds().Size() != image.Pt(2, 1) {
		t.Fatalf("shape() = %v, %v, %v; want 2x1 with hot-spot 3,4", cursor, hot, err)
	}
	for x, want := range []color.RGBA{{0xff, 0x80, 0, 0xff}, {0x80, 0, 0x40, 0x80}} {
		if got := cursor.RGBAAt(x, 0); got != want {
			t.Errorf("cursor at %d = %v; want %v", x, got, want)
		}
	}
}

func TestDesktopSize(t *testing.T) {
	for _, test := range []struct {
		reason, status int
		answered, good bool
	}{{0, 0, false, false}, {1, 0, true, true}, {1, 4, true, true}, {1, 3, true, false}} {
		c := newTestRFB()
		body := append([]byte{1, 0, 0, 0}, make([]byte, 16)...)
		if err := c.message(bytes.NewReader(rectangle(test.reason, test.status, 640, 480, encodingDesktopSize, body...))); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-c.sized:
			if !test.answered || (err == nil) != test.good {
				t.Errorf("reason %d, status %d: answer %v", test.reason, test.status, err)
			}
		default:
			if test.answered {
				t.Errorf("reason %d, status %d: no answer", test.reason, test.status)
			}
		}
	}
}

func TestHandshake(t *testing.T) {
	server := "RFB 003.008\n" + "\x01\x01" + "\x00\x00\x00\x00" +
		"\x05\x00\x02\xd0" + strings.Repeat("\x00", 16) + "\x00\x00\x00\x04QEMU" + "next"
	in := strings.NewReader(server)
	var out bytes.Buffer
	if err := shakeHands(in, &out); err != nil {
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(in); string(rest) != "next" {
		t.Errorf("after the handshake there is %q; want next", rest)
	}
	want := "RFB 003.008\n\x01\x01" + "\x02\x00\x00\x03" + "\x00\x00\x00\x00" + "\xff\xff\xfe\xcc" + "\xff\xff\xfe\xc6"
	if out.String() != want {
		t.Errorf("client says %q; want %q", out.String(), want)
	}
	if err := shakeHands(strings.NewReader("RFB 003.008\n\x01\x02\x00\x00\x00\x01"), io.Discard); err == nil {
		t.Error("shakeHands when refused = nil; want an error")
	}
}

// FuzzRFB reads anything as the server's words.
func FuzzRFB(f *testing.F) {
	f.Add(rectangle(1, 1, 2, 2, encodingAlphaCursor, make([]byte, 20)...))
	f.Add(rectangle(1, 0, 9, 9, encodingDesktopSize, append([]byte{1, 0, 0, 0}, make([]byte, 16)...)...))
	f.Add(rectangle(0, 0, 1, 1, encodingRaw, 1, 2, 3, 4))
	f.Add([]byte{2, 3, 0, 0, 0, 0, 0, 0, 1, 'x'})
	f.Add(rectangle(0, 0, 0xffff, 0xffff, encodingAlphaCursor))
	f.Fuzz(func(t *testing.T, wire []byte) {
		c := newTestRFB()
		in := bytes.NewReader(wire)
		for {
			before := in.Len()
			if err := c.message(in); err != nil {
				break
			}
			if in.Len() >= before {
				t.Fatal("a message of no bytes")
			}
		}
		if cursor, _, _, _ := c.shape(); cursor != nil && cursor.Bounds().Dx() > maxCursor {
			t.Errorf("cursor of %v", cursor.Bounds())
		}
	})
}

func TestDecodePPM(t *testing.T) {
	picture, err := decodePPM(strings.NewReader("P6\n2 1\n255\n\x01\x02\x03\xff\x00\x00"))
	if err != nil || picture.Bounds().Size() != image.Pt(2, 1) {
		t.Fatalf("decodePPM = %v, %v; want 2x1", picture, err)
	}
	if got, want := picture.NRGBAAt(1, 0), (color.NRGBA{0xff, 0, 0, 0xff}); got != want {
		t.Errorf("pixel = %v; want %v", got, want)
	}
	if _, err := decodePPM(strings.NewReader("P6\n16000 16000\n255\n")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("decodePPM without pixels = %v; want io.ErrUnexpectedEOF", err)
	}
}

// FuzzPPM decodes anything.
func FuzzPPM(f *testing.F) {
	f.Add([]byte("P6\n2 1\n255\n\x01\x02\x03\xff\x00\x00"))
	f.Add([]byte("P6\n-1 99999999999\n255\n"))
	f.Add([]byte("P6\n16384 16384\n255\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		picture, err := decodePPM(bytes.NewReader(data))
		if err == nil && len(picture.Pix) != 4*picture.Rect.Dx()*picture.Rect.Dy() {
			t.Errorf("%v with %d bytes", picture.Rect, len(picture.Pix))
		}
	})
}
