//go:build linux && cgo && !nonative

package gl_test

import (
	"errors"
	"fmt"
	"image"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/internal/media"
)

// imported is a frame that is all of a surface's visible part.
func imported(s *media.Surface, crop image.Rectangle) *media.Frame {
	return &media.Frame{
		Format: media.DMABuf, Width: crop.Dx(), Height: crop.Dy(), CropX: crop.Min.X, CropY: crop.Min.Y,
		Surface: s, Color: media.BT709,
	}
}

func TestDMABufProof(t *testing.T) {
	d, card := gbm(t)
	t.Logf("%+v", d.Info())
	r := renderer(t, d, 16, 16)
	s, m := nv12(t, card, 1, 0, 320, 176)
	fillBars(s, m)
	if err := r.ProveImport(s); err != nil {
		t.Fatalf("ProveImport() = %v; want nil", err)
	}
	if st := r.Stats(); st.Imports != 1 || st.Cached != 0 {
		t.Errorf("Stats() = %+v; want 1 import and nothing kept", st)
	}
	if got := r.Size(); got != image.Pt(16, 16) {
		t.Errorf("Size() after a proof = %v; want what was bound", got)
	}
	s.Objects[0].Modifier = 0 // linear, which it is
	if err := r.ProveImport(s); err != nil {
		t.Errorf("ProveImport() with modifier LINEAR = %v; want nil", err)
	}
}

// TestDMABufProveNode allocates through GBM what a device is proved with.
func TestDMABufProveNode(t *testing.T) {
	d, card := gbm(t)
	node, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", card))
	if err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	if err := d.ProveNode(node); err != nil {
		t.Errorf("ProveNode(%s) = %v; want nil", node, err)
	}
	if err := d.ProveNode("/dev/null"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("ProveNode(/dev/null) = %v; want ErrUnsupported", err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("open files = %d after proofs; want %d as before", after, before)
	}
}

// TestDMABufRefused shows surfaces that import and are wrong.
func TestDMABufRefused(t *testing.T) {
	d, card := gbm(t)
	tests := []struct {
		name  string
		spoil func(s *media.Surface, m memory)
	}{
		{"black", func(_ *media.Surface, m memory) { clear(m.data) }},
		{"wrong pitch", func(s *media.Surface, _ memory) { s.Planes[0].Pitch /= 2 }},
		{"wrong offset", func(s *media.Surface, _ memory) { s.Planes[1].Offset -= 16 * s.Planes[1].Pitch }},
		{"no dma-buf", func(s *media.Surface, _ memory) { s.Objects[0].FD = 0 }},
		{"not open", func(s *media.Surface, _ memory) { s.Objects[0].FD = 9999 }},
		{"planes exchanged", func(s *media.Surface, _ memory) {
			s.Planes[0].FourCC, s.Planes[1].FourCC = s.Planes[1].FourCC, s.Planes[0].FourCC
		}},
		{"no chroma", func(s *media.Surface, _ memory) { s.Planes = s.Planes[:1] }},
		{"tiling that there is not", func(s *media.Surface, _ memory) { s.Objects[0].Modifier = 0x0badbadbadbad }},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := renderer(t, d, 16, 16)
			s, m := nv12(t, card, uint64(i+1), 0, 512, 176)
			fillBars(s, m)
			test.spoil(s, m)
			err := r.ProveImport(s)
			if !errors.Is(err, gl.ErrImport) {
				t.Errorf("ProveImport() = %v; want ErrImport", err)
			}
			t.Log(err)
			if err := r.Draw(&gl.Scene{Picture: pattern(media.I420, 16, 16)}); err != nil {
				t.Errorf("Draw() after a failed import = %v; want nil", err)
			}
		})
	}
}

// TestDMABufPictures draws surfaces, cropped and scaled, and compares with the equations.
func TestDMABufPictures(t *testing.T) {
	d, card := gbm(t)
	for _, crop := range []image.Rectangle{image.Rect(0, 0, 128, 64), image.Rect(4, 2, 103, 61), image.Rect(0, 0, 120, 50)} {
		for _, output := range []image.Point{crop.Size(), image.Pt(90, 80)} {
			picture := pattern(media.NV12, 128, 64)
			brighten(picture, crop)
			s, m := nv12(t, card, 1, 0, 128, 64)
			copyInto(s, m, picture, 0, 0)
			r := renderer(t, d, output.X, output.Y)
			want := referenceOf(picture)
			want.crop, want.matrix = crop, media.BT709
			got := drawn(t, r, &gl.Scene{Picture: imported(s, crop)})
			place := gl.Placement(output, crop.Size(), gl.Letterbox)
			compare(t, got, 2, func(x, y int) rgb { return want.color(place, x, y) })
		}
	}
}

