// Package decodetest has a decode backend that needs no codec, access units
// that count their releases, and the contract every backend has to keep. It is
// for tests; a [Backend] belongs to one goroutine, its counters to any.
package decodetest

import (
	"cmp"
	"errors"
	"sync/atomic"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// ErrRefused is what a [Backend] returns for what Refuse names.
var ErrRefused = errors.New("refused")

// Backend "decodes" any access unit to a grey picture.
type Backend struct {
	// Refuse, when not nil, says which access units fail.
	Refuse func(*media.AccessUnit) bool
	// Swallow, when not nil, says which are taken and give no picture.
	Swallow func(*media.AccessUnit) bool
	// Size, when not nil, gives the size of a picture; otherwise 16x16.
	Size func(*media.AccessUnit) (width, height int)
	// Fail, when not nil, gives the error that Send returns, or nil.
	Fail func(*media.AccessUnit) error
	// Spoil, when not nil, gives the error that Receive returns in place of the
	// picture, or nil.
	Spoil func(*media.AccessUnit) error
	// Hang, when not nil, is called by Send and may take its time.
	Hang func(*media.AccessUnit)
	// Label, when not empty, is the name.
	Label string
	// DMABuf makes pictures media.DMABuf, with descriptors that are none.
	DMABuf bool

	ready  *media.Frame
	spoilt error
	closed bool

	Sent, Flushes, Closes atomic.Int64
	out                   atomic.Int64
}

// Name is Label or "fake".
func (b *Backend) Name() string { return cmp.Or(b.Label, "fake") }

// Send makes the picture that Receive returns.
func (b *Backend) Send(au *media.AccessUnit) error {
	switch {
	case b.closed:
		return errors.New("send after close")
	case b.ready != nil:
		return libav.ErrAgain
	case len(au.Data) == 0, b.Refuse != nil && b.Refuse(au):
		return ErrRefused
	}
	if b.Fail != nil {
		if err := b.Fail(au); err != nil {
			return err
		}
	}
	b.Sent.Add(1)
	if b.Hang != nil {
		b.Hang(au)
	}
	if b.Spoil != nil {
		if b.spoilt = b.Spoil(au); b.spoilt != nil {
			return nil
		}
	}
	if b.Swallow == nil || !b.Swallow(au) {
		b.ready = b.picture(au)
	}
	return nil
}

func (b *Backend) picture(au *media.AccessUnit) *media.Frame {
	w, h := 16, 16
	if b.Size != nil {
		w, h = b.Size(au)
	}
	pixels := media.AllocFrame(media.I420, w, h)
	f := media.NewFrame(func(*media.Frame) { b.out.Add(-1) })
	f.Format, f.Width, f.Height = pixels.Format, w, h
	f.Planes, f.Stride = pixels.Planes, pixels.Stride
	if b.DMABuf {
		f.Format, f.Planes, f.Stride = media.DMABuf, [3][]byte{}, [3]int{}
		f.Surface = surface(w, h)
	}
	f.Screen, f.FrameID, f.RTPTime = au.Screen, au.FrameID, au.RTPTime
	f.Keyframe, f.Timing = au.Keyframe, au.Timing
	return f
}

// surface describes memory that is not there.
func surface(w, h int) *media.Surface {
	pitch := (w + 255) &^ 255
	return &media.Surface{
		Pool: 1, Objects: []media.SurfaceObject{{FD: 1 << 30, Size: pitch * h * 2, Modifier: media.ModifierInvalid}},
		Planes: []media.SurfacePlane{
			{FourCC: media.FourCCR8, Pitch: pitch, Width: w, Height: h},
			{FourCC: media.FourCCGR88, Offset: pitch * h, Pitch: pitch, Width: (w + 1) / 2, Height: (h + 1) / 2},
		},
	}
}

// Receive returns the picture of the last Send.
func (b *Backend) Receive() (*media.Frame, error) {
	if b.closed {
		return nil, errors.New("receive after close")
	}
	if err := b.spoilt; err != nil {
		b.spoilt = nil
		return nil, err
	}
	f := b.ready
	if f == nil {
		return nil, libav.ErrAgain
	}
	b.ready = nil
	b.out.Add(1)
	return f, nil
}

// Flush forgets the picture.
func (b *Backend) Flush() {
	b.Flushes.Add(1)
	b.ready = nil
}

// Outstanding is how many pictures are not released. Any goroutine.
func (b *Backend) Outstanding() int { return int(b.out.Load()) }

// Close ends the backend.
func (b *Backend) Close() error {
	b.Closes.Add(1)
	b.closed = true
	return nil
}
