package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"path/filepath"

	"github.com/blade-shadow/terminal/internal/bitstream"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// stream is a piece of coded pictures that can be decoded again and again: the
// first one is a keyframe. Several decoders may read it at a time.
type stream struct {
	name          string
	codec         media.Codec
	width, height int // 0: not known
	units         []*media.AccessUnit
	bytes         int
}

const (
	// streamPictures are made for a measurement, fewer where encoding them
	// would take longer than measuring.
	streamPictures    = 60
	streamPicturesBig = 30
	// maxFilePictures and maxFileBytes bound what is kept of a file.
	maxFilePictures = 600
	maxFileBytes    = 256 << 20
	// bitsPerPixel is what a sharp desktop stream has.
	bitsPerPixel = 0.12
	streamFPS    = 60
)

// add appends a copy of a coded picture.
func (s *stream) add(data []byte, key bool) {
	if s.codec == media.CodecH264 {
		data, _ = bitstream.FixReorder(nil, data) // as the product's decoder does
	}
	au := media.NewAccessUnit(nil)
	au.Codec, au.FrameID, au.Keyframe = s.codec, uint32(len(s.units)+1), key
	au.Data = append(make([]byte, 0, len(data)+media.Padding), data...)
	s.units = append(s.units, au)
	s.bytes += len(data)
}

// encodeStream makes a moving, noisy scene with the host's own encoder
// settings. It is always the encoder in software, so that figures of different
// machines are of the same stream.
func encodeStream(ctx context.Context, codec media.Codec, size image.Point) (*stream, error) {
	pictures := streamPictures
	if size.X*size.Y > 1920*1088 {
		pictures = streamPicturesBig
	}
	e, err := libav.NewEncoder(libav.EncoderConfig{
		Codec: codec, Width: size.X, Height: size.Y, FPS: streamFPS,
		BitrateBps: int(float64(size.X*size.Y*streamFPS) * bitsPerPixel),
		Backend:    map[media.Codec]string{media.CodecH264: "libx264", media.CodecHEVC: "libx265"}[codec],
	})
	if err != nil {
		return nil, fmt.Errorf("make a stream: %w", err)
	}
	defer e.Close()
	s := &stream{name: fmt.Sprintf("%dx%d", size.X, size.Y), codec: codec, width: size.X, height: size.Y}
	f := media.AllocFrame(media.I420, size.X, size.Y)
	rnd := rand.New(rand.NewPCG(1, uint64(size.X)))
	var data []byte
	for i := range pictures {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		paintNoise(f, i, rnd)
		var key bool
		if data, key, err = e.Encode(data[:0], f, i == 0); err != nil {
			return nil, fmt.Errorf("make a stream: %w", err)
		}
		s.add(data, key)
	}
	return s, nil
}

// paintNoise draws picture n of a scene that moves everywhere and has noise, so
// that nothing of it can be skipped.
func paintNoise(f *media.Frame, n int, rnd *rand.Rand) {
	for r := range f.Height {
		row := f.Planes[0][r*f.Stride[0]:][:f.Width]
		noise := rnd.Uint64()
		for c := range row {
			v := 40 + (c*2+r+5*n)%160
			if (r+3*n)/12%4 == 0 && (c*7+r/12*31)%11 < 4 {
				v = 220
			}
			noise = noise<<7 | noise>>57
			row[c] = byte(v) + byte(noise&7)
		}
	}
	for i := 1; i < 3; i++ {
		for r := range (f.Height + 1) / 2 {
			row := f.Planes[i][r*f.Stride[i]:][:(f.Width+1)/2]
			for c := range row {
				row[c] = byte(96 + (c*i+r+3*n)%64)
			}
		}
	}
}

// loadStream reads the beginning of a file, from its first keyframe.
func loadStream(ctx context.Context, path string) (*stream, error) {
	p, err := libav.OpenPackets(path)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	s := &stream{name: filepath.Base(path)}
	for len(s.units) < maxFilePictures && s.bytes < maxFileBytes && ctx.Err() == nil {
		pkt, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(s.units) == 0 && !pkt.Keyframe {
			continue
		}
		s.codec = pkt.Codec
		s.add(bytes.Clone(pkt.Data), pkt.Keyframe)
	}
	if len(s.units) == 0 {
		return nil, fmt.Errorf("%s: no keyframe in it: %w", path, libav.ErrInvalidData)
	}
	return s, ctx.Err()
}
