//go:build linux && cgo && !nonative

package sdl_test

import (
	"bytes"
	"image"
	"testing"

	"github.com/jezek/xgb/xfixes"

	"github.com/blade-shadow/terminal/display"
	"github.com/blade-shadow/terminal/display/sdl"
	"github.com/blade-shadow/terminal/display/ui"
)

// looks is the mouse on the X server: its size and its first pixel, ARGB.
type looks struct {
	size, hot image.Point
	argb      uint32
}

func (b *bench) looks() looks {
	b.t.Helper()
	r, err := xfixes.GetCursorImage(b.x).Reply()
	if err != nil {
		b.t.Fatalf("GetCursorImage() = %v; want nil", err)
	}
	l := looks{size: image.Pt(int(r.Width), int(r.Height)), hot: image.Pt(int(r.Xhot), int(r.Yhot))}
	if len(r.CursorImage) > 0 {
		l.argb = r.CursorImage[0]
	}
	return l
}

func (b *bench) wantLooks(what string, want looks) {
	b.t.Helper()
	b.until(what, func() bool { return b.looks() == want })
}

// plain is a pointer of one colour: red, green, blue, alpha.
func plain(width, height int, hot image.Point, rgba ...byte) *sdl.Cursor {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	copy(m.Pix, bytes.Repeat(rgba, width*height))
	return &sdl.Cursor{Image: m, Hot: hot}
}

func TestCursor(t *testing.T) {
	b, at := seated(t)
	if err := xfixes.Init(b.x); err != nil {
		t.Fatal(err)
	}
	if _, err := xfixes.QueryVersion(b.x, 4, 0).Reply(); err != nil {
		t.Fatal(err)
	}
	b.warp(at.Min.X+100, at.Min.Y+100)
	b.event(0)
	own := b.looks()

	c := plain(40, 30, image.Pt(7, 29), 0x40, 0x20, 0x10, 0x80)
	host := looks{image.Pt(40, 30), image.Pt(7, 29), 0x80402010}
	b.d.SetCursor(0, c)
	b.wantLooks("the host's pointer over the picture", host)
	b.d.SetCursor(0, plain(0, 0, image.Point{}, 1))           // none
	b.d.SetCursor(0, plain(8, 8, image.Pt(8, 0), 1, 1, 1, 1)) // points nowhere
	b.d.SetCursor(1, plain(8, 8, image.Pt(0, 0), 1, 1, 1, 1)) // on no screen
	b.d.SetStatus(0, &ui.Status{Title: "Wait"})
	b.wantLooks("our own over words", own)
	b.d.SetStatus(0, nil)
	b.wantLooks("the host's pointer when they are gone", host)

	b.chord(keyM)
	next(b, b.commands, "command")
	b.until("no pointer of the host in relative mode", func() bool { return b.looks() != host })
	b.chord(keyM)
	next(b, b.commands, "command")
	b.warp(at.Min.X+101, at.Min.Y+100)
	b.wantLooks("the host's pointer again", host)

	b.d.SetCursor(0, &sdl.Cursor{})
	b.until("nothing to see", func() bool { return b.looks().argb>>24 == 0 && b.looks() != host })
	b.d.SetCursor(0, nil)
	b.wantLooks("our own", own)
	for range 100 { // none is kept
		b.d.SetCursor(0, plain(40, 30, image.Pt(7, 29), 1, 2, 3, 255))
		b.d.SetCursor(0, c)
	}
	b.wantLooks("the last of many", host)
}

// Beside the picture, where the host has no place, the mouse is our own.
func TestCursorBesideThePicture(t *testing.T) {
	b := newBench(t, sdl.GPUOff, display.Config{Width: 640, Height: 360})
	if err := xfixes.Init(b.x); err != nil {
		t.Fatal(err)
	}
	if _, err := xfixes.QueryVersion(b.x, 4, 0).Reply(); err != nil {
		t.Fatal(err)
	}
	b.show(flat(0, 320, 360, yuv{126, 128, 128})) // in the middle
	at := b.place(b.windows(1)[0])
	if !next(b, b.focus, "focus") {
		t.Fatal("OnFocus(false); want OnFocus(true) first")
	}
	b.warp(at.Min.X+320, at.Min.Y+100)
	own := b.looks()
	b.d.SetCursor(0, plain(20, 20, image.Pt(1, 2), 9, 9, 9, 255))
	host := looks{image.Pt(20, 20), image.Pt(1, 2), 0xff090909}
	b.wantLooks("the host's over the picture", host)
	b.warp(at.Min.X+20, at.Min.Y+100)
	b.wantLooks("our own beside it", own)
	b.warp(at.Min.X+320, at.Min.Y+101)
	b.wantLooks("the host's over the picture again", host)
}
