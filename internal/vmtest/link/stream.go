package link

import "io"

// HalfCloser is a connection whose sending side can end alone.
type HalfCloser interface {
	io.ReadWriter
	CloseWrite() error
}

// ToRecords sends what a connection says, and then its end. It returns when
// there is no more to send or no way to send it.
func ToRecords(out *Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && out.Write(KindData, buf[:n]) != nil {
			return
		}
		if err != nil {
			_ = out.Write(KindEnd, nil)
			return
		}
	}
}

// FromRecords tells a connection what the other side sent, until its end.
func FromRecords(to HalfCloser, from io.Reader) {
	defer func() { _ = to.CloseWrite() }()
	in := NewReader(from)
	for {
		kind, payload, err := in.Next()
		if err != nil || kind != KindData {
			return
		}
		if _, err := to.Write(payload); err != nil {
			return
		}
	}
}
