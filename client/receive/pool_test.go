package receive_test

import (
	"testing"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestPoolMemory has every access unit grow as far as it may, all of them out
// at a time as behind a decoder that hangs, and then small ones after them.
func TestPoolMemory(t *testing.T) {
	const count, limit = 16, 1 << 20
	const bound = 2*limit + 2*count*(64<<10+media.Padding)
	pool := receive.NewPool(count, limit)
	for round := range 3 {
		var out []*media.AccessUnit
		whole := 0
		for range count {
			au := pool.Take()
			if au == nil {
				t.Fatalf("round %d: no access unit of %d", round, count)
			}
			out = append(out, au)
			for len(au.Data) < limit && pool.Reserve(au, 1000) {
				au.Data = au.Data[:len(au.Data)+1000]
			}
			if len(au.Data) >= limit {
				whole++
			}
			if held := capacity(out); held > bound {
				t.Fatalf("round %d: %d bytes are out; want at most %d", round, held, bound)
			}
		}
		if whole != 2 {
			t.Errorf("round %d: %d access units grew to the limit; want 2", round, whole)
		}
		for _, au := range out {
			au.Release()
		}
	}
	// Whatever was, a single large one finds room.
	au := pool.Take()
	for len(au.Data) < limit {
		if !pool.Reserve(au, 1000) {
			t.Fatalf("there is no room for %d bytes; want a whole access unit", len(au.Data)+1000)
		}
		au.Data = au.Data[:len(au.Data)+1000]
	}
}

func capacity(all []*media.AccessUnit) (n int) {
	for _, au := range all {
		n += cap(au.Data)
	}
	return n
}
