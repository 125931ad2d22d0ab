package mode_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
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
	chosen := mode.Choice{Scale: 150}
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

// TestStoreProcesses has two processes choose for the same monitors at the same
// time, one field each: none is lost.
func TestStoreProcesses(t *testing.T) {
	const rounds = 20
	at := mode.Monitor{Connector: "DP-1", Identity: "shared"}
	if path := os.Getenv("MODE_TEST_STORE"); path != "" {
		s := open(t, path)
		for i := range rounds {
			if err := s.Put(fmt.Sprint("theirs", i), mode.Choice{Scale: 150}); err != nil {
				t.Fatal(err)
			}
			if err := s.Edit(at, nil, func(c mode.Choice) (mode.Choice, error) { c.X++; return c, nil }); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "displays.json")
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStoreProcesses$")
	other.Env = append(os.Environ(), "MODE_TEST_STORE="+path)
	var said bytes.Buffer
	other.Stdout, other.Stderr = &said, &said
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	for i := range rounds {
		if err := s.Put(fmt.Sprint("ours", i), mode.Choice{Scale: 200}); err != nil {
			t.Error(err)
		}
		if err := s.Edit(at, nil, func(c mode.Choice) (mode.Choice, error) { c.Y++; return c, nil }); err != nil {
			t.Error(err)
		}
	}
	if err := other.Wait(); err != nil {
		t.Fatalf("the other process: %v\n%s", err, said.Bytes())
	}
	again := open(t, path)
	if got, want := again.For(at), (mode.Choice{X: rounds, Y: rounds}); got != want {
		t.Errorf("For(the shared one) = %+v; want %+v", got, want)
	}
	for i := range rounds {
		ours, theirs := again.Choice(fmt.Sprint("ours", i)).Scale, again.Choice(fmt.Sprint("theirs", i)).Scale
		if ours != 200 || theirs != 150 {
			t.Errorf("monitors %d: scales = %d, %d; want 200, 150", i, ours, theirs)
		}
	}
}

// TestStoreTwins chooses for two monitors that cannot be told apart but by
// where they are plugged in.
func TestStoreTwins(t *testing.T) {
	one, two := mode.Monitor{Connector: "DP-1", Identity: "ACME-1"}, mode.Monitor{Connector: "DP-2", Identity: "ACME-1"}
	both := []mode.Monitor{one, two, {Connector: "DP-3"}}
	s := open(t, filepath.Join(t.TempDir(), "displays.json"))
	scale := func(n int) func(mode.Choice) (mode.Choice, error) {
		return func(c mode.Choice) (mode.Choice, error) { c.Scale = n; return c, nil }
	}
	steps := []struct {
		name      string
		do        func() error
		first     mode.Choice
		second    mode.Choice
		elsewhere mode.Choice
	}{
		{"alone", func() error { return s.Edit(one, []mode.Monitor{one}, scale(110)) }, mode.Choice{Scale: 110}, mode.Choice{Scale: 110}, mode.Choice{Scale: 110}},
		{"the second of two", func() error { return s.Edit(two, both, scale(120)) }, mode.Choice{Scale: 110}, mode.Choice{Scale: 120}, mode.Choice{Scale: 110}},
		{"the second as without a choice", func() error { return s.Edit(two, both, scale(0)) }, mode.Choice{Scale: 110}, mode.Choice{}, mode.Choice{Scale: 110}},
		{"the second again", func() error { return s.Edit(two, both, scale(120)) }, mode.Choice{Scale: 110}, mode.Choice{Scale: 120}, mode.Choice{Scale: 110}},
		{
			"more of the second, now alone",
			func() error {
				return s.Edit(two, []mode.Monitor{two}, func(c mode.Choice) (mode.Choice, error) { c.Primary = true; return c, nil })
			},
			mode.Choice{Scale: 110},
			mode.Choice{Scale: 120, Primary: true},
			mode.Choice{Scale: 110},
		},
		{
			"primary goes to the first",
			func() error {
				return s.Edit(one, both, func(c mode.Choice) (mode.Choice, error) { c.Primary = true; return c, nil })
			},
			mode.Choice{Scale: 110, Primary: true},
			mode.Choice{Scale: 120},
			mode.Choice{Scale: 110},
		},
		{"the second forgotten", func() error { return s.Forget(two, both) }, mode.Choice{Scale: 110, Primary: true}, mode.Choice{}, mode.Choice{}},
		{"again", func() error { return s.Forget(two, both) }, mode.Choice{Scale: 110, Primary: true}, mode.Choice{}, mode.Choice{}},
		{"the first forgotten", func() error { return s.Forget(one, both) }, mode.Choice{}, mode.Choice{}, mode.Choice{}},
		{"alone again", func() error { return s.Edit(one, []mode.Monitor{one}, scale(130)) }, mode.Choice{Scale: 130}, mode.Choice{Scale: 130}, mode.Choice{Scale: 130}},
		{"its twin's part forgotten", func() error { return s.Forget(two, both) }, mode.Choice{Scale: 130}, mode.Choice{}, mode.Choice{}},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		elsewhere := s.For(mode.Monitor{Connector: "DP-9", Identity: one.Identity})
		if a, b := s.For(one), s.For(two); a != step.first || b != step.second || elsewhere != step.elsewhere {
			t.Fatalf("%s: For = %+v, %+v, elsewhere %+v; want %+v, %+v, %+v", step.name, a, b, elsewhere, step.first, step.second, step.elsewhere)
		}
	}
	// One that says nothing of itself is known by its connector.
	if err := s.Edit(both[2], both, scale(75)); err != nil {
		t.Fatal(err)
	}
	if got := s.For(both[2]).Scale; got != 75 || s.For(mode.Monitor{Connector: "DP-4"}) != (mode.Choice{}) {
		t.Errorf("For(no identity).Scale = %d; want 75 and nothing on another connector", got)
	}
}

// TestStoreReload follows what another store writes, a person, and damage.
func TestStoreReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s, other := open(t, path), open(t, path)
	reload := func(what string, changed bool, wrong string, scale int) {
		t.Helper()
		got, err := s.Reload()
		if got != changed || (err == nil) != (wrong == "") || (err != nil && !strings.Contains(err.Error(), wrong)) || s.Choice("A").Scale != scale {
			t.Errorf("%s: Reload() = %v, %v with scale %d; want %v, %q, %d", what, got, err, s.Choice("A").Scale, changed, wrong, scale)
		}
	}
	write := func(data string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reload("no file", false, "", 0)
	if err := other.Put("A", mode.Choice{Scale: 125}); err != nil {
		t.Fatal(err)
	}
	reload("chosen elsewhere", true, "", 125)
	reload("nothing new", false, "", 125)
	if err := s.Put("A", mode.Choice{Scale: 130}); err != nil {
		t.Fatal(err)
	}
	reload("chosen here", false, "", 130)
	write("{")
	reload("damaged", false, "unexpected EOF", 130)
	reload("still damaged", false, "", 130)
	write(`{"version":1,"monitors":[{"identity":"A","choice":{"scale":140}}]}`)
	reload("mended", true, "", 140)
	write("damaged again")
	if err := s.Put("B", mode.Choice{Scale: 60}); err != nil {
		t.Fatal(err)
	}
	if again := open(t, path); again.Choice("A").Scale != 140 || again.Choice("B").Scale != 60 {
		t.Errorf("choices after one over a damaged file = %+v, %+v; want what was remembered and it", again.Choice("A"), again.Choice("B"))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	reload("gone", true, "", 0)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	reload("a folder", false, "is a directory", 0)
	reload("still a folder", false, "", 0)
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	reload("without its folder", false, "no such file", 0)
	reload("still without", false, "", 0)
}

// TestStoreRefusedEdit leaves the file as it is.
func TestStoreRefusedEdit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "displays.json")
	s, no := open(t, path), errors.New("no")
	at := mode.Monitor{Connector: "DP-1", Identity: "A"}
	if err := s.Edit(at, nil, func(mode.Choice) (mode.Choice, error) { return chosen, no }); !errors.Is(err, no) {
		t.Errorf("Edit = %v; want %v", err, no)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || s.For(at) != (mode.Choice{}) {
		t.Errorf("after a refusal: %v, %+v; want no file and no choice", err, s.For(at))
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
