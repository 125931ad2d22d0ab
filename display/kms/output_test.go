package kms

import (
	"errors"
	"fmt"
	"image"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/display/gl"
	"github.com/blade-shadow/terminal/display/mode"
	"github.com/blade-shadow/terminal/display/pace"
	"github.com/blade-shadow/terminal/display/ui"
	"github.com/blade-shadow/terminal/internal/media"
)

const period60 = time.Second / 60

func TestFlipTimes(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 30, period60)
		if got := len(b.ids(0)); got < 29 {
			t.Errorf("frames shown = %d; want 29 or 30", got)
		}
		var last time.Time
		for _, f := range b.shown {
			if off := f.Timing.Shown.Sub(b.card.epoch) % testModes[0].Period(); off != 0 {
				t.Errorf("frame %d shown %v after a blank; want at one", f.FrameID, off)
			}
			if !f.Timing.Shown.After(last) {
				t.Errorf("frame %d shown at %v; want after %v", f.FrameID, f.Timing.Shown, last)
			}
			last = f.Timing.Shown
		}
		f := b.figures(0)
		if f.Stale != 0 || f.Lost != 0 || f.Modes != 1 || f.Interval.Quantiles().P50 > 17 || f.Interval.Quantiles().P50 < 16 {
			t.Errorf("Figures(0) = %+v, interval %+v; want one mode set and 16.7 ms", f.Counts, f.Interval.Quantiles())
		}
		if p, ok := b.Phase(0); !ok || (p.Period-period60).Abs() > time.Millisecond {
			t.Errorf("Phase(0) = %+v, %v; want the mode's period", p, ok)
		}
	})
}

// TestGPUTime begins early enough for what the GPU takes after the commit, and
// keeps no fence.
func TestGPUTime(t *testing.T) {
	fds := func() int {
		list, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := fds()
	inBubble(t, func(f *fake) { f.gpu = 6 * time.Millisecond }, Config{Policy: pace.VBlank}, func(b *bench) {
		b.stream(0, 120, period60)
		first := b.figures(0)
		b.stream(0, 600, period60)
		f := b.figures(0)
		if got := f.Missed - first.Missed; got > 2 {
			t.Errorf("blanks missed in 10 s with a GPU that draws 6 ms = %d; want at most 2", got)
		}
		if got := f.Flips - first.Flips; got < 595 {
			t.Errorf("flips = %d of 600 frames; want nearly all", got)
		}
	})
	if after := fds(); after > before+1 { // the poller's own may have come
		t.Errorf("descriptors = %d; want the %d of before", after, before)
	}
}

// TestStaleTimes has the driver give times of long ago.
func TestStaleTimes(t *testing.T) {
	always := false
	stale := func(f *fake) {
		f.stale = func(_ uint32, modeset bool) time.Duration {
			if modeset || always {
				return 2800 * time.Millisecond
			}
			return 0
		}
	}
	inBubble(t, stale, Config{}, func(b *bench) {
		b.stream(0, 1, 2*period60)
		if f := b.figures(0); f.Stale != 0 || f.Flip.Quantiles().Max > 20 {
			t.Errorf("Figures(0) after a stale mode set = %+v; want it passed over", f.Counts)
		}
		b.card.edit(func() { always = true })
		b.Present(b.frame(0, 2))
		b.pass(2 * period60)
		if f := b.figures(0); f.Stale != 1 {
			t.Errorf("Stale = %d; want 1", f.Stale)
		}
		if at := b.shown[1].Timing.Shown; at.Before(b.shown[1].Timing.Decoded) {
			t.Errorf("Shown = %v; want not before the picture %v", at, b.shown[1].Timing.Decoded)
		}
		b.card.edit(func() { always = false })
	})
}

// TestFlipsAhead has the driver name the first pixel's scanout, a little later
// than its event.
func TestFlipsAhead(t *testing.T) {
	ahead := func(f *fake) {
		f.stale = func(uint32, bool) time.Duration { return -time.Millisecond }
	}
	inBubble(t, ahead, Config{}, func(b *bench) {
		b.stream(0, 10, 50*time.Millisecond)
		if f := b.figures(0); f.Stale != 0 || len(b.ids(0)) != 10 {
			t.Errorf("Stale = %d of %d; want 0 of 10", f.Stale, len(b.ids(0)))
		}
		if at := b.shown[5].Timing.Shown.Sub(b.card.epoch) % testModes[0].Period(); at != time.Millisecond {
			t.Errorf("Shown %v after the blank; want the driver's 1 ms", at)
		}
	})
}

func TestBusyIsTriedAgain(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		left := 3
		b.card.edit(func() {
			b.card.refuse = func(*commit) error {
				if left--; left >= 0 {
					return syscall.EBUSY
				}
				return nil
			}
		})
		b.Present(b.frame(0, 1))
		b.pass(100 * time.Millisecond)
		b.wantIDs(0, 1)
		if f := b.figures(0); f.Busy != 3 || f.Dropped != [media.NumCauses]uint64{} {
			t.Errorf("Figures(0) = %+v; want 3 busy and nothing dropped", f.Counts)
		}
	})
}

