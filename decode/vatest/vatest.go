package vatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/internal/needs"
)

const (
	hangFileVariable = "VATEST_HANG_FILE"
	logVariable      = "VATEST_LOG"
)

// Use makes libva load the driver with these knobs until the test ends, and
// returns the device to open: /dev/null, or a render node if k names a DRM
// card and there is one. Knobs count from the next vaInitialize on. Where the
// driver cannot be built the test is skipped, or fails if REQUIRE_HW names
// vatest.
func Use(t testing.TB, k Knobs) (device string) {
	t.Helper()
	dir, err := cached()
	if err != nil {
		refuse(t, err)
	}
	for _, setting := range k.Env(dir) {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	notes := t.TempDir()
	hang := filepath.Join(notes, "hang")
	if err := os.WriteFile(hang, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(hangFileVariable, hang)
	t.Setenv(logVariable, filepath.Join(notes, "log"))
	return deviceFor(k)
}

func refuse(t testing.TB, err error) {
	t.Helper()
	required := needs.Required("vatest")
	if errors.Is(err, errors.ErrUnsupported) && !required {
		t.Skip(err)
	}
	t.Fatal(err)
}

func deviceFor(k Knobs) string {
	nodes, _ := filepath.Glob("/dev/dri/renderD*") // the pattern is good
	if k.DRM == "" || len(nodes) == 0 {
		return os.DevNull
	}
	return nodes[0]
}

// Release ends the hangs of [Knobs].HangAt after [Use], which otherwise last
// until the test ends.
func Release(t testing.TB) {
	t.Helper()
	err := os.Remove(os.Getenv(hangFileVariable))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// Counters are of one VADisplay, at its end.
type Counters struct {
	Pictures    int // begun and ended, failures included
	Failures    int
	Exports     int
	Conversions int // first exports of surfaces, with Interlaced
	Downloads   int // vaGetImage
	Live        Live
}

// Live are objects that were not destroyed before vaTerminate.
type Live struct {
	Configs, Surfaces, Contexts, Buffers, Images int
}

// Logs are the displays that ended since [Use], first one first.
func Logs(t testing.TB) []Counters {
	t.Helper()
	text, err := os.ReadFile(os.Getenv(logVariable))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	logs, err := parseLogs(text)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

func parseLogs(text []byte) ([]Counters, error) {
	var logs []Counters
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	for {
		var c Counters
		switch err := decoder.Decode(&c); {
		case errors.Is(err, io.EOF):
			return logs, nil
		case err != nil:
			return nil, fmt.Errorf("parse vatest's log: %w", err)
		}
		logs = append(logs, c)
	}
}
