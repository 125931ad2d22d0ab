package vmtest

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/blade-shadow/terminal/internal/vmtest/link"
)

// guestPackage is the guest's first process, relative to the source tree.
const guestPackage = "./internal/vmtest/guest"

// buildGuest compiles the guest's first process into build/vm. Go's build
// cache decides whether there is anything to do.
func buildGuest(ctx context.Context, tree string) (string, error) {
	target := filepath.Join(tree, "build/vm/guest")
	build := exec.CommandContext(ctx, "go", "build", "-tags=nonative", "-trimpath", "-ldflags=-s -w", "-o", target, guestPackage)
	build.Dir = tree
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", guestPackage, err, out)
	}
	return target, nil
}

// planBoot decides what the guest loads and mounts.
func planBoot(cfg Config, tree string, k kernel) (link.Boot, error) {
	boot := link.Boot{Image: cfg.Image != "", Source: tree, Release: k.release, HostTime: time.Now().UnixNano()}
	index, err := readModuleIndex(filepath.Join(k.modules, k.release))
	if err != nil {
		return boot, err
	}
	first := rootModules
	if boot.Image {
		first = append(append([]string(nil), first...), imageModules...)
	}
	if boot.First, err = index.order(first); err != nil {
		return boot, err
	}
	all, err := index.order(append(append([]string(nil), terminalModules...), cfg.Modules...))
	if err != nil {
		return boot, err
	}
	loaded := make(map[string]bool)
	for _, module := range boot.First {
		loaded[module] = true
	}
	for _, module := range all {
		if !loaded[module] {
			boot.Modules = append(boot.Modules, module)
		}
	}
	return boot, nil
}

// writeInitramfs writes the kernel's first root: the guest's first process,
// the modules that it needs at first, and what it is to do.
func writeInitramfs(target, guest string, boot link.Boot, modules string) error {
	file, err := os.Create(target)
	if err != nil {
		return err
	}
	packed, err := gzip.NewWriterLevel(file, gzip.BestSpeed)
	if err == nil {
		err = fillInitramfs(&cpioWriter{w: packed}, guest, boot, modules)
	}
	if err == nil {
		err = packed.Close()
	}
	return errors.Join(err, file.Close())
}

func fillInitramfs(archive *cpioWriter, guest string, boot link.Boot, modules string) error {
	program, err := os.ReadFile(guest)
	if err != nil {
		return err
	}
	archive.file("init", cpioFile|0o755, program)
	inGuest := make([]string, len(boot.First))
	for i, module := range boot.First {
		data, err := os.ReadFile(filepath.Join(modules, boot.Release, module))
		if err != nil {
			return err
		}
		inGuest[i] = path.Base(module)
		archive.file(inGuest[i], cpioFile|0o644, data)
	}
	boot.First = inGuest
	plan, err := json.Marshal(boot)
	if err != nil {
		return err
	}
	archive.file(strings.TrimPrefix(link.BootPath, "/"), cpioFile|0o644, plan)
	return archive.close()
}
