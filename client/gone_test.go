package client_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
)

// A host that is silent and whose machine refuses connections has ended: the
// session does not wait for it.
func TestGone(t *testing.T) {
	t.Parallel()
	_, via, network, r := startFading(t)
	r.keyframe(t, 0)
	network.cut.Store(true)
	via.end()
	begin := time.Now()
	err := r.failure(t)
	t.Logf("ended after %v: %v", time.Since(begin), err)
	if !errors.Is(err, syscall.ECONNREFUSED) || err.Final || err.Hint == "" || time.Since(begin) > 3*time.Second {
		t.Errorf("Run() = %v, final %v, after %v; want %v soon", err, err.Final, time.Since(begin), syscall.ECONNREFUSED)
	}
}

// While its packets come it has not ended, whoever refuses connections.
func TestOnlySignallingGone(t *testing.T) {
	t.Parallel()
	h := hosttest.Start(t, hosttest.Config{})
	via := newFront(t, h.URL)
	var slept atomic.Int64
	r := startWith(t, via.url, func(*client.Config) {}, func(s *client.Session) {
		s.SetAsleep(func() time.Duration { slept.Add(int64(2 * time.Second)); return time.Duration(slept.Load()) }) // it asks all the time
	})
	r.keyframe(t, 0)
	hosttest.Until(t, "a question", func() bool { return via.requests(http.MethodOptions) > 0 })
	via.end()
	for until := time.Now().Add(1500 * time.Millisecond); time.Now().Before(until); {
		r.works(t, h)
	}
}
