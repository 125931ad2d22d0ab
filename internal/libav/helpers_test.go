//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// paint draws picture n of a moving scene: a gradient, text-like stripes that
// scroll, a moving square and a little noise, so that rate control has work.
func paint(f *media.Frame, n int, rnd *rand.Rand) {
	y := f.Planes[0]
	for r := range f.Height {
		row := y[r*f.Stride[0] : r*f.Stride[0]+f.Width]
		for c := range row {
			v := 60 + (c+r+2*n)*90/(f.Width+f.Height)
			if (r+3*n)/12%4 == 0 && (c*7+r/12*31)%11 < 4 {
				v = 220
			}
			row[c] = byte(v) + byte(rnd.Uint32()&3)
		}
	}
	box(f, n)
	for i := 1; i < 3; i++ {
		p := f.Planes[i]
		for r := range (f.Height + 1) / 2 {
			row := p[r*f.Stride[i] : r*f.Stride[i]+(f.Width+1)/2]
			for c := range row {
				row[c] = byte(128 + (i*40-60)*(c-r+n)/(f.Width+f.Height))
			}
		}
	}
}

func box(f *media.Frame, n int) {
	size := f.Height / 4
	x, y := (n*8)%(f.Width-size), (n*5)%(f.Height-size)
	for r := y; r < y+size; r++ {
		row := f.Planes[0][r*f.Stride[0]+x:]
		for c := range size {
			row[c] = byte(30 + (c*r)%64)
		}
	}
}

// scene returns n pictures of the moving scene.
func scene(n, width, height int) []*media.Frame {
	rnd := rand.New(rand.NewPCG(1, 2))
	list := make([]*media.Frame, n)
	for i := range list {
		list[i] = media.AllocFrame(media.I420, width, height)
		list[i].Color = media.BT709
		paint(list[i], i, rnd)
	}
	return list
}

// psnr compares the luma of two pictures of one size, in dB.
func psnr(a, b *media.Frame) float64 {
	var sum float64
	for r := range a.Height {
		ra, rb := a.Planes[0][r*a.Stride[0]:], b.Planes[0][r*b.Stride[0]:]
		for c := range a.Width {
			d := float64(ra[c]) - float64(rb[c])
			sum += d * d
		}
	}
	if sum == 0 {
		return 99
	}
	return 10 * math.Log10(255*255*float64(a.Width*a.Height)/sum)
}

func newEncoder(t testing.TB, cfg libav.EncoderConfig) *libav.Encoder {
	t.Helper()
	e, err := libav.NewEncoder(cfg)
	if err != nil {
		t.Fatalf("NewEncoder(%+v) = %v", cfg, err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func newDecoder(t testing.TB, codec media.Codec) *libav.Decoder {
	t.Helper()
	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: codec})
	if err != nil {
		t.Fatalf("NewDecoder(%v) = %v", codec, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func accessUnit(codec media.Codec, id uint32, key bool, data []byte) *media.AccessUnit {
	au := media.NewAccessUnit(nil)
	au.Codec, au.FrameID, au.Keyframe = codec, id, key
	au.Data = append(make([]byte, 0, len(data)+media.Padding), data...)
	return au
}

// encodeScene encodes pictures; the first is a keyframe.
func encodeScene(t testing.TB, e *libav.Encoder, codec media.Codec, pictures []*media.Frame) []*media.AccessUnit {
	t.Helper()
	var list []*media.AccessUnit
	for i, f := range pictures {
		data, key, err := e.Encode(nil, f, false)
		if err != nil {
			t.Fatalf("Encode(picture %d) = %v", i, err)
		}
		list = append(list, accessUnit(codec, uint32(i+1), key, data))
	}
	return list
}

// decodeOne wants exactly one picture for au.
func decodeOne(t testing.TB, d *libav.Decoder, au *media.AccessUnit) *media.Frame {
	t.Helper()
	if err := d.Send(au); err != nil {
		t.Fatalf("Send(unit %d) = %v", au.FrameID, err)
	}
	f, err := d.Receive()
	if err != nil {
		t.Fatalf("Receive() after unit %d = %v; want its picture", au.FrameID, err)
	}
	if _, err := d.Receive(); !errors.Is(err, libav.ErrAgain) {
		t.Fatalf("second Receive() = %v; want ErrAgain", err)
	}
	return f
}

// nalTypes lists the NAL unit types of an Annex-B access unit.
func nalTypes(codec media.Codec, data []byte) []int {
	var list []int
	for {
		i := bytes.Index(data, []byte{0, 0, 1})
		if i < 0 || i+3 >= len(data) {
			return list
		}
		data = data[i+3:]
		if codec == media.CodecHEVC {
			list = append(list, int(data[0]>>1&0x3f))
		} else {
			list = append(list, int(data[0]&0x1f))
		}
	}
}

var codecs = []media.Codec{media.CodecH264, media.CodecHEVC}
