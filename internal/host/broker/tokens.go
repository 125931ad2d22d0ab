package broker

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

// maxTokens bounds those that are valid at once; the one that expires first
// gives way.
const maxTokens = 4096

// tokens are the hashes of those that were issued.
type tokens struct {
	mu  sync.Mutex // guards all
	all map[[sha256.Size]byte]issued
}

// issued is whose token it is and until when it counts.
type issued struct {
	device  Device
	expires time.Time
}

// issue makes a token of 128 random bits.
func (t *tokens) issue(d Device, now, expires time.Time) string {
	token := rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all == nil {
		t.all = make(map[[sha256.Size]byte]issued)
	}
	if len(t.all) >= maxTokens {
		t.makeRoomLocked(now)
	}
	t.all[sha256.Sum256([]byte(token))] = issued{d, expires}
	return token
}

// makeRoomLocked forgets what has expired, or else the next that would.
func (t *tokens) makeRoomLocked(now time.Time) {
	var next [sha256.Size]byte
	var when time.Time
	for hash, one := range t.all {
		if !now.Before(one.expires) {
			delete(t.all, hash)
		} else if when.IsZero() || one.expires.Before(when) {
			next, when = hash, one.expires
		}
	}
	if len(t.all) >= maxTokens {
		delete(t.all, next)
	}
}

// check returns whose token it is, if it is valid. It is looked up by its hash, which
// nobody outside can choose, so that time tells nothing.
func (t *tokens) check(token string, now time.Time) (Device, bool) {
	hash := sha256.Sum256([]byte(token))
	t.mu.Lock()
	defer t.mu.Unlock()
	one, ok := t.all[hash]
	return one.device, ok && now.Before(one.expires)
}
