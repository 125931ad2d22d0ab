package lab

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// ClipConfig describes a stream to make.
type ClipConfig struct {
	Width, Height int
	FPS           int
	Pictures      int
	BitrateBps    int
}

// Clip is a coded stream in memory, every picture of which carries its number
// as a barcode.
type Clip struct {
	ClipConfig
	Units [][]byte // access units in Annex B, the first is a keyframe
}

// at is when picture i is due.
func (c *Clip) at(i int) time.Duration { return time.Duration(i) * time.Second / time.Duration(c.FPS) }

// MakeClip draws and encodes a noisy, scrolling picture: H.264, low delay.
func MakeClip(cfg ClipConfig) (_ *Clip, err error) {
	enc, err := libav.NewEncoder(libav.EncoderConfig{
		Codec: media.CodecH264, Width: cfg.Width, Height: cfg.Height, FPS: cfg.FPS, BitrateBps: cfg.BitrateBps, Backend: "libx264",
	})
	if err != nil {
		return nil, fmt.Errorf("make clip: %w", err)
	}
	defer func() {
		if cerr := enc.Close(); err == nil {
			err = cerr
		}
	}()
	clip := &Clip{ClipConfig: cfg}
	scene := newScene(cfg.Width, cfg.Height)
	for i := range cfg.Pictures {
		f := scene.draw(i)
		if err := barcode.Draw(f, barcode.Payload{Frame: uint32(i + 1), Captured: time.Unix(0, 0)}); err != nil {
			return nil, fmt.Errorf("make clip: %w", err)
		}
		unit, _, err := enc.Encode(nil, f, i == 0)
		if err != nil {
			return nil, fmt.Errorf("make clip: picture %d: %w", i, err)
		}
		clip.Units = append(clip.Units, unit)
	}
	return clip, nil
}

// scene scrolls soft noise over slow gradients.
type scene struct {
	frame *media.Frame
	noise []byte // one row longer than the picture is wide by half
}

func newScene(width, height int) *scene {
	r := rand.New(rand.NewPCG(3, 4))
	s := &scene{frame: media.AllocFrame(media.I420, width, height), noise: make([]byte, 3*width)}
	for i := range s.noise {
		s.noise[i] = byte(r.IntN(48))
	}
	return s
}

// draw returns picture n, valid until the next.
func (s *scene) draw(n int) *media.Frame {
	f := s.frame
	for y := range f.Height {
		row := f.Planes[0][y*f.Stride[0]:][:f.Width]
		noise := s.noise[(7*y+4*n)%(2*f.Width):]
		for x := range row {
			row[x] = byte(48+128*((x+3*n)%f.Width)/f.Width) + noise[x]
		}
	}
	for p := 1; p <= 2; p++ {
		for y := range (f.Height + 1) / 2 {
			row := f.Planes[p][y*f.Stride[p]:][:(f.Width+1)/2]
			for x := range row {
				row[x] = byte(96 + (p*x+y+n)%64)
			}
		}
	}
	return f
}