// TestBusyForEver gives a frame up and goes on.
func TestBusyForEver(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.edit(func() { b.card.refuse = func(*commit) error { return syscall.EBUSY } })
		b.Present(b.frame(0, 1))
		b.pass(2 * time.Second)
		if f := b.figures(0); f.Dropped[media.CauseDisplay] != 1 {
			t.Errorf("Dropped = %v; want 1 by the display", f.Dropped)
		}
		b.card.edit(func() { b.card.refuse = nil })
		b.Present(b.frame(0, 2))
		b.pass(6 * time.Second)
		b.wantIDs(0, 2)
	})
}

func TestConsoleSwitch(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		b.card.leave()
		if _, m, ok := b.card.on(0); !ok || m.Name != "1280x720" {
			t.Errorf("DP-1 while away: %q, %v; want the console's mode", m.Name, ok)
		}
		before := len(b.card.commits)
		for id := uint32(2); id <= 5; id++ {
			b.Present(b.frame(0, id))
			b.pass(20 * time.Millisecond)
		}
		if b.card.master || len(b.card.commits) != before {
			t.Errorf("master = %v after %d commits more; want neither while away", b.card.master, len(b.card.commits)-before)
		}
		sets := b.count(modeset)
		b.card.enter()
		b.pass(100 * time.Millisecond)
		if got := b.count(modeset); got != sets+2 {
			t.Errorf("mode sets after coming back = %d; want 2, one an output", got-sets)
		}
		b.wantIDs(0, 1, 5)
		b.shows(0, drawing{frame: 5})
	})
}

// TestEndWhileAway leaves the card to whoever has it.
func TestEndWhileAway(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.leave()
		b.pass(time.Millisecond)
	})
}

// TestAwayInModeset does not take the card from the console that it was given
// to while a mode was being set.
func TestAwayInModeset(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.edit(func() {
			b.card.refuse = func(c *commit) error {
				if c.flags&flagModeset == 0 {
					return nil
				}
				b.away.Store(true)
				b.card.master = false
				return syscall.EACCES
			}
		})
		b.card.set(b.card.top.Connectors[0], "link-status", 1)
		b.card.changed()
		b.pass(2 * time.Second)
		b.card.edit(func() {
			if b.card.master {
				t.Error("the display is master while the console is another's; want it not to be")
			}
		})
	})
}

// TestNotMaster loses the card without a word, and gets it back.
func TestNotMaster(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.edit(func() { b.card.master, b.card.held = false, true })
		b.Present(b.frame(0, 1))
		b.pass(time.Second)
		b.wantIDs(0)
		b.card.edit(func() { b.card.held = false })
		b.pass(lastRetry)
		b.wantIDs(0, 1)
		if f := b.figures(0); f.Dropped != [media.NumCauses]uint64{} {
			t.Errorf("Dropped = %v; want none", f.Dropped)
		}
	})
}

// TestStepsDown has the driver refuse modes until one is small enough.
func TestStepsDown(t *testing.T) {
	for _, test := range []struct {
		name string
		test bool // refused when asked, else when set
		err  error
	}{{"TEST_ONLY", true, syscall.EINVAL}, {"mode set", false, syscall.ENOSPC}} {
		t.Run(test.name, func(t *testing.T) {
			card := func(f *fake) {
				f.refuse = func(c *commit) error {
					for key, v := range c.values {
						if strings.HasSuffix(key, "MODE_ID") && v != 0 && test.test == (c.flags&flagTestOnly != 0) {
							if m, _ := decodeMode(f.blobs[uint32(v)]); m.HDisplay > 1280 {
								return test.err
							}
						}
					}
					return nil
				}
			}
			inBubble(t, card, Config{}, func(b *bench) {
				for i := range 2 {
					if _, m, ok := b.card.on(i); !ok || m.Name != "1280x720" {
						t.Errorf("DP-%d mode = %q, %v; want 1280x720", i+1, m.Name, ok)
					}
				}
				if o := b.outputs; len(o) != 2 || o[0].Width != 1280 || o[1].Width != 1280 {
					t.Errorf("OnOutputs = %+v; want both at 1280", o)
				}
				b.stream(0, 2, 50*time.Millisecond)
				b.wantIDs(0, 1, 2)
			})
		})
	}
}

// TestRefusedModeStays sets no mode again when another stream would like one
// that was refused, and tries it again when the person asks for it.
func TestRefusedModeStays(t *testing.T) {
	card := func(f *fake) {
		f.refuse = func(c *commit) error {
			for key, v := range c.values {
				if !strings.HasSuffix(key, "MODE_ID") || v == 0 {
					continue
				}
				if m, _ := decodeMode(f.blobs[uint32(v)]); m.HDisplay > 1280 {
					return syscall.EINVAL
				}
			}
			return nil
		}
	}
	inBubble(t, card, Config{}, func(b *bench) {
		sets := b.count(modeset)
		b.SetStream(0, 1920, 1080, mode.Rate{Num: 60, Den: 1})
		b.pass(100 * time.Millisecond)
		if got := b.count(modeset); got != sets {
			t.Errorf("mode sets for a stream that wants a refused mode = %d; want 0", got-sets)
		}
		b.card.edit(func() { b.card.refuse = nil })
		if err := b.SetChoice(0, mode.Choice{Width: 1920, Height: 1080}); err != nil {
			t.Fatal(err)
		}
		b.pass(100 * time.Millisecond)
		if _, m, ok := b.card.on(0); !ok || m.Name != "1920x1080" {
			t.Errorf("mode after the choice = %q, %v; want 1920x1080", m.Name, ok)
		}
	})
}

