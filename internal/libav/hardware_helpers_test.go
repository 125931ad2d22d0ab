//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// openDevice opens the test-only driver.
func openDevice(t testing.TB, k vatest.Knobs) *libav.Device {
	t.Helper()
	d, err := libav.OpenDevice(vatest.Use(t, k))
	if err != nil {
		t.Fatalf("OpenDevice(%+v) = %v", k, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func newHardware(t testing.TB, codec media.Codec, dev *libav.Device, export bool) *libav.Decoder {
	t.Helper()
	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: codec, Device: dev, Export: export})
	if err != nil {
		t.Fatalf("NewDecoder(%v, export %v) = %v", codec, export, err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// modes are the ways a picture comes out of hardware.
var modes = []struct {
	name   string // of the decoder
	export bool
	format media.PixelFormat
}{
	{"vaapi", true, media.DMABuf},
	{"vaapi-copy", false, media.NV12},
}

// stream is a coded scene.
type stream struct {
	name  string
	codec media.Codec
	units []*media.AccessUnit
}

// fileStream reads Annex B with an access unit delimiter in front of each unit.
func fileStream(t testing.TB, codec media.Codec, name string) stream {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	delimiter := []byte{0, 0, 0, 1, 9}
	if codec == media.CodecHEVC {
		delimiter = []byte{0, 0, 0, 1, 35 << 1}
	}
	s := stream{name: name, codec: codec}
	for i, unit := range bytes.Split(data, delimiter)[1:] {
		s.units = append(s.units, accessUnit(codec, uint32(i+1), i == 0, append(bytes.Clone(delimiter), unit...)))
	}
	if len(s.units) < 20 {
		t.Fatalf("%s has %d access units", name, len(s.units))
	}
	return s
}

func codedStream(t testing.TB, codec media.Codec, n, width, height int) stream {
	t.Helper()
	e := newEncoder(t, libav.EncoderConfig{Codec: codec, Width: width, Height: height, FPS: 30, BitrateBps: 2_000_000})
	return stream{fmt.Sprintf("%v-%dx%d", codec, width, height), codec, encodeScene(t, e, codec, scene(n, width, height))}
}

// unconstrained takes constraint_set1_flag out of a Baseline SPS (H.264,
// 7.4.2.1.1): what many encoders write though they use none of Baseline's tools.
func unconstrained(t testing.TB, s stream) stream {
	t.Helper()
	old := []byte{0x67, 66, 0xc0}
	out := stream{"baseline-" + s.name, s.codec, nil}
	for _, au := range s.units {
		out.units = append(out.units, accessUnit(s.codec, au.FrameID, au.Keyframe,
			bytes.ReplaceAll(au.Data, old, []byte{0x67, 66, 0x80})))
	}
	if bytes.Equal(out.units[0].Data, s.units[0].Data) {
		t.Fatalf("%s has no constrained Baseline SPS", s.name)
	}
	return out
}

// memory is what a test maps of a surface's objects, once for each.
type memory struct {
	t  testing.TB
	of map[*media.Surface][][]byte
}

func newMemory(t testing.TB) *memory {
	m := &memory{t, map[*media.Surface][][]byte{}}
	t.Cleanup(func() {
		for _, maps := range m.of {
			for _, b := range maps {
				_ = syscall.Munmap(b)
			}
		}
	})
	return m
}

func (m *memory) maps(s *media.Surface) [][]byte {
	m.t.Helper()
	if maps, ok := m.of[s]; ok {
		return maps
	}
	var maps [][]byte
	for _, o := range s.Objects {
		b, err := syscall.Mmap(o.FD, 0, o.Size, syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			m.t.Fatalf("mmap %d bytes of dma-buf %d: %v", o.Size, o.FD, err)
		}
		maps = append(maps, b)
	}
	m.of[s] = maps
	return maps
}

// view shows the picture of a linear surface as NV12.
func (m *memory) view(f *media.Frame) *media.Frame {
	m.t.Helper()
	if f.Format != media.DMABuf {
		return f
	}
	maps := m.maps(f.Surface)
	v := *f
	v.Format = media.NV12
	for i, p := range f.Surface.Planes {
		x, y := f.CropX, f.CropY
		if i == 1 {
			y /= 2
		}
		v.Stride[i] = p.Pitch
		v.Planes[i] = maps[p.Object][p.Offset+y*p.Pitch+x:]
	}
	return &v
}

// samePicture compares every visible sample of hardware's NV12 and software's
// I420, and what is said about them.
func samePicture(hw, sw *media.Frame) error {
	if hw.Width != sw.Width || hw.Height != sw.Height || hw.Color != sw.Color || hw.FullRange != sw.FullRange ||
		hw.Keyframe != sw.Keyframe || hw.FrameID != sw.FrameID {
		return fmt.Errorf("picture %d %dx%d, matrix %v, full range %v, keyframe %v; want %d %dx%d, %v, %v, %v",
			hw.FrameID, hw.Width, hw.Height, hw.Color, hw.FullRange, hw.Keyframe,
			sw.FrameID, sw.Width, sw.Height, sw.Color, sw.FullRange, sw.Keyframe)
	}
	for y := range sw.Height {
		if !bytes.Equal(hw.Planes[0][y*hw.Stride[0]:][:sw.Width], sw.Planes[0][y*sw.Stride[0]:][:sw.Width]) {
			return fmt.Errorf("picture %d: luma differs in row %d", sw.FrameID, y)
		}
	}
	for y := range (sw.Height + 1) / 2 {
		for x := range (sw.Width + 1) / 2 {
			for i := range 2 {
				if hw.Planes[1][y*hw.Stride[1]+2*x+i] != sw.Planes[1+i][y*sw.Stride[1+i]+x] {
					return fmt.Errorf("picture %d: chroma %d differs at %d, %d", sw.FrameID, i, x, y)
				}
			}
		}
	}
	return nil
}

// hardwareStreams are what this package encodes and what it does not: testdata's
// streams are ffmpeg's testsrc2 with noise through libx264 and libx265, with
// slices=4, ref=4 or 3, weightp=2, aud=1, and, by the filter h264_metadata, a
// crop on all four sides and full range.
func hardwareStreams(t *testing.T) []stream {
	baseline := fileStream(t, media.CodecH264, "baseline-crop-fullrange.h264")
	return []stream{
		codedStream(t, media.CodecH264, 20, 366, 206),
		codedStream(t, media.CodecHEVC, 20, 366, 206),
		fileStream(t, media.CodecH264, "slices4-refs4.h264"),
		fileStream(t, media.CodecHEVC, "slices4-refs3.hevc"),
		baseline,
		unconstrained(t, baseline),
	}
}
