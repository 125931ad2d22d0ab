//go:build !nonative

package source_test

import (
	"context"
	"errors"
	"image"
	"testing"
	"time"

	"github.com/jezek/xgb/randr"
	"github.com/jezek/xgb/render"
	"github.com/jezek/xgb/xfixes"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"

	"github.com/blade-shadow/terminal/internal/host/source"
	"github.com/blade-shadow/terminal/internal/host/source/x11"
)

// pointing starts a server whose pointer can be moved, looked at and changed.
func pointing(t testing.TB, size string, args ...string) *xvfb {
	t.Helper()
	x := startXvfb(t, size, args...)
	if err := errors.Join(xfixes.Init(x.conn), xtest.Init(x.conn), render.Init(x.conn), randr.Init(x.conn)); err != nil {
		t.Fatal(err)
	}
	if _, err := xfixes.QueryVersion(x.conn, 4, 0).Reply(); err != nil {
		t.Fatal(err)
	}
	return x
}

// moveTo moves the pointer as a mouse does.
func (x *xvfb) moveTo(t testing.TB, at image.Point) {
	t.Helper()
	err := xtest.FakeInputChecked(x.conn, xproto.MotionNotify, 0, 0, x.root, int16(at.X), int16(at.Y), 0).Check()
	if err != nil {
		t.Fatal(err)
	}
}

// setCursor gives the root window a cursor of one colour, premultiplied ARGB.
func (x *xvfb) setCursor(t testing.TB, size, hot image.Point, argb uint32) {
	t.Helper()
	pixmap, err1 := xproto.NewPixmapId(x.conn)
	gc, err2 := xproto.NewGcontextId(x.conn)
	picture, err3 := render.NewPictureId(x.conn)
	cursor, err4 := xproto.NewCursorId(x.conn)
	formats, err5 := render.QueryPictFormats(x.conn).Reply()
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	format := render.Pictformat(0)
	for _, f := range formats.Formats {
		if f.Depth == 32 && f.Direct.AlphaShift == 24 && f.Direct.RedShift == 16 {
			format = f.Id
		}
	}
	drawable := xproto.Drawable(pixmap)
	xproto.CreatePixmap(x.conn, 32, pixmap, xproto.Drawable(x.root), uint16(size.X), uint16(size.Y))
	xproto.CreateGC(x.conn, gc, drawable, xproto.GcForeground, []uint32{argb})
	xproto.PolyFillRectangle(x.conn, drawable, gc, []xproto.Rectangle{{Width: uint16(size.X), Height: uint16(size.Y)}})
	render.CreatePicture(x.conn, picture, drawable, format, 0, nil)
	render.CreateCursor(x.conn, cursor, picture, uint16(hot.X), uint16(hot.Y))
	if err := xproto.ChangeWindowAttributesChecked(x.conn, x.root, xproto.CwCursor, []uint32{uint32(cursor)}).Check(); err != nil {
		t.Fatal(err)
	}
}

// untilPointer waits for a state for five seconds.
func untilPointer(t testing.TB, p source.Pointer, what string, ok func(source.PointerState) bool) source.PointerState {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for {
		s, err := p.Next(ctx)
		if err != nil {
			t.Fatalf("Next() = %v; want %s, the last was %+v", err, what, s)
		}
		if ok(s) {
			return s
		}
	}
}

func TestDesktopPointerShape(t *testing.T) {
	x := pointing(t, "640x360")
	xproto.ChangeWindowAttributes(x.conn, x.root, xproto.CwCursor, []uint32{uint32(fontCursor(t, x, 68))}) // left_ptr
	p := openPointer(t, newDesktop(t, source.DesktopConfig{}))
	got := untilPointer(t, p, "a shape", func(s source.PointerState) bool { return s.Shape != nil && s.Shape.Width > 0 }).Shape
	want, err := xfixes.GetCursorImage(x.conn).Reply()
	if err != nil {
		t.Fatal(err)
	}
	if got.Width != int(want.Width) || got.Height != int(want.Height) || got.Hot != image.Pt(int(want.Xhot), int(want.Yhot)) {
		t.Errorf("shape is %dx%d, hot %v; want %dx%d, %d,%d", got.Width, got.Height, got.Hot, want.Width, want.Height, want.Xhot, want.Yhot)
	}
	for i, v := range want.CursorImage {
		if g := got.Pix[4*i : 4*i+4]; g[0] != byte(v>>16) || g[1] != byte(v>>8) || g[2] != byte(v) || g[3] != byte(v>>24) {
			t.Fatalf("pixel %d = %v; want ARGB %08x", i, g, v)
		}
	}

	changed := time.Now()
	x.setCursor(t, image.Pt(48, 31), image.Pt(7, 30), 0x80402010)
	s := untilPointer(t, p, "another shape", func(s source.PointerState) bool { return s.Shape != got }).Shape
	if d := time.Since(changed); d > 100*time.Millisecond {
		t.Errorf("another shape came after %v; want at most 100 ms", d)
	}
	if s.Width != 48 || s.Height != 31 || s.Hot != image.Pt(7, 30) || string(s.Pix[:4]) != "\x40\x20\x10\x80" {
		t.Errorf("shape is %dx%d, hot %v, %v; want what was set", s.Width, s.Height, s.Hot, s.Pix[:4])
	}
	x.setCursor(t, image.Pt(16, 16), image.Pt(1, 2), 0)
	untilPointer(t, p, "a shape of nothing", func(s source.PointerState) bool { return s.Shape.Width == 0 && s.Visible })
}

