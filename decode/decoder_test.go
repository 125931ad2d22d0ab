package decode_test

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/decode/decodetest"
	"github.com/blade-shadow/terminal/internal/libav"
	"github.com/blade-shadow/terminal/internal/media"
)

// rig is a running decoder over fakes. It lives inside a synctest bubble.
type rig struct {
	t       *testing.T
	d       *decode.Decoder
	units   decodetest.Units
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan error
	openErr error

	mu       sync.Mutex
	backends []*decodetest.Backend
	shown    []uint32
	sizes    [][2]int
	asks     []string

	make func() *decodetest.Backend
}

func newRig(t *testing.T, backend func() *decodetest.Backend) *rig {
	t.Helper()
	r := &rig{t: t, make: backend, done: make(chan error, 1)}
	if r.make == nil {
		r.make = func() *decodetest.Backend { return &decodetest.Backend{} }
	}
	d, err := decode.New(decode.Config{Open: r.open, OnFrame: r.onFrame, NeedKeyframe: r.onAsk})
	if err != nil {
		t.Fatalf("New() = %v", err)
	}
	r.d = d
	r.ctx, r.cancel = context.WithCancel(t.Context())
	return r
}

func (r *rig) open(media.Codec) (decode.Backend, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.openErr != nil {
		return nil, r.openErr
	}
	b := r.make()
	r.backends = append(r.backends, b)
	return b, nil
}

func (r *rig) onFrame(f *media.Frame) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Timing.Decoded.IsZero() {
		r.t.Errorf("picture %d has no time of decoding", f.FrameID)
	}
	r.shown = append(r.shown, f.FrameID)
	r.sizes = append(r.sizes, [2]int{f.Width, f.Height})
	f.Release()
}

func (r *rig) onAsk(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks = append(r.asks, reason)
}

func (r *rig) run() {
	go func() { r.done <- r.d.Run(r.ctx) }()
	synctest.Wait()
}

// begin is run with a context of its own.
func (r *rig) begin() {
	r.ctx, r.cancel = context.WithCancel(r.t.Context())
	r.run()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// submit gives access units named by a string: K keyframe, P picture, D a
// picture after a discontinuity, H one of a stream that heals by itself, C a
// keyframe after one. It waits after each.
func (r *rig) submit(first uint32, kinds string) {
	for i, k := range kinds {
		r.d.Submit(r.unit(first+uint32(i), k))
		synctest.Wait()
	}
}

func (r *rig) unit(id uint32, kind rune) *media.AccessUnit {
	au := r.units.New(media.CodecH264, id, kind == 'K' || kind == 'C')
	au.Healing = kind == 'H'
	au.Discontinuity = kind == 'D' || kind == 'C' || au.Healing
	return au
}

// stop ends Run and checks what always has to hold.
func (r *rig) stop() decode.Stats {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run() = %v; want nil", err)
	}
	return r.check()
}

func (r *rig) check() decode.Stats {
	r.t.Helper()
	once, more := r.units.Releases()
	if once != r.units.Made() || more != 0 {
		r.t.Errorf("%d of %d access units released once, %d more often; want all once", once, r.units.Made(), more)
	}
	for i, b := range r.backends {
		if b.Outstanding() != 0 || b.Closes.Load() != 1 {
			r.t.Errorf("backend %d: %d pictures out, closed %d times; want 0, 1", i, b.Outstanding(), b.Closes.Load())
		}
	}
	s := r.d.Stats()
	if got := s.Decoded + s.DroppedTotal(); got != uint64(r.units.Made()) {
		r.t.Errorf("decoded %d + dropped %d; want %d in all", s.Decoded, s.DroppedTotal(), r.units.Made())
	}
	if s.Decoded != uint64(len(r.shown)) {
		r.t.Errorf("Stats().Decoded = %d; want %d shown", s.Decoded, len(r.shown))
	}
	return s
}

func ids(list ...uint32) []uint32 { return list }

