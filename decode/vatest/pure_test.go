package vatest_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode/vatest"
)

func TestEnv(t *testing.T) {
	for _, test := range []struct {
		knobs vatest.Knobs
		want  string
	}{
		{vatest.Knobs{}, "VATEST_PROFILES="},
		{vatest.Knobs{}, "VATEST_MAX=4096x4096"},
		{vatest.Knobs{}, "LIBVA_DRIVERS_PATH=/there"},
		{vatest.Knobs{Profiles: []string{}}, "VATEST_PROFILES=none"},
		{vatest.Knobs{Profiles: []string{vatest.H264Main, vatest.HEVCMain}}, "VATEST_PROFILES=h264main,hevcmain"},
		{vatest.Knobs{MaxHeight: 1088}, "VATEST_MAX=4096x1088"},
		{vatest.Knobs{Delay: 1500 * time.Microsecond}, "VATEST_DELAY_MS=1.5"},
		{vatest.Knobs{FailFrom: 3}, "VATEST_FAIL_FROM=3"},
		{vatest.Knobs{FailInSync: true}, "VATEST_FAIL_IN=sync"},
		{vatest.Knobs{Interlaced: true}, "VATEST_INTERLACED=1"},
	} {
		if got := test.knobs.Env("/there"); !slices.Contains(got, test.want) {
			t.Errorf("%+v.Env() = %v; want %s in it", test.knobs, got, test.want)
		}
	}
}

func TestParseLogs(t *testing.T) {
	const line = `{"pictures":7,"failures":1,"exports":6,"conversions":2,"downloads":3,` +
		`"live":{"configs":1,"surfaces":2,"contexts":3,"buffers":4,"images":5}}` + "\n"
	want := vatest.Counters{
		Pictures: 7, Failures: 1, Exports: 6, Conversions: 2, Downloads: 3,
		Live: vatest.Live{Configs: 1, Surfaces: 2, Contexts: 3, Buffers: 4, Images: 5},
	}
	if got, err := vatest.ParseLogs([]byte(line + line)); err != nil || !slices.Equal(got, []vatest.Counters{want, want}) {
		t.Errorf("ParseLogs(two lines) = %+v, %v; want %+v twice", got, err, want)
	}
	for _, bad := range []string{line[:40], `{"pixels":1}`, strings.Replace(line, "7", `"7"`, 1)} {
		if got, err := vatest.ParseLogs([]byte(bad)); err == nil {
			t.Errorf("ParseLogs(%q) = %+v; want an error", bad, got)
		}
	}
}

func TestBuildWithoutCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := vatest.Build(t.TempDir()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Build() = %v; want ErrUnsupported", err)
	}
}
