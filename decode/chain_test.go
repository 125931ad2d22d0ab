package decode_test

import (
	"errors"
	"fmt"
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

// fakes is a chain of three links like the box's, whose backends do what a
// test wants of them after their proofs.
type fakes struct {
	t   *testing.T
	sum string

	mu     sync.Mutex
	opens  []string // "vaapi H264"
	all    []*decodetest.Backend
	faults map[string]func(*decodetest.Backend) // by link
	refuse map[string]error                     // opening, by link
	stuck  map[string]chan struct{}             // opening ends with it, by link
	proved bool                                 // proofs are over: faults begin
}

func newFakes(t *testing.T) *fakes {
	t.Helper()
	// Proofs want 320x180; AllocFrame's planes are zero.
	sum, err := decode.SumOf(media.AllocFrame(media.I420, 320, 180))
	if err != nil {
		t.Fatal(err)
	}
	return &fakes{t: t, sum: sum, faults: make(map[string]func(*decodetest.Backend)), refuse: make(map[string]error)}
}

func (k *fakes) open(name string, export bool, codec media.Codec) (decode.Backend, error) {
	k.mu.Lock()
	stuck := k.stuck[name]
	k.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.refuse[name]; err != nil && k.proved {
		return nil, err
	}
	b := &decodetest.Backend{Label: name, DMABuf: export, Size: func(*media.AccessUnit) (int, int) { return 320, 180 }}
	if k.proved {
		k.opens = append(k.opens, name)
		k.all = append(k.all, b)
		if fault := k.faults[name]; fault != nil {
			fault(b)
		}
	}
	return b, nil
}

func (k *fakes) link(name string, hardware, export bool) decode.FakeLink {
	return decode.FakeLink{
		Name: name, Driver: "fake 1", Hardware: hardware, Export: export,
		Open: func(c media.Codec) (decode.Backend, error) { return k.open(name, export, c) },
	}
}

func (k *fakes) chain(cfg decode.HardwareConfig) *decode.Hardware {
	h := decode.NewChain(cfg, k.sum, k.link("vaapi", true, true), k.link("vaapi-copy", true, false), k.link("software", false, false))
	k.mu.Lock()
	k.proved = true
	k.mu.Unlock()
	return h
}

// chainRig is a decoder on a chain of fakes, inside a synctest bubble.
type chainRig struct {
	*rig
	fakes *fakes
	chain *decode.Hardware
	told  [][]decode.Capability
}

func newChainRig(t *testing.T, k *fakes) *chainRig {
	t.Helper()
	r := &chainRig{fakes: k, chain: k.chain(decode.HardwareConfig{})}
	r.rig = &rig{t: t, done: make(chan error, 1)}
	d, err := decode.New(decode.Config{
		Open: r.chain.Open, OnFrame: r.onFrame, NeedKeyframe: r.onAsk, HangAfter: time.Second,
		OnCapabilities: func(c []decode.Capability) { r.told = append(r.told, c) },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.d = d
	r.ctx, r.cancel = t.Context(), func() {}
	return r
}

// runFor gives access units and ends the decoder.
func (r *chainRig) runFor(units string) decode.Stats {
	r.t.Helper()
	r.begin()
	r.submit(1, units)
	return r.end()
}

func (r *chainRig) end() decode.Stats {
	r.t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		r.t.Errorf("Run() = %v; want nil", err)
	}
	r.backends = r.fakes.all
	return r.check()
}

func (r *chainRig) want(s decode.Stats, shown []uint32, opens string, downgrades uint64, backend string) {
	r.t.Helper()
	if !slices.Equal(r.shown, shown) {
		r.t.Errorf("shown = %v; want %v", r.shown, shown)
	}
	if got := strings.Join(r.fakes.opens, " "); got != opens {
		r.t.Errorf("opened %q; want %q", got, opens)
	}
	if s.Downgrades != downgrades || s.Backend != backend || len(r.told) != int(downgrades) {
		r.t.Errorf("Stats() = %d downgrades to %s (%s), told %d times; want %d to %s",
			s.Downgrades, s.Backend, s.Reason, len(r.told), downgrades, backend)
	}
}

func at(ids ...uint32) func(*media.AccessUnit) bool {
	return func(au *media.AccessUnit) bool { return slices.Contains(ids, au.FrameID) }
}

func failAt(err error, ids ...uint32) func(*media.AccessUnit) error {
	hit := at(ids...)
	return func(au *media.AccessUnit) error {
		if hit(au) {
			return err
		}
		return nil
	}
}

var (
	errDriver = fmt.Errorf("fake: %w", libav.ErrHardware)
	errExport = fmt.Errorf("fake: %w: %w", libav.ErrHardware, libav.ErrExport)
)

func TestChain(t *testing.T) {
	tests := []struct {
		name   string
		fault  func(k *fakes)
		units  string
		shown  []uint32
		opens  string
		downs  uint64
		ends   string // backend at the end
		reason string
		asks   int
	}{
		{"good", func(*fakes) {}, "KPPP", ids(1, 2, 3, 4), "vaapi", 0, "vaapi", "", 0},
		{
			"does not open", func(k *fakes) { k.refuse["vaapi"] = errDriver },
			"KPP", ids(1, 2, 3), "vaapi-copy", 1, "vaapi-copy", "hardware failure", 0,
		},
		{
			"no hardware opens", func(k *fakes) { k.refuse["vaapi"], k.refuse["vaapi-copy"] = errDriver, errDriver },
			"KPP", ids(1, 2, 3), "software", 1, "software", "hardware failure", 0,
		},
		{
			"profile missing", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Fail = failAt(libav.ErrNoProfile, 1) }
				k.faults["vaapi-copy"] = func(b *decodetest.Backend) { b.Fail = failAt(libav.ErrNoProfile, 1) }
			},
			"KPP", ids(1, 2, 3), "vaapi vaapi-copy software", 2, "software", "not decoded", 0,
		},
		{
			"profile missing later", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Fail = failAt(libav.ErrNoProfile, 3) }
			},
			"KPPPKP", ids(1, 2, 5, 6), "vaapi vaapi-copy", 1, "vaapi-copy", "not decoded", 1,
		},
		{
			"two hardware errors", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Fail = failAt(errDriver, 3, 4) }
			},
			"KPPPPKP", ids(1, 2, 6, 7), "vaapi", 0, "vaapi", "", 1,
		},
		{
			"three hardware errors", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Fail = failAt(errDriver, 3, 4, 5) }
			},
			"KPPPPPKP", ids(1, 2, 7, 8), "vaapi vaapi-copy", 1, "vaapi-copy", "3 errors in a row", 1,
		},
		{
			"errors in sync", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Spoil = failAt(errDriver, 1, 2, 3) }
			},
			"KPPKP", ids(4, 5), "vaapi vaapi-copy", 1, "vaapi-copy", "3 errors in a row", 1,
		},
		{
			"export fails at once", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Spoil = failAt(errExport, 1) }
			},
			"KPP", ids(1, 2, 3), "vaapi vaapi-copy", 1, "vaapi-copy", "export", 0,
		},
		{
			"export fails later", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Spoil = failAt(errExport, 2) }
			},
			"KPPKP", ids(1, 4, 5), "vaapi vaapi-copy", 1, "vaapi-copy", "export", 1,
		},
		{
			"refused without blame", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Refuse = at(2, 3, 4, 5, 6) }
			},
			"KPPPPPKP", ids(1, 7, 8), "vaapi", 0, "vaapi", "", 1,
		},
		{
			"rebuild does not help", func(k *fakes) {
				k.faults["vaapi"] = func(b *decodetest.Backend) { b.Refuse = func(*media.AccessUnit) bool { return true } }
			},
			strings.Repeat("K", 41), ids(41), "vaapi vaapi vaapi-copy", 1, "vaapi-copy", "after a rebuild", 40,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newFakes(t)
				tt.fault(k)
				r := newChainRig(t, k)
				s := r.runFor(tt.units)
				r.want(s, tt.shown, tt.opens, tt.downs, tt.ends)
				if !strings.Contains(s.Reason, tt.reason) || len(r.asks) != tt.asks {
					t.Errorf("reason %q, asked %q; want %q, %d times", s.Reason, r.asks, tt.reason, tt.asks)
				}
			})
		})
	}
}

