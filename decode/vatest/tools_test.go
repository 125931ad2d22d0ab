//go:build linux && cgo && !nonative

package vatest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/needs"
)

// need ends a test of what this build or machine has not.
func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, exec.ErrNotFound) {
		err = fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	}
	required := needs.Required("vatest")
	if errors.Is(err, errors.ErrUnsupported) && !required {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run is the output of a program that succeeds.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := command(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// command is what a program prints and how it ends.
func command(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	need(t, err)
	cmd := exec.CommandContext(t.Context(), path, args...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// compileC makes a program or, with -shared, a library of C files.
func compileC(t testing.TB, name string, args ...string) string {
	t.Helper()
	modules := []string{"libva", "libva-drm", "libavcodec", "libavutil", "libavformat"}
	flags := strings.Fields(run(t, "pkg-config", append([]string{"--cflags", "--libs"}, modules...)...))
	path := filepath.Join(t.TempDir(), name)
	args = append([]string{"-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", path}, args...)
	run(t, "gcc", append(append(args, flags...), "-ldl")...)
	return path
}

func compilePlayer(t testing.TB) string {
	t.Helper()
	return compileC(t, "player", "-rdynamic", "testdata/player.c", "node.c")
}

// encode makes a test picture's stream of 40 pictures, by ffmpeg. A noisy,
// moving part gives the encoder work for all its tools.
func encode(t testing.TB, size, codec string, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stream.mkv")
	source := "testsrc2=rate=30:size=" + size + ",noise=alls=20:allf=t:all_seed=1,format=yuv420p"
	args := []string{"-v", "error", "-f", "lavfi", "-i", source, "-frames:v", "40", "-threads", "1", "-c:v", codec}
	run(t, "ffmpeg", append(append(args, options...), path)...)
	return path
}

// use is [vatest.Use] for the programs that this package's tests start.
func use(t testing.TB, k vatest.Knobs) {
	t.Helper()
	if device := vatest.Use(t, k); device != os.DevNull {
		t.Setenv("PLAYER_DEVICE", device)
	}
}

func logged(t testing.TB) vatest.Counters {
	t.Helper()
	logs := vatest.Logs(t)
	if len(logs) != 1 {
		t.Fatalf("Logs() = %+v; want one display", logs)
	}
	return logs[0]
}
