package usbip

import "fmt"

// Checker follows one direction of a session. One goroutine uses it.
type Checker struct {
	session *Session
	reply   bool

	body body   // what is still to come of the message
	sum  uint32 // of the isochronous packets so far
	err  error
}

// Check judges b, the bytes that come next. The first n may go on to the
// kernel or the peer; the rest is the beginning of a header, less than
// [HeaderSize] bytes, and comes again with what follows it. Headers are
// changed in place where a flag must not go on. After an error, which wraps
// [ErrNonsense], nothing may go on any more: n is 0.
func (c *Checker) Check(b []byte) (n int, err error) {
	for n < len(b) && c.err == nil {
		rest := b[n:]
		switch {
		case c.body.payload > 0:
			k := min(int(c.body.payload), len(rest))
			c.body.payload -= uint32(k)
			n += k
		case c.body.packets > 0:
			if len(rest) < IsoDescriptorSize {
				return n, nil
			}
			c.err = c.packet(parseIso(rest))
			n += IsoDescriptorSize
		default:
			if len(rest) < HeaderSize {
				return n, nil
			}
			c.err = c.header(rest[:HeaderSize])
			n += HeaderSize
		}
	}
	if c.err != nil {
		return 0, c.err
	}
	return n, nil
}

// Whole says whether the last message is complete.
func (c *Checker) Whole() bool { return c.body.payload == 0 && c.body.packets == 0 }

func (c *Checker) header(h []byte) (err error) {
	c.sum = 0
	if c.reply {
		c.body, err = c.session.replied(h)
	} else {
		c.body, err = c.session.command(h)
	}
	return err
}

// packet judges an isochronous packet. The kernel puts it where its offset
// says.
func (c *Checker) packet(d IsoDescriptor) error {
	if uint64(d.Offset)+uint64(d.Length) > uint64(c.body.length) || d.Actual > d.Length {
		return fmt.Errorf("isochronous packet of %d bytes, %d done, at %d of %d: %w", d.Length, d.Actual, d.Offset, c.body.length, ErrNonsense)
	}
	c.body.packets--
	if !c.reply {
		return nil
	}
	if d.Status > 0 || d.Status < -maxErrno {
		return fmt.Errorf("isochronous packet with status %d: %w", d.Status, ErrNonsense)
	}
	c.sum += d.Actual // at most MaxPackets times MaxTransfer: checked before it can go round
	if c.sum > c.body.actual || c.body.packets == 0 && c.sum != c.body.actual {
		return fmt.Errorf("isochronous packets of %d bytes in a reply of %d: %w", c.sum, c.body.actual, ErrNonsense)
	}
	return nil
}