// TestToldCapabilities: after a downgrade the host hears what is left.
func TestToldCapabilities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		for _, name := range []string{"vaapi", "vaapi-copy"} {
			k.faults[name] = func(b *decodetest.Backend) { b.Fail = failAt(libav.ErrNoProfile, 1) }
		}
		r := newChainRig(t, k)
		before := r.chain.Capabilities()
		r.runFor("K")
		want := []string{"vaapi-copy true 2073600, vaapi true 2073600", "software false 522240, vaapi true 2073600"}
		for i, c := range r.told {
			got := fmt.Sprintf("%s %v %d, %s %v %d", c[0].Backend, c[0].Hardware, c[0].MacroblocksPerSecond, c[1].Backend, c[1].Hardware, c[1].MacroblocksPerSecond)
			if got != want[i] || !c[0].Proved || c[0].MaxWidth != 4096 {
				t.Errorf("told %d: %+v; want %s", i, c, want[i])
			}
		}
		if len(before) != 2 || before[0].Backend != "vaapi" || before[0].Codec != media.CodecH264 {
			t.Errorf("Capabilities() = %+v; want vaapi twice", before)
		}
		if n := len(r.chain.Links()); n != 6 {
			t.Errorf("Links() has %d; want 6", n)
		}
	})
}

// hang makes a backend hang in access unit id until release is closed.
func hang(id uint32, release chan struct{}) func(*decodetest.Backend) {
	return func(b *decodetest.Backend) {
		b.Hang = func(au *media.AccessUnit) {
			if au.FrameID == id {
				<-release
			}
		}
	}
}

func TestHangIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		release := make(chan struct{})
		k.faults["vaapi"] = hang(3, release)
		r := newChainRig(t, k)
		r.begin()
		r.submit(1, "KPPP") // 3 hangs, 4 waits
		time.Sleep(900 * time.Millisecond)
		if s := r.d.Stats(); s.Hangs != 0 {
			t.Errorf("Hangs after 0.9 s = %d; want 0", s.Hangs)
		}
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		s := r.d.Stats()
		if s.Hangs != 1 || s.Hanging != 1 || s.Downgrades != 1 || s.Dropped[decode.DropHung] != 1 {
			t.Errorf("Stats() after 1.3 s = %+v; want a hang and a downgrade", s)
		}
		if once, _ := r.units.Releases(); once != 3 { // not the one inside
			t.Errorf("%d access units released; want 3, one is inside", once)
		}
		r.submit(5, "PKP")
		close(release)
		synctest.Wait()
		if s := r.d.Stats(); s.Hanging != 0 {
			t.Errorf("Hanging after it came back = %d; want 0", s.Hanging)
		}
		r.want(r.end(), ids(1, 2, 6, 7), "vaapi vaapi-copy", 1, "vaapi-copy")
	})
}

// TestHungLinkStaysOut: neither Reset nor another decoder brings it back.
func TestHungLinkStaysOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		release := make(chan struct{})
		k.faults["vaapi"] = hang(1, release)
		r := newChainRig(t, k)
		r.begin()
		r.submit(1, "K")
		time.Sleep(6 * time.Second) // the first picture may take five
		r.d.Reset()
		r.submit(2, "KP")
		close(release)
		synctest.Wait()
		if c := r.chain.Capabilities(); c[0].Backend != "vaapi-copy" || c[1].Backend != "vaapi-copy" {
			t.Errorf("Capabilities() = %+v; want vaapi-copy for both", c)
		}
		r.want(r.end(), ids(2, 3), "vaapi vaapi-copy", 1, "vaapi-copy")
	})
}

// TestHangAtTheEnd: Run returns though the backend does not.
func TestHangAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		release := make(chan struct{})
		k.faults["vaapi"] = hang(2, release)
		r := newChainRig(t, k)
		r.begin()
		r.submit(1, "KP")
		r.cancel()
		if err := <-r.done; err != nil {
			t.Errorf("Run() = %v; want nil", err)
		}
		close(release)
		synctest.Wait()
		r.backends = k.all
		if s := r.check(); s.Hangs != 1 || s.Hanging != 0 {
			t.Errorf("Stats() = %+v; want 1 hang, none hanging", s)
		}
	})
}

// TestHangWhileOpening: what was opened too late is closed.
func TestHangWhileOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		r := newChainRig(t, k)
		k.stuck = map[string]chan struct{}{"vaapi": make(chan struct{})}
		r.begin()
		r.submit(1, "K")
		time.Sleep(6 * time.Second)
		r.submit(2, "PKP")
		close(k.stuck["vaapi"])
		synctest.Wait()
		s := r.end()
		r.want(s, ids(3, 4), "vaapi-copy vaapi", 1, "vaapi-copy")
		if s.Hangs != 1 || s.Hanging != 0 || !strings.Contains(s.Reason, "still being opened") {
			t.Errorf("Stats() = %+v; want one hang, over, in opening", s)
		}
	})
}

