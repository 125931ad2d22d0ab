//go:build linux && cgo && !nonative

package libav_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/needs"
)

// TestHardwareMatchesSoftware wants every picture bit for bit as software
// decodes it, with the same crop, matrix and range.
func TestHardwareMatchesSoftware(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	t.Log(dev.Path(), dev.Driver())
	streams := hardwareStreams(t)
	for _, mode := range modes {
		for _, s := range streams {
			t.Run(mode.name+"/"+s.name, func(t *testing.T) {
				hw, sw, m := newHardware(t, s.codec, dev, mode.export), newDecoder(t, s.codec), newMemory(t)
				if hw.Name() != mode.name {
					t.Errorf("Name() = %q; want %q", hw.Name(), mode.name)
				}
				for _, au := range s.units {
					got, want := decodeOne(t, hw, au), decodeOne(t, sw, au)
					if got.Format != mode.format {
						t.Fatalf("format = %v; want %v", got.Format, mode.format)
					}
					if err := samePicture(m.view(got), want); err != nil {
						t.Fatal(err)
					}
					got.Release()
					want.Release()
				}
			})
		}
	}
}

// TestRealDevice compares copies from the machine's first device that starts
// with software, and wants its exports to be usable.
func TestRealDevice(t *testing.T) {
	dev, err := libav.OpenDevice("")
	if errors.Is(err, errors.ErrUnsupported) && !needs.Required("vaapi") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	t.Logf("%s %s: H.264 %+v, HEVC %+v", dev.Path(), dev.Driver(), dev.Profiles(media.CodecH264), dev.Profiles(media.CodecHEVC))
	for _, s := range hardwareStreams(t) {
		if !dev.Profiles(s.codec).Any() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			there, here, sw := newHardware(t, s.codec, dev, true), newHardware(t, s.codec, dev, false), newDecoder(t, s.codec)
			for _, au := range s.units {
				kept, got, want := decodeOne(t, there, au), decodeOne(t, here, au), decodeOne(t, sw, au)
				if err := samePicture(got, want); err != nil {
					t.Fatal(err)
				}
				if kept.Width != want.Width || kept.Height != want.Height || kept.Surface == nil {
					t.Fatalf("picture %d %dx%d, surface %v", kept.FrameID, kept.Width, kept.Height, kept.Surface)
				}
				kept.Release()
				got.Release()
				want.Release()
			}
		})
	}
}

func TestHardwareKeepsContract(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	for _, mode := range modes {
		for _, codec := range codecs {
			s := codedStream(t, codec, 30, 320, 180)
			t.Run(mode.name+"/"+codec.String(), func(t *testing.T) {
				decodetest.Contract(t,
					func() decodetest.Subject { return newHardware(t, codec, dev, mode.export) },
					func(i int) *media.AccessUnit { return s.units[i] })
			})
		}
	}
}

func TestModifierInvalid(t *testing.T) {
	d := newHardware(t, media.CodecH264, openDevice(t, vatest.Knobs{ModifierInvalid: true}), true)
	f := decodeOne(t, d, codedStream(t, media.CodecH264, 1, 320, 180).units[0])
	defer f.Release()
	if got := f.Surface.Objects[0].Modifier; got != media.ModifierInvalid {
		t.Errorf("modifier = %#x; want INVALID", got)
	}
}

// TestInterlacedExport has the driver convert each surface when it is first
// exported, as Mesa does: once, and the pictures are the same.
func TestInterlacedExport(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{Interlaced: true})
	s := fileStream(t, media.CodecH264, "slices4-refs4.h264")
	hw, sw, m := newHardware(t, s.codec, dev, true), newDecoder(t, s.codec), newMemory(t)
	surfaces := map[*media.Surface]bool{}
	for _, au := range s.units {
		got, want := decodeOne(t, hw, au), decodeOne(t, sw, au)
		if err := samePicture(m.view(got), want); err != nil {
			t.Fatal(err)
		}
		surfaces[got.Surface] = true
		got.Release()
		want.Release()
	}
	hw.Close()
	dev.Close()
	logs := vatest.Logs(t)
	if len(logs) != 1 || logs[0].Conversions != len(surfaces) || logs[0].Exports > 2*len(surfaces) {
		t.Errorf("the driver ended with %+v; want %d conversions and at most twice as many exports", logs, len(surfaces))
	}
}

