package decode

import (
	"crypto/sha256"
	_ "embed" // the pictures
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// proof is a stream of two pictures, 320x180 cropped from 320x192, an IDR and
// one that refers to it, and the SHA-256 of their visible samples in the order
// Y, U, V. Decoding is exact by both standards, so is the comparison. The
// streams were made by x264 (High, 8x8 transform, CABAC) and x265 (Main), the
// sums by ffmpeg's software decoder; testdata/README says how.
type proof struct {
	stream []byte
	sums   [2]string
}

const proofWidth, proofHeight = 320, 180

//go:embed testdata/proof.h264
var proofH264 []byte

//go:embed testdata/proof.hevc
var proofHEVC []byte

func proofOf(codec media.Codec) proof {
	if codec == media.CodecHEVC {
		return proof{proofHEVC, [2]string{
			"7d0f94cb33da1935f1bc0883a64e0c43a2934e7c2aa989c11d2bea7957ca5308",
			"e3335c8529c9cf28fdf318a1fb1eeb3ce3af16cf55f6a4487dfefbbacd94eaf2",
		}}
	}
	return proof{proofH264, [2]string{
		"12bc1705628962e415fbb79ab6fb4a45abc1ca75edb82012c38a13ba58ce0fcd",
		"fb305e9de399ca058508274cb8e6e024534178f63b1b4717869bdcfe48ab24bc",
	}}
}

// units cuts the stream at its access unit delimiters.
func (p proof) units(codec media.Codec) []*media.AccessUnit {
	var starts []int
	for s := bitstream.NewScanner(p.stream); s.Next(); {
		h264 := codec == media.CodecH264 && bitstream.H264Type(s.Unit()) == bitstream.H264AUD
		hevc := codec == media.CodecHEVC && bitstream.HEVCType(s.Unit()) == bitstream.HEVCAUD
		if start, _ := s.Span(); h264 || hevc {
			starts = append(starts, start-4)
		}
	}
	var list []*media.AccessUnit
	for i, start := range starts {
		end := len(p.stream)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		au := media.NewAccessUnit(nil)
		au.Codec, au.FrameID, au.Keyframe = codec, uint32(i+1), i == 0
		au.Data = append(make([]byte, 0, end-start+media.Padding), p.stream[start:end]...)
		list = append(list, au)
	}
	return list
}

// prove decodes the proof's pictures with a link of its own and compares them.
// It may hang or crash as its driver may.
func prove(l *link, codec media.Codec, p proof) (err error) {
	b, err := l.open(codec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	for i, au := range p.units(codec) {
		if err := provePicture(b, au, l.export, p.sums[i]); err != nil {
			return fmt.Errorf("picture %d: %w", i+1, err)
		}
	}
	return nil
}

func provePicture(b Backend, au *media.AccessUnit, export bool, sum string) error {
	if err := b.Send(au); err != nil {
		return err
	}
	f, err := b.Receive()
	if errors.Is(err, libav.ErrAgain) {
		return errors.New("held back")
	}
	if err != nil {
		return err
	}
	defer f.Release()
	if f.Width != proofWidth || f.Height != proofHeight {
		return fmt.Errorf("%dx%d; want %dx%d", f.Width, f.Height, proofWidth, proofHeight)
	}
	if export {
		return checkSurface(f)
	}
	got, err := sumOf(f)
	if err == nil && got != sum {
		err = errors.New("wrong samples")
	}
	return err
}

// checkSurface says what is wrong with an exported picture as far as its
// description tells. Its samples cannot be read: a GPU's memory is tiled and
// often cannot be mapped. They are proved by the link that copies, and again by
// the display when it draws one.
func checkSurface(f *media.Frame) error {
	s := f.Surface
	if f.Format != media.DMABuf || s == nil {
		return fmt.Errorf("picture is %v; want %v", f.Format, media.DMABuf)
	}
	if len(s.Planes) != 2 || s.Planes[0].FourCC != media.FourCCR8 || s.Planes[1].FourCC != media.FourCCGR88 {
		return fmt.Errorf("planes %+v; want R8 and GR88", s.Planes)
	}
	for i, p := range s.Planes {
		w, h, bytes := f.CropX+f.Width, f.CropY+f.Height, 1
		if i == 1 {
			w, h, bytes = (w+1)/2, (h+1)/2, 2
		}
		switch {
		case p.Object < 0 || p.Object >= len(s.Objects) || s.Objects[p.Object].FD < 0:
			return fmt.Errorf("plane %d is in no object", i)
		case p.Width < w || p.Height < h || p.Offset < 0 || p.Pitch < w*bytes:
			return fmt.Errorf("plane %d of %+v is less than %dx%d", i, p, w, h)
		case s.Objects[p.Object].Size > 0 && p.Offset+p.Pitch*(h-1)+w*bytes > s.Objects[p.Object].Size:
			return fmt.Errorf("plane %d of %+v is not inside its %d bytes", i, p, s.Objects[p.Object].Size)
		}
	}
	return nil
}

// sumOf is the SHA-256 of the visible samples in the order Y, U, V.
func sumOf(f *media.Frame) (string, error) {
	h := sha256.New()
	switch f.Format {
	case media.I420:
		for i := range 3 {
			w, rows := f.Width, f.Height
			if i > 0 {
				w, rows = (w+1)/2, (rows+1)/2
			}
			sumRows(h, f.Planes[i], f.Stride[i], w, rows)
		}
	case media.NV12:
		sumRows(h, f.Planes[0], f.Stride[0], f.Width, f.Height)
		cw, ch := (f.Width+1)/2, (f.Height+1)/2
		one := make([]byte, cw*ch)
		for half := range 2 {
			for y := range ch {
				for x := range cw {
					one[y*cw+x] = f.Planes[1][y*f.Stride[1]+2*x+half]
				}
			}
			h.Write(one)
		}
	default:
		return "", fmt.Errorf("picture is %v; want samples", f.Format)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sumRows(h hash.Hash, plane []byte, stride, width, rows int) {
	for y := range rows {
		h.Write(plane[y*stride : y*stride+width])
	}
}
