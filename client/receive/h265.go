package receive

// NAL unit types of HEVC (ITU-T H.265, table 7-1; RFC 7798, 4.4).
const (
	h265IRAPFirst = 16
	h265IRAPLast  = 21
	h265VPS       = 32
	h265SPS       = 33
	h265PPS       = 34
	h265AUD       = 35
	h265AP        = 48
	h265FU        = 49

	h265None = 0xff
)

// pushH265 reads the payload format of RFC 7798 without DONL fields: single
// NAL units, aggregation packets and fragmentation units.
func (d *depacketizer) pushH265(dst, payload []byte) ([]byte, error) {
	if len(payload) < 2 {
		return dst, errPayload
	}
	t := typeH265(payload[0])
	if t == h265FU {
		return d.fragmentH265(dst, payload)
	}
	if d.open {
		return dst, errPayload
	}
	if t == h265AP {
		return d.aggregate(dst, payload[2:], d.singleH265)
	}
	return d.singleH265(dst, payload)
}

func (d *depacketizer) singleH265(dst, nalu []byte) ([]byte, error) {
	if len(nalu) < 2 || !plainH265(typeH265(nalu[0])) {
		return dst, errPayload
	}
	d.flags |= flagsH265(typeH265(nalu[0]))
	return append(appendStartCode(dst), nalu...), nil
}

// fragmentH265 reads an FU (RFC 7798, 4.4.3); start and end in one packet are
// taken, as in H.264.
func (d *depacketizer) fragmentH265(dst, payload []byte) ([]byte, error) {
	if len(payload) < 3 {
		return dst, errPayload
	}
	t := payload[2] & 0x3f
	start := payload[2]&0x80 != 0
	if err := d.fragment(start, payload[2]&0x40 != 0); err != nil || !plainH265(t) {
		return dst, errPayload
	}
	if start {
		d.flags |= flagsH265(t)
		dst = append(appendStartCode(dst), payload[0]&0x81|t<<1, payload[1])
	}
	return append(dst, payload[3:]...), nil
}

func typeH265(b byte) uint8 { return b >> 1 & 0x3f }

// plainH265 says whether t is a NAL unit of the bitstream and not a packet
// type of the payload format.
func plainH265(t uint8) bool { return t < h265AP }

func flagsH265(t uint8) nalFlags {
	switch {
	case t >= h265IRAPFirst && t <= h265IRAPLast:
		return hasKey
	case t < h265VPS:
		return hasSlice
	case t == h265VPS:
		return hasVPS
	case t == h265SPS:
		return hasSPS
	case t == h265PPS:
		return hasPPS
	}
	return 0
}

// firstH265 returns the type of the NAL unit that payload begins with,
// h265None when it begins with none.
func firstH265(payload []byte) uint8 {
	if len(payload) < 3 {
		return h265None
	}
	switch t := typeH265(payload[0]); {
	case t == h265AP && len(payload) > 4:
		return typeH265(payload[4])
	case t == h265FU && payload[2]&0x80 != 0:
		return payload[2] & 0x3f
	case plainH265(t):
		return t
	}
	return h265None
}
