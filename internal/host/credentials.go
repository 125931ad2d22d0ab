package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/blade-shadow/terminal/internal/wire"
)

// minToken is the shortest token in characters; a longer one is as easy to
// make and nobody types it.
const minToken = 16

// lookEvery is how often it is looked whether those who are in a session may
// still be.
const lookEvery = time.Second

// credential is what a request was let in by: it reports whether its holder may
// still be here. That a token has expired does not change it: a session
// outlives its tokens. nil: nothing was asked for.
type credential func() bool

// ownToken is the token of Config.TokenFile, and the file is followed: another
// token in it counts from then on, in place of the one before. A file that is
// gone or holds none changes nothing: it may be in the middle of being written,
// or have been put away after the start.
type ownToken struct {
	path string
	hash atomic.Pointer[[sha256.Size]byte] // never nil

	// of look
	seen    os.FileInfo // as it was read last; nil: it is no file, and not read again
	trouble string      // what was last said about it
}

// newOwnToken reads a token's file; no path is none.
func newOwnToken(path string) (*ownToken, error) {
	if path == "" {
		return nil, nil
	}
	o := &ownToken{path: path}
	st, err := os.Stat(path)
	if err == nil && st.Mode().IsRegular() {
		o.seen = st // from before it is read, so that no change is missed
	}
	hash, err := readToken(path)
	if err != nil {
		return nil, err
	}
	o.hash.Store(hash)
	return o, nil
}

// admit returns what a token lets in by, false for a wrong one. Hashes are
// compared, so neither contents nor length show in the time.
func (o *ownToken) admit(given string) (credential, bool) {
	hash := sha256.Sum256([]byte(given))
	is := func() bool { return subtle.ConstantTimeCompare(hash[:], o.hash.Load()[:]) == 1 }
	return is, is()
}

// look follows the file. news is what there is to say of it.
func (o *ownToken) look() (news string, err error) {
	if o.seen == nil {
		return "", nil
	}
	st, err := os.Stat(o.path)
	if err == nil && os.SameFile(st, o.seen) && st.ModTime().Equal(o.seen.ModTime()) && st.Size() == o.seen.Size() && st.Mode() == o.seen.Mode() {
		return "", nil
	}
	var hash *[sha256.Size]byte
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("token file %s is no file any more", o.path)
	}
	if err == nil {
		hash, err = readToken(o.path)
	}
	if err != nil {
		if err.Error() == o.trouble {
			return "", nil
		}
		o.trouble = err.Error()
		return "the token from before counts on", err
	}
	o.seen, o.trouble = st, ""
	if *hash == *o.hash.Swap(hash) {
		return "", nil
	}
	return "another token counts from now on", nil
}

// readToken reads the token's file and keeps only its hash. The file is a
// password: one that everybody can read is refused.
func readToken(path string) (*[sha256.Size]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	if perm := st.Mode().Perm(); perm&0o007 != 0 {
		return nil, fmt.Errorf("token file %s can be used by every user (mode %04o): chmod 600 it", path, perm)
	}
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	if err != nil {
		return nil, fmt.Errorf("read token %s: %w", path, err)
	}
	token := bytes.TrimSpace(buf[:n])
	if len(token) < minToken || bytes.ContainsAny(token, "\r\n \t") || n == len(buf) {
		return nil, fmt.Errorf("token file %s must hold one line of at least %d characters without spaces", path, minToken)
	}
	hash := sha256.Sum256(token)
	return &hash, nil
}

// bearer returns the request's bearer token (RFC 6750, 2.1).
func bearer(r *http.Request) (token string, ok bool) {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(given), strings.EqualFold(scheme, "Bearer")
}

// admit returns what lets a request in: the host's own token or one that
// CheckToken accepts, where one is asked for. ok is false for strangers.
func (s *Server) admit(r *http.Request) (c credential, ok bool) {
	if s.access.own == nil {
		return nil, true
	}
	given, has := bearer(r)
	if !has {
		return nil, false
	}
	if c, ok = s.access.own.admit(given); !ok && s.cfg.CheckToken != nil {
		c, ok = s.cfg.CheckToken(given)
	}
	return c, ok
}

// watchCredentials follows the token's file and ends sessions whose terminal
// may not be here any more, until ctx ends.
func (s *Server) watchCredentials(ctx context.Context) error {
	if s.access.own == nil {
		return nil // nobody was asked
	}
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		switch news, err := s.access.own.look(); {
		case err != nil:
			s.log.Warn(news, "component", "host", "err", err)
		case news != "":
			s.log.Info(news, "component", "host", "file", s.access.own.path)
		}
		s.mu.Lock()
		all := slices.Collect(maps.Values(s.sessions))
		s.mu.Unlock()
		for _, n := range all {
			if c := *n.holder.Load(); c != nil && !c() {
				n.end(ending{code: wire.ByeRevoked, reason: "the token is not accepted any more", tell: true})
			}
		}
	}
}
