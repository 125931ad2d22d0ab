package libav_test

import (
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// nv12 is a surface as a driver would describe it: 320x180 in 320x192.
func nv12() *media.Surface {
	const pitch, rows = 512, 192
	return &media.Surface{
		Objects: []media.SurfaceObject{{FD: 3, Size: pitch * rows * 3 / 2, Modifier: media.ModifierInvalid}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: pitch, Width: 320, Height: rows},
			{FourCC: media.FourCCGR88, Offset: pitch * rows, Pitch: pitch, Width: 160, Height: rows / 2},
		},
	}
}

func TestCheckSurface(t *testing.T) {
	tests := []struct {
		name   string
		change func(*media.Surface)
		want   string // "" is no error
	}{
		{"good", func(*media.Surface) {}, ""},
		{"size not known", func(s *media.Surface) { s.Objects[0].Size = 0 }, ""},
		{"two objects", func(s *media.Surface) {
			s.Objects = append(s.Objects, s.Objects[0])
			s.Planes[1].Object = 1
		}, ""},
		{"composed", func(s *media.Surface) { s.Planes = s.Planes[:1] }, "1 planes"},
		{"no object", func(s *media.Surface) { s.Objects = nil }, "in 0 objects"},
		{"ten bits", func(s *media.Surface) { s.Planes[0].FourCC = 'R' | '1'<<8 | '6'<<16 | ' '<<24 }, `"R16 "`},
		{"Cr first", func(s *media.Surface) { s.Planes[1].FourCC = 'R' | 'G'<<8 | '8'<<16 | '8'<<24 }, `"RG88"`},
		{"other object", func(s *media.Surface) { s.Planes[1].Object = 1 }, "plane 1: object 1 of 1"},
		{"narrow pitch", func(s *media.Surface) { s.Planes[0].Pitch = 319 }, "plane 0"},
		{"narrow chroma pitch", func(s *media.Surface) { s.Planes[1].Pitch = 319 }, "plane 1"},
		{"negative offset", func(s *media.Surface) { s.Planes[0].Offset = -1 }, "offset -1"},
		{"empty", func(s *media.Surface) { s.Planes[0].Height = 0 }, "320x0"},
		{"ends behind", func(s *media.Surface) { s.Planes[1].Offset += 512 }, "ends behind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := nv12()
			tt.change(s)
			err := libav.CheckSurface(s)
			if (err == nil) != (tt.want == "") || (err != nil && !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("CheckSurface() = %v; want %q", err, tt.want)
			}
		})
	}
}
