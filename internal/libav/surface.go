package libav

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// checkSurface makes sure that a driver's description of an NV12 picture can
// be used without asking it again.
func checkSurface(s *media.Surface) error {
	if len(s.Planes) != 2 || len(s.Objects) == 0 {
		return fmt.Errorf("%d planes in %d objects; want two planes", len(s.Planes), len(s.Objects))
	}
	if y, uv := s.Planes[0].FourCC, s.Planes[1].FourCC; y != media.FourCCR8 || uv != media.FourCCGR88 {
		return fmt.Errorf("planes are %s and %s; want R8 and GR88", fourCC(y), fourCC(uv))
	}
	for i, p := range s.Planes {
		if err := checkPlane(s, p, i+1); err != nil {
			return fmt.Errorf("plane %d: %w", i, err)
		}
	}
	return nil
}

// checkPlane checks what has to hold for tiled memory too; a size of 0 is not
// known.
func checkPlane(s *media.Surface, p media.SurfacePlane, bytesPerSample int) error {
	if p.Object < 0 || p.Object >= len(s.Objects) {
		return fmt.Errorf("object %d of %d", p.Object, len(s.Objects))
	}
	if p.Width < 1 || p.Height < 1 || p.Offset < 0 || p.Pitch < p.Width*bytesPerSample {
		return fmt.Errorf("%dx%d at offset %d, pitch %d", p.Width, p.Height, p.Offset, p.Pitch)
	}
	end := p.Offset + p.Pitch*(p.Height-1) + p.Width*bytesPerSample
	if size := s.Objects[p.Object].Size; size != 0 && end > size {
		return fmt.Errorf("%dx%d at offset %d, pitch %d ends behind the object's %d bytes",
			p.Width, p.Height, p.Offset, p.Pitch, size)
	}
	return nil
}

// fourCC writes a code as its four characters.
func fourCC(code uint32) string {
	return fmt.Sprintf("%q", string([]byte{byte(code), byte(code >> 8), byte(code >> 16), byte(code >> 24)}))
}
