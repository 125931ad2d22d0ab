//go:build linux && !nonative

package hostile_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/blade-shadow/terminal/internal/barcode"
	"github.com/blade-shadow/terminal/internal/lab"
	"github.com/blade-shadow/terminal/internal/wire"
)

// maxMemory bounds the terminal in MiB, whoever it talks to.
const maxMemory = 200

// maxSentence bounds what a person is told of a failure, in characters.
const maxSentence = 300

// attack is what one hostile host does.
type attack struct {
	name string
	// answer answers the offer by itself; nil: truthfully, with what tamper
	// makes of it.
	answer http.HandlerFunc
	tamper func(h http.Header, answer string) string
	// early is what follows the answer at once, then what follows once there is a
	// path. When they return the host goes.
	early func(ctx context.Context, t *testing.T, v *visit)
	then  func(ctx context.Context, t *testing.T, v *visit)
	// others answers requests to the session's resource; nil: like a host.
	others http.HandlerFunc
	want   string  // in the sentence that the session ends with, a regular expression
	most   float64 // MiB instead of maxMemory: what a good host may send, too
	after  func(t *testing.T)
}

// TestHostileHosts has one terminal meet every attack, and after each of them
// a good host whose pictures must be seen.
func TestHostileHosts(t *testing.T) {
	b := begin(t)
	b.meetGood(t)
	for _, group := range [][]attack{signalling(t), packets(), pictures(t), reports(), channels(), paths()} {
		for _, a := range group {
			went := false
			passed := t.Run(a.name, func(t *testing.T) {
				b.meet(t, &a)
				b.meetGood(t)
				went = true
			})
			if !passed && !went {
				return // it has gone, or hangs
			}
		}
	}
}

// meet has the terminal meet a hostile host and judges how it takes that.
func (b *bench) meet(t *testing.T, a *attack) {
	t.Helper()
	pid := b.terminal.PID()
	ok(t, forget(pid))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan struct{})
	begun := time.Now()
	b.invite(t, b.hostile(ctx, t, a, done))
	if a.answer == nil {
		select {
		case <-done:
		case <-ctx.Done():
			t.Fatal("the hostile host did not come to an end")
		}
	}
	why := b.sentence(t)
	mib, err := peak(pid)
	ok(t, err)
	t.Logf("%.1f s, %.0f MiB: %s", time.Since(begun).Seconds(), mib, why)
	b.house.lives(http.HandlerFunc(absent))
	if most := cmp.Or(a.most, maxMemory); mib > most {
		t.Errorf("peak memory = %.0f MiB; want at most %.0f", mib, most)
	}
	if n := utf8.RuneCountInString(why); n == 0 || n > maxSentence {
		t.Errorf("the sentence has %d characters; want 1 to %d: %.400s", n, maxSentence, why)
	}
	if !regexp.MustCompile(a.want).MatchString(why) {
		t.Errorf("the session ended with %q; want %q in it", why, a.want)
	}
	if a.after != nil {
		a.after(t)
	}
	b.alive(t)
}

// hostile is the handler of an attack.
func (b *bench) hostile(ctx context.Context, t *testing.T, a *attack, done chan struct{}) http.Handler {
	mux := http.NewServeMux()
	var met, once sync.Once // the terminal may ask again, for less
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		b.meets(&met)
		if a.answer != nil {
			a.answer(w, r)
			return
		}
		v, err := receive(t, w, r, a.tamper)
		if err != nil && ctx.Err() == nil {
			t.Errorf("answer the terminal: %v", err)
			return
		}
		go func() {
			defer once.Do(func() { close(done) })
			defer v.close()
			if a.early != nil {
				a.early(ctx, t, v)
			}
			if a.then == nil {
				return
			}
			if err := v.up(ctx); errors.Is(err, context.Canceled) {
				return // it came again after all was over
			} else if err != nil {
				t.Error(err)
				return
			}
			a.then(ctx, t, v)
		}()
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if a.others != nil {
			a.others(w, r)
		}
	})
	return mux
}

// meetGood has the terminal meet a host that does everything right, looks at
// its pictures in the window, and lets that host go down.
func (b *bench) meetGood(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	failed := make(chan error, 1)
	goOn, left := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	var met, once sync.Once
	mux.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		b.meets(&met)
		v, err := receive(t, w, r, nil)
		if err != nil {
			failed <- err
			return
		}
		go func() {
			defer once.Do(func() { close(left) })
			defer v.close()
			if err := b.behave(ctx, v, goOn); err != nil {
				failed <- err
			}
		}()
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	b.invite(t, mux)
	b.look(t, failed)
	close(goOn)
	select {
	case <-left:
	case <-ctx.Done():
		t.Fatal("the good host did not come to an end")
	}
	b.house.lives(http.HandlerFunc(absent))
	if why := b.sentence(t); !strings.Contains(why, "shutting down") {
		t.Errorf("the good session ended with %q; want the host's goodbye", why)
	}
}

// look waits until the window has shown some pictures of a moving stream.
func (b *bench) look(t *testing.T, failed <-chan error) {
	t.Helper()
	windows, err := b.display.WaitWindows(soon(t), 1)
	ok(t, err)
	seen := map[uint32]bool{}
	ok(t, lab.Until(soon(t), "the good host's pictures in the window", func() error {
		b.alive(t)
		select {
		case err := <-failed:
			t.Fatalf("the good host: %v", err)
		default:
		}
		picture, err := b.display.Picture(windows[0])
		if err != nil {
			return err
		}
		p, err := barcode.ReadImage(picture)
		if err != nil {
			return err
		}
		if seen[p.Frame] = true; len(seen) < 4 {
			return fmt.Errorf("there were %d", len(seen))
		}
		return nil
	}))
}

// behave streams the clip until it is told to stop, then says goodbye.
func (b *bench) behave(ctx context.Context, v *visit, goOn <-chan struct{}) error {
	if err := v.up(ctx); err != nil {
		return err
	}
	control, err := channel(ctx, v.control)
	if err != nil {
		return err
	}
	screen := wire.Screen{Width: 640, Height: 360, MilliFPS: 30000}
	if err := control.Send(wire.AppendHelloAck(nil, wire.HelloAck{Version: 1, Host: "good", Screens: []wire.Screen{screen}})); err != nil {
		return err
	}
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for n := 0; ; n++ {
		unit := n % len(b.good.Units)
		v.video.header.Timestamp += 3000
		v.video.picture(b.good.Units[unit])
		select {
		case <-tick.C:
		case <-goOn:
			err := control.Send(wire.AppendBye(nil, wire.Bye{Code: wire.ByeHostShutdown}))
			stay(time.Second)(ctx, nil, v) // the terminal is the one who leaves
			return err
		case <-v.gone:
			return errors.New("the terminal has left")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
