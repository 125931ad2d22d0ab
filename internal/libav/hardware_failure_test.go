//go:build linux && cgo && !nonative

package libav_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

func TestDeviceSaysWhatItDecodes(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{Profiles: []string{"h264main"}})
	if got := dev.Profiles(media.CodecH264); !got.Main || got.High || got.ConstrainedBaseline || got.MaxWidth < 1920 || got.MaxHeight < 1088 {
		t.Errorf("Profiles(H264) = %+v; want Main alone and limits", got)
	}
	if got := dev.Profiles(media.CodecHEVC); got.Any() {
		t.Errorf("Profiles(HEVC) = %+v; want none", got)
	}
	if dev.Driver() == "" {
		t.Error("Driver() is empty")
	}
	_, err := libav.NewDecoder(libav.DecoderConfig{Codec: media.CodecHEVC, Device: dev})
	if !errors.Is(err, libav.ErrNoProfile) {
		t.Errorf("NewDecoder(HEVC) = %v; want ErrNoProfile", err)
	}
}

// refused sends every unit and wants ErrNoProfile for each, never a picture.
func refused(t *testing.T, d *libav.Decoder, units []*media.AccessUnit) {
	t.Helper()
	for _, au := range units {
		err := d.Send(au)
		if !errors.Is(err, libav.ErrNoProfile) || errors.Is(err, libav.ErrHardware) {
			t.Fatalf("Send(unit %d) = %v; want ErrNoProfile", au.FrameID, err)
		}
		if f, err := d.Receive(); !errors.Is(err, libav.ErrAgain) {
			t.Fatalf("Receive() = %v, %v; want ErrAgain", f, err)
		}
	}
	t.Log(d.Send(units[0]))
}

// TestHardwareRefuses has streams that the device does not decode: they are
// refused to their end, not decoded in software, and what is decodable after
// them is decoded.
func TestHardwareRefuses(t *testing.T) {
	high10, err := os.ReadFile("testdata/high10.h264")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		s    stream
		k    vatest.Knobs
		good stream
	}{
		{
			"High 10",
			stream{codec: media.CodecH264, units: []*media.AccessUnit{accessUnit(media.CodecH264, 1, true, high10)}},
			vatest.Knobs{},
			codedStream(t, media.CodecH264, 3, 320, 180),
		},
		{
			"High on Main", codedStream(t, media.CodecH264, 3, 320, 180),
			vatest.Knobs{Profiles: []string{"h264main"}},
			fileStream(t, media.CodecH264, "baseline-crop-fullrange.h264"),
		},
		{"too wide", codedStream(t, media.CodecH264, 3, 8192, 16), vatest.Knobs{}, codedStream(t, media.CodecH264, 3, 320, 180)},
		{"too high", codedStream(t, media.CodecHEVC, 3, 64, 8192), vatest.Knobs{}, codedStream(t, media.CodecHEVC, 3, 320, 180)},
	}
	for _, tt := range tests {
		for _, mode := range modes {
			t.Run(tt.name+"/"+mode.name, func(t *testing.T) {
				d := newHardware(t, tt.s.codec, openDevice(t, tt.k), mode.export)
				refused(t, d, tt.s.units)
				d.Flush()
				for _, au := range tt.good.units {
					decodeOne(t, d, au).Release()
				}
				d.Flush()
				refused(t, d, tt.s.units)
			})
		}
	}
}

// TestHardwareFails has the driver fail at picture 5 of 10, when it is given
// and when it is waited for: an error of the hardware, and the next keyframe
// decodes.
func TestHardwareFails(t *testing.T) {
	for _, knobs := range []vatest.Knobs{{FailAt: 5}, {FailAt: 5, FailInSync: true}} {
		for _, codec := range codecs {
			for _, mode := range modes {
				name := fmt.Sprintf("%s/%v/in sync %v", mode.name, codec, knobs.FailInSync)
				t.Run(name, func(t *testing.T) { failAtFive(t, knobs, codec, mode.export) })
			}
		}
	}
}

func failAtFive(t *testing.T, k vatest.Knobs, codec media.Codec, export bool) {
	dev := openDevice(t, k)
	d := newHardware(t, codec, dev, export)
	s := codedStream(t, codec, 10, 320, 180)
	for _, au := range s.units[:4] {
		decodeOne(t, d, au).Release()
	}
	err := d.Send(s.units[4])
	if err == nil {
		_, err = d.Receive()
	}
	if !errors.Is(err, libav.ErrHardware) || errors.Is(err, libav.ErrInvalidData) || errors.Is(err, libav.ErrExport) {
		t.Fatalf("picture 5 = %v; want ErrHardware alone", err)
	}
	t.Log(err)
	d.Flush()
	decodeOne(t, d, s.units[0]).Release()
	if got := d.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d; want 0", got)
	}
	d.Close()
	dev.Close()
	logs := vatest.Logs(t)
	if len(logs) != 1 || logs[0].Failures != 1 || logs[0].Live.Surfaces+logs[0].Live.Contexts+logs[0].Live.Configs != 0 {
		t.Errorf("the driver ended with %+v; want one failure and nothing live", logs)
	}
}

