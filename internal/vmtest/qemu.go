package vmtest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// Names of things in the machine, for QMP.
const (
	gpuID     = "gpu0"
	networkID = "net0"
	soundID   = "sound"
	usbBus    = "xhci.0"
)

// files are the paths in a machine's folder.
type files struct{ dir string }

func (f files) initramfs() string   { return filepath.Join(f.dir, "initramfs.gz") }
func (f files) console() string     { return filepath.Join(f.dir, "console.log") }
func (f files) complaints() string  { return filepath.Join(f.dir, "qemu.log") }
func (f files) qmp() string         { return filepath.Join(f.dir, "qmp") }
func (f files) link() string        { return filepath.Join(f.dir, "link") }
func (f files) share() string       { return filepath.Join(f.dir, "share") }
func (f files) vnc(head int) string { return filepath.Join(f.dir, fmt.Sprintf("vnc%d", head)) }

// arguments are QEMU's. Emulation is always in software: it is the same
// everywhere, and no right of the person who runs the tests is needed.
func arguments(cfg Config, k kernel, f files) []string {
	args := []string{
		"-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
		"-m", fmt.Sprint(cfg.MemoryMiB),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", k.image, "-initrd", f.initramfs(), "-append", kernelCommandLine(cfg),
		"-chardev", "socket,id=qmp,path=" + f.qmp(), "-mon", "chardev=qmp,mode=control",
		"-chardev", "file,id=console,path=" + f.console(), "-serial", "chardev:console",
		"-device", "virtio-serial-pci,id=serial",
		"-chardev", "socket,id=link,path=" + f.link(), "-device", "virtserialport,bus=serial.0,chardev=link,name=" + link.Port,
		"-device", "virtio-rng-pci",
		"-device", fmt.Sprintf("virtio-gpu-pci,id=%s,max_outputs=%d,xres=%d,yres=%d", gpuID, cfg.Outputs, cfg.Width, cfg.Height),
		"-device", "qemu-xhci,id=xhci,p2=8,p3=8", // with too few ports a hub of full speed is put between
		"-netdev", "user,id=" + networkID + ",restrict=on", "-device", "virtio-net-pci,romfile=,netdev=" + networkID,
		"-audiodev", "none,id=" + soundID,
		"-virtfs", "local,mount_tag=modules,security_model=none,readonly=on,path=" + escape(k.modules),
		"-virtfs", "local,mount_tag=share,security_model=none,path=" + escape(f.share()),
	}
	for head := range cfg.Outputs {
		args = append(args, "-vnc", fmt.Sprintf("unix:%s,display=%s,head=%d", escape(f.vnc(head)), gpuID, head))
	}
	if cfg.Image == "" {
		args = append(args, "-virtfs", "local,mount_tag=root,security_model=none,readonly=on,multidevs=remap,path=/")
	} else {
		args = append(args, "-drive", "if=none,id=root,snapshot=on,file="+escape(cfg.Image), "-device", "virtio-blk-pci,drive=root")
	}
	for _, device := range cfg.Devices {
		args = append(args, device.arguments()...)
	}
	return args
}

// kernelCommandLine keeps the console for errors and for what the guest's
// first process says, and lets a panic end QEMU.
func kernelCommandLine(cfg Config) string {
	words := []string{
		"console=ttyS0", "quiet", "loglevel=4", "panic=-1", "mitigations=off",
		"net.ifnames=0", "vt.global_cursor_default=0",
	}
	if !cfg.HotPlug && cfg.Connected > 1 {
		words = append(words, fmt.Sprintf("video=Virtual-2:%dx%de", cfg.Width, cfg.Height))
	}
	if cfg.Append != "" {
		words = append(words, cfg.Append)
	}
	return strings.Join(words, " ")
}

// escape doubles the commas of a path, which part QEMU's options.
func escape(path string) string { return strings.ReplaceAll(path, ",", ",,") }

// asJSON is a value that cannot fail to be written as JSON.
func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return string(text)
}
