package vatest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Profiles that the driver can offer, for [Knobs].
const (
	H264Baseline = "h264baseline" // constrained
	H264Main     = "h264main"
	H264High     = "h264high"
	HEVCMain     = "hevcmain"
)

// Knobs say how the driver behaves; the zero value is a driver without fault.
// Pictures are counted from 1 by each VADisplay, over all its contexts; 0 is
// never.
type Knobs struct {
	Profiles  []string // offered; nil: all, empty: none
	MaxWidth  int      // of surfaces and contexts, in pixels; 0: 4096
	MaxHeight int
	Version   string // in the vendor string; "": "1"
	DRM       string // card node to make dumb buffers on; "": memfds

	Delay           time.Duration // that a picture takes; they queue up, and vaSyncSurface waits
	ModifierInvalid bool          // exports say DRM_FORMAT_MOD_INVALID, not LINEAR
	Interlaced      bool          // the first export of each surface copies it, counted as a conversion

	FailInit    bool // vaInitialize fails
	FailAt      int  // this picture fails
	FailFrom    int  // this picture and all after it fail
	FailInSync  bool // a failing picture fails in vaSyncSurface, not in vaEndPicture
	HangAt      int  // vaSyncSurface of this picture blocks until [Release], then fails
	CrashAt     int  // the process is aborted in vaEndPicture
	ExportFails bool // vaExportSurfaceHandle fails
}

// Env is the environment that makes libva load the driver from dir with these
// knobs: all of them, so that it can follow another environment. A hang lasts
// for ever and nothing is logged; see [Use] for VATEST_HANG_FILE and VATEST_LOG.
func (k Knobs) Env(dir string) []string {
	return []string{
		"LIBVA_DRIVER_NAME=vatest",
		"LIBVA_DRIVERS_PATH=" + dir,
		"LIBVA_MESSAGING_LEVEL=1", // errors
		"VATEST_PROFILES=" + k.profiles(),
		"VATEST_MAX=" + k.max(),
		"VATEST_VERSION=" + k.Version,
		"VATEST_DRM=" + k.DRM,
		"VATEST_DELAY_MS=" + strconv.FormatFloat(k.Delay.Seconds()*1000, 'f', -1, 64),
		"VATEST_MODIFIER=" + word(k.ModifierInvalid, "invalid"),
		"VATEST_INTERLACED=" + word(k.Interlaced, "1"),
		"VATEST_FAIL_INIT=" + word(k.FailInit, "1"),
		"VATEST_FAIL_AT=" + strconv.Itoa(k.FailAt),
		"VATEST_FAIL_FROM=" + strconv.Itoa(k.FailFrom),
		"VATEST_FAIL_IN=" + word(k.FailInSync, "sync"),
		"VATEST_HANG_AT=" + strconv.Itoa(k.HangAt),
		"VATEST_CRASH_AT=" + strconv.Itoa(k.CrashAt),
		"VATEST_EXPORT=" + word(k.ExportFails, "fail"),
		"VATEST_HANG_FILE=",
		"VATEST_LOG=",
	}
}

func (k Knobs) profiles() string {
	if k.Profiles != nil && len(k.Profiles) == 0 {
		return "none"
	}
	return strings.Join(k.Profiles, ",")
}

func (k Knobs) max() string {
	width, height := k.MaxWidth, k.MaxHeight
	if width == 0 {
		width = 4096
	}
	if height == 0 {
		height = 4096
	}
	return fmt.Sprintf("%dx%d", width, height)
}

func word(on bool, s string) string {
	if on {
		return s
	}
	return ""
}
