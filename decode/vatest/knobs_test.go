//go:build linux && cgo && !nonative

package vatest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode/vatest"
)

// picture is a line of testdata/player.c.
type picture struct {
	decoder, number    int
	send, sync, export int
	modifier           uint64
	wait               int
	hash               string
}

func parsePictures(t testing.TB, out string) []picture {
	t.Helper()
	var list []picture
	for line := range strings.Lines(out) {
		var p picture
		n, err := fmt.Sscanf(line, "decoder %d picture %d send %d sync %d export %d modifier %x wait %d hash %s",
			&p.decoder, &p.number, &p.send, &p.sync, &p.export, &p.modifier, &p.wait, &p.hash)
		if n < 3 {
			t.Fatalf("player printed %q: %v", line, err)
		}
		list = append(list, p)
	}
	return list
}

// tape is a stream for all tests of knobs, and its pictures without a fault.
type tape struct {
	player, path string
	want         []picture
}

func record(t *testing.T, codec string, options ...string) tape {
	t.Helper()
	tp := tape{player: compilePlayer(t), path: encode(t, "320x180", codec, options...)}
	use(t, vatest.Knobs{})
	tp.want = tp.play(t)
	if len(tp.want) != 40 || tp.want[3].hash == tp.want[4].hash {
		t.Fatalf("player gives %d pictures, hashes %s, %s; want 40, all different", len(tp.want), tp.want[3].hash,
			tp.want[4].hash)
	}
	return tp
}

func (tp tape) play(t testing.TB, more ...string) []picture {
	t.Helper()
	return parsePictures(t, run(t, tp.player, append([]string{tp.path}, more...)...))
}

func hashes(list []picture) []string {
	var all []string
	for _, p := range list {
		all = append(all, p.hash)
	}
	return all
}

const (
	statusOperationFailed = 1    // VA_STATUS_ERROR_OPERATION_FAILED
	statusDecodingError   = 0x17 // VA_STATUS_ERROR_DECODING_ERROR
	modifierInvalid       = 1<<56 - 1
)

func TestKnobs(t *testing.T) {
	tp := record(t, "libx264", "-tune", "zerolatency")
	t.Run("plain", func(t *testing.T) {
		use(t, vatest.Knobs{})
		if got := tp.play(t); !slices.Equal(hashes(got), hashes(tp.want)) || got[0].modifier != 0 {
			t.Errorf("play() = %v; want %v, modifier LINEAR", got, tp.want)
		}
		if c := logged(t); c.Pictures != 40 || c.Exports != 80 || c.Conversions != 0 || c.Live != (vatest.Live{}) {
			t.Errorf("Logs() = %+v; want 40 pictures, 80 exports, nothing alive", c)
		}
	})
	t.Run("modifier invalid", func(t *testing.T) {
		use(t, vatest.Knobs{ModifierInvalid: true})
		if got := tp.play(t)[0].modifier; got != modifierInvalid {
			t.Errorf("modifier = %#x; want %#x", got, uint64(modifierInvalid))
		}
	})
	t.Run("interlaced", func(t *testing.T) {
		use(t, vatest.Knobs{Interlaced: true})
		got := tp.play(t)
		c := logged(t)
		if !slices.Equal(hashes(got), hashes(tp.want)) || c.Conversions == 0 || c.Conversions > c.Exports/2 {
			t.Errorf("Logs() = %+v; want one conversion per surface, and the same pictures", c)
		}
	})
	t.Run("export fails", func(t *testing.T) {
		use(t, vatest.Knobs{ExportFails: true})
		for _, p := range tp.play(t) {
			if p.export != statusOperationFailed || p.sync != 0 {
				t.Fatalf("picture %d = %+v; want export %d", p.number, p, statusOperationFailed)
			}
		}
	})
	t.Run("delay", func(t *testing.T) {
		use(t, vatest.Knobs{Delay: 12500 * time.Microsecond})
		start := time.Now()
		got := tp.play(t)
		if took := time.Since(start); took < 40*12500*time.Microsecond || !slices.Equal(hashes(got), hashes(tp.want)) {
			t.Errorf("play() took %v; want 500 ms or more, and the same pictures", took)
		}
	})
	t.Run("two decoders", func(t *testing.T) {
		use(t, vatest.Knobs{})
		got := tp.play(t, "2")
		for d := range 2 {
			own := slices.DeleteFunc(slices.Clone(got), func(p picture) bool { return p.decoder != d })
			if !slices.Equal(hashes(own), hashes(tp.want)) {
				t.Errorf("decoder %d = %v; want %v", d, own, tp.want)
			}
		}
	})
}

