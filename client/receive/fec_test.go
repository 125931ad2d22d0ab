package receive_test

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/flexfec"
	"github.com/blade-shadow/terminal/internal/media"
)

// protect returns repairs FEC packets for packets.
func (r *rig) protect(packets [][]byte, repairs int) (out [][]byte) {
	r.t.Helper()
	e := flexfec.NewEncoder(flexfec.Mutable{TransportCC: extIDs.TWCC})
	if err := e.Begin(mediaSSRC, seqOf(packets[0]), len(packets), repairs); err != nil {
		r.t.Fatal(err)
	}
	for i, p := range packets {
		e.Add(i, p)
	}
	for i := range repairs {
		head := rtpHeader(fecSSRC, uint16(i), 0, false, nil)
		head[1] = 118
		out = append(out, e.Repair(i, head))
	}
	return out
}

func withFEC(c *receive.VideoConfig) { c.FEC = true }

// TestFECRepairs shows a lost packet back at once with the FEC packet, in a
// frame that is whole and right, and not asked for again.
func TestFECRepairs(t *testing.T) {
	r := newRig(t, withFEC)
	r.keep = true
	r.send(r.frame(true, 3).packets...)
	f := r.frame(false, 6)
	fec := r.protect(f.packets, 1)
	lost := seqOf(f.packets[2])
	r.send(f.packets[0], f.packets[1], f.packets[3], f.packets[4], f.packets[5])
	r.wantNACKs([]uint16{lost})
	r.wantFrames(1)
	r.now = r.now.Add(time.Millisecond)
	r.video.FEC(r.now, fec[0])
	r.wantFrames(1, 2)
	if string(r.units[1].Data) != string(f.data) || r.units[1].FrameID != f.number || !r.units[1].Timing.Received.Equal(r.now) {
		t.Error("the frame is not the one that was sent, or not of now")
	}
	r.pass(60 * time.Millisecond)
	r.wantNACKs()
	r.video.RTX(r.now, rtx(f.packets[2], 1)) // asked for in vain
	s := r.video.Stats()
	if s.Recovered != 1 || s.Repaired != 0 || s.Lost != 1 || s.Duplicates != 1 || s.FECPackets != 1 || s.Waiting != 0 {
		t.Errorf("Stats = %+v; want 1 recovered of 1 lost, 1 duplicate", s)
	}
}

// TestFECWithRTX loses two packets of a group with one FEC packet: the
// retransmission of one brings the other.
func TestFECWithRTX(t *testing.T) {
	for _, ours := range []bool{true, false} {
		r := newRig(t, func(c *receive.VideoConfig) {
			c.FEC = true
			if !ours { // its retransmissions may have other header extensions
				c.Extensions.FrameTiming = 0
			}
		})
		r.send(r.frame(true, 3).packets...)
		f := r.frame(false, 6)
		fec := r.protect(f.packets, 1)
		r.send(f.packets[0], f.packets[2], f.packets[4], f.packets[5])
		r.video.FEC(r.now, fec[0])
		if len(r.units) != 1 {
			t.Fatal("a frame with two packets missing was delivered")
		}
		r.video.RTX(r.now, rtx(f.packets[3], 1))
		s := r.video.Stats()
		if ours && (len(r.units) != 2 || s.Recovered != 1 || s.Repaired != 1) || !ours && s.Recovered != 0 {
			t.Errorf("ours %v: %d frames, %+v; want the second packet recovered from our host only", ours, len(r.units), s)
		}
	}
}

// TestFECBringsTail shows that the end of a frame, which no later packet shows
// missing, comes back without a request.
func TestFECBringsTail(t *testing.T) {
	r := newRig(t, withFEC)
	r.send(r.frame(true, 3).packets...)
	f := r.frame(false, 6)
	r.send(f.packets[:5]...)
	r.video.FEC(r.now, r.protect(f.packets, 1)[0])
	r.wantFrames(1, 2)
	r.pass(100 * time.Millisecond)
	r.wantNACKs()
	if s := r.video.Stats(); s.PLIs != 0 || s.LostBy != [media.NumCauses]uint64{} {
		t.Errorf("Stats = %+v; want no loss", s)
	}
}

// TestFECWithoutNegotiation shows that FEC packets nobody agreed on are
// counted and do nothing.
func TestFECWithoutNegotiation(t *testing.T) {
	r := newRig(t, nil)
	r.send(r.frame(true, 3).packets...)
	f := r.frame(false, 6)
	r.send(f.packets[0], f.packets[2])
	r.video.FEC(r.now, r.protect(f.packets, 1)[0])
	r.video.FEC(r.now, nil)
	if s := r.video.Stats(); s.FECPackets != 1 || s.Recovered != 0 || s.Malformed != 1 {
		t.Errorf("Stats = %+v; want 1 FEC packet, 1 malformed", s)
	}
}

// TestHostileMemory floods a pipeline with SSRCs, repair packets that lie about
// their groups, and pictures that do not end: memory stays what it was.
func TestHostileMemory(t *testing.T) {
	r := newRig(t, func(c *receive.VideoConfig) {
		c.FEC, c.MaxAccessUnit, c.Buffers = true, 1<<20, 4
		c.OnAccessUnit = func(au *media.AccessUnit) { au.Release() }
		c.SendNACK = func(uint32, []uint16) {}
		c.SendPLI = func(uint32) {}
	})
	rng := rand.New(rand.NewPCG(1, 2))
	packet := r.frame(true, 4).packets[3]
	repair := r.protect([][]byte{packet}, 1)[0]
	sets := r.host.packet(r.host.aggregate(r.host.parameterSets()), true, false, r.now)
	flood := func(n int) {
		for i := range n {
			r.now = r.now.Add(50 * time.Microsecond)
			switch i % 5 {
			case 0: // another source
				binary.BigEndian.PutUint32(packet[8:], rng.Uint32())
				binary.BigEndian.PutUint16(packet[2:], uint16(rng.Uint32()))
				r.video.Packet(r.now, packet)
			case 1: // a picture without end
				binary.BigEndian.PutUint32(packet[8:], mediaSSRC)
				binary.BigEndian.PutUint16(packet[2:], uint16(i))
				packet[1] &= 0x7f
				r.video.Packet(r.now, packet)
			case 2, 3: // a repair of what is not there
				for k := 12; k < 40; k++ {
					if k != 12+8 && k != 12 {
						repair[k] = byte(rng.Uint32())
					}
				}
				binary.BigEndian.PutUint32(repair[12+12:], mediaSSRC)
				binary.BigEndian.PutUint16(repair[12+16:], uint16(i)-uint16(rng.IntN(100)))
				r.video.FEC(r.now, repair)
			case 4: // parameter sets, and nothing after them
				binary.BigEndian.PutUint16(sets[2:], uint16(i))
				r.video.Packet(r.now, sets)
			}
			if s := receive.Broken(r.video); s != "" {
				t.Fatal(s)
			}
		}
	}
	flood(20000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	flood(100000)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8<<20 {
		t.Errorf("100000 hostile packets allocated %d KiB; want next to nothing", grown>>10)
	}
}