// TestNoMode keeps trying, less and less often.
func TestNoMode(t *testing.T) {
	card := func(f *fake) {
		f.refuse = func(c *commit) error {
			if c.flags&flagTestOnly != 0 {
				return syscall.EINVAL
			}
			return nil
		}
	}
	inBubble(t, card, Config{}, func(b *bench) {
		b.Present(b.frame(0, 1))
		b.pass(10 * time.Second)
		b.wantIDs(0)
		b.card.edit(func() { b.card.refuse = nil })
		b.pass(lastRetry)
		b.wantIDs(0, 1)
	})
}

// TestRefusedFlip charges the frame to the display and sets everything anew.
func TestRefusedFlip(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		b.card.edit(func() {
			b.card.refuse = func(c *commit) error {
				if c.flags&flagModeset == 0 {
					return syscall.EINVAL
				}
				b.card.refuse = nil
				return nil
			}
		})
		b.stream(0, 1, 50*time.Millisecond)
		if f := b.figures(0); f.Dropped[media.CauseDisplay] != 1 {
			t.Errorf("Dropped = %v; want 1 by the display", f.Dropped)
		}
		b.pass(time.Second)
		b.Present(b.frame(0, 3))
		b.pass(50 * time.Millisecond)
		b.wantIDs(0, 1, 3)
		if f := b.figures(0); f.Modes != 2 {
			t.Errorf("mode sets = %d; want 2", f.Modes)
		}
	})
}

func TestLostFlip(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		first := b.card.top.CRTCs[0]
		lose := 1
		b.card.edit(func() {
			b.card.lose = func(crtc uint32) bool {
				lost := crtc == first && lose > 0
				if lost {
					lose--
				}
				return lost
			}
		})
		b.Present(b.frame(0, 2))
		b.pass(flipPatience - time.Second)
		b.card.edit(func() { b.card.pending[first] = false }) // the driver forgot all of it
		b.pass(2 * time.Second)
		b.Present(b.frame(0, 3))
		b.pass(time.Second)
		if f := b.figures(0); f.Lost != 1 || f.Modes != 2 {
			t.Errorf("Figures(0) = %+v; want 1 flip lost and a second mode set", f.Counts)
		}
		b.wantIDs(0, 1, 2, 3)
	})
}

// TestModeset looks at what a mode set asks for.
func TestModeset(t *testing.T) {
	card := func(f *fake) {
		f.set(f.top.Connectors[1], "vrr_capable", 1)
		f.blobs[7] = []byte("warm at night")
		f.set(f.top.CRTCs[0], "GAMMA_LUT", 7)
	}
	inBubble(t, card, Config{}, func(b *bench) {
		f := b.card
		for i := range 2 {
			conn, crtc := f.top.Connectors[i], f.top.CRTCs[i]
			for name, want := range map[string]uint64{"max bpc": 8, "CRTC_ID": uint64(crtc)} {
				if got := f.value(conn, name); got != want {
					t.Errorf("DP-%d %s = %d; want %d", i+1, name, got, want)
				}
			}
			for name, want := range map[string]uint64{"ACTIVE": 1, "VRR_ENABLED": uint64(i), "GAMMA_LUT": 0} {
				if got := f.value(crtc, name); got != want {
					t.Errorf("CRTC of DP-%d %s = %d; want %d", i+1, name, got, want)
				}
			}
			if got := b.outputs[i].Variable; got != (i == 1) {
				t.Errorf("OnOutputs[%d].Variable = %v; want it only where vrr_capable says so", i, got)
			}
		}
		if got := f.value(f.top.Planes[0].ID, "SRC_W"); got != 1920<<16 {
			t.Errorf("SRC_W = %#x; want 1920 in 16.16", got)
		}
	})
}

// TestVariableRefresh repeats pictures of a stream that is too slow.
func TestVariableRefresh(t *testing.T) {
	card := func(f *fake) { f.set(f.top.Connectors[0], "vrr_capable", 1) }
	inBubble(t, card, Config{}, func(b *bench) {
		b.stream(0, 20, 100*time.Millisecond)
		f := b.figures(0)
		if f.Repeats < 60 || len(b.ids(0)) != 20 {
			t.Errorf("%d repeats of %d frames at 10 a second; want at least 60 of 20", f.Repeats, len(b.ids(0)))
		}
	})
}

func TestRestore(t *testing.T) {
	b := newBench(t, Config{})
	b.card.set(b.card.top.Connectors[0], "max bpc", 10)
	before := b.card.state()
	b.up(t)
	mid := b.card.state()
	if len(differences(before, mid)) == 0 {
		t.Fatal("nothing changed while the display ran")
	}
	b.end()
	for _, d := range differences(before, b.card.state()) {
		if strings.Contains(d, "MODE_ID") { // another blob with the same mode
			continue
		}
		t.Errorf("after the end: %s", d)
	}
	for i := range 2 {
		if _, m, ok := b.card.on(i); !ok || m.Name != "1280x720" {
			t.Errorf("DP-%d after the end: %q, %v; want the console's mode", i+1, m.Name, ok)
		}
	}
}

// TestRestoreWithoutBuffers turns all off where what was shown is gone.
func TestRestoreWithoutBuffers(t *testing.T) {
	b := newBench(t, Config{})
	b.card.set(b.card.top.Connectors[0], "max bpc", 10)
	fbcon := uint32(b.card.value(b.card.top.Planes[0].ID, "FB_ID"))
	b.up(t)
	b.card.edit(func() { delete(b.card.buffers, fbcon) })
	b.end()
	if got := b.card.value(b.card.top.Connectors[0], "max bpc"); got != 10 {
		t.Errorf("max bpc after the end = %d; want 10", got)
	}
	for i := range 2 {
		if got := b.card.value(b.card.top.CRTCs[i], "ACTIVE"); got != 0 {
			t.Errorf("CRTC %d ACTIVE = %d; want 0: there is nothing to show", i, got)
		}
	}
}

