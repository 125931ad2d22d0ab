package usb_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/blade-shadow/terminal/internal/usbip"
)

// descriptors of a stick: bulk endpoints 1 in and 2 out.
var descriptors = []byte{
	18, 1, 0, 2, 0, 0, 0, 64, 0x81, 7, 0x81, 0x55, 0, 1, 1, 2, 3, 1,
	9, 2, 32, 0, 1, 1, 0, 0x80, 50,
	9, 4, 0, 0, 2, 8, 6, 80, 0,
	7, 5, 0x81, 2, 0, 2, 0,
	7, 5, 0x02, 2, 0, 2, 0,
}

// fake is a kernel with usbip-host, in two folders that look like sysfs and
// procfs.
type fake struct {
	t         *testing.T
	sys, proc string

	mu      sync.Mutex
	writes  []string
	matched []string
	ends    map[string]*os.File // by port: the kernel's socket
	fail    map[string]error    // by what is written
	before  func(write string)  // is called before each write, unlocked
	served  sync.WaitGroup
}

func newFake(t *testing.T) *fake {
	f := &fake{t: t, sys: t.TempDir(), proc: t.TempDir(), ends: map[string]*os.File{}, fail: map[string]error{}}
	f.put("bus/usb/drivers/usbip-host/match_busid", "")
	f.put("bus/usb/drivers/usb/unbind", "")
	f.put("bus/usb/devices/usb1/idVendor", "1d6b")
	f.file(filepath.Join(f.proc, "self/mountinfo"), "21 1 8:2 / / rw - ext4 /dev/sda2 rw\n30 21 0:25 / /data rw - btrfs /dev/mapper/vault rw\n")
	f.file(filepath.Join(f.proc, "swaps"), "Filename Type Size Used Priority\n/dev/sda3 partition 100 0 -2\n")
	t.Cleanup(func() {
		f.mu.Lock()
		for _, e := range f.ends {
			_ = e.Close()
		}
		f.mu.Unlock()
		f.served.Wait()
	})
	return f
}

func (f *fake) file(name, text string) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		f.t.Error(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		f.t.Error(err)
	}
}

// put makes a file below sys.
func (f *fake) put(name, text string) { f.file(filepath.Join(f.sys, name), text) }

// plug makes a device with interfaces of those classes, "080650".
func (f *fake) plug(busID string, number int, interfaces ...string) {
	dir := "bus/usb/devices/" + busID
	for name, text := range map[string]string{
		"idVendor": "0781", "idProduct": "5581", "bDeviceClass": "00", "bDeviceSubClass": "00", "bDeviceProtocol": "00",
		"busnum": "1", "devnum": fmt.Sprint(number), "speed": "480", "manufacturer": "San\x1b[2JDisk ", "product": "Ultra\nFit",
		"serial": "4C530001", "descriptors": string(descriptors),
	} {
		f.put(dir+"/"+name, text)
	}
	f.bind(busID, "usb")
	for i, c := range interfaces {
		f.intf(busID, i, c)
	}
}

func (f *fake) intf(busID string, i int, class string) string {
	dir := fmt.Sprintf("bus/usb/devices/%s/%s:1.%d", busID, busID, i)
	f.put(dir+"/bInterfaceClass", class[:2])
	f.put(dir+"/bInterfaceSubClass", class[2:4])
	f.put(dir+"/bInterfaceProtocol", class[4:])
	return dir
}

