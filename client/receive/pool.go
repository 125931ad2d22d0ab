package receive

import (
	"sync"

	"github.com/blade-shadow/terminal/internal/media"
)

// firstBuffer is how many bytes a fresh access unit holds before it grows.
const firstBuffer = 64 << 10

// pool is a fixed number of access units. Their buffers grow to the largest
// picture seen and then stay, as long as all of them together remain within a
// bound: a host must not fill the memory by one large picture and many behind it
// that wait for the decoder.
type pool struct {
	limit  int // bytes of one access unit
	budget int // bytes of all, but for the first ones of each

	mu      sync.Mutex
	held    int // bytes of all buffers
	free    []*media.AccessUnit
	lent    []*media.AccessUnit
	highest int // largest buffer asked for so far
}

func newPool(count, limit int) *pool {
	p := &pool{limit: limit, budget: 2*limit + count*firstBuffer, highest: min(firstBuffer, limit)}
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
	if need := p.highest + media.Padding; cap(au.Data) < need && !p.resizeLocked(au, need) && cap(au.Data) == 0 {
		au.Data = make([]byte, 0, min(firstBuffer, p.limit)+media.Padding)
		p.held += cap(au.Data)
	}
	return au
}

// resizeLocked gives an access unit a buffer of that many bytes, if there is
// room for it beside those that are out.
func (p *pool) resizeLocked(au *media.AccessUnit, size int) bool {
	more := size - cap(au.Data)
	for i := 0; i < len(p.free) && p.held+more > p.budget; i++ {
		p.held -= cap(p.free[i].Data)
		p.free[i].Data = nil
	}
	if p.held+more > p.budget {
		return false
	}
	grown := make([]byte, len(au.Data), size)
	copy(grown, au.Data)
	p.held += more
	au.Data = grown
	return true
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

// reserve makes room for n more bytes and the padding. False: there is none.
func (p *pool) reserve(au *media.AccessUnit, n int) bool {
	need := len(au.Data) + n
	if cap(au.Data) >= need+media.Padding {
		return true
	}
	size := max(need, min(2*cap(au.Data), p.limit))
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.resizeLocked(au, size+media.Padding) && !p.resizeLocked(au, need+media.Padding) {
		return false
	}
	p.highest = max(p.highest, min(size, cap(au.Data)-media.Padding))
	return true
}