func TestFailures(t *testing.T) {
	tp := record(t, "libx264", "-tune", "zerolatency", "-g", "10")
	t.Run("at", func(t *testing.T) {
		use(t, vatest.Knobs{FailAt: 5})
		tp.checkFailed(t, func(n int) bool { return n == 5 }, 10)
	})
	t.Run("from", func(t *testing.T) {
		use(t, vatest.Knobs{FailFrom: 31})
		tp.checkFailed(t, func(n int) bool { return n >= 31 }, 0)
	})
	t.Run("in sync", func(t *testing.T) {
		use(t, vatest.Knobs{FailAt: 7, FailInSync: true})
		for i, p := range tp.play(t) {
			want := 0
			if i == 6 {
				want = statusDecodingError
			}
			if p.send != 0 || p.sync != want {
				t.Errorf("picture %d = send %d, sync %d; want 0, %d", p.number, p.send, p.sync, want)
			}
		}
	})
	t.Run("init", func(t *testing.T) {
		use(t, vatest.Knobs{FailInit: true})
		if out, err := command(t, tp.player, tp.path); err == nil || !strings.Contains(out, "vaInitialize") {
			t.Errorf("player = %v, %q; want that vaInitialize fails", err, out)
		}
	})
	t.Run("profile missing", func(t *testing.T) {
		use(t, vatest.Knobs{Profiles: []string{vatest.HEVCMain}})
		for _, p := range tp.play(t) {
			if p.send == 0 {
				t.Fatalf("picture %d = %+v; want an error of send", p.number, p)
			}
		}
		if c := logged(t); c.Pictures != 0 {
			t.Errorf("Logs() = %+v; want no picture", c)
		}
	})
	t.Run("size", func(t *testing.T) {
		use(t, vatest.Knobs{MaxWidth: 319, MaxHeight: 200})
		for _, p := range tp.play(t) {
			if p.send == 0 {
				t.Fatalf("picture %d = %+v; want an error of send", p.number, p)
			}
		}
	})
	t.Run("interlaced", func(t *testing.T) {
		other := encode(t, "320x192", "libx264", "-tune", "zerolatency", "-flags", "+ildct+ilme", "-x264-params", "tff=1")
		use(t, vatest.Knobs{})
		for _, p := range parsePictures(t, run(t, tp.player, other)) {
			if p.send == 0 {
				t.Fatalf("picture %d = %+v; want an error of send", p.number, p)
			}
		}
		if c := logged(t); c.Failures == 0 || c.Failures != c.Pictures {
			t.Errorf("Logs() = %+v; want all failed", c)
		}
	})
	t.Run("crash", func(t *testing.T) {
		use(t, vatest.Knobs{CrashAt: 4})
		out, err := command(t, tp.player, tp.path)
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGABRT {
			t.Fatalf("player = %v; want SIGABRT", err)
		}
		if got := parsePictures(t, out); !slices.Equal(hashes(got), hashes(tp.want[:3])) {
			t.Errorf("before the crash = %v; want %v", got, tp.want[:3])
		}
	})
}

// checkFailed wants errors where failed says so, and pictures like the ones of
// the undisturbed stream before them and from the next keyframe on.
func (tp tape) checkFailed(t *testing.T, failed func(number int) bool, gop int) {
	t.Helper()
	got := tp.play(t)
	count, broken := 0, false
	for i, p := range got {
		if gop > 0 && i%gop == 0 {
			broken = false
		}
		if failed(i + 1) {
			count, broken = count+1, true
			if p.send == 0 {
				t.Errorf("picture %d = %+v; want an error of send", i+1, p)
			}
		} else if !broken && p.hash != tp.want[i].hash {
			t.Errorf("picture %d = hash %s; want %s", i+1, p.hash, tp.want[i].hash)
		}
	}
	if c := logged(t); len(got) != 40 || c.Pictures != 40 || c.Failures != count || c.Live != (vatest.Live{}) {
		t.Errorf("%d pictures, Logs() = %+v; want 40 pictures, %d failures, nothing alive", len(got), c, count)
	}
}