// up runs the display outside of a bubble, until both outputs are lit.
func (b *bench) up(t *testing.T) {
	t.Helper()
	b.begin(t.Context())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 10_000 {
		b.mu.Lock()
		up := len(b.outputs) == 2 && b.outputs[0].Width > 0 && b.outputs[1].Width > 0
		b.mu.Unlock()
		if up {
			return
		}
		<-tick.C
	}
	t.Fatal("the outputs were not lit in 10 s")
}

// TestHotplug takes one monitor away and back while the other shows on.
func TestHotplug(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.pass(time.Second)
		done := make(chan struct{})
		go func() {
			defer close(done)
			b.feed(1, 240)
		}()
		b.stream(0, 1, 50*time.Millisecond)
		probes := b.count(modeset)
		for range 5 { // it bounces
			b.card.plug(0, false)
			b.pass(30 * time.Millisecond)
		}
		if _, _, ok := b.card.on(0); !ok {
			t.Error("DP-1 was turned off before it was quiet")
		}
		b.pass(settleTime)
		if _, _, ok := b.card.on(0); ok {
			t.Error("DP-1 is still on; want it off")
		}
		if o := b.outputs; len(o) != 2 || o[0].Connector != "DP-2" || o[0].Screen != 1 || o[1].Connected {
			t.Errorf("OnOutputs = %+v; want DP-2 with screen 1 and DP-1 gone", o)
		}
		b.Present(b.frame(0, 2)) // waits
		b.pass(300 * time.Millisecond)
		b.card.plug(0, true)
		b.pass(settleTime + 100*time.Millisecond)
		if got := b.count(modeset) - probes; got != 1 {
			t.Errorf("mode sets for the monitor that came back = %d; want 1", got)
		}
		b.wantIDs(0, 1, 2)
		<-done
		b.pass(100 * time.Millisecond)
		if f := b.figures(1); len(b.ids(1)) != 240 || f.Dropped != [media.NumCauses]uint64{} {
			t.Errorf("the other: %d shown, %+v; want all 240", len(b.ids(1)), f.Counts)
		}
		// The pacer has found the blanks by the tenth.
		if gap := b.gap(1, 10); gap > 17*time.Millisecond {
			t.Errorf("the other: %v between two frames; want the mode's period throughout", gap)
		}
	})
}

// gap is the longest time between two frames of a screen, from a number on.
func (b *bench) gap(screen int, from uint32) (longest time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var last time.Time
	for _, f := range b.shown {
		if f.Screen != screen || f.FrameID < from {
			continue
		}
		if !last.IsZero() {
			longest = max(longest, f.Timing.Shown.Sub(last))
		}
		last = f.Timing.Shown
	}
	return longest
}

// TestPortComesBackAsAnother gives a port of a hub another number between two looks.
func TestPortComesBackAsAnother(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		var again uint32
		b.card.edit(func() {
			old := b.card.top.Connectors[0]
			again = b.card.id()
			b.card.object(again, kindConnector, map[string]uint64{"CRTC_ID": 0, "max bpc": 16, "vrr_capable": 0, "link-status": 0, "DPMS": 0})
			port := *b.card.ports[old]
			port.ID = again
			b.card.ports[again] = &port
			b.card.top.Connectors = []uint32{again, b.card.top.Connectors[1]}
		})
		b.card.changed()
		b.pass(2 * time.Second)
		if b.card.value(again, "CRTC_ID") == 0 {
			t.Error("CRTC_ID of the connector that came back = 0; want it lit")
		}
		b.stream(0, 2, 50*time.Millisecond)
		b.wantIDs(0, 1, 2)
	})
}

// TestSettleMost looks at a monitor that never stops to chatter.
func TestSettleMost(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		start := time.Now()
		for b.has(0) && time.Since(start) < 5*time.Second {
			b.card.plug(0, false)
			b.pass(100 * time.Millisecond)
		}
		if took := time.Since(start); took < settleTime || took > settleMost+300*time.Millisecond {
			t.Errorf("a chattering monitor was looked at after %v; want about %v", took, settleMost)
		}
	})
}

func (b *bench) has(i int) bool { _, _, ok := b.card.on(i); return ok }

// TestScreens gives screens to monitors and monitors to screens.
func TestScreens(t *testing.T) {
	inBubble(t, nil, Config{Order: []string{"DP-2"}}, func(b *bench) {
		b.Present(b.frame(0, 1))
		b.Present(b.frame(1, 2))
		b.pass(50 * time.Millisecond)
		b.shows(1, drawing{frame: 1})
		b.shows(0, drawing{frame: 2})
		b.SetLayout([]string{"DP-1", "DP-2"})
		b.pass(50 * time.Millisecond)
		b.Present(b.frame(0, 3))
		b.pass(50 * time.Millisecond)
		b.shows(0, drawing{frame: 3})
		if o := b.outputs; o[0].Connector != "DP-1" || o[0].Screen != 0 || o[1].Screen != 1 {
			t.Errorf("OnOutputs = %+v; want DP-1 first", o)
		}
	})
	inBubble(t, nil, Config{Config: oneScreen}, func(b *bench) {
		b.Present(b.frame(0, 1))
		b.pass(50 * time.Millisecond)
		b.shows(0, drawing{frame: 1})
		b.shows(1, drawing{words: true}) // a monitor too many
	})
}

