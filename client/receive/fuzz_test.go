package receive_test

import (
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/flexfec"
	"github.com/blade-shadow/terminal/internal/media"
)

// FuzzVideo feeds the pipeline packets made of a good stream by what the
// input says: drop, repeat, swap, cut, change a byte, wait, repair, protect.
func FuzzVideo(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 0}, false)
	f.Add([]byte{0, 2, 3, 4, 9, 9, 5, 77, 1, 6, 200, 7, 0, 0, 1, 1, 0, 0}, true)
	f.Fuzz(func(t *testing.T, script []byte, hevc bool) {
		codec := media.CodecH264
		if hevc {
			codec = media.CodecHEVC
		}
		var v *receive.Video
		v, err := receive.NewVideo(receive.VideoConfig{
			Codec: codec, Extensions: extIDs, FEC: true, Slots: 2048, Buffers: 3, MaxAccessUnit: 20000,
			OnAccessUnit: func(au *media.AccessUnit) {
				if len(au.Data) == 0 || cap(au.Data) < len(au.Data)+media.Padding {
					t.Errorf("access unit of %d bytes, capacity %d", len(au.Data), cap(au.Data))
				}
				au.Release()
			},
			SendNACK: func(uint32, []uint16) {}, SendPLI: func(uint32) { v.RequestKeyframe("again") },
		})
		if err != nil {
			t.Fatal(err)
		}
		s := scripted{video: v, host: newHost(codec, 1), now: epoch}
		for len(script) > 0 && s.n < 4000 {
			script = s.step(script)
			if broken := receive.Broken(v); broken != "" {
				t.Fatal(broken)
			}
		}
		if free := receive.FreeBuffers(v); free < 2 {
			t.Errorf("%d buffers free; want 2 or 3", free)
		}
	})
}

type scripted struct {
	video *receive.Video
	host  *host
	now   time.Time
	queue [][]byte
	n     int
}

// protect makes a FEC packet of what comes next, damaged if lie is set.
func (s *scripted) protect(arg int, lie bool) []byte {
	packets := s.queue[:1+arg%len(s.queue)]
	e := flexfec.NewEncoder(flexfec.Mutable{TransportCC: extIDs.TWCC})
	head := rtpHeader(fecSSRC, uint16(arg), 0, false, nil)
	if e.Begin(mediaSSRC, seqOf(packets[0]), min(len(packets), flexfec.MaxGroup), 1) != nil {
		return head
	}
	for i, p := range packets {
		e.Add(i, p)
	}
	p := e.Repair(0, head)
	if lie {
		p[12+arg%(len(p)-12)] ^= byte(arg) | 1
	}
	return p
}

// step does what the first byte of the script says and returns the rest.
func (s *scripted) step(script []byte) []byte {
	s.n++
	op, script := script[0], script[1:]
	arg := byte(0)
	if len(script) > 0 {
		arg = script[0]
	}
	if len(s.queue) == 0 {
		s.queue = s.host.next(op&0x80 != 0, 2, 1200, s.now).packets
	}
	p := s.queue[0]
	switch op % 11 {
	case 0:
		s.video.Packet(s.now, p)
	case 1: // lost
	case 2:
		s.video.Packet(s.now, p)
		s.video.Packet(s.now, p)
	case 3:
		s.queue = append(s.queue[1:], p)
		return script
	case 4:
		s.video.Packet(s.now, p[:min(int(arg), len(p))])
	case 5:
		p[int(arg)%min(len(p), 64)] ^= op | 1
		s.video.Packet(s.now, p)
	case 6:
		s.now = s.now.Add(time.Duration(arg) * time.Millisecond)
		s.video.Tick(s.now)
		return script
	case 7:
		s.video.RTX(s.now, rtx(p, uint16(op)))
	case 8:
		s.host.seq += uint16(arg) << 7
	case 9, 10:
		s.video.FEC(s.now, s.protect(int(arg), op == 10))
		return script
	}
	s.queue = s.queue[1:]
	return script
}