// TestHang: the picture before the hang comes out, then nothing until the
// hang's file goes; then an error, and the stream goes on.
func TestHang(t *testing.T) {
	tp := record(t, "libx264", "-tune", "zerolatency")
	use(t, vatest.Knobs{HangAt: 3})
	cmd := exec.CommandContext(t.Context(), tp.player, tp.path)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, ended := make(chan string, 64), make(chan error, 1)
	go func() {
		var buf [1 << 16]byte
		for {
			n, err := pipe.Read(buf[:])
			lines <- string(buf[:n])
			if err != nil {
				close(lines)
				ended <- cmd.Wait()
				return
			}
		}
	}()
	out := ""
	for strings.Count(out, "\n") < 2 {
		out += <-lines
	}
	select {
	case more := <-lines:
		t.Fatalf("player printed %q while the driver hangs", more)
	case <-time.After(100 * time.Millisecond): // twenty looks at the file
	}
	vatest.Release(t)
	for more := range lines {
		out += more
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	got := parsePictures(t, out)
	if len(got) != 40 || got[2].sync != statusOperationFailed || got[2].wait < 90 || got[3].sync != 0 {
		t.Errorf("pictures 3, 4 of %d = %+v; want a long wait and an error, then none", len(got), got[2:4])
	}
}

// TestProfiles is what vaQueryConfigProfiles says, by vainfo.
func TestProfiles(t *testing.T) {
	library := compileC(t, "node.so", "-shared", "-fPIC", "node.c")
	for _, test := range []struct {
		name     string
		profiles []string
		want     []string
	}{
		{"all", nil, []string{"H264ConstrainedBaseline", "H264High", "H264Main", "HEVCMain"}},
		{"none", []string{}, nil},
		{"two", []string{vatest.H264Main, vatest.HEVCMain}, []string{"H264Main", "HEVCMain"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			use(t, vatest.Knobs{Profiles: test.profiles})
			out := run(t, "env", "LD_PRELOAD="+library, "vainfo", "--display", "drm", "--device", "/dev/null")
			var got []string
			for _, m := range regexp.MustCompile(`VAProfile(\w+) *:\s*VAEntrypointVLD`).FindAllStringSubmatch(out, -1) {
				got = append(got, m[1])
			}
			slices.Sort(got)
			if !slices.Equal(got, test.want) {
				t.Errorf("vainfo = %v; want %v", got, test.want)
			}
		})
	}
}

// TestMisuse runs testdata/misuse.c: wrong ids, sizes and formats, random
// parameters and four threads, under gcc's sanitisers.
func TestMisuse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checked")
	need(t, vatest.BuildChecked(dir))
	program := compileC(t, "misuse", "-rdynamic", "-fsanitize=address,undefined", "testdata/misuse.c", "node.c")
	use(t, vatest.Knobs{MaxWidth: 640, MaxHeight: 480})
	t.Setenv("LIBVA_DRIVERS_PATH", dir)
	run(t, program)
	want := vatest.Live{Configs: 1, Surfaces: 1, Contexts: 1, Buffers: 1}
	if c := logged(t); c.Live != want || c.Pictures < 4000 {
		t.Errorf("Logs() = %+v; want what was leaked on purpose, %+v", c, want)
	}
}

// TestPlayChecked decodes under the sanitisers.
func TestPlayChecked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checked")
	need(t, vatest.BuildChecked(dir))
	program := compileC(t, "player", "-rdynamic", "-fsanitize=address,undefined", "testdata/player.c", "node.c")
	path := encode(t, "318x182", "libx265", "-tune", "zerolatency", "-x265-params", "slices=4:log-level=none")
	use(t, vatest.Knobs{Interlaced: true, FailAt: 9})
	t.Setenv("LIBVA_DRIVERS_PATH", dir)
	if got := parsePictures(t, run(t, program, path, "2")); len(got) != 80 {
		t.Errorf("player gives %d pictures; want 80", len(got))
	}
}

func TestMistypedKnob(t *testing.T) {
	player := compilePlayer(t)
	for name, value := range map[string]string{
		"VATEST_PROFILES": "h265main", "VATEST_FAIL_AT": "x", "VATEST_MAX": "4096", "VATEST_DELAY_MS": "-1",
		"VATEST_MODIFIER": "linear?", "VATEST_LOG": strings.Repeat("/", 600),
	} {
		t.Run(name, func(t *testing.T) {
			use(t, vatest.Knobs{})
			t.Setenv(name, value)
			if out, err := command(t, player, "/dev/null"); err == nil || !strings.Contains(out, name) {
				t.Errorf("player with %s = %v, %q; want a failure that names it", strconv.Quote(value), err, out)
			}
		})
	}
}

func TestBuild(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	results := make(chan error)
	for range 4 { // several processes at once are threads here
		go func() {
			_, err := vatest.Build(dir)
			results <- err
		}()
	}
	for range 4 {
		need(t, <-results)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "vatest_drv_video.so" {
		t.Errorf("ReadDir(%s) = %v, %v; want the library alone", dir, entries, err)
	}
}

func TestBuildWithoutHeaders(t *testing.T) {
	t.Setenv("PKG_CONFIG_LIBDIR", t.TempDir())
	_, err := vatest.Build(t.TempDir())
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "libva") {
		t.Errorf("Build() = %v; want ErrUnsupported that names libva", err)
	}
}
