package netlab

import (
	"bufio"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dropsOf returns how many datagrams the kernel dropped at sockets of this
// network namespace because nobody had read what came before (proc(5),
// /proc/net/udp). What cannot be read counts as nothing.
func dropsOf(conns []*net.UDPConn) (total uint64) {
	inodes := map[string]bool{}
	for _, c := range conns {
		raw, err := c.SyscallConn()
		if err != nil {
			continue
		}
		var stat unix.Stat_t
		if raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &stat) }) == nil && err == nil {
			inodes[strconv.FormatUint(stat.Ino, 10)] = true
		}
	}
	for _, name := range []string{"udp", "udp6"} {
		f, err := os.Open("/proc/thread-self/net/" + name)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			// The tenth column is the inode, the thirteenth the drops.
			if f := strings.Fields(lines.Text()); len(f) >= 13 && inodes[f[9]] {
				drops, _ := strconv.ParseUint(f[12], 10, 64)
				total += drops
			}
		}
		_ = f.Close()
	}
	return total
}
