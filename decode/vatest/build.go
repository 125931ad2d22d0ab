package vatest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed driver/*.c driver/*.h
var driverSource embed.FS

// libraryName is what libva looks for: the driver's name and a fixed end.
const libraryName = "vatest_drv_video.so"

// modules are what pkg-config is asked for.
var modules = [...]string{"libva", "libavcodec", "libavutil", "libdrm"}

// Build makes the driver in dir, which is created, and returns the library's
// path. dir is for LIBVA_DRIVERS_PATH. Several processes may build into one
// dir. A missing compiler or header is an error that wraps
// errors.ErrUnsupported and names it.
func Build(dir string) (string, error) {
	built, err := cached()
	if err != nil {
		return "", err
	}
	library, err := os.ReadFile(filepath.Join(built, libraryName))
	if err != nil {
		return "", fmt.Errorf("build vatest: %w", err)
	}
	path := filepath.Join(dir, libraryName)
	return path, publish(path, func(temporary string) error {
		return os.WriteFile(temporary, library, 0o755)
	})
}

// cached is a directory that holds the driver made from these sources with the
// libraries of this machine.
func cached() (string, error) {
	flags, key, err := describeBuild()
	if err != nil {
		return "", fmt.Errorf("build vatest: %w", err)
	}
	root, err := os.UserCacheDir()
	if err != nil { // no home, as in a minimal environment
		root = filepath.Join(os.TempDir(), "cache-"+strconv.Itoa(os.Getuid()))
	}
	dir := filepath.Join(root, "shadow-terminal", "vatest", key)
	path := filepath.Join(dir, libraryName)
	if _, err := os.Stat(path); err == nil {
		return dir, nil
	}
	err = publish(path, func(temporary string) error {
		return compile(temporary, []string{"-O2"}, flags)
	})
	if err != nil {
		return "", fmt.Errorf("build vatest: %w", err)
	}
	return dir, nil
}

// describeBuild returns the flags of the libraries, and a name for what a
// build of these sources with them gives.
func describeBuild() (flags []string, key string, err error) {
	hash := sha256.New()
	for _, module := range modules {
		version, err := pkgConfig("--modversion", module)
		if err != nil {
			return nil, "", err
		}
		fmt.Fprintln(hash, module, version)
	}
	list, err := pkgConfig(append([]string{"--cflags", "--libs"}, modules[:]...)...)
	if err != nil {
		return nil, "", err
	}
	compiler, err := output("gcc", "-dumpfullversion", "-dumpmachine")
	if err != nil {
		return nil, "", err
	}
	fmt.Fprintln(hash, list, compiler, compileFlags)
	err = eachSource(func(name string, text []byte) error {
		fmt.Fprintln(hash, name, len(text))
		hash.Write(text)
		return nil
	})
	return strings.Fields(list), hex.EncodeToString(hash.Sum(nil)[:12]), err
}

func pkgConfig(args ...string) (string, error) {
	text, err := output("pkg-config", args...)
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return "", fmt.Errorf("%s; it needs the development files of libva, libavcodec and libdrm: %w",
			strings.TrimSpace(string(exit.Stderr)), errors.ErrUnsupported)
	}
	return text, err
}

func output(name string, args ...string) (string, error) {
	text, err := exec.Command(name, args...).Output()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%s is not installed: %w", name, errors.ErrUnsupported)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(text)), nil
}

func eachSource(use func(name string, text []byte) error) error {
	return fs.WalkDir(driverSource, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := driverSource.ReadFile(name)
		if err != nil {
			return err
		}
		return use(filepath.Base(name), text)
	})
}

// compileFlags: nodelete, because a thread that hangs in the driver must find
// its code when the display is gone.
const compileFlags = "-std=gnu11 -Wall -Wextra -Werror -fvisibility=hidden -fPIC -shared -pthread -Wl,-z,defs -Wl,-z,nodelete"

// compile makes the library at path, whose directory exists.
func compile(path string, options, libraries []string) error {
	dir, err := os.MkdirTemp("", "vatest-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	args := append(strings.Fields(compileFlags), options...)
	err = eachSource(func(name string, text []byte) error {
		if filepath.Ext(name) == ".c" {
			args = append(args, name)
		}
		return os.WriteFile(filepath.Join(dir, name), text, 0o644)
	})
	if err != nil {
		return err
	}
	cmd := exec.Command("gcc", append(append(args, "-o", path), libraries...)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, bytes.TrimSpace(text))
	}
	return nil
}

// publish has a file made under another name and moves it to path, whose
// directory it makes: others see all of it or nothing.
func publish(path string, create func(temporary string) error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	temporary := filepath.Join(dir, filepath.Base(path))
	if err := create(temporary); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
