package usb

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxTable bounds what is read of the tables of mounts and swap.
const maxTable = 1 << 20

// mounts is what file systems and swap lie on.
type mounts struct {
	known  bool
	number map[string]string // "8:1": where
	name   map[string]string // "sda1": where
}

// readMounts reads proc_pid_mountinfo(5) and proc_swaps(5).
func readMounts(proc string) mounts {
	m := mounts{number: map[string]string{}, name: map[string]string{}}
	b, err := readFile(filepath.Join(proc, "self/mountinfo"), maxTable)
	if err != nil || len(b) == 0 || len(b) == maxTable {
		return m // then every disk may be in use
	}
	m.known = true
	for line := bufio.NewScanner(bytes.NewReader(b)); line.Scan(); {
		f := strings.Fields(line.Text())
		dash := slices.Index(f, "-")
		if len(f) < 5 || dash < 0 || dash+2 >= len(f) {
			continue
		}
		m.number[f[2]] = f[4]
		// Of btrfs and others only the source tells the disk.
		if name, ok := strings.CutPrefix(f[dash+2], "/dev/"); ok {
			m.name[name] = f[4]
		}
	}
	swaps, _ := readFile(filepath.Join(proc, "swaps"), maxTable)
	for line := bufio.NewScanner(bytes.NewReader(swaps)); line.Scan(); {
		if f := strings.Fields(line.Text()); len(f) > 0 {
			if name, ok := strings.CutPrefix(f[0], "/dev/"); ok {
				m.name[name] = "swap"
			}
		}
	}
	return m
}

// where says where the block device in dir is mounted, or what lies on it is.
func (t tree) where(m mounts, dir string, depth int) string {
	if depth == 0 {
		return "too much on it to be looked through"
	}
	if w := m.number[readText(filepath.Join(dir, "dev"))]; w != "" {
		return w
	}
	if w := m.name[filepath.Base(dir)]; w != "" {
		return w
	}
	if w := m.name["mapper/"+readText(filepath.Join(dir, "dm/name"))]; w != "" {
		return w
	}
	for _, h := range names(filepath.Join(dir, "holders"), maxEntries) {
		if w := t.where(m, t.path("class/block", h), depth-1); w != "" {
			return w
		}
	}
	// Partitions are folders with a number of their own.
	for _, p := range names(dir, maxEntries) {
		sub := filepath.Join(dir, p)
		if i, err := os.Lstat(sub); err != nil || !i.IsDir() {
			continue
		}
		if _, err := os.Stat(filepath.Join(sub, "partition")); err == nil {
			if w := t.where(m, sub, depth-1); w != "" {
				return w
			}
		}
	}
	return ""
}

// look walks what the kernel made of a device and fills in what it is and what
// uses it.
func (t tree) look(d *Device, m mounts) {
	left := maxEntries
	for _, name := range names(t.path(devicesDir, d.BusID), maxEntries) {
		if strings.HasPrefix(name, d.BusID+":") {
			t.walk(t.path(devicesDir, d.BusID, name), maxDepth, &left, func(dir string) { t.part(d, m, dir) })
		}
	}
	if left <= 0 && d.InUse == "" {
		d.InUse = "too much below it to be looked through"
	}
}

// walk visits the folders below dir, without following links. left is 0
// afterwards where there were more than it may visit.
func (t tree) walk(dir string, depth int, left *int, visit func(dir string)) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	entries, _ := f.ReadDir(maxEntries)
	_ = f.Close()
	if len(entries) == maxEntries {
		*left = 0
		return
	}
	for _, e := range entries {
		if e.Type()&fs.ModeDir == 0 {
			continue
		}
		if *left--; *left <= 0 || depth == 0 {
			*left = 0
			return
		}
		sub := filepath.Join(dir, e.Name())
		visit(sub)
		t.walk(sub, depth-1, left, visit)
	}
}

// part looks at one folder: what it is stands in the name of the one above.
func (t tree) part(d *Device, m mounts, dir string) {
	name := filepath.Base(dir)
	use := func(format string, args ...any) {
		if d.InUse == "" {
			d.InUse = fmt.Sprintf(format, args...)
		}
	}
	switch path.Base(filepath.Dir(dir)) {
	case "net":
		if linkUp(dir) {
			use("network adapter %s is in use", clean(name, 16))
		}
	case "block":
		if w := t.where(m, dir, 6); w != "" {
			use("disk %s is in use: %s", clean(name, 16), clean(w, maxText))
		} else if !m.known {
			use("disk %s may be in use: the table of mounts cannot be read", clean(name, 16))
		}
	case "bluetooth":
		d.has.bluetooth = d.has.bluetooth || strings.HasPrefix(name, "hci")
	case "input":
		d.has.input = true
	case "sound":
		d.has.sound = true
	case "video4linux":
		d.has.camera = true
	}
	if b, err := readFile(filepath.Join(dir, "report_descriptor"), maxFile); err == nil && fido(b) {
		d.has.fido = true
	}
}

// linkUp says whether a network interface may be in use: all that does not
// clearly rest (Documentation/ABI/testing/sysfs-class-net).
func linkUp(dir string) bool {
	const up = 1 // IFF_UP
	if flags, ok := (tree{dir}).hex("flags"); ok && flags&up == 0 {
		return false
	}
	switch readText(filepath.Join(dir, "operstate")) {
	case "down", "notpresent", "lowerlayerdown":
		return false
	}
	return true
}

// hex reads "0x1003".
func (t tree) hex(name string) (uint64, bool) { return t.number(0, 64, name) }

// fido says whether a HID report descriptor begins with the usage page of the
// FIDO Alliance, 0xf1d0 (HID 1.11, 6.2.2; CTAP 2.1, 11.2.8.1). b is the
// device's own.
func fido(b []byte) bool {
	for len(b) > 0 {
		if b[0] == 0xfe { // long item
			if len(b) < 3 || len(b) < 3+int(b[1]) {
				return false
			}
			b = b[3+int(b[1]):]
			continue
		}
		size := int(b[0] & 3)
		if size == 3 {
			size = 4
		}
		if len(b) < 1+size {
			return false
		}
		const usagePage = 0x04 // global item, tag 0
		if b[0]&^3 == usagePage && size >= 2 && b[1] == 0xd0 && b[2] == 0xf1 {
			return true
		}
		b = b[1+size:]
	}
	return false
}
