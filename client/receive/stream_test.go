package receive_test

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/blade-shadow/terminal/client/receive"
	"github.com/blade-shadow/terminal/internal/media"
	"github.com/blade-shadow/terminal/internal/wire"
)

const (
	mediaSSRC = 0x11111111
	rtxSSRC   = 0x22222222
)

var extIDs = receive.ExtIDs{TWCC: 3, AbsCaptureTime: 4, FrameTiming: 5}

// epoch is when simulated time begins.
var epoch = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// host makes the RTP packets of a stream of made-up pictures.
type host struct {
	codec    media.Codec
	rng      *rand.Rand
	seq      uint16
	twcc     uint16
	rtpTime  uint32
	number   uint32
	interval uint32 // of RTP time between frames
	mtu      int    // bytes of payload
	noExt    bool   // sends no extensions
	noMarker bool
	plain    bool // bytes of pictures are zero: made faster
}

func newHost(codec media.Codec, seed uint64) *host {
	return &host{codec: codec, rng: rand.New(rand.NewPCG(seed, 1)), interval: 1500, mtu: 1100}
}

// frame is one picture on its way.
type frame struct {
	number  uint32
	rtpTime uint32
	key     bool
	data    []byte   // Annex B
	packets [][]byte // RTP
}

// skip is a picture that the host captures and does not send.
func (h *host) skip() {
	h.number++
	h.rtpTime += h.interval
}

// next returns the next picture: slices NAL units of about size bytes.
func (h *host) next(key bool, slices, size int, captured time.Time) frame {
	h.skip()
	f := frame{number: h.number, rtpTime: h.rtpTime, key: key}
	var payloads [][]byte
	if key {
		sets := h.parameterSets()
		payloads = append(payloads, h.aggregate(sets))
		for _, s := range sets {
			f.data = append(append(f.data, 0, 0, 0, 1), s...)
		}
	}
	for range slices {
		nalu := h.slice(key, size)
		f.data = append(append(f.data, 0, 0, 0, 1), nalu...)
		payloads = append(payloads, h.fragments(nalu)...)
	}
	for i, p := range payloads {
		f.packets = append(f.packets, h.packet(p, i == 0, i == len(payloads)-1, captured))
	}
	return f
}

func (h *host) nalu(head []byte, size int) []byte {
	n := append([]byte{}, head...)
	if h.plain {
		return append(n, make([]byte, size)...)
	}
	for range size {
		n = append(n, byte(h.rng.Uint32()))
	}
	return n
}

func (h *host) parameterSets() [][]byte {
	if h.codec == media.CodecHEVC {
		return [][]byte{h.nalu([]byte{32 << 1, 1}, 20), h.nalu([]byte{33 << 1, 1}, 30), h.nalu([]byte{34 << 1, 1}, 8)}
	}
	return [][]byte{h.nalu([]byte{0x67}, 20), h.nalu([]byte{0x68}, 6)}
}

func (h *host) slice(key bool, size int) []byte {
	size = max(size/2+h.rng.IntN(size+1), 1)
	switch {
	case h.codec == media.CodecHEVC && key:
		return h.nalu([]byte{19 << 1, 1}, size)
	case h.codec == media.CodecHEVC:
		return h.nalu([]byte{1 << 1, 1}, size)
	case key:
		return h.nalu([]byte{0x65}, size)
	}
	return h.nalu([]byte{0x41}, size)
}

func (h *host) aggregate(nalus [][]byte) []byte {
	out := []byte{24}
	if h.codec == media.CodecHEVC {
		out = []byte{48 << 1, 1}
	}
	for _, n := range nalus {
		out = binary.BigEndian.AppendUint16(out, uint16(len(n)))
		out = append(out, n...)
	}
	return out
}

// fragments returns the payloads of one NAL unit.
func (h *host) fragments(nalu []byte) (out [][]byte) {
	if len(nalu) <= h.mtu {
		return [][]byte{nalu}
	}
	head := func(flags byte) []byte { return []byte{nalu[0]&0xe0 | 28, flags | nalu[0]&0x1f} }
	body := nalu[1:]
	if h.codec == media.CodecHEVC {
		head = func(flags byte) []byte { return []byte{nalu[0]&0x81 | 49<<1, nalu[1], flags | nalu[0]>>1&0x3f} }
		body = nalu[2:]
	}
	for flags := byte(0x80); len(body) > 0; flags = 0 {
		n := min(h.mtu-3, len(body))
		if n == len(body) {
			flags |= 0x40
		}
		out = append(out, append(head(flags), body[:n]...))
		body = body[n:]
	}
	return out
}

func (h *host) packet(payload []byte, first, last bool, captured time.Time) []byte {
	ext := []byte{extIDs.TWCC<<4 | 1, byte(h.twcc >> 8), byte(h.twcc)}
	h.twcc++
	if first {
		ext = append(ext, extIDs.AbsCaptureTime<<4|7)
		ext = binary.BigEndian.AppendUint64(ext, wire.TimeToNTP(captured))
	}
	if last {
		ext = append(ext, extIDs.FrameTiming<<4|11)
		ext = wire.AppendFrameTiming(ext, wire.FrameTiming{
			Frame: h.number, Encoded: 2 * time.Millisecond, SentFirst: 3 * time.Millisecond, Sent: 5 * time.Millisecond,
		})
	}
	if h.noExt {
		ext = nil
	}
	b := rtpHeader(mediaSSRC, h.seq, h.rtpTime, last && !h.noMarker, ext)
	h.seq++
	return append(b, payload...)
}

// rtpHeader returns an RTP header with ext in the one-byte form.
func rtpHeader(ssrc uint32, seq uint16, rtpTime uint32, marker bool, ext []byte) []byte {
	b := []byte{0x80, 96}
	if marker {
		b[1] |= 0x80
	}
	b = binary.BigEndian.AppendUint16(b, seq)
	b = binary.BigEndian.AppendUint32(b, rtpTime)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	if len(ext) > 0 {
		b[0] |= 0x10
		for len(ext)%4 != 0 {
			ext = append(ext, 0)
		}
		b = append(b, 0xBE, 0xDE)
		b = binary.BigEndian.AppendUint16(b, uint16(len(ext)/4))
		b = append(b, ext...)
	}
	return b
}

func seqOf(packet []byte) uint16 { return binary.BigEndian.Uint16(packet[2:]) }

// rtx wraps a packet of h for the repair SSRC (RFC 4588, 4).
func rtx(packet []byte, seq uint16) []byte {
	off := 12
	if packet[0]&0x10 != 0 {
		off += 4 + 4*int(binary.BigEndian.Uint16(packet[14:]))
	}
	out := append([]byte{}, packet[:off]...)
	binary.BigEndian.PutUint16(out[2:], seq)
	binary.BigEndian.PutUint32(out[8:], rtxSSRC)
	out[1] = out[1]&0x80 | 97
	out = append(out, packet[2:4]...)
	return append(out, packet[off:]...)
}
