package vmtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// rootModules are what the guest needs to reach its root and its host.
var rootModules = []string{"virtio_pci", "virtio_console", "9p", "9pnet_virtio", "overlay"}

// imageModules are what it needs besides for the root of a disk image.
var imageModules = []string{"virtio_blk", "crc32c_generic", "ext4", "squashfs"}

// terminalModules are what a terminal's devices need. The guest loads them
// from its root, because nothing in it loads modules by itself.
var terminalModules = []string{
	"virtio_gpu", "virtio_net", "virtio-rng",
	"evdev", "hid-generic", "usbhid", "xhci-pci", "uinput", "uhid",
	"usb-storage", "sd_mod",
	"snd-usb-audio", "snd-hda-intel", "snd-hda-codec-generic",
}

// moduleIndex knows what each kernel module needs (modules.dep(5)).
type moduleIndex struct {
	byName  map[string]string   // path by name, '_' for '-'
	needs   map[string][]string // paths by path, the first to load last
	builtin map[string]bool     // by name
}

// readModuleIndex reads the index that depmod left in a folder of modules.
func readModuleIndex(dir string) (moduleIndex, error) {
	index := moduleIndex{byName: make(map[string]string), needs: make(map[string][]string), builtin: make(map[string]bool)}
	for name, read := range map[string]func(io.Reader) error{
		"modules.dep": index.readDependencies, "modules.builtin": index.readBuiltin,
	} {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return index, err
		}
		err = read(file)
		_ = file.Close()
		if err != nil {
			return index, fmt.Errorf("%s: %w", file.Name(), err)
		}
	}
	return index, nil
}

func (x *moduleIndex) readDependencies(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		module, needs, ok := strings.Cut(lines.Text(), ":")
		if !ok {
			return fmt.Errorf("no colon in %q", lines.Text())
		}
		x.byName[moduleName(module)] = module
		x.needs[module] = strings.Fields(needs)
	}
	return lines.Err()
}

func (x *moduleIndex) readBuiltin(r io.Reader) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		x.builtin[moduleName(lines.Text())] = true
	}
	return lines.Err()
}

// moduleName is the name in a path such as kernel/fs/9p/9p.ko.xz.
func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// order lists the paths of modules and of all that they need, each once and
// after what it needs. What is in the kernel itself is left out.
func (x *moduleIndex) order(names []string) ([]string, error) {
	var paths []string
	listed := make(map[string]bool)
	add := func(path string) {
		if !listed[path] {
			listed[path] = true
			paths = append(paths, path)
		}
	}
	for _, name := range names {
		module, ok := x.byName[moduleName(name)]
		if !ok && x.builtin[moduleName(name)] {
			continue
		}
		if !ok {
			return nil, fmt.Errorf("kernel module %s: %w", name, os.ErrNotExist)
		}
		needs := x.needs[module]
		for i := len(needs) - 1; i >= 0; i-- {
			add(needs[i])
		}
		add(module)
	}
	return paths, nil
}