// TestStreamMode has the stream decide over the refresh.
func TestStreamMode(t *testing.T) {
	slow := testModes[0]
	slow.Clock, slow.Type, slow.Name = slow.Clock*50/60, 0, "1920x1080" // 50 Hz
	card := func(f *fake) {
		for _, p := range f.ports {
			p.Modes = append(slices.Clone(testModes), slow)
		}
	}
	inBubble(t, card, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		b.SetStream(0, 1920, 1080, mode.Rate{Num: 25, Den: 1})
		b.pass(100 * time.Millisecond)
		if o := b.outputs; o[0].MilliHz != 50000 || o[1].MilliHz != 60000 {
			t.Errorf("refresh = %d and %d mHz; want 50000 for 25 pictures a second and 60000", o[0].MilliHz, o[1].MilliHz)
		}
		b.shows(0, drawing{frame: 1}) // the picture stayed
		sets := b.count(modeset)
		b.SetStream(0, 1920, 1080, mode.Rate{Num: 50, Den: 1})
		b.pass(100 * time.Millisecond)
		if got := b.count(modeset); got != sets {
			t.Errorf("mode sets for a mode that is already set = %d; want 0", got-sets)
		}
	})
}

func TestOwnModeline(t *testing.T) {
	own := mode.CVT(640, 360, mode.Rate{Num: 60, Den: 1}, true)
	inBubble(t, nil, Config{Modes: map[string]mode.Mode{"DP-2": own}}, func(b *bench) {
		if o := b.outputs; o[0].Width != 1920 || o[1].Width != 640 || o[1].Height != 360 {
			t.Errorf("OnOutputs = %+v; want 640x360 on DP-2 alone", o)
		}
	})
}

func TestPower(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		b.SetPower(0, false)
		b.pass(50 * time.Millisecond)
		if b.has(0) || !b.has(1) {
			t.Errorf("on = %v, %v; want only DP-2", b.has(0), b.has(1))
		}
		b.Present(b.frame(0, 2))
		b.Present(b.frame(1, 3))
		b.pass(50 * time.Millisecond)
		b.wantIDs(0, 1)
		b.wantIDs(1, 3)
		b.SetPower(0, true)
		b.pass(100 * time.Millisecond)
		b.wantIDs(0, 1, 2)
		b.shows(0, drawing{frame: 2})
	})
}

func TestContextLost(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		left := 1
		b.card.edit(func() {
			b.card.draws = func(*gl.Scene) error {
				if left--; left >= 0 {
					return fmt.Errorf("draw: %w", gl.ErrContextLost)
				}
				return nil
			}
		})
		b.Present(b.frame(0, 2))
		b.pass(100 * time.Millisecond)
		b.wantIDs(0, 1, 2)
		if f := b.figures(0); f.Resets != 1 || f.Modes != 2 || f.Dropped != [media.NumCauses]uint64{} {
			t.Errorf("Figures(0) = %+v; want a reset, a mode set and nothing dropped", f.Counts)
		}
	})
}

func TestImportFailed(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.edit(func() {
			b.card.draws = func(s *gl.Scene) error {
				if s.Picture != nil && s.Picture.Surface != nil {
					return fmt.Errorf("draw: %w", gl.ErrImport)
				}
				return nil
			}
		})
		for id := uint32(1); id <= 3; id++ {
			f := b.frame(1, id)
			f.Format, f.Surface = media.DMABuf, &media.Surface{Pool: 9}
			b.Present(f)
			b.pass(100 * time.Millisecond)
		}
		b.Present(b.frame(1, 4))
		b.pass(50 * time.Millisecond)
		b.wantIDs(1, 4)
		if f := b.figures(1); f.Dropped[media.CauseDisplay] != 3 || !slices.Equal(b.refused, []int{1}) {
			t.Errorf("Dropped = %v, OnImportFailed = %v; want 3 by the display and told once of screen 1", f.Dropped, b.refused)
		}
	})
}

// TestDrawFails shows frames again after some that could not be drawn.
func TestDrawFails(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.edit(func() { b.card.draws = func(*gl.Scene) error { return errors.New("no such format") } })
		b.stream(0, 2, 50*time.Millisecond)
		b.SetOverlay(0, &ui.Stats{Title: "x"})
		b.pass(time.Second)
		b.card.edit(func() { b.card.draws = nil })
		b.Present(b.frame(0, 3))
		b.pass(50 * time.Millisecond)
		b.wantIDs(0, 3)
		if f := b.figures(0); f.Dropped[media.CauseDisplay] != 2 {
			t.Errorf("Dropped = %v; want 2 by the display", f.Dropped)
		}
	})
}