// fontCursor is one of X's oldest cursors.
func fontCursor(t testing.TB, x *xvfb, glyph uint16) xproto.Cursor {
	t.Helper()
	font, err1 := xproto.NewFontId(x.conn)
	cursor, err2 := xproto.NewCursorId(x.conn)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	xproto.OpenFont(x.conn, font, 6, "cursor")
	err := xproto.CreateGlyphCursorChecked(x.conn, cursor, font, font, glyph, glyph+1, 0, 0, 0, 0xffff, 0xffff, 0xffff).Check()
	if err != nil {
		t.Fatal(err)
	}
	return cursor
}

func TestDesktopPointerMoves(t *testing.T) {
	x := pointing(t, "641x361")
	p := openPointer(t, newDesktop(t, source.DesktopConfig{}))
	nextPointer(t, p)
	var worst time.Duration
	for i, want := range []image.Point{{0, 0}, {100, 50}, {639, 359}, {640, 360}, {320, 180}, {321, 180}} {
		moved := time.Now()
		x.moveTo(t, want)
		want = image.Pt(min(want.X, 639), min(want.Y, 359)) // the picture is even
		s := untilPointer(t, p, want.String(), func(s source.PointerState) bool {
			return s.Visible && s.Screen == 0 && at(s.X, 640) == want.X && at(s.Y, 360) == want.Y
		})
		if i == 3 {
			continue // the same pixel as before
		}
		worst = max(worst, s.Moved.Sub(moved))
		if d := s.Moved.Sub(moved); d < 0 || d > 100*time.Millisecond {
			t.Errorf("motion to %v was seen after %v; want at most 100 ms", want, d)
		}
	}
	t.Logf("motion was seen after %v at most", worst)
}

func TestDesktopPointerOverScreens(t *testing.T) {
	x := pointing(t, "640x360")
	d := newDesktop(t, source.DesktopConfig{Regions: []image.Rectangle{image.Rect(0, 0, 320, 200), image.Rect(320, 100, 640, 360)}})
	p := openPointer(t, d)
	for _, tt := range []struct {
		at      image.Point
		visible bool
		screen  int
		pixel   image.Point
	}{
		{image.Pt(319, 199), true, 0, image.Pt(319, 199)},
		{image.Pt(320, 199), true, 1, image.Pt(0, 99)},
		{image.Pt(320, 99), false, 0, image.Point{}},
		{image.Pt(100, 300), false, 0, image.Point{}},
	} {
		x.moveTo(t, tt.at)
		untilPointer(t, p, tt.at.String(), func(s source.PointerState) bool {
			n := []image.Point{{320, 200}, {320, 260}}[s.Screen]
			return s.Visible == tt.visible && s.Screen == tt.screen &&
				(!tt.visible || at(s.X, n.X) == tt.pixel.X && at(s.Y, n.Y) == tt.pixel.Y)
		})
	}
}

// The pointer is mapped to where the monitors are now.
func TestDesktopPointerFollowsTheLayout(t *testing.T) {
	x := pointing(t, "640x360")
	d := newDesktop(t, source.DesktopConfig{})
	p := openPointer(t, d)
	x.moveTo(t, image.Pt(160, 90))
	untilPointer(t, p, "a quarter", func(s source.PointerState) bool { return s.Visible && s.X>>8 == 64 && s.Y>>8 == 64 })
	if err := d.Arrange([]source.Placement{placed(0, image.Rect(0, 0, 320, 180), 60_000)}); err != nil {
		t.Fatal(err)
	}
	untilPointer(t, p, "the middle", func(s source.PointerState) bool { return s.Visible && s.X>>8 == 128 && s.Y>>8 == 128 })
}

// Xvfb without XFIXES ends with the first client that goes, so this is one.
func TestPointerWithoutXFixes(t *testing.T) {
	startXvfb(t, "640x360", "-extension", "XFIXES")
	if p, err := x11.NewPointer(testDisplay); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("NewPointer() = %v, %v; want errors.ErrUnsupported", p, err)
	}
}

func TestDesktopPointerWhoseServerDies(t *testing.T) {
	x := pointing(t, "640x360")
	p := openPointer(t, newDesktop(t, source.DesktopConfig{}))
	nextPointer(t, p)
	x.kill()
	if _, err := p.Next(t.Context()); !errors.Is(err, source.ErrGone) {
		t.Errorf("Next() without a server = %v; want ErrGone", err)
	}
}

// BenchmarkDesktopPointer is a look at a pointer that moves, X's side included.
func BenchmarkDesktopPointer(b *testing.B) {
	x := pointing(b, "640x360")
	p := openPointer(b, newDesktop(b, source.DesktopConfig{}))
	nextPointer(b, p)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		x.moveTo(b, image.Pt(i%640, i%360))
		nextPointer(b, p)
	}
}