// TestCopiesAreScaled wants the same R'G'B' from hardware's NV12 and software's
// I420.
func TestCopiesAreScaled(t *testing.T) {
	s := fileStream(t, media.CodecH264, "baseline-crop-fullrange.h264")
	got := decodeOne(t, newHardware(t, s.codec, openDevice(t, vatest.Knobs{}), false), s.units[0])
	want := decodeOne(t, newDecoder(t, s.codec), s.units[0])
	defer got.Release()
	defer want.Release()
	a, b := media.AllocFrame(media.BGRX, got.Width, got.Height), media.AllocFrame(media.BGRX, want.Width, want.Height)
	scaler := libav.NewScaler()
	defer scaler.Close()
	if err := errors.Join(scaler.Scale(a, got), scaler.Scale(b, want)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Planes[0], b.Planes[0]) {
		t.Error("hardware's copy and software's picture differ in R'G'B'")
	}
}

// TestHardwareSizeChanges keeps pictures of the first size while those of the
// second are decoded: another pool, and the old memory stays as it was.
func TestHardwareSizeChanges(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	for _, mode := range modes {
		for _, codec := range codecs {
			t.Run(mode.name+"/"+codec.String(), func(t *testing.T) {
				hw, sw, m := newHardware(t, codec, dev, mode.export), newDecoder(t, codec), newMemory(t)
				first, second := codedStream(t, codec, 6, 320, 180), codedStream(t, codec, 12, 640, 368)
				var held, want []*media.Frame
				for i, au := range append(first.units, second.units...) {
					f, ref := decodeOne(t, hw, au), decodeOne(t, sw, au)
					if i >= 3 && i < 6 { // before and, last, right at the change
						held, want = append(held, f), append(want, ref)
						continue
					}
					if err := samePicture(m.view(f), ref); err != nil {
						t.Fatal(err)
					}
					if i >= 6 && mode.export && f.Surface.Pool == held[0].Surface.Pool {
						t.Fatalf("pool = %d in both sizes", f.Surface.Pool)
					}
					f.Release()
					ref.Release()
				}
				for i, f := range held {
					if err := samePicture(m.view(f), want[i]); err != nil {
						t.Errorf("held: %v", err)
					}
					f.Release()
					want[i].Release()
				}
			})
		}
	}
}

// TestFramesOutliveEverything closes decoder and device under a frame.
func TestFramesOutliveEverything(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			before := countFDs(t)
			s := codedStream(t, media.CodecH264, 3, 320, 180)
			dev := openDevice(t, vatest.Knobs{})
			hw, sw, m := newHardware(t, s.codec, dev, mode.export), newDecoder(t, s.codec), newMemory(t)
			dev.Close()
			if _, err := libav.NewDecoder(libav.DecoderConfig{Codec: s.codec, Device: dev}); !errors.Is(err, os.ErrClosed) {
				t.Errorf("NewDecoder() on a closed device = %v; want os.ErrClosed", err)
			}
			var f, ref *media.Frame
			for _, au := range s.units {
				if f != nil {
					f.Release()
					ref.Release()
				}
				f, ref = decodeOne(t, hw, au), decodeOne(t, sw, au)
			}
			hw.Close()
			if err := samePicture(m.view(f), ref); err != nil {
				t.Error(err)
			}
			done := make(chan struct{})
			go func() { // the driver ends on whatever goroutine is last
				defer close(done)
				f.Release()
				f.Release() // ignored
			}()
			<-done
			if got := countFDs(t); got != before {
				t.Errorf("%d descriptors after the last release; want %d as at the start", got, before)
			}
			ref.Release()
		})
	}
}

// TestHardwareLeaksNothing decodes 500 pictures in each mode while counting
// descriptors and surfaces, then opens and closes 20 times.
func TestHardwareLeaksNothing(t *testing.T) {
	before := countFDs(t)
	path := vatest.Use(t, vatest.Knobs{})
	s := codedStream(t, media.CodecH264, 50, 320, 180)
	for _, mode := range modes {
		for cycle := range 21 {
			rounds := 1
			if cycle == 0 {
				rounds = 10
			}
			leakCycle(t, path, s, mode.export, rounds)
			if got := countFDs(t); got != before {
				t.Fatalf("%s, cycle %d: %d descriptors; want %d as at the start", mode.name, cycle, got, before)
			}
		}
	}
	logs := vatest.Logs(t)
	if len(logs) != 2*21 {
		t.Errorf("%d drivers ended; want 42", len(logs))
	}
	for i, c := range logs {
		if c.Live != (vatest.Live{}) || c.Exports > 2*40 {
			t.Errorf("driver %d ended with %+v; want nothing live, two exports of each surface", i, c)
		}
	}
}

