package decode_test

import (
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

var codecs = []media.Codec{media.CodecH264, media.CodecHEVC}

// TestProofUnits: the embedded streams are what their comment says.
func TestProofUnits(t *testing.T) {
	for _, codec := range codecs {
		units := decode.ProofUnits(codec)
		if len(units) != 2 || !units[0].Keyframe || units[1].Keyframe {
			t.Fatalf("%v: %d units; want a keyframe and another", codec, len(units))
		}
		for i, au := range units {
			if cap(au.Data) < len(au.Data)+media.Padding {
				t.Errorf("%v unit %d is not padded", codec, i)
			}
		}
		if _, changed := bitstream.FixReorder(nil, units[0].Data); changed && codec == media.CodecH264 {
			t.Errorf("%v: the set holds pictures back", codec)
		}
		if err := decode.CheckStream(units[0], libav.DeviceProfiles{Main: true, High: true}); err != nil {
			t.Errorf("CheckStream(%v) = %v", codec, err)
		}
		if err := decode.CheckStream(units[0], libav.DeviceProfiles{ConstrainedBaseline: true}); err == nil {
			t.Errorf("CheckStream(%v) on a device without High and Main = nil; want an error", codec)
		}
	}
}

// TestCheckStream wants a reason in words for each stream that the box's
// engine does not decode.
func TestCheckStream(t *testing.T) {
	all := libav.DeviceProfiles{ConstrainedBaseline: true, Main: true, High: true}
	small := all
	small.MaxWidth, small.MaxHeight = 1280, 720
	tests := []struct {
		name  string
		codec media.Codec
		sps   string
		p     libav.DeviceProfiles
		want  string // "": passes
	}{
		{"constrained baseline", media.CodecH264, "6742c00dda05067e7c0440000003004000000f23c50aa8", all, ""},
		{"baseline", media.CodecH264, "6742000dda05067e7c0440000003004000000f23c50aa8", all, "profile_idc 66"},
		{"main", media.CodecH264, "674d400deca0a0cfcf80db5280000003008000001e078a14cb", all, ""},
		{"high", media.CodecH264, "6764002aacb200f0044fcb80b501010140000003004000001e23c60c92", all, ""},
		{"too large for this one", media.CodecH264, "6764002aacb200f0044fcb80b501010140000003004000001e23c60c92", small, "1920x1088 is more than 1280x720"},
		{"level 6", media.CodecH264, "6764003cacb200f0044fcb80b501010140000003004000001e23c60c92", all, "level 60"},
		{"high 10", media.CodecH264, "676e000da6cd941419f9f0110000030001000003003c0f142996", all, "profile_idc 110"},
		{"4:2:2", media.CodecH264, "677a000dbcd941419f8dc044000003000400000300f03c50a658", all, "profile_idc 122"},
		{"4:4:4", media.CodecH264, "67f4000d919b282833f1b80880000003008000001e078a14cb", all, "profile_idc 244"},
		{"interlaced", media.CodecH264, "6764001facd940b424d8088000000300800000320f8b16cb", all, "fields"},
		{"damaged", media.CodecH264, "6764001f", all, "damaged"},
		{"HEVC main", media.CodecHEVC, "42010121600000030090000003000003007ba003c0801107cb96e92930bc05a808080820000003002000000781", all, ""},
		{"HEVC main 10", media.CodecHEVC, "42010102200000030090000003000003003ca00a080b9f6d96566924e1780b4040000003004000000782", all, "HEVC profile 2"},
		{"HEVC 4:4:4", media.CodecHEVC, "4201010408000003009e0800000300003c9001410173e5cb2b349265780b4040000003004000000782", all, "HEVC profile 4"},
	}
	for _, tt := range tests {
		au := media.NewAccessUnit(nil)
		au.Codec, au.Keyframe = tt.codec, true
		au.Data = append([]byte{0, 0, 0, 1}, unhex(t, tt.sps)...)
		err := decode.CheckStream(au, tt.p)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("CheckStream(%s) = %v; want %q", tt.name, err, tt.want)
		}
	}
}

