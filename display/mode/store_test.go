package mode_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/blade-shadow/terminal/display/mode"
)

var chosen = mode.Choice{
	Width: 1920, Height: 1080, MilliHz: 143981, Order: 2, Placed: true, X: -1920, Y: 40, Scale: 150,
	Primary: true, Fit: mode.Stretch, VRR: mode.VRROff,
}

func open(t testing.TB, path string) *mode.Store {
	t.Helper()
	s, err := mode.OpenStore(path)
	if err != nil {
		t.Fatalf("OpenStore(%s) = %v; want none", path, err)
	}
	return s
}

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s := open(t, path)
	if got := s.Choice("A"); got != (mode.Choice{}) {
		t.Errorf("Choice of an empty store = %+v; want none", got)
	}
	for id, c := range map[string]mode.Choice{"A": chosen, "B": {VRR: mode.VRROn}} {
		if err := s.Put(id, c); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*mode.Store{s, open(t, path)} {
		if a, b := s.Choice("A"), s.Choice("B"); a != chosen || b != (mode.Choice{VRR: mode.VRROn}) {
			t.Errorf("Choice = %+v, %+v; want what was put", a, b)
		}
	}
	if err := s.Put("A", mode.Choice{}); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Choice("A"); got != (mode.Choice{}) {
		t.Errorf("Choice after the zero one = %+v; want none", got)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("files = %v, %v; want the store alone", left, err)
	}
}

func TestStoreDamaged(t *testing.T) {
	good := `{"version":1,"monitors":[{"identity":"A","choice":{"scale":125}}]}`
	tests := []struct{ name, data, want string }{
		{"cut off", good[:30], "unexpected EOF"},
		{"empty", "", "EOF"},
		{"noise", "\x00\x01\x02", "invalid character"},
		{"a later form", strings.Replace(good, `1,`, `2,`, 1), "version 2"},
		{"out of bounds", strings.Replace(good, "125", "99999", 1), "scale"},
		{"a word that is none", strings.Replace(good, `"scale":125`, `"fit":"zoom"`, 1), "zoom"},
		{"no identity", strings.Replace(good, `"A"`, `""`, 1), "identity"},
		{"twice", strings.Replace(good, `[`, `[{"identity":"A","choice":{"scale":125}},`, 1), "twice"},
		{"endless", good + strings.Repeat(" ", 1<<20), "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "displays.json")
			if err := os.WriteFile(path, []byte(tt.data), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := mode.OpenStore(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || s == nil {
				t.Fatalf("OpenStore = %v, %v; want a store and an error with %q", s, err, tt.want)
			}
			if kept, err := os.ReadFile(path + ".bad"); err != nil || string(kept) != tt.data {
				t.Errorf("the damaged file = %d bytes, %v; want it kept aside", len(kept), err)
			}
			if err := s.Put("B", chosen); err != nil {
				t.Errorf("Put after damage = %v; want none", err)
			}
			if got := open(t, path).Choice("B"); got != chosen {
				t.Errorf("Choice after damage = %+v; want what was put", got)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "displays.json")
	if err := os.WriteFile(path, []byte(strings.Replace(good, `"scale"`, `"later":1,"scale"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).Choice("A"); got.Scale != 125 {
		t.Errorf("Choice beside a later key = %+v; want scale 125", got)
	}
}

func TestStoreRefuses(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "displays.json"))
	for _, c := range []mode.Choice{
		{Width: 100}, {Width: -1, Height: -1}, {Scale: 10}, {Order: -1}, {X: 1 << 30}, {Fit: 9}, {VRR: 9}, {MilliHz: 1 << 31},
	} {
		if err := s.Put("A", c); err == nil || s.Choice("A") != (mode.Choice{}) {
			t.Errorf("Put(%+v) = %v; want an error and nothing remembered", c, err)
		}
	}
	if err := s.Put("", chosen); err == nil {
		t.Error("Put without identity = nil; want an error")
	}
}

// TestStoreUnwritable loses the folder between two choices: an error, and what
// was remembered stays.
func TestStoreUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, filepath.Join(dir, "displays.json"))
	if err := s.Put("A", chosen); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Put("A", mode.Choice{Scale: 200}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Put without its folder = %v; want fs.ErrNotExist", err)
	}
	if got := s.Choice("A"); got != chosen {
		t.Errorf("Choice after a failed Put = %+v; want the one before", got)
	}
	if s, err := mode.OpenStore(t.TempDir()); err == nil || s == nil {
		t.Errorf("OpenStore(a folder) = %v, %v; want a store and an error", s, err)
	}
}

// TestStoreBounded chooses for more monitors than are kept: the oldest go.
func TestStoreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s := open(t, path)
	long := strings.Repeat("x", 200)
	for i := range 80 {
		if err := s.Put(fmt.Sprint(long, i), chosen); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, path)
	if again.Choice(long+"15") != (mode.Choice{}) || again.Choice(long+"16") != chosen || again.Choice(long+"79") != chosen {
		t.Error("Choice: want the last 64 monitors and no other")
	}
}

func TestStoreConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s := open(t, path)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			id := fmt.Sprint("monitor", i)
			for n := range 5 {
				if err := s.Put(id, mode.Choice{Scale: 100 + n}); err != nil {
					t.Error(err)
				}
				if got := s.Choice(id).Scale; got != 100+n {
					t.Errorf("Choice(%s).Scale = %d; want %d", id, got, 100+n)
				}
			}
		})
	}
	wg.Wait()
	again := open(t, path)
	for i := range 8 {
		if got := again.Choice(fmt.Sprint("monitor", i)).Scale; got != 104 {
			t.Errorf("monitor%d: scale = %d; want 104", i, got)
		}
	}
}

func FuzzStore(f *testing.F) {
	f.Add([]byte(`{"version":1,"monitors":[{"identity":"A","choice":{"scale":125,"fit":"stretch","vrr":"on"}}]}`))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "displays.json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := mode.OpenStore(path)
		if s == nil {
			t.Fatalf("OpenStore = nil, %v; want a store", err)
		}
		if err := s.Put("B", chosen); err != nil {
			t.Fatalf("Put = %v; want none", err)
		}
		if again, err := mode.OpenStore(path); err != nil || again.Choice("B") != chosen {
			t.Fatalf("OpenStore after Put = %v; want what was put", err)
		}
	})
}
