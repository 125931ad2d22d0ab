//go:build linux && cgo && !nonative

package vatest_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
	"github.com/blade-shadow/terminal/internal/needs"
)

const card = "/dev/dri/card0"

// needCard skips where there is no DRM card, unless REQUIRE_HW names drm.
func needCard(t *testing.T) {
	t.Helper()
	f, err := os.OpenFile(card, os.O_RDWR, 0)
	if err == nil {
		f.Close()
		return
	}
	err = fmt.Errorf("%w: %w", err, errors.ErrUnsupported)
	if needs.Required("drm") {
		t.Fatal(err)
	}
	t.Skip(err)
}

// TestDumbBuffers: on a DRM card, with the display on a real render node, the
// pictures are those of memfds.
func TestDumbBuffers(t *testing.T) {
	needCard(t)
	tp := record(t, "libx264", "-tune", "zerolatency", "-preset", "ultrafast")
	device := vatest.Use(t, vatest.Knobs{DRM: card})
	if !strings.HasPrefix(device, "/dev/dri/renderD") {
		t.Fatalf("Use() = %s; want a render node", device)
	}
	if _, err := vatest.Vendor(device); err != nil {
		t.Errorf("Vendor(%s) = %v", device, err)
	}
	t.Setenv("PLAYER_DEVICE", device)
	if got := tp.play(t); !slices.Equal(hashes(got), hashes(tp.want)) {
		t.Errorf("play() = %v; want %v", got, tp.want)
	}
	if logs := vatest.Logs(t); len(logs) != 2 || logs[1].Pictures != 40 || logs[1].Live != (vatest.Live{}) {
		t.Errorf("Logs() = %+v; want 40 pictures in the second, nothing alive", logs)
	}
}

// TestNotACard: no memory is no crash.
func TestNotACard(t *testing.T) {
	player, path := compilePlayer(t), encode(t, "320x180", "libx264", "-tune", "zerolatency")
	use(t, vatest.Knobs{DRM: "/dev/zero"})
	for _, p := range parsePictures(t, run(t, player, path)) {
		if p.send == 0 {
			t.Fatalf("picture %d = %+v; want an error of send", p.number, p)
		}
	}
}
