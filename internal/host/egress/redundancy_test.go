package egress_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/wire"
)

const redPT = 63

// TestSoundSurvivesLoss sends sound with copies through a path that loses
// every fourth packet, to the terminal's own reader.
func TestSoundSurvivesLoss(t *testing.T) {
	for _, copies := range []int{0, 1, 2} {
		t.Run(fmt.Sprint(copies, " copies"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := &fakeSocket{}
				r := newRig(t, true, socket)
				if _, err := r.audio.Bind(binding{ssrc: audioSSRC, socket: socket, codecs: []webrtc.RTPCodecParameters{
					codec(webrtc.MimeTypeOpus, "", audioPT), codec(wire.MimeRED, fmt.Sprintf("%d/%d", audioPT, audioPT), redPT),
				}}); err != nil {
					t.Fatal(err)
				}
				r.SetLoss([]float64{0, 0.01, 0.1}[copies])
				r.start(t)
				for i := range 200 {
					if err := r.audio.Send(fmt.Appendf(nil, "packet %d", i), uint64(240*i), time.Now()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Millisecond)
				}
				synctest.Wait()
				lost, got := 0, 0
				a, err := receive.NewAudio(receive.AudioConfig{
					PayloadType: audioPT, Redundant: redPT, ReorderWindow: 10 * time.Millisecond,
					OnPacket: func(p *receive.AudioPacket) {
						if want := fmt.Sprintf("packet %d", got+lost+p.Lost); string(p.Payload) != want {
							t.Errorf("packet = %q after %d lost; want %q", p.Payload, p.Lost, want)
						}
						lost += p.Lost
						got++
						p.Release()
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				now := time.Now()
				for i, p := range socket.of(audioSSRC) {
					now = now.Add(5 * time.Millisecond)
					if i%4 == 2 {
						continue
					}
					a.Packet(now, p.raw)
					a.Tick(now)
				}
				if want := 49; copies == 0 && lost != want {
					t.Errorf("lost = %d without copies; want %d", lost, want)
				}
				if copies > 0 && (lost != 0 || got < 199) {
					t.Errorf("got %d, lost %d with %d copies; want all", got, lost, copies)
				}
			})
		})
	}
}

func TestCopiesFollowLoss(t *testing.T) {
	for _, tc := range []struct {
		loss float64
		want int
	}{{0, 0}, {0.001, 0}, {0.01, 1}, {0.1, 2}, {1, 2}} {
		if got := egress.CopiesFor(tc.loss); got != tc.want {
			t.Errorf("copiesFor(%v) = %d; want %d", tc.loss, got, tc.want)
		}
	}
}
