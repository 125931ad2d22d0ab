package vmtest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestModuleOrder(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"modules.dep": "kernel/drivers/virtio/virtio-ring.ko.xz:\n" +
			"kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio-ring.ko.xz\n\n" +
			"kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio-ring.ko.xz\n" +
			"kernel/net/9p/9pnet.ko:\n",
		"modules.builtin": "kernel/net/packet/af_packet.ko\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	index, err := readModuleIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	got, err := index.order([]string{"virtio", "af-packet", "9p", "virtio_ring"})
	want := []string{"kernel/drivers/virtio/virtio-ring.ko.xz", "kernel/drivers/virtio/virtio.ko", "kernel/net/9p/9pnet.ko", "kernel/fs/9p/9p.ko"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("order() = %q, %v; want %q", got, err, want)
	}
	if _, err := index.order([]string{"absent"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("order(absent) = %v; want os.ErrNotExist", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "modules.dep"), []byte("no separator\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readModuleIndex(dir); err == nil {
		t.Error("readModuleIndex of nonsense = nil; want an error")
	}
}

func TestFindKernel(t *testing.T) {
	tree := t.TempDir()
	if _, err := findKernel(tree); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("findKernel of nothing = %v; want errors.ErrUnsupported", err)
	}
	for _, release := range []string{"6.1.0-9-amd64", "6.1.0-56-amd64", "5.19.0-99-amd64"} {
		dir := filepath.Join(tree, "build/vm/kernel-"+release, "boot")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "vmlinuz-"+release), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	k, err := findKernel(tree)
	if want := filepath.Join(tree, "build/vm/kernel-6.1.0-56-amd64/lib/modules"); err != nil || k.release != "6.1.0-56-amd64" || k.modules != want {
		t.Errorf("findKernel() = %+v, %v; want the newest, 6.1.0-56-amd64", k, err)
	}
}
