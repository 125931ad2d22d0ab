package inputs_test

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/inputs"
	"github.com/blade-shadow/terminal/internal/wire"
)

// at is a host's datagram that says where its pointer is.
func at(seq uint32, p wire.PointerAt) []byte {
	return wire.AppendPointerAt(wire.AppendHeader(nil, wire.Header{Seq: seq}), p)
}

func TestOnPointer(t *testing.T) {
	var got []wire.PointerAt
	s, err := inputs.New(inputs.Config{
		Write:     func([]byte) error { return nil },
		OnPointer: func(p wire.PointerAt) { got = append(got, p) },
	})
	if err != nil {
		t.Fatal(err)
	}
	place := wire.PointerAt{Screen: 1, Visible: true, Age: wire.AgeOf(time.Millisecond), X: 1, Y: 2, Shape: 3}
	again, moved, changed := place, place, place
	again.Age = 99
	moved.X = 9
	changed.X, changed.Shape = 9, 4
	tests := []struct {
		name string
		in   []byte
		want []wire.PointerAt
	}{
		{"nothing of it", ack(0, 1), nil},
		{"the first", at(5, place), []wire.PointerAt{place}},
		{"said again", at(6, again), nil},
		{"overtaken", at(4, moved), nil},
		{"twice", at(6, moved), nil},
		{"moved", at(7, moved), []wire.PointerAt{moved}},
		{"another shape", at(8, changed), []wire.PointerAt{changed}},
		{"gone", at(9, wire.PointerAt{Shape: 4}), []wire.PointerAt{{Shape: 4}}},
		{"malformed", at(10, place)[:wire.HeaderSize+13], nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got = nil
			s.Datagram(tt.in)
			if len(got) != len(tt.want) || len(got) == 1 && got[0] != tt.want[0] {
				t.Errorf("OnPointer was told %+v; want %+v", got, tt.want)
			}
		})
	}
	if n := s.Stats().Pointers; n != 4 {
		t.Errorf("Stats().Pointers = %d; want 4", n)
	}
	s.Reconnected() // to a host whose numbers begin anew
	got = nil
	s.Datagram(at(1, wire.PointerAt{Shape: 4}))
	if len(got) != 1 {
		t.Errorf("after Reconnected OnPointer was told %+v; want the place, whatever it was", got)
	}
}

// BenchmarkOnPointer is a motion of the host's pointer.
func BenchmarkOnPointer(b *testing.B) {
	seen := uint16(0)
	s, err := inputs.New(inputs.Config{
		Write:     func([]byte) error { return nil },
		OnPointer: func(p wire.PointerAt) { seen = p.X },
	})
	if err != nil {
		b.Fatal(err)
	}
	buf, seq := make([]byte, 0, wire.MaxDatagram), uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		seq++
		buf = wire.AppendHeader(buf[:0], wire.Header{Seq: seq})
		s.Datagram(wire.AppendPointerAt(buf, wire.PointerAt{Visible: true, X: uint16(seq)}))
		if seen != uint16(seq) {
			b.Fatalf("OnPointer was told %d; want %d", seen, uint16(seq))
		}
	}
}
