package vmtest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"sync"
	"time"
)

// RFB encodings (RFC 6143 and the community's "rfbproto"), as QEMU sends them
// to a client that asks for no pixels.
const (
	encodingRaw         = 0
	encodingDesktopSize = -308 // ExtendedDesktopSize
	encodingAlphaCursor = -314 // with QEMU: a word of encoding, then premultiplied BGRA
)

// maxCursor bounds a cursor's sides, pixels.
const maxCursor = 512

// rfb is a client of one output's VNC server, which is how QEMU lets somebody
// outside say what monitor is plugged in. It asks for no picture.
type rfb struct {
	conn net.Conn

	mu     sync.Mutex // guards below
	cursor *image.RGBA
	hot    image.Point
	sized  chan error // of capacity 1; the answer to the last wish
	err    error      // why reading ended
	more   chan struct{}
}

// dialRFB connects to a server's socket and begins to listen to it.
func dialRFB(path string) (*rfb, error) {
	conn, err := net.DialTimeout("unix", path, patience)
	if err != nil {
		return nil, err
	}
	c := &rfb{conn: conn, sized: make(chan error, 1), more: make(chan struct{})}
	in := bufio.NewReader(conn)
	if err := errors.Join(conn.SetDeadline(time.Now().Add(patience)), shakeHands(in, conn), conn.SetDeadline(time.Time{})); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("rfb: %w", err)
	}
	go c.read(in)
	return c, nil
}

// shakeHands goes through RFC 6143, 7.1 to 7.3 without authentication, and
// says which encodings are understood (7.5.2).
func shakeHands(in io.Reader, out io.Writer) error {
	var version [12]byte
	if _, err := io.ReadFull(in, version[:]); err != nil {
		return err
	}
	if _, err := out.Write([]byte("RFB 003.008\n")); err != nil {
		return err
	}
	var count [1]byte
	if _, err := io.ReadFull(in, count[:]); err != nil {
		return err
	}
	if err := discard(in, int(count[0])); err != nil {
		return err
	}
	if _, err := out.Write([]byte{1}); err != nil { // security: none
		return err
	}
	var result [4]byte
	if _, err := io.ReadFull(in, result[:]); err != nil {
		return err
	}
	if code := binary.BigEndian.Uint32(result[:]); code != 0 {
		return fmt.Errorf("refused with %d", code)
	}
	if _, err := out.Write([]byte{1}); err != nil { // others may stay
		return err
	}
	var screen [24]byte
	if _, err := io.ReadFull(in, screen[:]); err != nil {
		return err
	}
	if err := discard(in, int(min(binary.BigEndian.Uint32(screen[20:]), 4096))); err != nil {
		return err
	}
	return setEncodings(out, encodingRaw, encodingDesktopSize, encodingAlphaCursor)
}

func setEncodings(out io.Writer, encodings ...int32) error {
	message := binary.BigEndian.AppendUint16([]byte{2, 0}, uint16(len(encodings)))
	for _, encoding := range encodings {
		message = binary.BigEndian.AppendUint32(message, uint32(encoding))
	}
	_, err := out.Write(message)
	return err
}

// read follows the server until the connection ends.
func (c *rfb) read(in io.Reader) {
	for {
		if err := c.message(in); err != nil {
			c.mu.Lock()
			c.err = err
			c.wake()
			c.mu.Unlock()
			return
		}
	}
}

// wake tells those who wait for a change. mu is held.
func (c *rfb) wake() {
	close(c.more)
	c.more = make(chan struct{})
}

// message reads one message of the server's (RFC 6143, 7.6).
func (c *rfb) message(in io.Reader) error {
	var kind [1]byte
	if _, err := io.ReadFull(in, kind[:]); err != nil {
		return err
	}
	switch kind[0] {
	case 0:
		return c.update(in)
	case 2: // bell
		return nil
	case 3: // cut text
		var header [7]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			return err
		}
		return discard(in, int(binary.BigEndian.Uint32(header[3:])))
	default:
		return fmt.Errorf("message of kind %d", kind[0])
	}
}

