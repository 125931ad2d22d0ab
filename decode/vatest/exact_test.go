//go:build linux && cgo && !nonative

package vatest_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/blade-shadow/terminal/decode/vatest"
)

var streams = []struct {
	name, size, codec string
	options           string // of ffmpeg
	headers           string // must match what ffmpeg's trace_headers says, so that the stream is what it claims
}{
	{
		"h264 one slice", "320x180", "libx264", "-tune zerolatency -x264-params sliced-threads=0",
		`entropy_coding_mode_flag +1`,
	},
	{
		"h264 four slices", "320x180", "libx264", "-tune zerolatency -x264-params sliced-threads=0:slices=4",
		`first_mb_in_slice +\S+ = 180`,
	},
	{
		"h264 three references, weighted", "318x182", "libx264",
		"-tune zerolatency -x264-params sliced-threads=0:ref=3:weightp=2 -vf fade=in:0:40", `luma_weight_l0_flag`,
	},
	{
		"h264 baseline", "318x182", "libx264", "-tune zerolatency -profile:v baseline",
		`entropy_coding_mode_flag +0`,
	},
	{
		"h264 CAVLC, 8x8 transform", "320x180", "libx264", "-tune zerolatency -profile:v high -coder vlc",
		`transform_8x8_mode_flag +1`,
	},
	{
		"h264 flat matrix left", "320x180", "libx264", "-tune zerolatency -x264-params cqm=jvt",
		`(pic|seq)_scaling_matrix_present_flag +1`,
	},
	{
		"h264 own matrix", "320x180", "libx264",
		"-tune zerolatency -x264-params cqm4i=" + matrix4 + ":cqm8p=" + matrix8, `scaling_list_present_flag`,
	},
	{
		"h264 B pictures", "320x180", "libx264", "-x264-params bframes=3:b-pyramid=normal:weightb=1:ref=4:slices=2",
		`slice_type +\S+ = 6`,
	},
	{"hevc one slice", "320x180", "libx265", "-tune zerolatency -x265-params wpp=0:log-level=none", `slice_type`},
	{
		"hevc four slices, WPP", "318x182", "libx265", "-tune zerolatency -x265-params slices=4:wpp=1:log-level=none",
		`entropy_coding_sync_enabled_flag +1`,
	},
	{
		"hevc default matrix", "320x180", "libx265",
		"-tune zerolatency -x265-params scaling-list=default:log-level=none", `scaling_list_enabled_flag +1`,
	},
	{
		"hevc B pictures, four references", "320x184", "libx265",
		"-x265-params bframes=4:b-pyramid=1:ref=4:weightb=1:amp=1:rect=1:tskip=1:log-level=none", `slice_type +1 = 0`,
	},
}

// Lists of 16 and 64 values that are neither flat nor the standard's.
var (
	matrix4 = strings.Repeat("10,14,20,28,", 3) + "9,40,40,255"
	matrix8 = strings.Repeat("8,9,11,12,14,17,21,33,", 7) + "40,41,42,43,44,45,46,1"
)

// TestBitExact: what comes through libva has the MD5s of software decoding.
func TestBitExact(t *testing.T) {
	library := compileC(t, "node.so", "-shared", "-fPIC", "node.c")
	for _, s := range streams {
		t.Run(s.name, func(t *testing.T) {
			path := encode(t, s.size, s.codec, strings.Fields(s.options)...)
			checkHeaders(t, path, s.headers)
			want := sums(t, "ffmpeg", "-v", "error", "-i", path, "-vf", "format=nv12")
			use(t, vatest.Knobs{})
			got := hardwareSums(t, library, path)
			if got != want {
				t.Errorf("framemd5 through VA-API =\n%s\nwant\n%s", got, want)
			}
			if n := strings.Count(got, "\n0,"); n != 40 {
				t.Errorf("framemd5 has %d pictures; want 40", n)
			}
			c := logged(t)
			if c.Pictures != 40 || c.Downloads != 40 || c.Failures != 0 || c.Live != (vatest.Live{}) {
				t.Errorf("Logs() = %+v; want 40 pictures, 40 downloads, nothing alive", c)
			}
		})
	}
}

func sums(t *testing.T, name string, args ...string) string {
	t.Helper()
	return run(t, name, append(args, "-f", "framemd5", "-")...)
}

// hardwareSums are of what comes through libva and its download; library is
// node.c to preload.
func hardwareSums(t *testing.T, library, path string) string {
	t.Helper()
	return sums(t, "env", "LD_PRELOAD="+library, "ffmpeg", "-v", "error", "-init_hw_device", "vaapi=va:/dev/null",
		"-hwaccel", "vaapi", "-hwaccel_device", "va", "-hwaccel_output_format", "vaapi", "-i", path,
		"-vf", "hwdownload,format=nv12")
}

func checkHeaders(t *testing.T, path, want string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "trace", "-i", path, "-c", "copy",
		"-bsf:v", "trace_headers", "-f", "null", "-").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(want).Match(out) {
		t.Fatalf("the stream's headers lack %s", want)
	}
}
