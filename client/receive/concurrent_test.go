package receive_test

import (
	"sync"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
)

// TestConcurrent runs every entry at once; the race detector and the order of
// delivery are the test.
func TestConcurrent(t *testing.T) {
	var mu sync.Mutex
	var last uint32
	var v *receive.Video
	lost := make(chan uint16, 4096)
	v, err := receive.NewVideo(receive.VideoConfig{
		Codec: media.CodecH264, Extensions: extIDs, TWCC: receive.NewTWCC(1), Reports: receive.NewReports(1).Add(90000),
		OnAccessUnit: func(au *media.AccessUnit) {
			if !mu.TryLock() {
				t.Error("two deliveries at once")
				return
			}
			defer mu.Unlock()
			if au.FrameID <= last {
				t.Errorf("frame %d after %d", au.FrameID, last)
			}
			last = au.FrameID
			v.RequestKeyframe("test")
			au.Release()
		},
		SendNACK: func(_ uint32, seqs []uint16) {
			for _, s := range seqs {
				select {
				case lost <- s:
				default:
				}
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(media.CodecH264, 3)
	packets := map[uint16][]byte{}
	var order [][]byte
	for i := range 300 {
		for _, p := range h.next(i%30 == 0, 2, 1500, epoch).packets {
			packets[seqOf(p)] = p
			order = append(order, p)
		}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i, p := range order {
			if i%10 != 3 {
				v.Packet(epoch.Add(time.Duration(i)*100*time.Microsecond), p)
			}
		}
		close(done)
	})
	wg.Go(func() {
		for n := uint16(0); ; n++ {
			select {
			case seq := <-lost:
				if p := packets[seq]; p != nil {
					v.RTX(epoch, rtx(p, n))
				}
			case <-done:
				return
			}
		}
	})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				v.Tick(epoch.Add(time.Duration(i) * time.Microsecond))
				_ = v.Stats()
			}
		}
	})
	wg.Wait()
	if last == 0 {
		t.Error("nothing was delivered")
	}
}
