package inputs_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/wire"
)

// FuzzDatagram gives a running sender what a host may say. It has to go on
// telling of keys, and to believe no impossible round trip.
func FuzzDatagram(f *testing.F) {
	f.Add(ack(0, 1), ack(1, 2))
	f.Add(at(1, wire.PointerAt{Screen: 9, X: 65535}), at(1<<31, wire.PointerAt{}))
	f.Add(wire.AppendLEDs(wire.AppendHeader(nil, wire.Header{Seq: 1, Ack: 1 << 31}), wire.LEDs{Lit: 255}), []byte{1})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		synctest.Test(t, func(t *testing.T) {
			r := newRecorder(t)
			s := run(t, inputs.Config{}, r)
			for _, d := range [][]byte{a, b, a} {
				s.Handle(key(keyA, true))
				s.Datagram(d)
				s.Handle(key(keyA, false))
				time.Sleep(10 * time.Millisecond)
				if len(r.take()) == 0 {
					t.Error("a key went nowhere")
				}
			}
			if rtt := s.RTT(); rtt < 0 || rtt > 10*time.Second {
				t.Errorf("RTT() = %v; want 0 to 10 s", rtt)
			}
		})
	})
}
