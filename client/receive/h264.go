package receive

// NAL unit types of H.264 (ITU-T H.264, table 7-1; RFC 6184, table 1).
const (
	h264IDR   = 5
	h264SPS   = 7
	h264PPS   = 8
	h264AUD   = 9
	h264STAPA = 24
	h264FUA   = 28
)

// pushH264 reads the payload format of RFC 6184 in packetization modes 0 and
// 1: single NAL units, STAP-A and FU-A.
func (d *depacketizer) pushH264(dst, payload []byte) ([]byte, error) {
	if len(payload) == 0 {
		return dst, errPayload
	}
	t := payload[0] & 0x1f
	if t == h264FUA {
		return d.fragmentH264(dst, payload)
	}
	if d.open {
		return dst, errPayload
	}
	if t == h264STAPA {
		return d.aggregate(dst, payload[1:], d.singleH264)
	}
	return d.singleH264(dst, payload)
}

func (d *depacketizer) singleH264(dst, nalu []byte) ([]byte, error) {
	if len(nalu) == 0 || !plainH264(nalu[0]&0x1f) {
		return dst, errPayload
	}
	d.flags |= flagsH264(nalu[0] & 0x1f)
	return append(appendStartCode(dst), nalu...), nil
}

// fragmentH264 reads an FU-A (RFC 6184, 5.8). Start and end in one packet are
// forbidden there and still sent by some, so they are taken.
func (d *depacketizer) fragmentH264(dst, payload []byte) ([]byte, error) {
	if len(payload) < 2 {
		return dst, errPayload
	}
	t := payload[1] & 0x1f
	start := payload[1]&0x80 != 0
	if err := d.fragment(start, payload[1]&0x40 != 0); err != nil || !plainH264(t) {
		return dst, errPayload
	}
	if start {
		d.flags |= flagsH264(t)
		dst = append(appendStartCode(dst), payload[0]&0xe0|t)
	}
	return append(dst, payload[2:]...), nil
}

// plainH264 says whether t is a NAL unit of the bitstream and not a packet
// type of the payload format.
func plainH264(t uint8) bool { return t >= 1 && t <= 23 }

func flagsH264(t uint8) nalFlags {
	switch t {
	case 1, 2, 3, 4:
		return hasSlice
	case h264IDR:
		return hasKey
	case h264SPS:
		return hasSPS
	case h264PPS:
		return hasPPS
	}
	return 0
}

// firstH264 returns the type of the NAL unit that payload begins with, 0 when
// it begins with none.
func firstH264(payload []byte) uint8 {
	if len(payload) == 0 {
		return 0
	}
	switch t := payload[0] & 0x1f; {
	case t == h264STAPA && len(payload) > 3:
		return payload[3] & 0x1f
	case t == h264FUA && len(payload) > 1 && payload[1]&0x80 != 0:
		return payload[1] & 0x1f
	case plainH264(t):
		return t
	}
	return 0
}