// TestDMABufOnce draws the same surfaces again and again, their pictures
// changed by somebody else: imported once, seen anew. A newer pool takes the
// place of the old one.
func TestDMABufOnce(t *testing.T) {
	d, card := gbm(t)
	r := renderer(t, d, 32, 32)
	var surfaces []*media.Surface
	var memories []memory
	for id := range 3 {
		s, m := nv12(t, card, 7, uint32(id), 32, 32)
		surfaces, memories = append(surfaces, s), append(memories, m)
	}
	for i := range 30 {
		s, m := surfaces[i%3], memories[i%3]
		grey := media.AllocFrame(media.NV12, 32, 32)
		for n := range grey.Planes[0] {
			grey.Planes[0][n] = byte(20 + 6*i)
		}
		for n := range grey.Planes[1] {
			grey.Planes[1][n] = 128
		}
		copyInto(s, m, grey, 0, 0)
		got := drawn(t, r, &gl.Scene{Picture: imported(s, image.Rect(0, 0, 32, 32))})
		light := equations(media.BT709, false, float64(20+6*i), 0, 0)
		compare(t, got, 1, func(int, int) rgb { return light })
	}
	if s := r.Stats(); s.Imports != 3 || s.Cached != 3 || s.Evictions != 0 {
		t.Errorf("Stats() = %+v; want 3 imports, all kept", s)
	}
	s, _ := nv12(t, card, 8, 0, 32, 32)
	drawn(t, r, &gl.Scene{Picture: imported(s, image.Rect(0, 0, 32, 32))})
	if s := r.Stats(); s.Imports != 4 || s.Cached != 1 || s.Evictions != 3 {
		t.Errorf("Stats() with a newer pool = %+v; want the 3 old ones let go", s)
	}
}

// TestDMABufFiles imports more surfaces than are kept.
func TestDMABufFiles(t *testing.T) {
	d, card := gbm(t)
	r := renderer(t, d, 32, 32)
	var surfaces []*media.Surface
	for id := range uint32(100) {
		s, _ := nv12(t, card, 2, id, 32, 32)
		surfaces = append(surfaces, s)
	}
	before := openFiles(t)
	for _, s := range surfaces {
		drawn(t, r, &gl.Scene{Picture: imported(s, image.Rect(0, 0, 32, 32))})
	}
	if s := r.Stats(); s.Cached != 64 || s.Imports != 100 || s.Evictions != 36 {
		t.Errorf("Stats() after 100 surfaces = %+v; want 64 kept", s)
	}
	r.Forget(2)
	if s := r.Stats(); s.Cached != 0 {
		t.Errorf("Stats() after Forget = %+v; want nothing kept", s)
	}
	if after := openFiles(t); after != before {
		t.Errorf("open files = %d after Forget; want %d as before", after, before)
	}
}

// TestDMABufScanout draws into buffers for scanout and looks into them as the
// scanout engine would: through a frame buffer's handle.
func TestDMABufScanout(t *testing.T) {
	card := openCard(t)
	d, err := gl.OpenGBM(card)
	missing(t, "dmabuf", err)
	t.Cleanup(func() { closing(t, d) })
	r := renderer(t, d, 16, 16)
	s, err := d.NewSurface(320, 180)
	if err != nil {
		t.Fatalf("NewSurface() = %v; want nil", err)
	}
	if err := r.BindSurface(s); err != nil {
		t.Fatalf("BindSurface() = %v; want nil", err)
	}
	slots, locked := map[int]uint32{}, []gl.Buffer{}
	for i := range 12 {
		b := shown(t, r, s, byte(20*i))
		if handle, ok := slots[b.Slot]; ok && handle != b.Handle {
			t.Errorf("slot %d has handle %d, then %d; want the same", b.Slot, handle, b.Handle)
		}
		slots[b.Slot] = b.Handle
		if b.Width != 320 || b.Height != 180 || b.Format != 'X'|'R'<<8|'2'<<16|'4'<<24 {
			t.Errorf("LockFront() = %+v; want XR24 of 320x180", b)
		}
		if err := scannedOut(card, b, byte(20*i), 0); err != nil {
			t.Error(err)
		}
		if locked = append(locked, b); len(locked) == 2 {
			s.Release(locked[0])
			locked = locked[1:]
		}
	}
	if len(slots) < 2 || len(slots) > 4 {
		t.Errorf("%d buffers for 12 pictures; want 2 to 4", len(slots))
	}
	if _, err := s.LockFront(); err == nil {
		t.Error("LockFront() without a swap = nil; want an error")
	}
	if err := r.Unbind(); err != nil {
		t.Errorf("Unbind() = %v; want nil", err)
	}
	closing(t, s)
}