func leakCycle(t *testing.T, path string, s stream, export bool, rounds int) {
	t.Helper()
	dev, err := libav.OpenDevice(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: s.codec, Device: dev, Export: export})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	surfaces, settled := map[*media.Surface]bool{}, 0
	for round := range rounds {
		for _, au := range s.units {
			f := decodeOne(t, d, au)
			if f.Surface != nil {
				surfaces[f.Surface] = true
			}
			f.Release()
		}
		if round == 0 {
			settled = countFDs(t)
		}
	}
	if got := d.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d; want 0", got)
	}
	if got := countFDs(t); got != settled {
		t.Errorf("%d descriptors after %d pictures; want %d as after %d", got, rounds*len(s.units), settled, len(s.units))
	}
	if export && (len(surfaces) == 0 || len(surfaces) > 40) {
		t.Errorf("%d surfaces; want one for each picture of the pool", len(surfaces))
	}
}

// TestTwoDecodersOneDevice decodes on two goroutines, frames released by a third.
func TestTwoDecodersOneDevice(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			frames := make(chan *media.Frame, 4)
			var decoders, releasing sync.WaitGroup
			releasing.Go(func() {
				for f := range frames {
					f.Release()
				}
			})
			for _, codec := range codecs {
				s := codedStream(t, codec, 40, 320, 180)
				decoders.Go(func() {
					if err := decodeAll(dev, mode.export, s, frames); err != nil {
						t.Error(err)
					}
				})
			}
			decoders.Wait()
			close(frames)
			releasing.Wait()
		})
	}
}

// decodeAll is for goroutines that are not the test's.
func decodeAll(dev *libav.Device, export bool, s stream, frames chan<- *media.Frame) error {
	d, err := libav.NewDecoder(libav.DecoderConfig{Codec: s.codec, Device: dev, Export: export})
	if err != nil {
		return err
	}
	defer d.Close()
	for range 3 {
		for _, au := range s.units {
			if err := d.Send(au); err != nil {
				return fmt.Errorf("%v unit %d: %w", s.codec, au.FrameID, err)
			}
			f, err := d.Receive()
			if err != nil {
				return fmt.Errorf("%v unit %d: %w", s.codec, au.FrameID, err)
			}
			frames <- f
		}
	}
	return nil
}

// TestHardwareAllocatesNothing counts Go's allocations per picture, after the
// first rounds.
func TestHardwareAllocatesNothing(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			s := codedStream(t, media.CodecH264, 60, 320, 180)
			d, i := newHardware(t, s.codec, dev, mode.export), 0
			next := func() {
				f := decodeOne(t, d, s.units[i%len(s.units)])
				f.Release()
				i++
			}
			for range 2 * len(s.units) {
				next()
			}
			if got := testing.AllocsPerRun(100, next); got != 0 {
				t.Errorf("%v allocations per picture; want 0", got)
			}
		})
	}
}

// BenchmarkHardware is BenchmarkDecode through the test-only driver, which
// decodes in software too: the difference is what the way through VA-API costs.
func BenchmarkHardware(b *testing.B) {
	dev := openDevice(b, vatest.Knobs{})
	for _, mode := range modes {
		for _, codec := range codecs {
			b.Run(mode.name+"/"+codec.String(), func(b *testing.B) {
				s := codedStream(b, codec, 60, 1280, 720)
				d, ts, i := newHardware(b, codec, dev, mode.export), make(times, 0, 1<<16), 0
				for range 2 {
					for _, au := range s.units {
						decodeOne(b, d, au).Release()
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					start := time.Now()
					f := decodeOne(b, d, s.units[i%60])
					ts = append(ts, time.Since(start))
					f.Release()
					i++
				}
				ts.report(b)
			})
		}
	}
}