// update reads a frame buffer update, which with our encodings is about
// anything but the frame buffer.
func (c *rfb) update(in io.Reader) error {
	var header [3]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return err
	}
	for range binary.BigEndian.Uint16(header[1:]) {
		if err := c.rectangle(in); err != nil {
			return err
		}
	}
	return nil
}

func (c *rfb) rectangle(in io.Reader) error {
	var header [12]byte
	if _, err := io.ReadFull(in, header[:]); err != nil {
		return err
	}
	x, y := int(binary.BigEndian.Uint16(header[0:])), int(binary.BigEndian.Uint16(header[2:]))
	width, height := int(binary.BigEndian.Uint16(header[4:])), int(binary.BigEndian.Uint16(header[6:]))
	switch encoding := int32(binary.BigEndian.Uint32(header[8:])); encoding {
	case encodingRaw:
		return discard(in, 4*width*height)
	case encodingDesktopSize:
		return c.desktopSize(in, x, y)
	case encodingAlphaCursor:
		return c.alphaCursor(in, image.Pt(x, y), width, height)
	default:
		return fmt.Errorf("rectangle of encoding %d", encoding)
	}
}

// desktopSize reads an ExtendedDesktopSize rectangle. A reason other than 0 is
// the answer to a wish, whose status 4 means that the guest was told.
func (c *rfb) desktopSize(in io.Reader, reason, status int) error {
	var screens [4]byte
	if _, err := io.ReadFull(in, screens[:]); err != nil {
		return err
	}
	if err := discard(in, 16*int(screens[0])); err != nil {
		return err
	}
	if reason == 0 {
		return nil
	}
	var answer error
	if status != 0 && status != 4 {
		answer = fmt.Errorf("refused with status %d", status)
	}
	select {
	case c.sized <- answer:
	default: // nobody asked
	}
	return nil
}

func (c *rfb) alphaCursor(in io.Reader, hot image.Point, width, height int) error {
	if width > maxCursor || height > maxCursor {
		return fmt.Errorf("cursor of %dx%d", width, height)
	}
	data := make([]byte, 4+4*width*height)
	if _, err := io.ReadFull(in, data); err != nil {
		return err
	}
	if encoding := int32(binary.BigEndian.Uint32(data)); encoding != encodingRaw {
		return fmt.Errorf("cursor of encoding %d", encoding)
	}
	cursor := image.NewRGBA(image.Rect(0, 0, width, height))
	for i, from := 0, data[4:]; i < len(from); i += 4 {
		cursor.Pix[i], cursor.Pix[i+1], cursor.Pix[i+2], cursor.Pix[i+3] = from[i+2], from[i+1], from[i], from[i+3]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor, c.hot = cursor, hot
	c.wake()
	return nil
}

// discard reads and forgets.
func discard(in io.Reader, size int) error {
	_, err := io.CopyN(io.Discard, in, int64(size))
	return err
}

// resize plugs in a monitor of a size, or with 0x0 pulls it out.
func (c *rfb) resize(width, height int) error {
	select {
	case <-c.sized: // an answer that came late
	default:
	}
	message := []byte{251, 0} // SetDesktopSize
	for _, value := range []int{width, height} {
		message = binary.BigEndian.AppendUint16(message, uint16(value))
	}
	message = append(message, 1, 0)
	message = append(message, make([]byte, 8)...) // the screen's id, x, y
	for _, value := range []int{width, height} {
		message = binary.BigEndian.AppendUint16(message, uint16(value))
	}
	message = append(message, 0, 0, 0, 0)
	if _, err := c.conn.Write(message); err != nil {
		return err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case err := <-c.sized:
		return err
	case <-late.C:
		return fmt.Errorf("rfb: no answer in %v", patience)
	}
}

// shape returns the cursor, nil before the guest has set one, and a channel
// that is closed at the next change.
func (c *rfb) shape() (*image.RGBA, image.Point, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cursor, c.hot, c.more, c.err
}