func TestWords(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.shows(0, drawing{words: true}) // no picture yet
		b.stream(0, 1, 50*time.Millisecond)
		b.SetStatus(0, &ui.Status{Title: "Reconnecting", Busy: true})
		b.pass(50 * time.Millisecond)
		b.shows(0, drawing{frame: 1, dim: true, words: true})
		flips := b.figures(0).Flips
		b.pass(time.Second)
		if turns := b.figures(0).Flips - flips; turns < 6 || turns > 9 {
			t.Errorf("the mark turned %d times a second; want 8", turns)
		}
		b.SetStatus(0, &ui.Status{Title: "Offline", Page: true})
		b.pass(50 * time.Millisecond)
		b.shows(0, drawing{words: true})
		flips = b.figures(0).Flips
		b.pass(time.Second)
		if again := b.figures(0).Flips - flips; again != 0 {
			t.Errorf("a page at rest was drawn %d times; want 0", again)
		}
		b.SetStatus(0, &ui.Status{Title: "Offline", Page: true, RetryAt: time.Now().Add(3 * time.Second)})
		b.pass(3500 * time.Millisecond)
		if counted := b.figures(0).Flips - flips; counted < 4 || counted > 5 {
			t.Errorf("a countdown from 3 was drawn %d times; want 4", counted)
		}
		b.SetStatus(0, nil)
		b.pass(50 * time.Millisecond)
		b.shows(0, drawing{frame: 1})
		b.SetOverlay(0, &ui.Stats{Title: "Figures", Rows: []ui.Row{{Label: "Rate", Value: "60"}}})
		b.pass(200 * time.Millisecond)
		b.shows(0, drawing{frame: 1, panel: true})
	})
}

func TestCursor(t *testing.T) {
	shape := image.NewRGBA(image.Rect(0, 0, 16, 16))
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		plane := b.card.top.Planes[1].ID
		at := func() [3]uint64 {
			return [3]uint64{b.card.value(plane, "CRTC_ID"), b.card.value(plane, "CRTC_X"), b.card.value(plane, "CRTC_Y")}
		}
		crtc := uint64(b.card.top.CRTCs[0])
		b.SetCursor(0, &Cursor{Image: shape, Hot: image.Pt(3, 4), At: image.Pt(100, 50)})
		b.pass(100 * time.Millisecond)
		if got := at(); got != [3]uint64{crtc, 97, 46} {
			t.Errorf("cursor plane = %v; want CRTC %d at 97, 46", got, crtc)
		}
		b.SetCursor(0, &Cursor{Image: shape, Hot: image.Pt(3, 4), At: image.Pt(1, 1)})
		b.pass(100 * time.Millisecond)
		if got := at(); int64(got[1]) != -2 || int64(got[2]) != -3 {
			t.Errorf("cursor plane = %v; want -2, -3", got)
		}
		b.shows(0, drawing{frame: 1})
		large := image.NewRGBA(image.Rect(0, 0, 200, 200)) // more than the plane
		b.SetCursor(0, &Cursor{Image: large, At: image.Pt(5, 5)})
		b.pass(100 * time.Millisecond)
		b.shows(0, drawing{frame: 1, cursor: true})
		if got := at(); got[0] != 0 {
			t.Errorf("cursor plane's CRTC = %d; want 0 where the pointer is drawn", got[0])
		}
		small := b.frame(0, 2)
		small.Width, small.Height = 1280, 720 // scaled
		b.SetCursor(0, &Cursor{Image: shape, At: image.Pt(5, 5)})
		b.Present(small)
		b.pass(100 * time.Millisecond)
		b.shows(0, drawing{frame: 2, cursor: true})
		b.SetCursor(0, nil)
		b.pass(100 * time.Millisecond)
		b.shows(0, drawing{frame: 2})
	})
}

// TestCursorRefused draws the pointer where the driver wants no plane.
func TestCursorRefused(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		plane := b.card.top.Planes[1].ID
		b.card.edit(func() {
			b.card.refuse = func(c *commit) error {
				if v, ok := about(*c, kindPlane, plane, "FB_ID"); ok && v != 0 {
					return syscall.EINVAL
				}
				return nil
			}
		})
		b.SetCursor(0, &Cursor{Image: image.NewRGBA(image.Rect(0, 0, 16, 16)), At: image.Pt(9, 9)})
		b.pass(200 * time.Millisecond)
		b.shows(0, drawing{frame: 1, cursor: true})
		b.Present(b.frame(0, 2))
		b.pass(50 * time.Millisecond)
		b.shows(0, drawing{frame: 2, cursor: true})
		if f := b.figures(0); f.Dropped != [media.NumCauses]uint64{} || f.Modes != 1 {
			t.Errorf("Figures(0) = %+v; want nothing dropped and no other mode set", f.Counts)
		}
	})
}

// TestCursorRefusedLater leaves no old pointer behind where the driver takes
// the plane's first image and not the second.
func TestCursorRefusedLater(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		plane := b.card.top.Planes[1].ID
		b.SetCursor(0, &Cursor{Image: image.NewRGBA(image.Rect(0, 0, 16, 16)), At: image.Pt(9, 9)})
		b.pass(100 * time.Millisecond)
		first := b.card.value(plane, "FB_ID")
		if first == 0 {
			t.Fatal("the pointer is not on its plane")
		}
		b.card.edit(func() {
			b.card.refuse = func(c *commit) error {
				if v, ok := about(*c, kindPlane, plane, "FB_ID"); ok && v != 0 && v != first {
					return syscall.EINVAL
				}
				return nil
			}
		})
		b.SetCursor(0, &Cursor{Image: image.NewRGBA(image.Rect(0, 0, 16, 16)), At: image.Pt(9, 9)})
		b.pass(200 * time.Millisecond)
		b.shows(0, drawing{frame: 1, cursor: true})
		if got := b.card.value(plane, "FB_ID"); got != 0 {
			t.Errorf("FB_ID of the cursor plane = %d; want 0: the pointer is drawn", got)
		}
	})
}

