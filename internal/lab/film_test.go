package lab_test

import (
	"bytes"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/blade-shadow/terminal/internal/lab"
)

func TestSaveFilm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "films", "film.y4m")
	if err := lab.SaveFilm(path, image.Pt(34, 18), 60, 3); err != nil {
		t.Fatal(err)
	}
	film, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header = "YUV4MPEG2 W34 H18 F60:1 Ip A1:1 C420mpeg2\n"
	if want := len(header) + 3*(len("FRAME\n")+34*18*3/2); len(film) != want || !bytes.HasPrefix(film, []byte(header)) {
		t.Errorf("SaveFilm() wrote %d bytes that begin with %.44q; want %d and the header of three pictures", len(film), film, want)
	}
	if n := bytes.Count(film, []byte("FRAME\n")); n != 3 {
		t.Errorf("SaveFilm() wrote %d pictures; want 3", n)
	}
}
