package vmtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	cfg, err := Config{}.withDefaults()
	if err != nil || cfg.Outputs != 2 || cfg.Connected != 2 || cfg.Width != 1280 || cfg.Height != 720 || len(cfg.Devices) != 3 {
		t.Errorf("withDefaults() = %+v, %v", cfg, err)
	}
	if cfg, _ := (Config{Devices: []Device{}}).withDefaults(); len(cfg.Devices) != 0 {
		t.Errorf("no devices become %v", cfg.Devices)
	}
	for _, bad := range []Config{{Outputs: 3}, {Outputs: -1}, {Outputs: 1, Connected: 2}, {MemoryMiB: 1}} {
		if _, err := bad.withDefaults(); err == nil {
			t.Errorf("withDefaults(%+v) = nil; want an error", bad)
		}
	}
}

func TestArguments(t *testing.T) {
	cfg, err := Config{Append: "more words", Devices: []Device{USBStorage("stick", "/a,b.img"), USBAudio("head", "/out.wav"), HDAudio("card", "")}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	args := arguments(cfg, kernel{release: "6.1", image: "/k", modules: "/m,m"}, files{"/d"})
	all := strings.Join(args, "\n")
	for _, want := range []string{
		"video=Virtual-2:1280x720e more words", "path=/m,,m", "multidevs=remap,path=/", "vnc1,display=gpu0,head=1", "restrict=on",
		`{"driver":"raw","file":{"driver":"file","filename":"/a,b.img"},"node-name":"stick-block"}`,
		`{"driver":"wav","id":"head-sound","path":"/out.wav"}`, `{"audiodev":"sound","driver":"hda-duplex","id":"card"}`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("arguments lack %q:\n%s", want, all)
		}
	}
	cfg.HotPlug, cfg.Image = true, "/i,j"
	all = strings.Join(arguments(cfg, kernel{}, files{"/d"}), "\n")
	if strings.Contains(all, "video=") || strings.Contains(all, "mount_tag=root") || !strings.Contains(all, "file=/i,,j") {
		t.Errorf("arguments with HotPlug and Image:\n%s", all)
	}
}

func TestKeysFor(t *testing.T) {
	for r, want := range map[rune][]string{'a': {"a"}, 'Z': {"shift", "z"}, '0': {"0"}, '?': {"shift", "slash"}, '\n': {"ret"}, '~': {"shift", "grave_accent"}} {
		if got, err := keysFor(r); err != nil || !slices.Equal(got, want) {
			t.Errorf("keysFor(%q) = %q, %v; want %q", r, got, err, want)
		}
	}
	for r := rune(' '); r < 0x7f; r++ {
		if _, err := keysFor(r); err != nil {
			t.Errorf("keysFor(%q) = %v; want keys for all of ASCII", r, err)
		}
	}
	if _, err := keysFor('é'); err == nil {
		t.Error("keysFor(é) = nil; want an error")
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vm", "lock")
	first, err := lockTree(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := lockTree(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("lockTree twice = %v; want context.DeadlineExceeded", err)
	}
	left := filepath.Join(t.TempDir(), folderPrefix+"1")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	precious := t.TempDir()
	for _, dir := range []string{left, precious, left} {
		if err := remember(first, dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder that a machine left is still there (%v)", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("a folder that is no machine's was removed: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockTree(t.Context(), path)
	if err != nil {
		t.Fatalf("lockTree after the first was closed = %v", err)
	}
	_ = second.Close()
}

// TestBootWithoutQEMU says what to do about it.
func TestBootWithoutQEMU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Boot(t.Context(), Config{})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), ".ci/deps vm") {
		t.Errorf("Boot without QEMU = %v; want errors.ErrUnsupported and the remedy", err)
	}
}