// TestEverythingHangs: four threads are enough.
func TestEverythingHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		release := make(chan struct{})
		for _, name := range []string{"vaapi", "vaapi-copy", "software"} {
			k.faults[name] = func(b *decodetest.Backend) { b.Hang = func(*media.AccessUnit) { <-release } }
		}
		r := newChainRig(t, k)
		r.begin()
		for id := range uint32(20) {
			r.submit(id+1, "K")
			time.Sleep(time.Second)
		}
		err := <-r.done
		if err == nil || !strings.Contains(err.Error(), "4 threads hang") {
			t.Errorf("Run() = %v; want 4 threads hang", err)
		}
		close(release)
		synctest.Wait()
		r.backends = k.all
		if s := r.check(); s.Hangs != 4 || s.Hanging != 0 || s.Downgrades != 2 {
			t.Errorf("Stats() = %+v; want 4 hangs, 2 downgrades", s)
		}
	})
}

func TestDisplayRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newChainRig(t, newFakes(t))
		r.begin()
		r.d.Downgrade("before anything is shown")
		r.submit(1, "KP")
		r.d.Downgrade("no R8")
		r.d.Downgrade("no R8") // another picture of the same kind
		r.submit(3, "PKP")
		r.d.Downgrade("one that was on its way")
		r.submit(6, "P")
		if len(r.asks) != 1 {
			t.Errorf("asked %q; want once", r.asks)
		}
		s := r.end()
		r.want(s, ids(1, 2, 4, 5, 6), "vaapi vaapi-copy", 1, "vaapi-copy")
		if s.DMABuf || !strings.Contains(s.Reason, "no R8") {
			t.Errorf("Stats() = %+v; want no dma-bufs because of no R8", s)
		}
	})
}

func TestResetAllowsTheBestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		r := newChainRig(t, k)
		r.begin()
		r.submit(1, "K")
		r.d.Downgrade("no R8")
		r.submit(2, "KPK") // never up inside a session
		r.d.Reset()
		r.submit(5, "PKP")
		r.want(r.end(), ids(1, 2, 3, 4, 6, 7), "vaapi vaapi-copy vaapi", 1, "vaapi")
	})
}

// TestLimitsBeforeFeeding: a stream beyond the hardware is not given to it.
func TestLimitsBeforeFeeding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		r := newChainRig(t, k)
		r.begin()
		r.submit(1, "KP")
		high10 := []byte{0, 0, 0, 1}
		high10 = append(high10, unhex(t, "676e000da6cd941419f9f0110000030001000003003c0f142996")...)
		r.d.Submit(r.units.NewData(media.CodecH264, 3, true, high10))
		synctest.Wait()
		r.submit(4, "PK")
		s := r.end()
		r.want(s, ids(1, 2, 3, 4, 5), "vaapi vaapi-copy software", 2, "software")
		if k.all[0].Sent.Load() != 2 || k.all[1].Sent.Load() != 0 {
			t.Errorf("hardware was given %d and %d access units; want 2, 0", k.all[0].Sent.Load(), k.all[1].Sent.Load())
		}
		if !strings.Contains(s.Reason, "profile_idc 110") {
			t.Errorf("Reason = %q; want profile_idc 110", s.Reason)
		}
	})
}

// TestRewriteReachesBackend: the backend sees the rewritten set, the owner gets
// its access unit back as it was.
func TestRewriteReachesBackend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := append([]byte{0, 0, 0, 1}, unhex(t, "6764000dacd941419f9f0110000003001000000303c0f1429960")...)
		data = append(data, 0, 0, 0, 1, 0x65, 0x88, 0x84)
		var seen []byte
		var padded bool
		r := newRig(t, func() *decodetest.Backend {
			return &decodetest.Backend{Hang: func(au *media.AccessUnit) {
				seen = slices.Clone(au.Data)
				padded = cap(au.Data) >= len(au.Data)+media.Padding && !slices.ContainsFunc(au.Data[len(au.Data):len(au.Data)+media.Padding], func(b byte) bool { return b != 0 })
			}}
		})
		r.run()
		au := r.units.NewData(media.CodecH264, 1, true, data)
		r.d.Submit(au)
		synctest.Wait()
		if s := r.stop(); s.Rewritten != 1 || slices.Equal(seen, data) || !padded {
			t.Errorf("rewritten %d, backend saw %x (padded %v); want it changed", s.Rewritten, seen, padded)
		}
		if !slices.Equal(au.Data, data) {
			t.Errorf("access unit is %x after; want it as it was", au.Data)
		}
	})
}