func TestRunShowsWhatIsDecodable(t *testing.T) {
	tests := []struct {
		name  string
		units string
		want  []uint32
		asks  int
	}{
		{"plain", "KPPP", ids(1, 2, 3, 4), 0},
		{"starts in the middle", "PPKP", ids(3, 4), 1},
		{"loss", "KPDPPKP", ids(1, 2, 6, 7), 1},
		{"loss that heals", "KPHHPP", ids(1, 2, 3, 4, 5, 6), 0},
		{"keyframe after loss", "KPCP", ids(1, 2, 3, 4), 0},
		{"two losses", "KDKDPK", ids(1, 3, 6), 2},
		{"nothing", "", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.run()
				r.submit(1, tt.units)
				r.stop()
				if !slices.Equal(r.shown, tt.want) || len(r.asks) != tt.asks {
					t.Errorf("Submit(%s) shows %v and asks %d times; want %v, %d", tt.units, r.shown, len(r.asks), tt.want, tt.asks)
				}
			})
		})
	}
}

func TestAsksAgainUntilKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.run()
		for i := range uint32(100) { // a second of pictures
			r.submit(i+1, "P")
			time.Sleep(10 * time.Millisecond)
		}
		r.stop()
		if len(r.asks) != 4 {
			t.Errorf("asked %d times in a second; want 4", len(r.asks))
		}
	})
}

func TestRefusedPictureHidesUntilKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func() *decodetest.Backend {
			return &decodetest.Backend{Refuse: func(au *media.AccessUnit) bool { return au.FrameID == 3 }}
		})
		r.run()
		r.submit(1, "KPPPPKP")
		s := r.stop()
		if want := ids(1, 2, 6, 7); !slices.Equal(r.shown, want) {
			t.Errorf("shown = %v; want %v", r.shown, want)
		}
		if s.Dropped[decode.DropRefused] != 1 || s.Dropped[decode.DropWaiting] != 2 || len(r.asks) != 1 {
			t.Errorf("dropped = %v, asks = %q; want 1 refused, 2 waiting, 1 ask", s.Dropped, r.asks)
		}
	})
}

func TestTwentyFailuresRebuild(t *testing.T) {
	for _, how := range []string{"refuse", "swallow"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				broken := func(au *media.AccessUnit) bool { return au.FrameID > 1 && au.FrameID <= 21 }
				r := newRig(t, func() *decodetest.Backend {
					if how == "refuse" {
						return &decodetest.Backend{Refuse: broken}
					}
					return &decodetest.Backend{Swallow: broken}
				})
				r.run()
				r.submit(1, "KPPPPPPPPPPPPPPPPPPPP") // 20 broken ones
				if got := r.d.Stats().Rebuilds; got != 1 {
					t.Errorf("Rebuilds after 20 failures = %d; want 1", got)
				}
				r.submit(22, "PKP")
				s := r.stop()
				if want := ids(1, 23, 24); !slices.Equal(r.shown, want) || len(r.backends) != 2 {
					t.Errorf("shown = %v with %d backends; want %v, 2", r.shown, len(r.backends), want)
				}
				if s.Backend != "fake" {
					t.Errorf("Backend = %q; want fake", s.Backend)
				}
			})
		})
	}
}

func TestNineteenFailuresDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func() *decodetest.Backend {
			return &decodetest.Backend{Refuse: func(au *media.AccessUnit) bool { return au.FrameID > 1 && au.FrameID <= 20 }}
		})
		r.run()
		r.submit(1, "KPPPPPPPPPPPPPPPPPPPPKP")
		if s := r.stop(); s.Rebuilds != 0 {
			t.Errorf("Rebuilds = %d; want 0", s.Rebuilds)
		}
	})
}

func TestOverflowDropsToKeyframe(t *testing.T) {
	tests := []struct {
		name  string
		units string // all queued before Run starts
		later string // once it runs
		want  []uint32
		over  uint64
		asks  int
	}{
		{"fits", "K" + ps(11), "P", upTo(13), 0, 0},
		{"newest are dropped", "K" + ps(14), "PK", append(upTo(12), 17), 4, 1},
		{"keyframe takes the place of all", "K" + ps(11) + "K", "P", ids(13, 14), 12, 0},
		{"keyframe ends it", "K" + ps(12) + "KP", "P", ids(14, 15, 16), 13, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.submit(1, tt.units)
				r.run()
				r.submit(uint32(len(tt.units))+1, tt.later)
				s := r.stop()
				if !slices.Equal(r.shown, tt.want) || s.Dropped[decode.DropOverflow] != tt.over || len(r.asks) != tt.asks {
					t.Errorf("shown %v, %d overflowed, %d asks; want %v, %d, %d",
						r.shown, s.Dropped[decode.DropOverflow], len(r.asks), tt.want, tt.over, tt.asks)
				}
			})
		})
	}
}

