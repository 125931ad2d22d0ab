//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// mount is one mount(2).
type mount struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

// do makes the folder and mounts. The error names the target.
func (m mount) do() error {
	if err := os.MkdirAll(m.target, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(m.source, m.target, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.kind, m.target, err)
	}
	return nil
}

// mountAll mounts until the first error.
func mountAll(mounts []mount) error {
	for _, m := range mounts {
		if err := m.do(); err != nil {
			return err
		}
	}
	return nil
}

// mountKernelFiles mounts what the kernel shows of itself below a root.
func mountKernelFiles(root string) error {
	return mountAll([]mount{
		{"proc", filepath.Join(root, "proc"), "proc", 0, ""},
		{"sysfs", filepath.Join(root, "sys"), "sysfs", 0, ""},
		{"devtmpfs", filepath.Join(root, "dev"), "devtmpfs", 0, ""},
	})
}

const (
	lowerDir  = "/lower"  // the machine's root, or the image's
	upperDir  = "/upper"  // what the guest changes, in memory
	newRoot   = "/root"   // the two together
	sourceDir = "/source" // the source tree, while the root is put together
	nineP     = "trans=virtio,version=9p2000.L,msize=512000,cache="
)

// enterRoot puts the root together and makes it this process's and, as the
// two share it, the kernel's own for the programs that it starts.
func enterRoot(boot link.Boot) error {
	if err := mountLower(boot.Image); err != nil {
		return err
	}
	overlay := fmt.Sprintf("lowerdir=%s,upperdir=%s/changes,workdir=%s/work", lowerDir, upperDir, upperDir)
	if err := (mount{"tmpfs", upperDir, "tmpfs", 0, "mode=755,size=75%"}).do(); err != nil {
		return err
	}
	for _, dir := range []string{"changes", "work"} {
		if err := os.Mkdir(filepath.Join(upperDir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := (mount{"overlay", newRoot, "overlay", 0, overlay}).do(); err != nil {
		return err
	}
	if err := furnish(boot); err != nil {
		return err
	}
	return switchRoot()
}

// mountLower mounts what lies below the layer of changes.
func mountLower(image bool) error {
	if !image {
		return mount{"root", lowerDir, "9p", unix.MS_RDONLY, nineP + "loose"}.do()
	}
	var errs []error
	for _, kind := range []string{"ext4", "squashfs"} {
		err := mount{"/dev/vda", lowerDir, kind, unix.MS_RDONLY, ""}.do()
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// furnish mounts what a running system has below its root. The machine's own
// /tmp and /run are hidden, because their sockets and locks belong to
// processes that the guest does not have; the source tree is kept.
func furnish(boot link.Boot) error {
	in := func(path string) string { return filepath.Join(newRoot, path) }
	hidden := !boot.Image && (strings.HasPrefix(boot.Source, "/tmp/") || strings.HasPrefix(boot.Source, "/run/"))
	if hidden {
		if err := (mount{in(boot.Source), sourceDir, "", unix.MS_BIND, ""}).do(); err != nil {
			return err
		}
	}
	if err := mountKernelFiles(newRoot); err != nil {
		return err
	}
	if err := mountAll([]mount{
		{"devpts", in("dev/pts"), "devpts", 0, "mode=620,ptmxmode=666"},
		{"tmpfs", in("dev/shm"), "tmpfs", 0, "mode=1777"},
		{"debugfs", in("sys/kernel/debug"), "debugfs", 0, ""},
		{"tmpfs", in("tmp"), "tmpfs", 0, "mode=1777,size=75%"},
		{"tmpfs", in("run"), "tmpfs", 0, "mode=755"},
		{"share", in(link.Share), "9p", 0, nineP + "none"},
		{"modules", in("lib/modules"), "9p", unix.MS_RDONLY, nineP + "loose"},
	}); err != nil {
		return err
	}
	if !hidden {
		return nil
	}
	return mount{sourceDir, in(boot.Source), "", unix.MS_MOVE, ""}.do()
}

// switchRoot leaves the initramfs.
func switchRoot() error {
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	return os.Chdir("/")
}
