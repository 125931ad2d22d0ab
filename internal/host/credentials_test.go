package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/blade-shadow/terminal/internal/host"
)

// TestOwnToken follows a token's file through what people do to it.
func TestOwnToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	const first, second = "correct-horse-battery", "another-horse-of-mine"
	write := func(text string, mode os.FileMode) func() error {
		return func() error {
			if err := os.WriteFile(path+"+", []byte(text), 0o600); err != nil {
				return err
			}
			if err := os.Chmod(path+"+", mode); err != nil {
				return err
			}
			return os.Rename(path+"+", path)
		}
	}
	if err := write(first+"\n", 0o600)(); err != nil {
		t.Fatal(err)
	}
	o, err := host.NewOwnToken(path)
	if err != nil {
		t.Fatal(err)
	}
	stands, ok := o.Admit(first)
	if !ok {
		t.Fatalf("Admit(%q) = false; want true", first)
	}
	steps := []struct {
		name   string
		change func() error
		opens  string
		news   bool
		fails  bool
	}{
		{"as it was", func() error { return nil }, first, false, false},
		{"the same again", write(first, 0o600), first, false, false},
		{"empty", write("", 0o600), first, true, true},
		{"empty, again", write("", 0o600), first, false, false}, // it was said
		{"for everybody", write(second, 0o644), first, true, true},
		{"gone", func() error { return os.Remove(path) }, first, true, true},
		{"a folder", func() error { return os.Mkdir(path, 0o700) }, first, true, true},
		{"another", func() error { _ = os.Remove(path); return write(second, 0o640)() }, second, true, false},
		{"in place", func() error { return os.WriteFile(path, []byte(first+first), 0o600) }, first + first, true, false},
		{"the first", write(first, 0o600), first, true, false},
	}
	for _, s := range steps {
		if err := s.change(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		news, err := o.Look()
		if (news != "") != s.news || (err != nil) != s.fails {
			t.Errorf("%s: Look() = %q, %v; want news %v, an error %v", s.name, news, err, s.news, s.fails)
		}
		for _, token := range []string{first, second, first + first, ""} {
			if _, ok := o.Admit(token); ok != (token == s.opens) {
				t.Errorf("%s: Admit(%q) = %v; want %q to open", s.name, token, ok, s.opens)
			}
		}
		if stands() != (s.opens == first) {
			t.Errorf("%s: who came with %q stands: %v; want that while it opens", s.name, first, stands())
		}
	}
}

// A token from a pipe is read once: there is nothing to follow.
func TestOwnTokenFromPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("correct-horse-battery\n"); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := r.Chmod(0o600); err != nil {
		t.Fatal(err)
	}
	o, err := host.NewOwnToken(fmt.Sprintf("/dev/fd/%d", r.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if news, err := o.Look(); news != "" || err != nil {
		t.Errorf("Look() = %q, %v; want nothing", news, err)
	}
	if _, ok := o.Admit("correct-horse-battery"); !ok {
		t.Error("Admit() = false; want the token from the pipe")
	}
}