// unplug removes a device and closes what the kernel had open.
func (f *fake) unplug(busID string) {
	f.bind(busID, "")
	if err := os.RemoveAll(filepath.Join(f.sys, "bus/usb/devices", busID)); err != nil {
		f.t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if e := f.ends[busID]; e != nil {
		_ = e.Close()
	}
}

// bind makes a driver the device's.
func (f *fake) bind(busID, driver string) {
	link := filepath.Join(f.sys, "bus/usb/devices", busID, "driver")
	stub := filepath.Join(f.sys, "bus/usb/drivers/usbip-host", busID)
	_ = os.Remove(link)
	_ = os.Remove(stub)
	if driver == "" {
		return
	}
	if err := os.Symlink("../../drivers/"+driver, link); err != nil {
		f.t.Error(err)
	}
	if driver == "usbip-host" {
		if err := os.Symlink("../../devices/"+busID, stub); err != nil {
			f.t.Error(err)
		}
		f.put("bus/usb/devices/"+busID+"/usbip_status", "1\n")
	}
}

// write is what the kernel does.
func (f *fake) write(name, value string) error {
	rel, err := filepath.Rel(f.sys, name)
	if err != nil {
		return err
	}
	said := strings.TrimPrefix(rel, "bus/usb/") + " " + strings.TrimSpace(value)
	if strings.HasSuffix(rel, "usbip_sockfd") && value != "-1\n" {
		said = strings.TrimPrefix(rel, "bus/usb/") + " FD"
	}
	if f.before != nil {
		f.before(said)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, said)
	if err := f.fail[said]; err != nil {
		return err
	}
	switch file := filepath.Base(rel); file {
	case "unbind":
		f.bind(value, "")
	case "bind":
		if !slices.Contains(f.matched, value) {
			return syscall.ENODEV
		}
		f.bind(value, "usbip-host")
	case "rebind", "drivers_probe":
		f.bind(value, "usb")
	case "match_busid":
		op, id, _ := strings.Cut(value, " ")
		if op == "del" && !slices.Contains(f.matched, id) {
			return syscall.ENODEV
		}
		f.matched = slices.DeleteFunc(f.matched, func(s string) bool { return s == id })
		if op == "add" {
			f.matched = append(f.matched, id)
		}
		f.put("bus/usb/drivers/usbip-host/match_busid", strings.Join(f.matched, " ")+"\n")
	case "usbip_sockfd":
		return f.socket(filepath.Base(filepath.Dir(rel)), value)
	default:
		return fmt.Errorf("%s: %w", file, os.ErrNotExist)
	}
	return nil
}

// socket takes one, as the kernel does, and serves it: every transfer in is
// answered with its number, every one out is swallowed.
func (f *fake) socket(busID, value string) error {
	if value == "-1\n" {
		if e := f.ends[busID]; e != nil {
			_ = e.Close()
		}
		f.put("bus/usb/devices/"+busID+"/usbip_status", "1\n")
		return nil
	}
	var fd int
	if _, err := fmt.Sscanf(value, "%d\n", &fd); err != nil {
		return err
	}
	own, err := syscall.Dup(fd)
	if err != nil {
		return err
	}
	if err := syscall.SetNonblock(own, true); err != nil {
		return err
	}
	end := os.NewFile(uintptr(own), "kernel")
	f.ends[busID] = end
	f.put("bus/usb/devices/"+busID+"/usbip_status", "2\n")
	f.served.Add(1)
	go func() {
		defer f.served.Done()
		serve(end)
		if f.stays(busID) {
			f.put("bus/usb/devices/"+busID+"/usbip_status", "1\n")
		}
		_ = end.Close()
	}()
	return nil
}

func (f *fake) stays(busID string) bool {
	_, err := os.Stat(filepath.Join(f.sys, "bus/usb/devices", busID, "usbip_status"))
	return err == nil
}

// serve answers until the socket ends, however it does.
func serve(end io.ReadWriter) {
	b := make([]byte, usbip.HeaderSize)
	for {
		if _, err := io.ReadFull(end, b); err != nil {
			return
		}
		h, _ := usbip.ParseHeader(b)
		answer := bytes.Repeat([]byte{byte(h.Seq)}, int(h.Length))
		if h.Direction == usbip.DirOut {
			if _, err := io.ReadFull(end, answer); err != nil {
				return
			}
			answer = nil
		}
		if _, err := end.Write(append(usbip.AppendHeader(nil, usbip.Header{Command: usbip.RetSubmit, Seq: h.Seq, Length: h.Length}), answer...)); err != nil {
			return
		}
	}
}

// said is what the kernel was told so far.
func (f *fake) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.writes)
}

// driver is what has the device.
func (f *fake) driver(busID string) string {
	to, _ := os.Readlink(filepath.Join(f.sys, "bus/usb/devices", busID, "driver"))
	return filepath.Base(to)
}
