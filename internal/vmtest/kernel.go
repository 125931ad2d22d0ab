package vmtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// remedy ends the text of errors about what is not installed.
const remedy = "run .ci/deps vm, or make test-vm"

// sourceTree is the folder with go.mod that the working directory is in.
func sourceTree() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("no go.mod in or above %s", dir)
		}
	}
}

// kernel is an unpacked kernel package.
type kernel struct {
	release string // "6.1.0-56-amd64"
	image   string // path of the kernel
	modules string // path of lib/modules, which holds a folder named as the release
}

// findKernel finds the newest kernel in build/vm.
func findKernel(tree string) (kernel, error) {
	images, err := filepath.Glob(filepath.Join(tree, "build/vm/kernel-*/boot/vmlinuz-*"))
	if err != nil {
		return kernel{}, err
	}
	if len(images) == 0 {
		return kernel{}, fmt.Errorf("find a kernel in build/vm: %w: %s", errors.ErrUnsupported, remedy)
	}
	newest := images[0]
	for _, image := range images[1:] {
		if versionLess(filepath.Base(newest), filepath.Base(image)) {
			newest = image
		}
	}
	release := strings.TrimPrefix(filepath.Base(newest), "vmlinuz-")
	return kernel{
		release: release,
		image:   newest,
		modules: filepath.Join(filepath.Dir(filepath.Dir(newest)), "lib/modules"),
	}, nil
}

// versionLess orders versions: runs of digits as numbers, all else as text.
func versionLess(a, b string) bool {
	for a != "" && b != "" {
		runA, restA := versionRun(a)
		runB, restB := versionRun(b)
		if runA != runB {
			if isDigit(runA[0]) && isDigit(runB[0]) && len(runA) != len(runB) {
				return len(runA) < len(runB)
			}
			return runA < runB
		}
		a, b = restA, restB
	}
	return len(a) < len(b)
}

// versionRun splits off the first run of digits, without leading zeros, or of
// anything else.
func versionRun(text string) (run, rest string) {
	end := 1
	for end < len(text) && isDigit(text[end]) == isDigit(text[0]) {
		end++
	}
	run = text[:end]
	for len(run) > 1 && run[0] == '0' {
		run = run[1:]
	}
	return run, text[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
