package receive

import (
	"encoding/binary"
	"time"

	"github.com/blade-shadow/terminal/internal/flexfec"
)

// initFEC makes the decoder of repair packets, when they may come.
func (v *Video) initFEC() {
	if !v.cfg.FEC {
		return
	}
	v.fec = flexfec.NewDecoder(flexfec.DecoderConfig{
		Mutable:   flexfec.Mutable{TransportCC: v.cfg.Extensions.TWCC},
		Recovered: v.recovered,
	})
	v.fec.Reset(v.ssrc)
	v.scratch = make([]byte, 0, flexfec.MaxPacket)
}

// FEC takes a decrypted RTP packet of the SSRC that protects the media SSRC by
// FlexFEC, read at now. It does not keep buf.
func (v *Video) FEC(now time.Time, buf []byte) {
	h, err := parseHeader(buf, v.cfg.Extensions)
	if err == nil {
		v.record(now, &h)
	}
	at := v.enter(now)
	defer v.leave()
	if err != nil || len(h.payload) > flexfec.MaxPacket {
		v.stats.Malformed++
		return
	}
	v.stats.Packets++
	v.stats.FECPackets++
	v.stats.Bytes += uint64(len(buf))
	if v.fec != nil && v.win.started {
		v.fecNow = at
		v.fec.Repair(h.payload)
	}
	v.service(at)
}

// protect gives a media packet to the decoder of repair packets.
func (v *Video) protect(at time.Duration, buf []byte) {
	v.fecNow = at
	v.fec.Media(buf)
}

// protectRepair does so with what a retransmission repeats. payload is that of
// the retransmission. Only hosts with our extension promise that it repeats
// every protected byte; another one's may differ in its header extensions and
// would spoil what is computed with it.
func (v *Video) protectRepair(at time.Duration, buf, payload []byte) {
	if v.cfg.Extensions.FrameTiming == 0 || len(buf) > flexfec.MaxPacket {
		return
	}
	// Padding is the retransmission's own.
	head := buf[:len(buf)-len(payload)-int(paddingOf(buf))]
	p := append(append(v.scratch[:0], head...), payload[2:]...)
	p[0] &^= 0x20
	p[1] = p[1]&0x80 | v.lastPT
	copy(p[2:4], payload[:2])
	binary.BigEndian.PutUint32(p[8:], v.ssrc)
	v.protect(at, p)
}

// paddingOf returns how many bytes of padding a parsed packet ends with.
func paddingOf(buf []byte) byte {
	if buf[0]&0x20 == 0 {
		return 0
	}
	return buf[len(buf)-1]
}

// recovered takes a packet that came back. v.mu is held.
func (v *Video) recovered(buf []byte) {
	h, err := parseHeader(buf, v.cfg.Extensions)
	if err != nil || len(h.payload) > maxPacketSize || h.payloadType != v.lastPT {
		v.stats.Malformed++
		return
	}
	ext := v.win.extend(h.seq)
	where := v.win.locate(ext)
	if where == placeOld || where == placeFar || where == placeLate {
		return // a retransmission was sooner, or it was given up
	}
	p := v.packet(v.fecNow, &h)
	v.place(v.fecNow, ext, where, &p, byFEC)
}
