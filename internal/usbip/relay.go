package usbip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// How a relay ends by itself.
var (
	// ErrKernelEnded says that this machine's kernel closed its end: the
	// device was unplugged, or detached.
	ErrKernelEnded = errors.New("the kernel ended it")
	// ErrPeerEnded says that the other machine did.
	ErrPeerEnded = errors.New("the peer ended it")
)

const (
	// bufferSize is what is read at once, and more than any message of a data
	// channel (64 KiB): one that does not fit its reader is lost.
	bufferSize = 64<<10 + HeaderSize
	// chunk is the most that is written to the peer at once: every SCTP
	// takes messages of that size.
	chunk = 16 << 10
)

// RelayConfig is what Relay carries between.
type RelayConfig struct {
	// Kernel is this machine's end of the socket whose other end the kernel
	// has; Peer is the channel to the other machine. Relay owns and closes
	// both. Close must end a Read and a Write that wait, and Write waits for
	// as long as the other side takes nothing: see [Throttle].
	Kernel, Peer io.ReadWriteCloser
	Session      *Session
	// Host says that this is the host's end: its kernel says commands.
	Host bool
}

// Carried is how much went through, in bytes.
type Carried struct{ ToPeer, FromPeer int64 }

// Relay carries bytes both ways until one side ends, breaks the protocol, or
// ctx ends, which is the only end without an error. It closes both ends and
// returns when its goroutines have.
func Relay(ctx context.Context, cfg RelayConfig) (Carried, error) {
	up, down := cfg.Session.Replies(), cfg.Session.Commands()
	if cfg.Host {
		up, down = down, up
	}
	stop := context.AfterFunc(ctx, func() { closeAll(cfg) })
	defer stop()
	var carried Carried
	results := make(chan error, 2)
	go func() {
		results <- pump(cfg.Peer, cfg.Kernel, up, &carried.ToPeer, true)
		closeAll(cfg)
	}()
	go func() {
		results <- pump(cfg.Kernel, cfg.Peer, down, &carried.FromPeer, false)
		closeAll(cfg)
	}()
	first := <-results
	// The second end is the first one's doing.
	<-results
	if ctx.Err() != nil {
		return carried, nil
	}
	return carried, first
}

// closeAll ends what waits. What Close says comes after all that matters.
func closeAll(cfg RelayConfig) {
	for _, c := range []io.Closer{cfg.Kernel, cfg.Peer} {
		if d, ok := c.(interface{ SetReadDeadline(time.Time) error }); ok {
			_ = d.SetReadDeadline(time.Unix(1, 0)) // closing SCTP's stream lets a reader wait for the peer
		}
		_ = c.Close()
	}
}

// pump carries one direction until it ends, and says why; never nil.
func pump(dst io.Writer, src io.Reader, check *Checker, total *int64, fromKernel bool) error {
	from, to, ended := "peer", "kernel", ErrPeerEnded
	if fromKernel {
		from, to, ended = "kernel", "peer", ErrKernelEnded
	}
	buf := make([]byte, bufferSize)
	for have := 0; ; {
		n, readErr := src.Read(buf[have:])
		have += n
		pass, err := check.Check(buf[:have])
		if err != nil {
			return fmt.Errorf("relay from %s: %w", from, err)
		}
		if err := send(dst, buf[:pass], fromKernel); err != nil {
			return fmt.Errorf("relay to %s: %w", to, err)
		}
		*total += int64(pass)
		have = copy(buf, buf[pass:have])
		switch {
		case errors.Is(readErr, io.EOF) && have == 0 && check.Whole():
			return fmt.Errorf("relay from %s: %w", from, ended)
		case errors.Is(readErr, io.EOF):
			return fmt.Errorf("relay from %s: in the middle of a message: %w", from, errors.Join(ended, io.ErrUnexpectedEOF))
		case readErr != nil:
			return fmt.Errorf("relay from %s: %w", from, readErr)
		}
	}
}

// send writes all of b, in pieces that the peer's channel can take.
func send(dst io.Writer, b []byte, pieces bool) error {
	for len(b) > 0 {
		piece := b
		if pieces && len(piece) > chunk {
			piece = piece[:chunk]
		}
		n, err := dst.Write(piece)
		if err != nil {
			return err
		}
		if n != len(piece) {
			return io.ErrShortWrite
		}
		b = b[n:]
	}
	return nil
}
