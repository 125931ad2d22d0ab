package gl

import (
	"fmt"

	"github.com/blade-shadow/terminal/internal/media"
)

// checkFrame makes sure that a picture has all the bytes that its size says.
func checkFrame(f *media.Frame) error {
	if f.Width <= 0 || f.Height <= 0 {
		return fmt.Errorf("frame of %dx%d pixels", f.Width, f.Height)
	}
	cw, ch := (f.Width+1)/2, (f.Height+1)/2
	switch f.Format {
	case media.I420:
		return firstError(checkPlane(f, 0, f.Width, f.Height), checkPlane(f, 1, cw, ch), checkPlane(f, 2, cw, ch))
	case media.NV12:
		return firstError(checkPlane(f, 0, f.Width, f.Height), checkPlane(f, 1, 2*cw, ch))
	case media.BGRX:
		return checkPlane(f, 0, 4*f.Width, f.Height)
	case media.DMABuf:
		if f.Surface == nil {
			return fmt.Errorf("%w: frame has no surface", ErrImport)
		}
		return nil
	}
	return fmt.Errorf("frame has format %v", f.Format)
}

// checkPlane makes sure that a plane has rows of that many bytes.
func checkPlane(f *media.Frame, plane, row, rows int) error {
	stride, have := f.Stride[plane], len(f.Planes[plane])
	if stride < row || have < (rows-1)*stride+row {
		return fmt.Errorf("plane %d of a %v frame of %dx%d has stride %d and %d bytes; want %d rows of %d",
			plane, f.Format, f.Width, f.Height, stride, have, rows, row)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// planesOf returns the luma and the chroma plane of a surface.
func planesOf(s *media.Surface) (luma, chroma *media.SurfacePlane, err error) {
	for i := range s.Planes {
		p := &s.Planes[i]
		if p.Object < 0 || p.Object >= len(s.Objects) || p.Width <= 0 || p.Height <= 0 || p.Offset < 0 || p.Pitch <= 0 {
			return nil, nil, fmt.Errorf("%w: plane %d of the surface is %+v of %d objects", ErrImport, i, *p, len(s.Objects))
		}
		switch p.FourCC {
		case media.FourCCR8:
			luma = p
		case media.FourCCGR88:
			chroma = p
		}
	}
	if luma == nil || chroma == nil {
		return nil, nil, fmt.Errorf("%w: surface has %d planes; want one R8 and one GR88", ErrImport, len(s.Planes))
	}
	return luma, chroma, nil
}
