//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// loadAll loads kernel modules, given as paths below dir, in their order, and
// returns those that did not load, each with its error.
func loadAll(dir string, paths []string) []string {
	var missing []string
	for _, path := range paths {
		if err := load(filepath.Join(dir, path)); err != nil {
			say("load %s: %v", path, err)
			missing = append(missing, fmt.Sprintf("%s: %v", path, err))
		}
	}
	return missing
}

// load loads one module. One that is there already is no error.
func load(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	flags := 0
	if !strings.HasSuffix(path, ".ko") {
		flags = unix.MODULE_INIT_COMPRESSED_FILE
	}
	err = unix.FinitModule(int(file.Fd()), "", flags)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}
