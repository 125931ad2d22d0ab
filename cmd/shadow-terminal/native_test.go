//go:build linux && cgo && !nonative

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/needs"
)

// TestNativeScripts runs what needs FFmpeg, and where they are to be had a
// window system and the test driver.
func TestNativeScripts(t *testing.T) {
	films, err := filepath.Abs("../../internal/libav/testdata")
	if err != nil {
		t.Fatal(err)
	}
	x, xerr := startX(t)
	env, verr := hardware(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/native",
		Setup: func(e *testscript.Env) error {
			e.Setenv("FILMS", films)
			e.Setenv("DISPLAY", x)
			e.Vars = append(e.Vars, env...)
			return nil
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "x11":
				return xerr == nil, demand("x11", xerr)
			case "vatest":
				return verr == nil, demand("vatest", verr)
			}
			return false, fmt.Errorf("condition %s is not known", name)
		},
	})
}

// demand makes what REQUIRE_HW names a failure where it is missing.
func demand(feature string, err error) error {
	if err == nil || errors.Is(err, errors.ErrUnsupported) && !needs.Required(feature) {
		return nil
	}
	return fmt.Errorf("%s: %w", feature, err)
}

// startX runs an X server on a number of its own choice for the test.
func startX(t *testing.T) (display string, err error) {
	path, err := exec.LookPath("Xvfb")
	if err != nil {
		return "", fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	number, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer number.Close()
	cmd := exec.Command(path, "-displayfd", "3", "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := errors.Join(cmd.Start(), w.Close()); err != nil {
		return "", err
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(number).ReadString('\n')
	return ":" + strings.TrimSpace(line), err
}

// hardware builds the test driver and what makes libva take /dev/null for a
// render node.
func hardware(t *testing.T) (env []string, err error) {
	dir := t.TempDir()
	if _, err := vatest.Build(dir); err != nil {
		return nil, err
	}
	node := filepath.Join(dir, "node.so")
	out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", node, "../../decode/vatest/node.c", "-ldl").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("gcc: %w: %s", err, out)
	}
	return append(vatest.Knobs{}.Env(dir), "NODE="+node), nil
}