// TestCursorAfterModeset sets the mode where the driver does not take the
// cursor's plane together with it, and shows the pointer right after.
func TestCursorAfterModeset(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		plane := b.card.top.Planes[1].ID
		b.SetCursor(0, &Cursor{Image: image.NewRGBA(image.Rect(0, 0, 16, 16)), At: image.Pt(9, 9)})
		b.pass(100 * time.Millisecond)
		b.card.edit(func() {
			b.card.refuse = func(c *commit) error {
				if v, ok := about(*c, kindPlane, plane, "FB_ID"); ok && v != 0 && c.flags&flagModeset != 0 {
					return syscall.EINVAL
				}
				return nil
			}
		})
		b.card.set(b.card.top.Connectors[0], "link-status", 1)
		b.card.changed()
		b.pass(time.Second)
		if _, m, ok := b.card.on(0); !ok || m.Name != "1920x1080" || b.figures(0).Modes != 2 {
			t.Errorf("mode = %q, %v after %d mode sets; want 1920x1080 after 2", m.Name, ok, b.figures(0).Modes)
		}
		if b.card.value(plane, "FB_ID") == 0 || b.card.value(plane, "CRTC_ID") == 0 {
			t.Error("the cursor's plane is off; want the pointer on it")
		}
		b.shows(0, drawing{frame: 1})
	})
}

// TestCursorOutlastsBusy keeps the plane where the kernel is only busy.
func TestCursorOutlastsBusy(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 1, 50*time.Millisecond)
		plane := b.card.top.Planes[1].ID
		until := time.Now().Add(busyPatience + 100*time.Millisecond)
		b.card.edit(func() {
			b.card.refuse = func(c *commit) error {
				if _, ok := about(*c, kindPlane, plane, "FB_ID"); ok && time.Now().Before(until) {
					return syscall.EBUSY
				}
				return nil
			}
		})
		b.SetCursor(0, &Cursor{Image: image.NewRGBA(image.Rect(0, 0, 16, 16)), At: image.Pt(9, 9)})
		b.pass(busyPatience + time.Second)
		b.shows(0, drawing{frame: 1})
		if got := b.card.value(plane, "FB_ID"); got == 0 {
			t.Error("FB_ID of the cursor plane = 0; want the pointer on it")
		}
	})
}

// TestCursorWaits has a moved pointer take no flip from a stream's frame.
func TestCursorWaits(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 30, period60)
		flips := b.figures(0).Flips
		shape := image.NewRGBA(image.Rect(0, 0, 16, 16))
		for i := range 60 {
			b.Present(b.frame(0, uint32(100+i)))
			for k := range 8 { // a mouse moves more often than pictures come
				b.SetCursor(0, &Cursor{Image: shape, At: image.Pt(8*i+k, 1)})
				b.pass(period60 / 8)
			}
		}
		f := b.figures(0)
		if got := f.Flips - flips; got > 62 {
			t.Errorf("%d flips for 60 frames and 480 moves; want 60", got)
		}
		if f.Dropped[media.CausePacer] > 1 {
			t.Errorf("Dropped = %v; want none for the pointer's sake", f.Dropped)
		}
	})
}

// TestCursorStarvesNothing moves the pointer on through a pause of the stream:
// the pictures after it have to come through.
func TestCursorStarvesNothing(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		shape := image.NewRGBA(image.Rect(0, 0, 16, 16))
		at := 0
		move := func(periods int) {
			for range 8 * periods {
				at++
				b.SetCursor(0, &Cursor{Image: shape, At: image.Pt(at, 1)})
				b.pass(period60 / 8)
			}
		}
		b.stream(0, 60, period60)
		move(5)
		before := len(b.ids(0))
		for i := range 60 {
			b.Present(b.frame(0, uint32(100+i)))
			move(1)
		}
		if got := len(b.ids(0)) - before; got < 57 {
			t.Errorf("pictures shown while the pointer moves = %d of 60; want nearly all", got)
		}
	})
}

func TestCapture(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.stream(0, 3, 50*time.Millisecond)
		img, err := b.Capture(0)
		if err != nil || img.Rect != image.Rect(0, 0, 1920, 1080) || img.Pix[0] != 3 {
			t.Errorf("Capture(0) = %v, %v; want 1920x1080 of frame 3", img.Rect, err)
		}
		if _, err := b.Capture(7); err == nil {
			t.Error("Capture(7) = nil error; want one")
		}
		b.card.plug(0, false)
		b.pass(settleTime + 50*time.Millisecond)
		if _, err := b.Capture(0); err == nil {
			t.Error("Capture(0) without a monitor = nil error; want one")
		}
	})
}

// TestChoice has the person choose a mode.
func TestChoice(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		if err := b.SetChoice(1, mode.Choice{Width: 1280, Height: 720, Fit: mode.Stretch}); err != nil {
			t.Fatalf("SetChoice(1) = %v; want nil", err)
		}
		b.pass(100 * time.Millisecond)
		if o := b.outputs; o[0].Width != 1920 || o[1].Width != 1280 {
			t.Errorf("widths = %d, %d; want 1920, 1280", o[0].Width, o[1].Width)
		}
		b.card.changed() // the choice outlives a look at the monitors
		b.pass(settleTime + 100*time.Millisecond)
		if o := b.outputs; o[1].Width != 1280 {
			t.Errorf("width after monitors were asked again = %d; want 1280", o[1].Width)
		}
		if err := b.SetChoice(5, mode.Choice{}); err == nil {
			t.Error("SetChoice(5) = nil; want an error")
		}
	})
}

