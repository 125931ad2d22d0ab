package selftest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/metric"
)

// backend is a decoder, as decode.Backend says. One goroutine on one OS thread.
type backend interface {
	Send(au *media.AccessUnit) error
	Receive() (*media.Frame, error)
	Close() error
}

// errStalled says that a decoder did not come back. It keeps its goroutine.
var errStalled = errors.New("no picture any more: the decoder hangs")

// stallAfter is how long a picture may take.
const stallAfter = 10 * time.Second

// speed is what measure found.
type speed struct {
	pictures      int
	took, cpu     time.Duration
	latency       metric.Latency // of a picture, from its bytes to its pixels
	width, height int            // of the last picture
}

// measurement is one run of several decoders at once.
type measurement struct {
	s       *stream
	open    func(media.Codec) (backend, error)
	until   atomic.Int64 // Unix ns; 0: not begun
	count   atomic.Int64
	alive   atomic.Int64 // counts also what is not measured
	size    atomic.Uint64
	latency *metric.Latency
}

// measure decodes s over and over for a time with as many decoders at once as
// asked, each on a thread of its own, and without any pause.
func measure(ctx context.Context, s *stream, streams int, span time.Duration, open func(media.Codec) (backend, error)) (*speed, error) {
	out := &speed{}
	m := &measurement{s: s, open: open, latency: &out.latency}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, run := errgroup.WithContext(ctx)
	var ready sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(streams)
	for range streams {
		g.Go(func() error {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			return m.decodeAll(run, ready.Done, begin)
		})
	}
	done := make(chan error, 1)
	go func() {
		ready.Wait()
		before, err := metric.Self()
		start := time.Now()
		m.until.Store(start.Add(span).UnixNano())
		close(begin)
		err = errors.Join(err, g.Wait())
		after, aerr := metric.Self()
		out.took, out.cpu = time.Since(start), after.CPU-before.CPU
		done <- errors.Join(err, aerr)
	}()
	if err := m.await(done); err != nil {
		return nil, err
	}
	out.pictures = int(m.count.Load())
	size := m.size.Load()
	out.width, out.height = int(size>>32), int(uint32(size))
	if out.pictures == 0 {
		return nil, errors.Join(errors.New("no picture"), ctx.Err())
	}
	return out, nil
}

// await returns what comes, or errStalled when nothing moves.
func (m *measurement) await(done <-chan error) error {
	tick := time.NewTicker(stallAfter)
	defer tick.Stop()
	for last := int64(-1); ; {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			if now := m.alive.Load(); now == last {
				return errStalled
			} else {
				last = now
			}
		}
	}
}

// decodeAll is one decoder's run: one time through what opens and allocates,
// then, together with the others, until the time is over.
func (m *measurement) decodeAll(ctx context.Context, ready func(), begin <-chan struct{}) (err error) {
	once := sync.OnceFunc(ready)
	defer once() // the others must not wait for one that failed
	b, err := m.open(m.s.codec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if _, err := m.decode(b, m.s.units[0]); err != nil {
		return fmt.Errorf("picture 1: %w", err)
	}
	once()
	<-begin
	for {
		for i, au := range m.s.units {
			if ctx.Err() != nil || time.Now().UnixNano() >= m.until.Load() {
				return nil
			}
			from := time.Now()
			n, err := m.decode(b, au)
			if err != nil {
				return fmt.Errorf("picture %d: %w", i+1, err)
			}
			if n > 0 {
				m.latency.Record(time.Since(from))
				m.count.Add(int64(n))
			}
		}
	}
}

// decode gives b one access unit and takes all pictures out.
func (m *measurement) decode(b backend, au *media.AccessUnit) (n int, err error) {
	m.alive.Add(1)
	err = b.Send(au)
	if errors.Is(err, libav.ErrAgain) {
		if n, err = m.receive(b); err == nil {
			err = b.Send(au)
		}
	}
	if err != nil {
		return n, err
	}
	more, err := m.receive(b)
	return n + more, err
}

func (m *measurement) receive(b backend) (n int, err error) {
	for {
		f, err := b.Receive()
		if errors.Is(err, libav.ErrAgain) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m.size.Store(uint64(f.Width)<<32 | uint64(uint32(f.Height)))
		f.Release()
		n++
	}
}
