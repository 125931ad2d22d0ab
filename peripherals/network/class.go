package network

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxFile bounds what is read of a file of sysfs.
const maxFile = 4096

// Hardware types (ARPHRD_*, if_arp.h).
const (
	typeEther    = 1
	typePPP      = 512
	typeLoopback = 772
	typeNone     = 0xfffe
	typeRawIP    = 519
)

// readClass reads an interface's folder (Documentation/ABI/testing/sysfs-class-net).
func readClass(class fs.FS, name string) (Facts, error) {
	f := Facts{Name: name, Duplex: DuplexUnknown}
	if !fs.ValidPath(name) || strings.ContainsRune(name, '/') || name == "." {
		return f, fmt.Errorf("%q is not the name of one", name)
	}
	if _, err := fs.Stat(class, path.Join(name, "type")); err != nil {
		return f, fs.ErrNotExist
	}
	f.Kind = kind(class, name)
	f.MTU = int(number(class, name, "mtu"))
	// -1 and unreadable mean that there is no link or no such thing.
	if n := number(class, name, "speed"); n > 0 && n < 1<<20 {
		f.SpeedMbps = int(n)
	}
	switch d := text(class, path.Join(name, "duplex")); d {
	case DuplexFull, DuplexHalf:
		f.Duplex = d
	}
	sum := func(names ...string) (total uint64) {
		for _, n := range names {
			total += uint64(max(number(class, name, "statistics/"+n), 0))
		}
		return total
	}
	f.Damaged = sum("rx_crc_errors", "rx_frame_errors", "rx_length_errors", "tx_carrier_errors")
	f.Dropped = sum("rx_missed_errors", "rx_fifo_errors", "tx_fifo_errors")
	f.Losses = uint64(max(number(class, name, "carrier_down_count"), 0))
	return f, nil
}

// kind tells cables from all else. A network card's driver puts its device
// beside it; what has none is made of software.
func kind(class fs.FS, name string) Kind {
	exists := func(p string) bool {
		_, err := fs.Stat(class, path.Join(name, p))
		return err == nil
	}
	uevent := text(class, path.Join(name, "uevent"))
	is := func(devtype string) bool {
		return slices.Contains(strings.Split(uevent, "\n"), "DEVTYPE="+devtype)
	}
	switch t := number(class, name, "type"); {
	case t == typeLoopback:
		return KindLoopback
	case is("wlan") || exists("wireless") || exists("phy80211"):
		return KindWiFi
	case is("wwan") || t == typePPP || t == typeRawIP:
		return KindMobile
	case t == typeNone || !exists("device") || paravirtual(text(class, path.Join(name, "device/uevent"))):
		return KindVirtual
	case t == typeEther:
		return KindCable
	}
	return KindUnknown
}

// paravirtual reports drivers that stand for no wire.
func paravirtual(uevent string) bool {
	for line := range strings.Lines(uevent) {
		switch strings.TrimSpace(line) {
		case "DRIVER=virtio_net", "DRIVER=vmxnet3", "DRIVER=hv_netvsc", "DRIVER=xen_netfront", "DRIVER=vif", "DRIVER=ena", "DRIVER=gve":
			return true
		}
	}
	return false
}

// number reads a file of one number; -1: it cannot be read.
func number(class fs.FS, name, file string) int64 {
	n, err := strconv.ParseInt(text(class, path.Join(name, file)), 0, 64)
	if err != nil {
		return -1
	}
	return n
}

func text(class fs.FS, name string) string {
	f, err := class.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// parseWireless reads the signal levels of /proc/net/wireless in dBm, by
// interface. Levels that are no dBm, or of a driver that says none, are left out.
func parseWireless(b []byte) map[string]int {
	out := make(map[string]int)
	for line := range strings.Lines(string(b)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		f := strings.Fields(rest)
		if !ok || len(f) < 3 || len(out) >= 64 {
			continue
		}
		level, err := strconv.Atoi(strings.TrimSuffix(f[2], "."))
		if err == nil && level > -120 && level < 0 {
			out[name] = level
		}
	}
	return out
}
