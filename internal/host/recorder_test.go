package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/internal/host"
	"github.com/blade-shadow/terminal/internal/rtpdump"
)

func TestRecorder(t *testing.T) {
	var file bytes.Buffer
	r := host.NewRecorder(&file)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	h := &rtp.Header{Version: 2, PayloadType: 102, SSRC: 7}
	start := time.Now()
	for i := range 100 {
		h.SequenceNumber = uint16(i)
		r.Packet(start.Add(time.Duration(i)*time.Millisecond), h, []byte{byte(i), 1, 2})
	}
	r.RTCP(start.Add(time.Second), []byte{0x80, 201, 0, 1, 0, 0, 0, 9})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	in, err := rtpdump.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for {
		rec, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 100 {
			if !rec.RTCP || len(rec.Packet) != 8 {
				t.Errorf("record 100 = %+v; want the RTCP packet", rec)
			}
		} else if rec.RTCP || len(rec.Packet) != 15 || rec.Packet[12] != byte(n) {
			t.Errorf("record %d = %+v; want packet %d", n, rec, n)
		}
		n++
	}
	if s := r.Summary(); n != 101 || s.Packets != 101 || s.Dropped != 0 {
		t.Errorf("%d records, %+v; want 101", n, s)
	}
}

// stuck is a disk that takes nothing until it is let go.
type stuck chan struct{}

func (s stuck) Write(b []byte) (int, error) { <-s; return len(b), nil }

// A disk that hangs makes nobody wait; what it misses is counted.
func TestRecorderNeverBlocks(t *testing.T) {
	disk := make(stuck)
	r := host.NewRecorder(disk)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	h, payload := &rtp.Header{Version: 2}, make([]byte, 1200)
	const packets = 20_000
	for range packets {
		r.Packet(time.Now(), h, payload)
	}
	if s := r.Summary(); s.Dropped < packets/2 {
		t.Errorf("%d of %d packets dropped; want most of them", s.Dropped, packets)
	}
	close(disk)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s := r.Summary(); s.Packets+s.Dropped != packets {
		t.Errorf("%+v; want %d in all", s, packets)
	}
}
