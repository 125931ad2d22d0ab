package egress_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/host/egress"
	"github.com/blade-shadow/terminal/internal/media"
)

// terminal is a socket whose other end is the terminal's receive pipeline,
// behind a link that loses packets.
type terminal struct {
	video *receive.Video
	loss  float64
	rnd   *rand.Rand

	mu    sync.Mutex
	units map[uint32][]byte // by frame number
	keys  int
}

func (l *terminal) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

func (l *terminal) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	raw, err := h.Marshal()
	if err != nil {
		return 0, err
	}
	raw = append(raw, payload...)
	if l.rnd.Float64() < l.loss {
		return len(raw), nil
	}
	switch h.SSRC {
	case mediaSSRC:
		l.video.Packet(time.Now(), raw)
	case repairSSRC:
		l.video.RTX(time.Now(), raw)
	}
	return len(raw), nil
}

func (l *terminal) take(au *media.AccessUnit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.units[au.FrameID] = bytes.Clone(au.Data)
	if au.Keyframe {
		l.keys++
	}
	au.Release()
}

func newTerminal(t *testing.T, codec media.Codec, loss float64) (*terminal, *rig) {
	t.Helper()
	l := &terminal{loss: loss, rnd: rand.New(rand.NewPCG(1, 2)), units: make(map[uint32][]byte)}
	r := newRigOf(t, codec, true, l)
	var err error
	l.video, err = receive.NewVideo(receive.VideoConfig{
		Codec: codec, SSRC: mediaSSRC,
		Extensions:   receive.ExtIDs{TWCC: 1, AbsCaptureTime: 2, FrameTiming: 3},
		OnAccessUnit: l.take,
		SendNACK: func(ssrc uint32, seqs []uint16) {
			r.rtcp(&rtcp.TransportLayerNack{MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
		},
		SendPLI: func(ssrc uint32) { r.rtcp(&rtcp.PictureLossIndication{MediaSSRC: ssrc}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

// tick drives the terminal's timers until the test ends.
func (l *terminal) tick(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			time.Sleep(max(l.video.Tick(time.Now()), time.Millisecond))
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

// The terminal's own receive pipeline gets every frame back bit for bit, also
// when the link loses one packet in ten.
func TestTerminalReceives(t *testing.T) {
	tests := []struct {
		name  string
		codec media.Codec
		sets  []byte // parameter set types
		key   byte
		loss  float64
	}{
		{"h264", media.CodecH264, []byte{7, 8}, 5, 0},
		{"h264 lossy", media.CodecH264, []byte{7, 8}, 5, 0.1},
		{"hevc", media.CodecHEVC, []byte{32, 33, 34}, 19, 0},
		{"hevc lossy", media.CodecHEVC, []byte{32, 33, 34}, 19, 0.1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const frames = 200
				l, r := newTerminal(t, tt.codec, tt.loss)
				r.start(t)
				l.tick(t)
				want := make(map[uint32][]byte)
				for id := uint32(1); id <= frames; id++ {
					au := pictureOf(tt.codec, tt.sets, tt.key, id)
					want[id] = au
					now := time.Now()
					if err := r.video.Send(egress.Frame{Data: au, ID: id, Captured: now, Encoded: now}); err != nil {
						t.Fatalf("Send(frame %d) = %v; want nil", id, err)
					}
					time.Sleep(time.Second / 60)
				}
				time.Sleep(time.Second)
				l.mu.Lock()
				defer l.mu.Unlock()
				for id, au := range want {
					if got := l.units[id]; !bytes.Equal(got, au) {
						t.Errorf("frame %d came as %d bytes; want %d, bit for bit", id, len(got), len(au))
					}
				}
				if l.keys != frames/50 {
					t.Errorf("%d keyframes; want %d", l.keys, frames/50)
				}
				if s := r.video.Stats(); (s.Repaired > 0) != (tt.loss > 0) {
					t.Errorf("%d packets repaired at a loss of %v", s.Repaired, tt.loss)
				}
			})
		})
	}
}

// pictureOf is an access unit whose size follows its number; every 50th is a
// keyframe with parameter sets.
func pictureOf(codec media.Codec, sets []byte, key byte, id uint32) []byte {
	size := 300 + int(id*997%9000)
	if id%50 != 1 {
		return annexB(nalu(codec, 1, size))
	}
	var nalus [][]byte
	for _, kind := range sets {
		nalus = append(nalus, nalu(codec, kind, 20+int(kind)))
	}
	return annexB(append(nalus, nalu(codec, key, size+60_000))...)
}
