package linktest_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	client "github.com/blade-shadow/terminal/client/linktest"
	"github.com/blade-shadow/terminal/internal/linktest"
)

func result(n int) *linktest.Result {
	r := &linktest.Result{At: time.Unix(1_700_000_000+int64(n)*3600, 0).UTC(), Host: "pc:8089"}
	r.Finish()
	return r
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := client.NewStore(dir)
	if all, damaged, err := s.Read(); len(all) != 0 || damaged != 0 || err != nil {
		t.Fatalf("Read() of nothing = %d, %d, %v; want none", len(all), damaged, err)
	}
	for i := range linktest.MaxHistory + 5 {
		if err := s.Add(result(i)); err != nil {
			t.Fatal(err)
		}
	}
	all, damaged, err := s.Read()
	if err != nil || damaged != 0 || len(all) != linktest.MaxHistory {
		t.Fatalf("Read() = %d, %d, %v; want the newest %d", len(all), damaged, err, linktest.MaxHistory)
	}
	if !all[0].At.Equal(result(5).At) || len(all[0].Verdicts) == 0 {
		t.Errorf("oldest is of %v with %d verdicts; want the sixth, graded", all[0].At, len(all[0].Verdicts))
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder has %v, %v; want the one file", left, err)
	}
}

// TestStoreOutlivesDamage cuts the file off in its last line.
func TestStoreOutlivesDamage(t *testing.T) {
	dir := t.TempDir()
	s := client.NewStore(dir)
	for i := range 3 {
		if err := s.Add(result(i)); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Join(dir, linktest.FileName)
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b[:len(b)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	all, damaged, err := s.Read()
	if len(all) != 2 || damaged != 1 || err != nil {
		t.Errorf("Read() of a cut file = %d, %d, %v; want two and one damaged", len(all), damaged, err)
	}
}

// TestStoreTogether adds from many goroutines: nothing is lost.
func TestStoreTogether(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if err := client.NewStore(dir).Add(result(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, _, err := client.NewStore(dir).Read(); err != nil || len(all) != 16 {
		t.Errorf("Read() = %d, %v; want 16", len(all), err)
	}
}
