//go:build linux && !nonative

package hostile_test

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/blade-shadow/terminal/internal/wire"
)

// reports is what a host can do by RTCP.
func reports() []attack {
	return []attack{
		{name: "garbage in RTCP", then: rtcpGarbage},
		{name: "sender reports", then: senderReports},
	}
}

func rtcpGarbage(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	media := v.video.header.SSRC
	burst(ctx, 30_000, func(i int) {
		words := 1 + r.IntN(60)
		b := []byte{0x80 | byte(r.IntN(32)), byte(192 + i%32), 0, byte(words)}
		b = binary.BigEndian.AppendUint32(b, media)
		b = append(b, garbage(r, 4*(words-1))...)
		if i%3 == 0 { // compound, and the second one lies about its length
			b = append(b, 0x81, 200, byte(r.Uint32()), byte(r.Uint32()))
			b = append(b, garbage(r, 4*r.IntN(20))...)
		}
		raw := rtcp.RawPacket(b)
		_ = v.pc.WriteRTCP([]rtcp.Packet{&raw})
	})
}

func senderReports(ctx context.Context, _ *testing.T, v *visit) {
	r := chance()
	burst(ctx, 30_000, func(i int) {
		sr := &rtcp.SenderReport{SSRC: v.video.header.SSRC, NTPTime: r.Uint64(), RTPTime: r.Uint32(), PacketCount: r.Uint32(), OctetCount: r.Uint32()}
		switch i % 4 {
		case 0:
			sr.NTPTime = 0
		case 1:
			sr.NTPTime = ^uint64(0)
		}
		_ = v.pc.WriteRTCP([]rtcp.Packet{sr})
		if i%10 == 0 { // sound has reports too
			sr.SSRC = v.sound.header.SSRC
			_ = v.pc.WriteRTCP([]rtcp.Packet{sr})
		}
	})
}

// said is an attack by messages on one of the terminal's channels: those of
// make, one after another, for a while or until the terminal has left.
func said(name, want, label string, lasts time.Duration, make func(i int) []byte) attack {
	return attack{name: name, want: want, then: func(ctx context.Context, t *testing.T, v *visit) {
		from := v.control
		if label == wire.InputLabel {
			from = v.input
		}
		dc, err := channel(ctx, from)
		if err != nil {
			t.Error(err)
			return
		}
		t.Logf("%d messages", flood(ctx, v, dc, lasts, make))
	}}
}

// flood sends as fast as the channel takes it.
func flood(ctx context.Context, v *visit, dc *webrtc.DataChannel, lasts time.Duration, make func(i int) []byte) int {
	const most = 4 << 20 // bytes on the way
	end := time.Now().Add(lasts)
	for i := 0; ; i++ {
		for dc.BufferedAmount() > most {
			pause(ctx, time.Millisecond)
			if time.Now().After(end) {
				return i
			}
		}
		select {
		case <-v.gone:
			return i
		default:
		}
		b := make(i)
		if b == nil || ctx.Err() != nil || time.Now().After(end) || dc.Send(b) != nil {
			waitLeft(ctx, v, end)
			return i
		}
	}
}

// waitLeft gives the terminal the time to read what was sent.
func waitLeft(ctx context.Context, v *visit, until time.Time) {
	select {
	case <-v.gone:
	case <-time.After(time.Until(until)):
	case <-ctx.Done():
	}
}

// once sends each message once.
func once(all ...[]byte) func(int) []byte {
	return func(i int) []byte {
		if i >= len(all) {
			return nil
		}
		return all[i]
	}
}

// message is a control message of any type.
func message(kind, flags byte, body []byte) []byte {
	return append([]byte{kind, flags, byte(len(body)), byte(len(body) >> 8)}, body...)
}

// deflated is a bomb: as many zeros as a shape of that size has, or more.
func deflated(size int) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(make([]byte, size))
	_ = w.Close()
	return b.Bytes()
}

// cursor is a CURSOR of that size, in parts.
func cursor(width, height uint16, data []byte) [][]byte {
	var all [][]byte
	for at := 0; at < len(data); {
		n := min(wire.MaxCursorPart, len(data)-at)
		all = append(all, wire.AppendCursor(nil, wire.CursorPart{
			Serial: 7, Width: width, Height: height, Total: uint32(len(data)), Offset: uint32(at), Data: data[at : at+n],
		}))
		at += n
	}
	return all
}

