package client_test

import (
	"testing"

	"github.com/blade-shadow/terminal/client"
)

// TestSourceFlood shows that a host with too many SSRCs is told of once, and
// that what its surplus ones send goes nowhere.
func TestSourceFlood(t *testing.T) {
	got := map[uint32]int{}
	floods := 0
	tap := client.NewTap(func(ssrc uint32, _ []byte) { got[ssrc]++ }, func() { floods++ })
	for ssrc := range uint32(2 * client.MaxSources) {
		s := tap.Source(ssrc)
		if n, err := s.Write(make([]byte, 100)); n != 100 || err != nil {
			t.Fatalf("Write = %d, %v; want 100", n, err)
		}
		if want := int(ssrc) / client.MaxSources; floods != want {
			t.Fatalf("told %d times after %d sources; want %d", floods, ssrc+1, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != client.MaxSources || got[client.MaxSources] != 0 {
		t.Errorf("packets of %d sources were taken; want %d", len(got), client.MaxSources)
	}
}

// TestSourceAgain shows that sources whose buffers pion asks for again and again
// are no flood.
func TestSourceAgain(t *testing.T) {
	got := 0
	tap := client.NewTap(func(uint32, []byte) { got++ }, func() { t.Fatal("told of a flood; want none") })
	for range 10 * client.MaxSources {
		s := tap.Source(7)
		if _, err := s.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if want := 10 * client.MaxSources; got != want {
		t.Errorf("%d packets were taken; want %d", got, want)
	}
}
