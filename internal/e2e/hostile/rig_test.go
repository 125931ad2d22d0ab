//go:build linux && !nonative

package hostile_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// endings are the lines in which the terminal says that a session has ended,
// and why.
var endings = regexp.MustCompile(`msg="session ended" component=agent err=("(?:[^"\\]|\\.)*"|\S+) retry=`)

func unquote(s string) string {
	if text, err := strconv.Unquote(s); err == nil {
		return text
	}
	return s
}

// house is the address that the terminal connects to. Who lives there changes.
type house struct {
	server *httptest.Server
	guest  atomic.Pointer[http.Handler]
	posts  atomic.Int64 // sessions asked for
}

func newHouse(t *testing.T) *house {
	h := &house{}
	h.lives(http.HandlerFunc(absent))
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			h.posts.Add(1)
		}
		(*h.guest.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		h.server.CloseClientConnections()
		h.server.Close()
	})
	return h
}

// absent is a host that is not ready.
func absent(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "nobody is at home", http.StatusServiceUnavailable)
}

func (h *house) url() string           { return h.server.URL + "/whep" }
func (h *house) lives(by http.Handler) { h.guest.Store(&by) }

// peak returns the most memory that a process has had resident since forget.
func peak(pid int) (mib float64, err error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")))
			return float64(kib) / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmHWM", pid)
}

// forget makes peak begin anew (proc(5), clear_refs).
func forget(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}
