// Package rtpdump reads and writes recorded RTP in the format of rtptools'
// rtpdump ("dump" output of rtpdump(1), input of rtpplay(1), also known to
// Wireshark): a line of text, a header and one record a packet.
//
//	#!rtpplay1.0 ADDRESS/PORT\n
//	u32 start, seconds since 1970   u32 microseconds
//	u32 source (IPv4)   u16 port   u16 0
//	then for each packet:
//	u16 length, these 8 bytes included   u16 length of the RTP packet, 0 for RTCP
//	u32 milliseconds since the start     the packet
//
// Numbers are big endian. Times have a resolution of a millisecond, which is
// the format's; the order of records is exact. A Writer and a Reader belong
// to one goroutine each. Nothing here opens files or looks into packets; a
// Reader's memory is bounded by the largest record, 64 KiB, whatever it reads.
package rtpdump

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	magic      = "#!rtpplay1.0 "
	headerSize = 16
	recordSize = 8
	maxLine    = 256 // of the line of text, its end included

	// MaxPacket is the longest packet that fits a record, in bytes.
	MaxPacket = math.MaxUint16 - recordSize
	// MaxTime is the latest time that fits one.
	MaxTime = math.MaxUint32 * time.Millisecond
)

// ErrFormat is about bytes that are no such recording.
var ErrFormat = errors.New("not an rtpdump recording")

// Header is about the whole recording.
type Header struct {
	Start   time.Time // to a microsecond; zero: written as 1970
	Address string    // where the packets came from, such as 192.0.2.1; "": 0.0.0.0
	Port    uint16
}

// Writer writes a recording. After the first error it writes nothing more
// and returns that error for ever.
type Writer struct {
	w      *bufio.Writer
	err    error
	record [recordSize]byte
}

// NewWriter begins a recording in w. It does not take ownership of w.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	if h.Address == "" {
		h.Address = "0.0.0.0"
	}
	if strings.ContainsAny(h.Address, " /\r\n") || len(h.Address) > 100 {
		return nil, fmt.Errorf("write rtpdump: %q is no address", h.Address)
	}
	if h.Start.IsZero() {
		h.Start = time.Unix(0, 0)
	}
	if s := h.Start.Unix(); s < 0 || s > math.MaxUint32 {
		return nil, fmt.Errorf("write rtpdump: a recording cannot start at %v", h.Start)
	}
	out := &Writer{w: bufio.NewWriterSize(w, 64<<10)}
	fmt.Fprintf(out.w, "%s%s/%d\n", magic, h.Address, h.Port)
	var b [headerSize]byte
	binary.BigEndian.PutUint32(b[0:], uint32(h.Start.Unix()))
	binary.BigEndian.PutUint32(b[4:], uint32(h.Start.Nanosecond()/1000))
	source := ipv4(h.Address)
	copy(b[8:], source[:])
	binary.BigEndian.PutUint16(b[12:], h.Port)
	_, out.err = out.w.Write(b[:])
	return out, out.err
}

// ipv4 parses a dotted quad; anything else is 0.0.0.0, as there is no room for it.
func ipv4(s string) (ip [4]byte) {
	parts := strings.Split(s, ".")
	if len(parts) != len(ip) {
		return ip
	}
	var parsed [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return ip
		}
		parsed[i] = byte(n)
	}
	return parsed
}

// Packet writes a packet that came at a time after the start. It does not
// keep packet.
func (w *Writer) Packet(at time.Duration, packet []byte, rtcp bool) error {
	switch {
	case w.err != nil:
		return w.err
	case len(packet) == 0 || len(packet) > MaxPacket:
		w.err = fmt.Errorf("write rtpdump: a packet of %d bytes fits no record", len(packet))
		return w.err
	case at < 0 || at > MaxTime:
		w.err = fmt.Errorf("write rtpdump: a time of %v fits no record", at)
		return w.err
	}
	binary.BigEndian.PutUint16(w.record[0:], uint16(recordSize+len(packet)))
	length := uint16(len(packet))
	if rtcp {
		length = 0
	}
	binary.BigEndian.PutUint16(w.record[2:], length)
	binary.BigEndian.PutUint32(w.record[4:], uint32(at/time.Millisecond))
	if _, w.err = w.w.Write(w.record[:]); w.err == nil {
		_, w.err = w.w.Write(packet)
	}
	return w.err
}