// shown draws one grey, looks at it and swaps it out.
func shown(t *testing.T, r *gl.Renderer, s *gl.Surface, grey byte) gl.Buffer {
	t.Helper()
	f := media.AllocFrame(media.BGRX, 320, 180)
	for i := range f.Planes[0] {
		f.Planes[0][i] = grey
	}
	want := rgb{float64(grey), float64(grey), float64(grey)}
	compare(t, drawn(t, r, &gl.Scene{Picture: f}), 0, func(int, int) rgb { return want })
	b, err := swapped(r, s, f)
	if err != nil {
		t.Fatalf("picture of %d = %v; want nil", grey, err)
	}
	return b
}

// scannedOut reads a buffer where the driver lets the CPU.
func scannedOut(card int, b gl.Buffer, grey byte, tolerance int) error {
	place := mapDumb{handle: b.Handle}
	if err := drmIoctl(card, 0xb3, &place); err != nil {
		return nil // not a dumb buffer: a real GPU's memory
	}
	data, err := unix.Mmap(card, int64(place.offset), b.Stride*b.Height, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer unix.Munmap(data)
	for y := range b.Height {
		for x := range b.Width {
			for _, v := range data[y*b.Stride+4*x:][:3] {
				if !within(int(v), int(grey), tolerance) {
					return fmt.Errorf("pixel (%d, %d) of buffer %d = %d; want %d", x, y, b.Slot, v, grey)
				}
			}
		}
	}
	return nil
}

// TestDMABufTwoOutputs is two outputs of one device: each thread draws its own
// surfaces into its own buffers, and looks at what is scanned out.
func TestDMABufTwoOutputs(t *testing.T) {
	card := openCard(t)
	d, err := gl.OpenGBM(card)
	missing(t, "dmabuf", err)
	t.Cleanup(func() { closing(t, d) })
	allocator := openCard(t)
	var threads sync.WaitGroup
	for n := range 2 {
		s, m := nv12(t, allocator, uint64(n+1), 0, 320, 180)
		for i := range m.data {
			m.data[i] = 128
		}
		threads.Go(func() { drawOutput(t, d, card, imported(s, image.Rect(0, 0, 320, 180)), m, byte(60+90*n)) })
	}
	threads.Wait()
}

// drawOutput shows greys one after the other on one output.
func drawOutput(t *testing.T, d *gl.Display, card int, f *media.Frame, m memory, first byte) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := d.NewRenderer()
	if err != nil {
		t.Errorf("NewRenderer() = %v; want nil", err)
		return
	}
	defer closing(t, r)
	s, err := d.NewSurface(320, 180)
	if err != nil {
		t.Errorf("NewSurface() = %v; want nil", err)
		return
	}
	defer closing(t, s)
	if err := r.BindSurface(s); err != nil {
		t.Errorf("BindSurface() = %v; want nil", err)
		return
	}
	defer r.Unbind()
	for i := range byte(10) {
		luma := m.data[:f.Surface.Planes[1].Offset]
		for n := range luma {
			luma[n] = first + i
		}
		b, err := swapped(r, s, f)
		if err != nil {
			t.Errorf("picture %d = %v; want nil", i, err)
			return
		}
		grey := gl.RGB(media.BT709, false, first+i, 128, 128)[0]
		if err := scannedOut(card, b, grey, 1); err != nil {
			t.Errorf("picture %d: %v", i, err)
		}
		s.Release(b)
		if i%4 == 3 {
			r.Forget(f.Surface.Pool) // so that both threads import all the time
		}
	}
}

func swapped(r *gl.Renderer, s *gl.Surface, f *media.Frame) (gl.Buffer, error) {
	if err := r.Draw(&gl.Scene{Picture: f}); err != nil {
		return gl.Buffer{}, err
	}
	fence, err := r.Swap()
	if err != nil {
		return gl.Buffer{}, err
	}
	if fence >= 0 {
		unix.Close(fence)
	}
	if err := r.Finish(); err != nil {
		return gl.Buffer{}, err
	}
	return s.LockFront()
}
