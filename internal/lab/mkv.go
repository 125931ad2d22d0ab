package lab

import (
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/blade-shadow/terminal/internal/bitstream"
)

// Elements of Matroska (RFC 9559, 5).
const (
	mkvEBML        = 0x1a45dfa3
	mkvDocType     = 0x4282
	mkvDocVersion  = 0x4287
	mkvDocRead     = 0x4285
	mkvSegment     = 0x18538067
	mkvInfo        = 0x1549a966
	mkvScale       = 0x2ad7b1
	mkvMuxer       = 0x4d80
	mkvWriter      = 0x5741
	mkvTracks      = 0x1654ae6b
	mkvTrackEntry  = 0xae
	mkvTrackNumber = 0xd7
	mkvTrackUID    = 0x73c5
	mkvTrackType   = 0x83
	mkvLacing      = 0x9c
	mkvCodecID     = 0x86
	mkvPrivate     = 0x63a2
	mkvDuration    = 0x23e383
	mkvVideo       = 0xe0
	mkvWidth       = 0xb0
	mkvHeight      = 0xba
	mkvCluster     = 0x1f43b675
	mkvTimestamp   = 0xe7
	mkvSimpleBlock = 0xa3
)

// mkvFile writes H.264 as Matroska, which says in its head how to decode and
// of every picture how long it is: a player at the end of a pipe can show each
// as soon as its last byte is there.
type mkvFile struct {
	w             io.Writer
	width, height int
	interval      time.Duration
	started       bool
	buf, data     []byte
}

// write writes one access unit in Annex B as a cluster of its own.
func (m *mkvFile) write(unit []byte, key bool, pts time.Duration) error {
	m.buf = m.buf[:0]
	if !m.started {
		if err := m.start(unit); err != nil {
			return err
		}
	}
	flags := byte(0)
	if key {
		flags = 0x80
	}
	m.data = append(m.data[:0], 0x81, 0, 0, flags) // track 1, at the cluster's time
	for s := bitstream.NewScanner(unit); s.Next(); {
		m.data = binary.BigEndian.AppendUint32(m.data, uint32(len(s.Unit())))
		m.data = append(m.data, s.Unit()...)
	}
	m.buf = mkvElement(m.buf, mkvCluster, mkvElement(mkvNumber(nil, mkvTimestamp, uint64(pts.Milliseconds())), mkvSimpleBlock, m.data))
	_, err := m.w.Write(m.buf)
	return err
}

// start writes what comes before the first picture, which has to bring the
// parameter sets along.
func (m *mkvFile) start(unit []byte) error {
	var sps, pps []byte
	for s := bitstream.NewScanner(unit); s.Next(); {
		switch bitstream.H264Type(s.Unit()) {
		case bitstream.H264SPS:
			sps = s.Unit()
		case bitstream.H264PPS:
			pps = s.Unit()
		}
	}
	if len(sps) < 4 || len(pps) == 0 {
		return errors.New("write Matroska: the stream does not begin with parameter sets")
	}
	m.started = true
	m.buf = mkvElement(m.buf, mkvEBML, mkvNumber(mkvNumber(mkvElement(nil, mkvDocType, []byte("matroska")), mkvDocVersion, 4), mkvDocRead, 2))
	m.buf = append(m.buf, 0x18, 0x53, 0x80, 0x67, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff) // a segment without end
	info := mkvElement(mkvElement(mkvNumber(nil, mkvScale, 1_000_000), mkvMuxer, []byte("shadow-lab")), mkvWriter, []byte("shadow-lab"))
	m.buf = mkvElement(m.buf, mkvInfo, info)
	m.buf = mkvElement(m.buf, mkvTracks, mkvElement(nil, mkvTrackEntry, m.track(sps, pps)))
	return nil
}

func (m *mkvFile) track(sps, pps []byte) []byte {
	// AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1.2).
	avcc := append([]byte{1, sps[1], sps[2], sps[3], 0xff, 0xe1}, byte(len(sps)>>8), byte(len(sps)))
	avcc = append(append(avcc, sps...), 1, byte(len(pps)>>8), byte(len(pps)))
	avcc = append(avcc, pps...)
	t := mkvNumber(mkvNumber(mkvNumber(mkvNumber(nil, mkvTrackNumber, 1), mkvTrackUID, 1), mkvTrackType, 1), mkvLacing, 0)
	t = mkvNumber(mkvElement(t, mkvCodecID, []byte("V_MPEG4/ISO/AVC")), mkvDuration, uint64(m.interval.Nanoseconds()))
	t = mkvElement(t, mkvPrivate, avcc)
	return mkvElement(t, mkvVideo, mkvNumber(mkvNumber(nil, mkvWidth, uint64(m.width)), mkvHeight, uint64(m.height)))
}

// mkvElement appends an element: identifier, length in eight bytes, body.
func mkvElement(dst []byte, id uint32, body []byte) []byte {
	for shift := 24; shift >= 0; shift -= 8 {
		if b := byte(id >> shift); id>>shift != 0 {
			dst = append(dst, b)
		}
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(body))|1<<56)
	return append(dst, body...)
}

// mkvNumber appends an element that is an unsigned number.
func mkvNumber(dst []byte, id uint32, v uint64) []byte {
	body := binary.BigEndian.AppendUint64(nil, v)
	for len(body) > 1 && body[0] == 0 {
		body = body[1:]
	}
	return mkvElement(dst, id, body)
}