func TestDeviceDoesNotStart(t *testing.T) {
	path, before := vatest.Use(t, vatest.Knobs{FailInit: true}), countFDs(t)
	for range 5 {
		if _, err := libav.OpenDevice(path); !errors.Is(err, libav.ErrHardware) || errors.Is(err, errors.ErrUnsupported) {
			t.Fatalf("OpenDevice() = %v; want ErrHardware", err)
		} else {
			t.Log(err)
		}
	}
	if after := countFDs(t); after != before {
		t.Errorf("%d descriptors; want %d as before", after, before)
	}
}

func TestDriverIsNotInstalled(t *testing.T) {
	path := vatest.Use(t, vatest.Knobs{})
	t.Setenv("LIBVA_DRIVER_NAME", "absent")
	if _, err := libav.OpenDevice(path); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, libav.ErrHardware) {
		t.Errorf("OpenDevice() = %v; want ErrUnsupported", err)
	} else {
		t.Log(err)
	}
}

// TestExportFails wants both errors, no descriptor kept, and copying to work.
func TestExportFails(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{ExportFails: true})
	s := codedStream(t, media.CodecH264, 3, 320, 180)
	d := newHardware(t, media.CodecH264, dev, true)
	for _, au := range s.units {
		if err := d.Send(au); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Receive(); !errors.Is(err, libav.ErrExport) || !errors.Is(err, libav.ErrHardware) {
			t.Fatalf("Receive() = %v; want ErrExport and ErrHardware", err)
		}
	}
	if got := d.Outstanding(); got != 0 {
		t.Errorf("Outstanding() = %d; want 0", got)
	}
	decodeOne(t, newHardware(t, media.CodecH264, dev, false), s.units[0]).Release()
}

// TestHardwareFramesHeld keeps every frame: an error, not a standstill.
func TestHardwareFramesHeld(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	s := codedStream(t, media.CodecH264, 30, 320, 180)
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			n := libav.PoolFrames
			if mode.export {
				n = libav.SurfaceFrames
			}
			d := newHardware(t, media.CodecH264, dev, mode.export)
			var held []*media.Frame
			for _, au := range s.units[:n] {
				held = append(held, decodeOne16(t, d, au))
			}
			if err := d.Send(s.units[n]); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := d.Receive(); !errors.Is(err, libav.ErrFramesHeld) {
					t.Fatalf("Receive() with %d frames out = %v; want ErrFramesHeld", n, err)
				}
			}
			held[0].Release()
			f, err := d.Receive()
			if err != nil || f.FrameID != uint32(n+1) {
				t.Fatalf("Receive() after a release = %v, %v; want picture %d", f, err, n+1)
			}
			for _, f := range append(held[1:], f) {
				f.Release()
			}
			for _, au := range s.units[n+1:] {
				decodeOne(t, d, au).Release()
			}
		})
	}
}

// TestHardwareDamage is TestDamagedAccessUnits on hardware.
func TestHardwareDamage(t *testing.T) {
	dev := openDevice(t, vatest.Knobs{})
	for _, mode := range modes {
		for _, codec := range codecs {
			t.Run(mode.name+"/"+codec.String(), func(t *testing.T) {
				s := codedStream(t, codec, 10, 176, 144)
				d, m := newHardware(t, codec, dev, mode.export), newMemory(t)
				hardwareDamage(t, d, m, s)
				d.Flush()
				decodeOne(t, d, s.units[0]).Release()
				if got := d.Outstanding(); got != 0 {
					t.Errorf("Outstanding() = %d; want 0", got)
				}
			})
		}
	}
}

func hardwareDamage(t *testing.T, d *libav.Decoder, m *memory, s stream) {
	t.Helper()
	for seed := range uint64(40) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		for _, au := range s.units {
			data := au.Data
			if rnd.IntN(2) == 0 {
				data = damage(rnd, data)
			}
			if len(data) == 0 {
				continue
			}
			_ = d.Send(accessUnit(s.codec, 1, false, data)) // may be refused
			for {
				f, err := d.Receive()
				if err != nil {
					break
				}
				v := m.view(f)
				_ = v.Planes[1][(v.Height+1)/2*v.Stride[1]-v.Stride[1]+(v.Width+1)/2*2-1]
				f.Release()
			}
		}
	}
}

// FuzzHardware is FuzzDecode on hardware, both ways out.
func FuzzHardware(f *testing.F) {
	dev := openDevice(f, vatest.Knobs{})
	for i, codec := range codecs {
		for _, au := range codedStream(f, codec, 2, 64, 64).units {
			f.Add(i == 1, true, au.Data)
			f.Add(i == 1, false, au.Data)
		}
	}
	f.Fuzz(func(t *testing.T, hevc, export bool, data []byte) {
		codec := media.CodecH264
		if hevc {
			codec = media.CodecHEVC
		}
		d := newHardware(t, codec, dev, export)
		for range 2 {
			_ = d.Send(accessUnit(codec, 1, true, data)) // may be refused
			for {
				f, err := d.Receive()
				if err != nil {
					break
				}
				f.Release()
			}
		}
		if got := d.Outstanding(); got != 0 {
			t.Errorf("Outstanding() = %d; want 0", got)
		}
	})
}