// exported is a picture as radeonsi exports it, crop 8, 0.
func exported() *media.Frame {
	f := media.NewFrame(nil)
	f.Format, f.Width, f.Height, f.CropX = media.DMABuf, 320, 180, 8
	f.Surface = &media.Surface{
		Objects: []media.SurfaceObject{{FD: 5, Size: 512*192 + 512*96, Modifier: media.ModifierInvalid}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: 512, Width: 336, Height: 192},
			{FourCC: media.FourCCGR88, Offset: 512 * 192, Pitch: 512, Width: 168, Height: 96},
		},
	}
	return f
}

func TestCheckSurface(t *testing.T) {
	if err := decode.CheckSurface(exported()); err != nil {
		t.Errorf("CheckSurface(good) = %v; want nil", err)
	}
	two := exported()
	two.Surface.Objects = append(two.Surface.Objects, media.SurfaceObject{FD: 6})
	two.Surface.Planes[1].Object, two.Surface.Planes[1].Offset = 1, 0
	if err := decode.CheckSurface(two); err != nil {
		t.Errorf("CheckSurface(two objects) = %v; want nil", err)
	}
	for name, spoil := range map[string]func(*media.Frame){
		"in memory":      func(f *media.Frame) { f.Format = media.NV12 },
		"no surface":     func(f *media.Frame) { f.Surface = nil },
		"one plane":      func(f *media.Frame) { f.Surface.Planes = f.Surface.Planes[:1] },
		"wrong format":   func(f *media.Frame) { f.Surface.Planes[1].FourCC = media.FourCCR8 },
		"no such object": func(f *media.Frame) { f.Surface.Planes[1].Object = 1 },
		"no descriptor":  func(f *media.Frame) { f.Surface.Objects[0].FD = -1 },
		"too narrow":     func(f *media.Frame) { f.CropX = 17 },
		"short pitch":    func(f *media.Frame) { f.Surface.Planes[1].Pitch = 300 },
		"past the end":   func(f *media.Frame) { f.Surface.Objects[0].Size = 512 * 200 },
		"before it":      func(f *media.Frame) { f.Surface.Planes[0].Offset = -1 },
	} {
		f := exported()
		spoil(f)
		if err := decode.CheckSurface(f); err == nil {
			t.Errorf("CheckSurface(%s) = nil; want an error", name)
		}
	}
}

// TestSumOf: the same picture has the same sum in both layouts, whatever
// stands beside it.
func TestSumOf(t *testing.T) {
	planar, mixed := media.AllocFrame(media.I420, 17, 9), media.AllocFrame(media.NV12, 17, 9)
	for y := range 9 {
		for x := range 17 {
			v := byte(3*x + 7*y)
			planar.Planes[0][y*planar.Stride[0]+x], mixed.Planes[0][y*mixed.Stride[0]+x] = v, v
		}
	}
	for y := range 5 {
		for x := range 9 {
			u, v := byte(x+y), byte(200-x-y)
			planar.Planes[1][y*planar.Stride[1]+x], planar.Planes[2][y*planar.Stride[2]+x] = u, v
			mixed.Planes[1][y*mixed.Stride[1]+2*x], mixed.Planes[1][y*mixed.Stride[1]+2*x+1] = u, v
		}
	}
	planar.Planes[0][17] = 99 // beside the picture
	a, err := decode.SumOf(planar)
	b, berr := decode.SumOf(mixed)
	if err != nil || berr != nil || a != b {
		t.Errorf("SumOf() = %s, %v and %s, %v; want the same", a, err, b, berr)
	}
	mixed.Planes[1][0]++
	if c, _ := decode.SumOf(mixed); c == b {
		t.Error("SumOf() does not see one sample")
	}
	if _, err := decode.SumOf(media.AllocFrame(media.BGRX, 4, 4)); err == nil {
		t.Error("SumOf(BGRX) = nil error; want one")
	}
}
