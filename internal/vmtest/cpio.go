package vmtest

import (
	"fmt"
	"io"
)

// cpioWriter writes an archive as the kernel unpacks it into its first root:
// the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst).
type cpioWriter struct {
	w     io.Writer
	inode uint32
	err   error // the first; later calls do nothing
}

// File modes (stat(2)).
const (
	cpioDir  = 0o040000
	cpioFile = 0o100000
)

// file adds a file or, with cpioDir in its mode, a folder. A name is relative
// to the root.
func (c *cpioWriter) file(name string, mode uint32, data []byte) {
	c.inode++
	links := 1
	if mode&cpioDir != 0 {
		links = 2
	}
	c.entry(name, c.inode, mode, links, data)
}

// close ends the archive; it returns the first error of all calls.
func (c *cpioWriter) close() error {
	c.entry("TRAILER!!!", 0, 0, 1, nil)
	return c.err
}

func (c *cpioWriter) entry(name string, inode, mode uint32, links int, data []byte) {
	const headerSize = 110
	c.write(fmt.Appendf(nil, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		inode, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name)+1, 0))
	c.write(append([]byte(name), 0))
	c.pad(headerSize + len(name) + 1)
	c.write(data)
	c.pad(len(data))
}

// pad fills up to a multiple of four.
func (c *cpioWriter) pad(size int) { c.write(make([]byte, -size&3)) }

func (c *cpioWriter) write(data []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(data)
	}
}
