package receive

import (
	"sync"

	"github.com/blade-shadow/terminal/internal/media"
)

// firstBuffer is how many bytes a fresh access unit holds before it grows.
const firstBuffer = 64 << 10

// pool is a fixed number of access units. Their buffers grow to the largest
// picture seen and then stay.
type pool struct {
	limit int // bytes of one access unit

	mu      sync.Mutex
	free    []*media.AccessUnit
	lent    []*media.AccessUnit
	highest int // largest buffer asked for so far
}

func newPool(count, limit int) *pool {
	p := &pool{limit: limit, highest: min(firstBuffer, limit)}
	for range count {
		p.free = append(p.free, media.NewAccessUnit(p.put))
	}
	p.lent = make([]*media.AccessUnit, 0, count)
	return p
}

// take returns an empty access unit, or nil when all are out.
func (p *pool) take() *media.AccessUnit {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		return nil
	}
	au := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.lent = append(p.lent, au)
	if need := p.highest + media.Padding; cap(au.Data) < need {
		au.Data = make([]byte, 0, need)
	}
	return au
}

// put is every access unit's release. A second release of the same one is
// ignored: it must not be lent out twice.
func (p *pool) put(au *media.AccessUnit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, l := range p.lent {
		if l != au {
			continue
		}
		p.lent[i] = p.lent[len(p.lent)-1]
		p.lent = p.lent[:len(p.lent)-1]
		au.Data, au.Timing = au.Data[:0], media.Timing{}
		p.free = append(p.free, au)
		return
	}
}

// reserve makes room for n more bytes and the padding.
func (p *pool) reserve(au *media.AccessUnit, n int) {
	need := len(au.Data) + n
	if cap(au.Data) >= need+media.Padding {
		return
	}
	size := max(need, min(2*cap(au.Data), p.limit))
	grown := make([]byte, len(au.Data), size+media.Padding)
	copy(grown, au.Data)
	au.Data = grown
	p.mu.Lock()
	p.highest = max(p.highest, size)
	p.mu.Unlock()
}
