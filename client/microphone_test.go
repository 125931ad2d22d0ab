package client_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/client"
	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/host/hosttest"
	"github.com/blade-shadow/terminal/internal/wire"
)

// ear is what a host's programs record from.
type ear struct {
	wanted  func(bool)
	packets chan []byte
	closed  chan struct{}
}

func (e *ear) Packet(b []byte) {
	select {
	case e.packets <- slices.Clone(b):
	default:
	}
}

func (e *ear) Run(ctx context.Context) error {
	e.wanted(true)
	<-ctx.Done()
	return nil
}

func (e *ear) Close() error { close(e.closed); return nil }

// TestMicrophone proves that the host asks for the microphone, that what is said
// arrives as it was sent, beside sound and in its own section, and that a host
// that takes none gets none.
func TestMicrophone(t *testing.T) {
	for _, sound := range []bool{true, false} {
		t.Run(fmt.Sprintf("sound-%t", sound), func(t *testing.T) {
			e := &ear{packets: make(chan []byte, 64), closed: make(chan struct{})}
			h := hosttest.Start(t, hosttest.Config{Sound: sound, Change: func(cfg *host.Config) {
				cfg.OpenMicrophone = func(wanted func(bool)) (host.Microphone, error) {
					e.wanted = wanted
					return e, nil
				}
			}})
			asked := make(chan uint8, 4)
			r := start(t, h.URL, func(cfg *client.Config) { cfg.OnMic = func(what uint8) { asked <- what } })
			hosttest.Within(t, r.pictures, "the first picture")
			if what := hosttest.Within(t, asked, "the host to ask"); what != wire.MicOpen || !r.HearsVoice() {
				t.Errorf("the host asked for %d, hears %t; want MicOpen", what, r.HearsVoice())
			}
			r.SayMic(wire.MicOpened)
			var got []string
			deadline := time.After(10 * time.Second)
			for n := uint64(0); len(got) < 5; n++ { // it may take a moment until the section is up
				if err := r.SendVoice([]byte{0xf8, byte(n)}, 480*n, n == 0); err != nil {
					t.Fatal(err)
				}
				select {
				case b := <-e.packets:
					var p rtp.Packet
					if err := p.Unmarshal(b); err != nil {
						t.Fatal(err)
					}
					if p.PayloadType != 111 || len(p.Payload) != 2 || p.Payload[0] != 0xf8 {
						t.Errorf("packet %v; want Opus as it was sent", p)
					}
					got = append(got, fmt.Sprint(p.Payload[1]))
				case <-time.After(20 * time.Millisecond):
				case <-deadline:
					t.Fatalf("%d packets came of %d", len(got), n)
				}
			}
			if !slices.IsSortedFunc(got, func(a, b string) int { return len(a) - len(b) }) {
				t.Errorf("packets came as %v", got)
			}
			if sound {
				hosttest.Until(t, "sound comes, too", func() bool { return r.packets.Load() > 10 })
			}
			r.cancel()
			_ = r.end()
			hosttest.Within(t, e.closed, "the microphone to be closed")
		})
	}
	h := hosttest.Start(t, hosttest.Config{Sound: true})
	r := start(t, h.URL, func(cfg *client.Config) { cfg.OnMic = func(uint8) {} })
	hosttest.Within(t, r.pictures, "the first picture")
	hosttest.Until(t, "sound comes", func() bool { return r.packets.Load() > 10 })
	if r.HearsVoice() {
		t.Error("a host without a microphone hears one")
	}
	if err := r.SendVoice([]byte{1}, 0, true); err != nil {
		t.Errorf("SendVoice() = %v; want nothing done", err)
	}
}
