// Package link is what a virtual terminal's guest and its host say to each
// other over one virtio-serial port: a line with which the guest reports that
// it is up, and after it HTTP/2 without encryption (net/http's), which brings
// streams, flow control and cancellation. Inside the body of a stream that
// carries more than plain bytes there are records: a kind, a length, a payload.
//
// The package only names and frames; it opens nothing, starts nothing and
// knows neither QEMU nor processes. Readers take bytes from the other side of
// a machine border: a record that is too long is an error, and nothing is
// allocated for a length before the bytes are there.
package link

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	// Port is the name of the virtio-serial port.
	Port = "org.shadow.vmtest"
	// Greeting begins the guest's first line; a JSON [Hello] ends it.
	Greeting = "shadow-vm 1 "
	// Share is where the guest sees the folder that both sides may write.
	Share = "/run/vm"
)

// Paths of the guest's HTTP server.
const (
	ProcessPath = "/process" // records both ways: see [Start]
	SignalPath  = "/signal"  // PUT, the query's pid and signal: to the process group
	FilePath    = "/file"    // GET and PUT, the query's path and mode (octal)
	ClockPath   = "/clock"   // PUT: nanoseconds since 1970 in decimal
	ListenPath  = "/listen"  // the query's network and address: a record [Flow] for each connection
	FlowPath    = "/flow"    // the query's id: [KindData] both ways, one record for each datagram
)

// Boot is what the host writes into the initramfs, at [BootPath].
type Boot struct {
	Image    bool     // the root is the first disk and not the host's own
	Source   string   // the source tree's folder, kept visible below /tmp and /run
	First    []string // modules in the initramfs, in order of loading
	Release  string   // of the kernel: the folder below /lib/modules
	Modules  []string // more modules, as paths in that folder, in order of loading
	HostTime int64    // nanoseconds since 1970 when QEMU was started
}

// BootPath is where the initramfs holds [Boot] as JSON.
const BootPath = "/boot.json"

// Hello is what the guest says of itself when it is up.
type Hello struct {
	Release string   // of the kernel
	Uptime  float64  // seconds from the kernel's start
	Missing []string // modules that did not load, each with its error
}

// Start asks for a process. It is the first record of a stream.
type Start struct {
	Args []string
	Env  []string // all of it
	Dir  string
}

// Exit is how a process ended. It is the last record of a stream.
type Exit struct {
	Code   int    // the exit status, where Signal is 0
	Signal int    // that ended it
	Error  string // why it could not be started
}

// Kind tells records apart.
type Kind uint8

// The kinds, and who sends them.
const (
	KindStart   Kind = iota + 1 // host: [Start] as JSON
	KindStdin                   // host
	KindEnd                     // both: no payload; the sender's side of a stream has ended
	KindStarted                 // guest: the process id as text
	KindStdout                  // guest
	KindStderr                  // guest
	KindExit                    // guest: [Exit] as JSON
	KindFlow                    // guest: a connection's id as text
	KindData                    // both: bytes of a connection, or one datagram
)

// MaxPayload bounds a record's payload, bytes.
const MaxPayload = 1 << 20

const headerSize = 5 // kind, length as 32 bits big endian

// ErrTooLong is a record beyond [MaxPayload].
var ErrTooLong = errors.New("record is too long")

// Writer writes records. Any goroutine may; each record is one write below.
type Writer struct {
	mu    sync.Mutex
	below io.Writer
	flush func() error
	buf   []byte
}

// NewWriter writes records to below; flush, when not nil, is called after each.
func NewWriter(below io.Writer, flush func() error) *Writer {
	return &Writer{below: below, flush: flush}
}

// Write sends one record. The payload is the caller's again when it returns.
func (w *Writer) Write(kind Kind, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("record of %d bytes: %w", len(payload), ErrTooLong)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf = append(w.buf[:0], byte(kind))
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(len(payload)))
	w.buf = append(w.buf, payload...)
	if _, err := w.below.Write(w.buf); err != nil {
		return err
	}
	if w.flush == nil {
		return nil
	}
	return w.flush()
}

// WriteJSON sends one record with v as its payload.
func (w *Writer) WriteJSON(kind Kind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.Write(kind, payload)
}

// Reader reads records. One goroutine uses it.
type Reader struct {
	below  io.Reader
	header [headerSize]byte
	buf    []byte
}

// NewReader reads records from below.
func NewReader(below io.Reader) *Reader { return &Reader{below: below} }

// Next returns the next record; its payload is valid until the next call. The
// error is io.EOF only between two records.
func (r *Reader) Next() (Kind, []byte, error) {
	if _, err := io.ReadFull(r.below, r.header[:1]); err != nil {
		return 0, nil, err
	}
	if _, err := io.ReadFull(r.below, r.header[1:]); err != nil {
		return 0, nil, midRecord(err)
	}
	size := binary.BigEndian.Uint32(r.header[1:])
	if size > MaxPayload {
		return 0, nil, fmt.Errorf("record of %d bytes: %w", size, ErrTooLong)
	}
	if err := r.fill(int(size)); err != nil {
		return 0, nil, midRecord(err)
	}
	return Kind(r.header[0]), r.buf, nil
}

// fill reads size bytes into buf, growing it only as they arrive.
func (r *Reader) fill(size int) error {
	r.buf = r.buf[:0]
	for len(r.buf) < size {
		step := min(size-len(r.buf), 32<<10)
		at := len(r.buf)
		r.buf = append(r.buf, make([]byte, step)...)
		if _, err := io.ReadFull(r.below, r.buf[at:]); err != nil {
			return err
		}
	}
	return nil
}

// midRecord is an end of the stream inside a record.
func midRecord(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