// ps is n pictures that are no keyframes.
func ps(n int) string { return strings.Repeat("P", n) }

// upTo is 1 to n.
func upTo(n uint32) (all []uint32) {
	for id := range n {
		all = append(all, id+1)
	}
	return all
}

func TestSizeAndCodecChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func() *decodetest.Backend {
			return &decodetest.Backend{Size: func(au *media.AccessUnit) (int, int) { return int(au.FrameID) * 16, 16 }}
		})
		r.run()
		r.submit(1, "KK")
		hevc := r.unit(3, 'P') // not decodable by what is open
		hevc.Codec = media.CodecHEVC
		r.d.Submit(hevc)
		synctest.Wait()
		hevc = r.unit(4, 'K')
		hevc.Codec = media.CodecHEVC
		r.d.Submit(hevc)
		synctest.Wait()
		s := r.stop()
		if want := [][2]int{{16, 16}, {32, 16}, {64, 16}}; !slices.Equal(r.sizes, want) {
			t.Errorf("sizes = %v; want %v", r.sizes, want)
		}
		if s.Codec != media.CodecHEVC || s.Width != 64 || s.Height != 16 || len(r.backends) != 2 {
			t.Errorf("Stats() = %+v with %d backends; want HEVC 64x16, 2", s, len(r.backends))
		}
	})
}

func TestOpenErrorEndsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.openErr = errors.New("no such codec")
		r.run()
		r.submit(1, "PKPP")
		if err := <-r.done; !errors.Is(err, r.openErr) {
			t.Errorf("Run() = %v; want %v", err, r.openErr)
		}
		s := r.check()
		if s.Dropped[decode.DropShutdown] != 2 {
			t.Errorf("dropped = %v; want 2 after Run", s.Dropped)
		}
	})
}

func TestStopReleasesQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.submit(1, "KPP")
		r.cancel()
		r.run()
		if err := <-r.done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		r.submit(4, "K")
		if s := r.check(); s.Dropped[decode.DropShutdown] != 4 {
			t.Errorf("dropped = %v; want 4 at shutdown", s.Dropped)
		}
	})
}

// TestSubmitRace has two goroutines submit anything while Run works; every
// access unit has to be released once. It is for the race detector.
func TestSubmitRace(t *testing.T) {
	r := newRig(t, func() *decodetest.Backend {
		return &decodetest.Backend{Refuse: func(au *media.AccessUnit) bool { return au.FrameID%7 == 0 }}
	})
	go func() { r.done <- r.d.Run(r.ctx) }()
	var wg sync.WaitGroup
	for g := range uint32(2) {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(g)))
			for i := range uint32(2000) {
				r.d.Submit(r.unit(g*10000+i, rune("KPPPPPPD"[rnd.IntN(8)])))
				_ = r.d.Stats()
			}
		})
	}
	wg.Wait()
	r.stop()
}

func TestNewNeedsOnFrame(t *testing.T) {
	if _, err := decode.New(decode.Config{}); err == nil {
		t.Error("New(Config{}) = nil; want an error")
	}
}

func BenchmarkSubmit(b *testing.B) {
	benchSubmit(b, func(media.Codec) (decode.Backend, error) { return &still{}, nil }, []byte{0})
}

// benchSubmit is a picture there and back: Submit, the thread, OnFrame.
func benchSubmit(b *testing.B, open func(media.Codec) (decode.Backend, error), data []byte) {
	shown := make(chan struct{})
	d, err := decode.New(decode.Config{
		Open:    open,
		OnFrame: func(f *media.Frame) { f.Release(); shown <- struct{}{} },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	au := media.NewAccessUnit(nil)
	au.Codec, au.Keyframe, au.Data = media.CodecH264, true, data
	b.ReportAllocs()
	for b.Loop() {
		d.Submit(au)
		<-shown
	}
	cancel()
	<-done
}

// still is a backend that allocates nothing.
type still struct {
	frame media.Frame
	ready bool
}

func (s *still) Name() string                 { return "still" }
func (s *still) Send(*media.AccessUnit) error { s.ready = true; return nil }
func (s *still) Flush()                       {}
func (s *still) Close() error                 { return nil }
func (s *still) Receive() (*media.Frame, error) {
	if !s.ready {
		return nil, libav.ErrAgain
	}
	s.ready = false
	return &s.frame, nil
}