// Flush hands over what is buffered. Without it the end of the recording is missing.
func (w *Writer) Flush() error {
	if w.err == nil {
		w.err = w.w.Flush()
	}
	return w.err
}

// Record is one packet of a recording.
type Record struct {
	At   time.Duration // since the start
	RTCP bool
	// Length is that of the packet when it was recorded; Packet may be only
	// its beginning.
	Length int
	Packet []byte // valid until the next call of Next
}

// Reader reads a recording.
type Reader struct {
	Header Header

	r    *bufio.Reader
	err  error
	head [recordSize]byte
	buf  []byte
}

// NewReader reads the beginning of a recording from r, of which it may read
// more than it has returned.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{r: bufio.NewReaderSize(r, 64<<10)}
	line, err := readLine(in.r)
	if err != nil {
		return nil, err
	}
	address, port, ok := strings.Cut(strings.TrimPrefix(line, magic), "/")
	number, err := strconv.ParseUint(port, 10, 16)
	if !strings.HasPrefix(line, magic) || !ok || err != nil {
		return nil, fmt.Errorf("read rtpdump: %w: it begins with %q", ErrFormat, line)
	}
	var b [headerSize]byte
	if _, err := io.ReadFull(in.r, b[:]); err != nil {
		return nil, fmt.Errorf("read rtpdump: header: %w", noEOF(err))
	}
	seconds, micros := binary.BigEndian.Uint32(b[0:]), binary.BigEndian.Uint32(b[4:])
	in.Header = Header{Start: time.Unix(int64(seconds), int64(micros)*1000), Address: address, Port: uint16(number)}
	return in, nil
}

// readLine reads a line of at most maxLine bytes.
func readLine(r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		b, err := r.ReadByte()
		if err != nil {
			return "", fmt.Errorf("read rtpdump: %w: first line: %w", ErrFormat, noEOF(err))
		}
		if b == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, b)
	}
	return "", fmt.Errorf("read rtpdump: %w: the first line has no end", ErrFormat)
}

// noEOF makes an end in the middle an error that is no ordinary end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Next returns the next record, and io.EOF after the last. Every error is final.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return Record{}, r.err
	}
	rec, err := r.next()
	r.err = err
	return rec, err
}

func (r *Reader) next() (Record, error) {
	if _, err := io.ReadFull(r.r, r.head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return Record{}, io.EOF
		}
		return Record{}, fmt.Errorf("read rtpdump: record: %w", err)
	}
	size := int(binary.BigEndian.Uint16(r.head[0:])) - recordSize
	if size < 0 {
		return Record{}, fmt.Errorf("read rtpdump: %w: a record of %d bytes", ErrFormat, size+recordSize)
	}
	if cap(r.buf) < size {
		r.buf = make([]byte, max(size, 2048))
	}
	buf := r.buf[:size]
	if _, err := io.ReadFull(r.r, buf); err != nil {
		return Record{}, fmt.Errorf("read rtpdump: packet: %w", noEOF(err))
	}
	rec := Record{At: time.Duration(binary.BigEndian.Uint32(r.head[4:])) * time.Millisecond, Packet: buf}
	rec.Length = int(binary.BigEndian.Uint16(r.head[2:]))
	if rec.Length == 0 {
		rec.RTCP, rec.Length = true, size
	}
	if size > rec.Length {
		return Record{}, fmt.Errorf("read rtpdump: %w: %d bytes of a packet of %d", ErrFormat, size, rec.Length)
	}
	return rec, nil
}
