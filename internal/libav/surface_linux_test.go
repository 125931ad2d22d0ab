package libav_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// files stands in for a driver whose surfaces are files.
type files struct {
	t       testing.TB
	dir     string
	of      map[uint32]string
	asked   int
	refuses error
}

func (d *files) ask(id uint32) (*media.Surface, error) {
	d.asked++
	if d.refuses != nil {
		return nil, d.refuses
	}
	fd, err := syscall.Open(filepath.Join(d.dir, d.of[id]), syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	s := nv12()
	s.Objects[0].FD = fd
	return s, nil
}

func newFiles(t testing.TB) (*files, *libav.Exports) {
	d := &files{t: t, dir: t.TempDir(), of: map[uint32]string{1: "a", 2: "b"}}
	x := libav.NewExports(7, d.ask)
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return d, x
}

func (d *files) surface(x *libav.Exports, id uint32) *media.Surface {
	d.t.Helper()
	s, err := x.Surface(id)
	if err != nil {
		d.t.Fatalf("Surface(%d) = %v", id, err)
	}
	return s
}

func TestExportsAreKept(t *testing.T) {
	before := countFDs(t)
	d, x := newFiles(t)
	a, b := d.surface(x, 1), d.surface(x, 2)
	if a.Pool != 7 || b.Pool != 7 || a.ID == b.ID || a.ID == 0 {
		t.Errorf("surfaces are %d/%d and %d/%d; want pool 7 and two numbers", a.Pool, a.ID, b.Pool, b.ID)
	}
	for range 5 {
		if got := d.surface(x, 1); got != a {
			t.Fatalf("Surface(1) = %p; want %p again", got, a)
		}
	}
	if d.asked != 3 {
		t.Errorf("the driver was asked %d times; want 3: once for each surface, once more to be sure", d.asked)
	}
	if got := countFDs(t); got != before+2 {
		t.Errorf("%d descriptors; want %d", got, before+2)
	}
	if err := x.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if got := countFDs(t); got != before {
		t.Errorf("%d descriptors after Close; want %d", got, before)
	}
}

// TestSurfaceMoves has a driver that gives a surface other memory after its
// first export.
func TestSurfaceMoves(t *testing.T) {
	d, x := newFiles(t)
	first := d.surface(x, 1)
	d.of[1] = "c"
	second := d.surface(x, 1)
	if second == first || second.ID == first.ID {
		t.Errorf("Surface(1) = %d again; want another one: its memory moved", second.ID)
	}
	var old syscall.Stat_t
	if err := syscall.Fstat(first.Objects[0].FD, &old); err != nil {
		t.Errorf("the first descriptor: %v; want it open: a frame may show it", err)
	}
	if got := d.surface(x, 1); got != second {
		t.Errorf("Surface(1) = %d; want %d, where it stays", got.ID, second.ID)
	}
}

func TestSurfaceKeepsMoving(t *testing.T) {
	d, x := newFiles(t)
	names := []string{"c", "e", "f", "g", "h", "i"}
	moved := 0
	for _, name := range names {
		_, err := x.Surface(1)
		if err == nil {
			d.of[1] = name
			moved++
			continue
		}
		if !errors.Is(err, libav.ErrExport) || !errors.Is(err, libav.ErrHardware) {
			t.Errorf("Surface(1) = %v; want ErrExport and ErrHardware", err)
		}
	}
	if moved != libav.MaxMoves+1 {
		t.Errorf("given out %d times; want %d", moved, libav.MaxMoves+1)
	}
}

func TestExportRefused(t *testing.T) {
	d, x := newFiles(t)
	d.refuses = os.ErrPermission
	if _, err := x.Surface(1); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Surface(1) = %v; want %v", err, os.ErrPermission)
	}
	d.refuses = nil
	d.surface(x, 1)
}

func countFDs(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
