package libav_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/blade-shadow/terminal/internal/libav"
)

func TestRenderNodes(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"renderD1000", "card0", "renderD129", "renderD128", "by-path"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "renderD128"), filepath.Join(dir, "renderD129"), filepath.Join(dir, "renderD1000")}
	if got := libav.RenderNodes(dir); !slices.Equal(got, want) {
		t.Errorf("RenderNodes(%v) = %v; want %v", dir, got, want)
	}
}

func TestOpenDeviceMissing(t *testing.T) {
	paths := []string{filepath.Join(t.TempDir(), "renderD128")}
	if len(libav.Devices()) == 0 {
		paths = append(paths, "")
	}
	for _, path := range paths {
		if d, err := libav.OpenDevice(path); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, libav.ErrHardware) {
			t.Errorf("OpenDevice(%q) = %v, %v; want ErrUnsupported", path, d, err)
		} else {
			t.Log(err)
		}
	}
}

func TestDeviceProfilesAny(t *testing.T) {
	tests := []struct {
		p    libav.DeviceProfiles
		want bool
	}{
		{libav.DeviceProfiles{}, false},
		{libav.DeviceProfiles{MaxWidth: 4096, MaxHeight: 4096}, false},
		{libav.DeviceProfiles{ConstrainedBaseline: true}, true},
		{libav.DeviceProfiles{Main: true}, true},
		{libav.DeviceProfiles{High: true}, true},
	}
	for _, tt := range tests {
		if got := tt.p.Any(); got != tt.want {
			t.Errorf("%+v.Any() = %v; want %v", tt.p, got, tt.want)
		}
	}
}

func TestErrNoProfileIsUnsupported(t *testing.T) {
	if !errors.Is(libav.ErrNoProfile, errors.ErrUnsupported) {
		t.Error("ErrNoProfile does not wrap ErrUnsupported")
	}
	if errors.Is(libav.ErrExport, libav.ErrHardware) {
		t.Error("ErrExport wraps ErrHardware; both are given together instead")
	}
}