// TestRechoose follows what another process wrote into the file of choices.
func TestRechoose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "monitors.json")
	ours, theirs := openStore(t, path), openStore(t, path)
	both := []mode.Monitor{{Connector: "DP-1"}, {Connector: "DP-2"}}
	inBubble(t, nil, Config{Choices: ours}, func(b *bench) {
		choose := func(i int, change func(*mode.Choice)) {
			b.Helper()
			err := theirs.Edit(both[i], both, func(c mode.Choice) (mode.Choice, error) { change(&c); return c, nil })
			if err != nil {
				b.Fatal(err)
			}
			if changed, err := ours.Reload(); !changed || err != nil {
				b.Fatalf("Reload() = %v, %v; want a change", changed, err)
			}
			b.Rechoose()
			b.pass(100 * time.Millisecond)
		}
		first := b.screens[0].output.Load()
		sets := b.count(modeset)
		choose(1, func(c *mode.Choice) { c.Width, c.Height = 1280, 720 })
		if o := b.outputs; o[0].Width != 1920 || o[1].Width != 1280 || b.count(modeset) != sets+1 {
			t.Errorf("widths = %d, %d after %d mode sets; want 1920, 1280 after 1", o[0].Width, o[1].Width, b.count(modeset)-sets)
		}
		choose(0, func(c *mode.Choice) { c.Fit = mode.Stretch })
		if got := first.scene.Fit; got != gl.Stretch || b.count(modeset) != sets+1 {
			t.Errorf("fit = %v after %d mode sets; want stretch after none more", got, b.count(modeset)-sets)
		}
		b.mu.Lock()
		b.outputs = nil
		b.mu.Unlock()
		choose(0, func(c *mode.Choice) { c.Scale = 150 })
		if o := b.outputs; len(o) != 2 || o[0].Connector != "DP-1" || b.count(modeset) != sets+1 {
			t.Errorf("OnOutputs = %+v after %d mode sets; want it told, in the same order, and none more", o, b.count(modeset)-sets)
		}
		choose(1, func(c *mode.Choice) { c.Order = 1 })
		if o := b.outputs; o[0].Connector != "DP-2" || o[0].Screen != 0 || o[1].Screen != 1 {
			t.Errorf("OnOutputs = %+v; want DP-2 first, with screen 0", o)
		}
		b.card.changed() // it outlives a look at the monitors
		b.pass(settleTime + 100*time.Millisecond)
		if o := b.outputs; o[0].Connector != "DP-2" || o[0].Width != 1280 || o[0].Screen != 0 {
			t.Errorf("OnOutputs after monitors were asked again = %+v; want the same", o)
		}
		if err := b.SetChoice(0, mode.Choice{}); err != nil { // that is DP-2
			t.Fatalf("SetChoice(0) = %v; want nil", err)
		}
		b.pass(100 * time.Millisecond)
		if o := b.outputs; o[0].Connector != "DP-1" || o[1].Width != 1920 || openStore(t, path).For(both[1]) != (mode.Choice{}) {
			t.Errorf("OnOutputs without a choice = %+v; want DP-1 first and DP-2 at 1920, and the file without it", o)
		}
		if err := b.SetChoice(0, mode.Choice{Scale: 9}); err == nil {
			t.Error("SetChoice(0, scale 9 %) = nil; want an error")
		}
	})
}

// TestChoiceNotKept follows a choice that cannot be written.
func TestChoiceNotKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	store := openStore(t, filepath.Join(dir, "monitors.json"))
	inBubble(t, nil, Config{Choices: store}, func(b *bench) {
		if err := b.SetChoice(1, mode.Choice{Width: 1280, Height: 720}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("SetChoice(1) = %v; want fs.ErrNotExist", err)
		}
		b.card.changed()
		b.pass(settleTime + 100*time.Millisecond)
		if o := b.outputs; o[1].Width != 1280 {
			t.Errorf("width = %d; want 1280 all the same", o[1].Width)
		}
	})
}

func openStore(t *testing.T, path string) *mode.Store {
	t.Helper()
	s, err := mode.OpenStore(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestLinkLost trains a link anew that the kernel calls bad.
func TestLinkLost(t *testing.T) {
	inBubble(t, nil, Config{}, func(b *bench) {
		b.card.set(b.card.top.Connectors[0], "link-status", 1)
		sets := b.count(modeset)
		b.card.changed()
		b.pass(settleTime + 100*time.Millisecond)
		if got := b.card.value(b.card.top.Connectors[0], "link-status"); got != 0 || b.count(modeset) != sets+1 {
			t.Errorf("link-status = %d after %d mode sets; want 0 after one", got, b.count(modeset)-sets)
		}
	})
}

func TestCloseWithoutRun(t *testing.T) {
	b := newBench(t, Config{})
	b.Present(b.frame(0, 1))
	if err := errors.Join(b.Close(), b.Close()); err != nil || !b.card.closed {
		t.Errorf("Close() twice = %v, card closed %v; want nil and true", err, b.card.closed)
	}
	if err := b.Display.Run(t.Context()); err == nil {
		t.Error("Run() after Close() = nil; want an error")
	}
}
