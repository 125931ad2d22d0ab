//go:build linux && cgo && !nonative

package libav_test

import (
	"slices"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

const benchBps, benchFPS = 10_000_000, 60

// times collects the length of each step, for the median.
type times []time.Duration

func (ts times) report(b *testing.B) {
	slices.Sort(ts)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(ts[len(ts)/2]), "p50-ms")
	b.ReportMetric(ms(ts[len(ts)*95/100]), "p95-ms")
}

// BenchmarkEncode is one 1280x720 picture at 60 a second and 10 Mb/s.
func BenchmarkEncode(b *testing.B) {
	pictures := scene(60, 1280, 720)
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			e := newEncoder(b, libav.EncoderConfig{Codec: codec, Width: 1280, Height: 720, FPS: benchFPS, BitrateBps: benchBps})
			d := newDecoder(b, codec)
			buf := make([]byte, 0, 1<<20)
			var ts times
			var quality float64
			i, bits := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				out, key, err := e.Encode(buf, pictures[i%60], false)
				ts = append(ts, time.Since(start))
				if err != nil {
					b.Fatal(err)
				}
				bits += 8 * len(out)
				b.StopTimer()
				f := decodeOne(b, d, accessUnit(codec, uint32(i), key, out))
				quality += psnr(pictures[i%60], f)
				f.Release()
				i++
				b.StartTimer()
			}
			ts.report(b)
			b.ReportMetric(quality/float64(i), "PSNR-dB")
			b.ReportMetric(float64(bits)*benchFPS/float64(i)/1e6, "Mb/s")
		})
	}
}

// BenchmarkDecode is one access unit of the same stream.
func BenchmarkDecode(b *testing.B) {
	pictures := scene(60, 1280, 720)
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			e := newEncoder(b, libav.EncoderConfig{Codec: codec, Width: 1280, Height: 720, FPS: benchFPS, BitrateBps: benchBps})
			units := encodeScene(b, e, codec, pictures)
			d := newDecoder(b, codec)
			ts := make(times, 0, 1<<16)
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				f := decodeOne(b, d, units[i%60])
				ts = append(ts, time.Since(start))
				f.Release()
				i++
			}
			ts.report(b)
		})
	}
}

// BenchmarkScale is one 1280x720 picture, as display and capture convert it.
func BenchmarkScale(b *testing.B) {
	tests := []struct {
		name     string
		src, dst media.PixelFormat
		w, h     int // of dst
	}{
		{"I420toBGRX", media.I420, media.BGRX, 1280, 720},
		{"BGRXtoI420", media.BGRX, media.I420, 1280, 720},
		{"NV12toBGRX", media.NV12, media.BGRX, 1280, 720},
		{"I420toNV12", media.I420, media.NV12, 1280, 720},
		{"I420to1080pBGRX", media.I420, media.BGRX, 1920, 1080},
		{"I420to360pI420", media.I420, media.I420, 640, 360},
	}
	for _, tt := range tests {
		b.Run(tt.name, func(b *testing.B) {
			src := media.AllocFrame(tt.src, 1280, 720)
			dst := media.AllocFrame(tt.dst, tt.w, tt.h)
			src.Color, dst.Color = media.BT709, media.BT709
			s := libav.NewScaler()
			defer s.Close()
			ts := make(times, 0, 1<<16)
			b.ReportAllocs()
			for b.Loop() {
				start := time.Now()
				if err := s.Scale(dst, src); err != nil {
					b.Fatal(err)
				}
				ts = append(ts, time.Since(start))
			}
			ts.report(b)
		})
	}
}