// TestTooLargeForAnything: a stream that asks for 16384x16384 is not fed at
// all.
func TestTooLargeForAnything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newFakes(t)
		r := newChainRig(t, k)
		r.begin()
		// Constrained baseline, 1024x1024 macroblocks.
		data := append([]byte{0, 0, 0, 1}, unhex(t, "6742c03eda001000008019")...)
		r.d.Submit(r.units.NewData(media.CodecH264, 1, true, data))
		synctest.Wait()
		r.submit(2, "PK")
		s := r.end()
		if s.Decoded != 1 || s.Dropped[decode.DropRefused] != 1 {
			t.Errorf("Stats() = %+v; want one refused, one decoded", s)
		}
	})
}

func TestErrorsOfABackendWithoutChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func() *decodetest.Backend {
			return &decodetest.Backend{Fail: failAt(errDriver, 2, 3, 4, 5)}
		})
		r.run()
		r.submit(1, "KPPPPKP")
		if s := r.stop(); !slices.Equal(r.shown, ids(1, 6, 7)) || s.Downgrades != 0 {
			t.Errorf("shown %v, %d downgrades; want 1 6 7, 0", r.shown, s.Downgrades)
		}
	})
}

func TestProofs(t *testing.T) {
	bad := errors.New("no such surface")
	tests := []struct {
		name   string
		spoil  func(k *fakes, l []decode.FakeLink)
		h264   string // best link
		hevc   string
		reason string // of the first link that is not proved
	}{
		{"all good", func(*fakes, []decode.FakeLink) {}, "vaapi", "vaapi", ""},
		{"does not open", func(_ *fakes, l []decode.FakeLink) {
			l[0].Open = func(media.Codec) (decode.Backend, error) { return nil, bad }
		}, "vaapi-copy", "vaapi-copy", "no such surface"},
		{"wrong samples", func(k *fakes, l []decode.FakeLink) {
			l[1].Open = func(media.Codec) (decode.Backend, error) {
				return &decodetest.Backend{Size: func(*media.AccessUnit) (int, int) { return 16, 16 }}, nil
			}
		}, "software", "software", "vaapi-copy: picture 1: 16x16"},
		{"holds back", func(k *fakes, l []decode.FakeLink) {
			l[1].Open = func(media.Codec) (decode.Backend, error) {
				return &decodetest.Backend{Swallow: func(*media.AccessUnit) bool { return true }}, nil
			}
		}, "software", "software", "held back"},
		{"exports samples", func(k *fakes, l []decode.FakeLink) {
			l[0].Open = l[1].Open
		}, "vaapi-copy", "vaapi-copy", "want DMA-BUF"},
		{"lacks HEVC", func(_ *fakes, l []decode.FakeLink) {
			l[0].Lacks, l[1].Lacks = media.CodecHEVC, media.CodecHEVC
		}, "vaapi", "software", "not decoded"},
		{"hangs", func(_ *fakes, l []decode.FakeLink) {
			l[1].Open = func(c media.Codec) (decode.Backend, error) {
				time.Sleep(time.Minute)
				return nil, bad
			}
		}, "software", "software", "no answer within 5s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := newFakes(t)
				links := []decode.FakeLink{k.link("vaapi", true, true), k.link("vaapi-copy", true, false), k.link("software", false, false)}
				tt.spoil(k, links)
				h := decode.NewChain(decode.HardwareConfig{}, k.sum, links...)
				got := h.Capabilities()
				if got[0].Backend != tt.h264 || got[1].Backend != tt.hevc {
					t.Errorf("Capabilities() = %+v; want %s, %s", got, tt.h264, tt.hevc)
				}
				reason := ""
				for _, c := range h.Links() {
					if !c.Proved && reason == "" {
						reason = c.Reason
					}
				}
				time.Sleep(time.Minute) // what hung comes back
				if !strings.Contains(reason, tt.reason) || (tt.reason == "") != (reason == "") {
					t.Errorf("reason = %q; want %q", reason, tt.reason)
				}
			})
		})
	}
}

// BenchmarkSubmitChain adds the chain: parameter sets are looked at, and in the
// second case rewritten.
func BenchmarkSubmitChain(b *testing.B) {
	h := decode.NewChain(decode.HardwareConfig{}, "", decode.FakeLink{
		Name: "software", Open: func(media.Codec) (decode.Backend, error) { return &still{}, nil },
	})
	for name, sps := range map[string]string{
		"good":      "6764002aacb200f0044fcb80b501010140000003004000001e23c60c92",
		"rewritten": "6764000dacd941419f9f0110000003001000000303c0f1429960",
	} {
		b.Run(name, func(b *testing.B) {
			data := append([]byte{0, 0, 0, 1}, unhex(b, sps)...)
			data = append(data, 0, 0, 0, 1, 0x65)
			benchSubmit(b, h.Open, append(data, make([]byte, 50_000)...))
		})
	}
}