// channels is what a host can do by data channels.
func channels() []attack {
	const speaks = "speaks another protocol"
	control, input := wire.ControlLabel, wire.InputLabel
	ping := wire.AppendPing(nil, 1)
	millions := bytes.Repeat(message(0x77, 0, []byte{1}), 200) // that many in one of SCTP
	screens := func(i int) []byte {
		var b []byte
		for n := range 100 {
			b = wire.AppendScreen(b, wire.Screen{Index: uint8(i + n), Width: uint16(65535 * n), Height: 65535, MilliFPS: ^uint32(0), Codec: 1})
		}
		return b
	}
	r := chance()
	long := strings.Repeat("\x1b[31m\u202e\x00\x9b2J\u009b", 60)
	return []attack{
		said("a million messages", "", control, 3*time.Second, func(int) []byte { return millions }),
		said("a million datagrams", "", input, 3*time.Second, func(i int) []byte { return garbage(r, 1+i%40) }),
		said("PINGs", "", control, 2*time.Second, func(int) []byte { return bytes.Repeat(ping, 200) }),
		said("screens that cannot be", "", control, 2*time.Second, screens),
		said("huge messages", "control message is over", control, 5*time.Second, func(int) []byte { return make([]byte, 256<<10) }),
		said("huge datagrams", "", input, 2*time.Second, func(int) []byte { return make([]byte, 256<<10) }),
		said("unknown and required", speaks, control, 5*time.Second, once(message(0x55, wire.MustUnderstand, nil))),
		said("garbage", speaks, control, 5*time.Second, func(int) []byte { return garbage(r, 500) }),
		said("a greeting of version 9", speaks, control, 5*time.Second, once(wire.AppendHelloAck(nil, wire.HelloAck{Version: 9}))),
		said("PONGs of no PING", "", control, 2*time.Second, func(int) []byte {
			return wire.AppendPong(nil, wire.Pong{Echo: r.Uint64(), Wall: time.Unix(0, int64(r.Uint64()))})
		}),
		said("a deflate bomb", speaks, control, 5*time.Second, once(cursor(256, 256, deflated(64<<20))...)),
		said("a pointer of 65535x65535", speaks, control, 5*time.Second, once(cursor(65535, 65535, deflated(1000))...)),
		said("parts of pointers", "", control, 2*time.Second, func(i int) []byte {
			data := make([]byte, 4000)
			return wire.AppendCursor(nil, wire.CursorPart{Serial: uint32(i), Width: 256, Height: 256, Total: 200_000, Data: data})
		}),
		said("goodbye in binary", `^[^\x00-\x1f\x7f-\x9f]*$`, control, 5*time.Second,
			once(wire.AppendBye(nil, wire.Bye{Code: 77, Reason: long}))),
		said("goodbye without end", speaks, control, 5*time.Second,
			once(message(0x07, 0, append([]byte{77, 0}, garbage(r, 4000)...)))),
		{name: "thousands of channels", then: manyChannels},
		{name: "channels closed in the middle", then: closeChannels},
	}
}

// manyChannels opens channels that the terminal knows nothing of, and talks in
// them.
func manyChannels(ctx context.Context, t *testing.T, v *visit) {
	end := time.Now().Add(6 * time.Second)
	var opened atomic.Int64
	defer func() {
		if n := opened.Load(); n < 1000 {
			t.Errorf("%d channels opened; want thousands", n)
		}
	}()
	for i := range 20_000 {
		if time.Now().After(end) || ctx.Err() != nil {
			break
		}
		protocol := strings.Repeat("p", 1000)
		dc, err := v.pc.CreateDataChannel(fmt.Sprintf("%s %d", strings.Repeat("x", 1000), i), &webrtc.DataChannelInit{Protocol: &protocol})
		if err != nil {
			break
		}
		dc.OnOpen(func() {
			opened.Add(1)
			_ = dc.Send(make([]byte, 1000))
		})
		if i%100 == 99 {
			pause(ctx, 5*time.Millisecond)
		}
	}
	waitLeft(ctx, v, end)
}

func closeChannels(ctx context.Context, t *testing.T, v *visit) {
	for _, c := range []chan *webrtc.DataChannel{v.input, v.control} {
		dc, err := channel(ctx, c)
		if err != nil {
			t.Error(err)
			return
		}
		_ = dc.Send([]byte{0x0c, 0, 0xff})
		_ = dc.Close()
	}
	waitLeft(ctx, v, time.Now().Add(time.Second))
}
