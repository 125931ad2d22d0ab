package decode_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/decode"
	"github.com/blade-shadow/terminal/internal/media"
)

// proofs opens a chain with a memory and returns how often each link was
// proved for each codec.
func proofs(t *testing.T, cfg decode.HardwareConfig, driver string, fail error) (map[string]int, *decode.Hardware) {
	t.Helper()
	k := newFakes(t)
	count := make(map[string]int)
	counted := func(l decode.FakeLink) decode.FakeLink {
		open := l.Open
		l.Driver = driver
		l.Open = func(c media.Codec) (decode.Backend, error) {
			count[l.Name+" "+c.String()]++
			if fail != nil && l.Name == "vaapi" {
				return nil, fail
			}
			return open(c)
		}
		return l
	}
	h := decode.NewChain(cfg, k.sum, counted(k.link("vaapi", true, true)), counted(k.link("vaapi-copy", true, false)), k.link("software", false, false))
	return count, h
}

func TestMemory(t *testing.T) {
	cfg := decode.HardwareConfig{Memory: filepath.Join(t.TempDir(), "a", "decode.json")}
	bad := errors.New("no such surface")
	steps := []struct {
		name   string
		driver string
		fail   error
		want   int // proofs of vaapi, both codecs
		best   string
	}{
		{"first start", "Mesa 22", nil, 2, "vaapi"},
		{"remembered", "Mesa 22", bad, 0, "vaapi"},
		{"new driver", "Mesa 26", bad, 2, "vaapi-copy"},
		{"failure remembered", "Mesa 26", nil, 0, "vaapi-copy"},
		{"newer driver", "Mesa 27", nil, 2, "vaapi"},
	}
	for _, tt := range steps {
		count, h := proofs(t, cfg, tt.driver, tt.fail)
		if n := count["vaapi H264"] + count["vaapi HEVC"]; n != tt.want {
			t.Errorf("%s: vaapi proved %d times; want %d", tt.name, n, tt.want)
		}
		if got := h.Capabilities()[0]; got.Backend != tt.best || !got.Proved {
			t.Errorf("%s: best = %+v; want %s", tt.name, got, tt.best)
		}
	}
}

// edit changes the records of a memory file.
func edit(t *testing.T, path string, change func(r map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var records []map[string]any
	if err := json.Unmarshal(data, &records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		change(r)
	}
	if data, err = json.Marshal(records); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMemoryOfUnfinishedProofs: what took the program with it is not tried
// again soon, unless the power may have been cut.
func TestMemoryOfUnfinishedProofs(t *testing.T) {
	ago := func(d time.Duration) string { return time.Now().Add(-d).Format(time.RFC3339Nano) }
	tests := []struct {
		name   string
		change map[string]any
		again  bool
	}{
		{"crashed", map[string]any{"state": "trying", "tries": 1}, false},
		{"hung", map[string]any{"state": "hung", "tries": 1}, false},
		{"crashed before the reboot", map[string]any{"state": "trying", "tries": 1, "boot": "another"}, true},
		{"crashed twice before the reboot", map[string]any{"state": "trying", "tries": 2, "boot": "another"}, false},
		{"crashed two hours ago", map[string]any{"state": "trying", "tries": 1, "at": ago(2 * time.Hour)}, true},
		{"crashed twice, two hours ago", map[string]any{"state": "trying", "tries": 2, "at": ago(2 * time.Hour)}, false},
		{"crashed a hundred times, a year ago", map[string]any{"state": "trying", "tries": 100, "at": ago(365 * 24 * time.Hour)}, true},
		{"failed last week", map[string]any{"state": "bad", "at": ago(8 * 24 * time.Hour)}, true},
		{"failed yesterday", map[string]any{"state": "bad", "at": ago(24 * time.Hour)}, false},
		{"crashed tomorrow", map[string]any{"state": "trying", "tries": 1, "at": ago(-24 * time.Hour)}, true},
		{"unknown state", map[string]any{"state": "?"}, true},
		{"other library", map[string]any{"state": "bad", "library": "FFmpeg 9"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := decode.HardwareConfig{Memory: filepath.Join(t.TempDir(), "decode.json")}
			proofs(t, cfg, "1", nil)
			// A proof that ended has no boot; begin as the program would.
			boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
			edit(t, cfg.Memory, func(r map[string]any) {
				r["boot"] = strings.TrimSpace(string(boot))
				for k, v := range tt.change {
					r[k] = v
				}
			})
			count, h := proofs(t, cfg, "1", nil)
			if again := len(count) == 4; again != tt.again {
				t.Errorf("proved %v; want again %v", count, tt.again)
			}
			if got := h.Capabilities()[0].Backend; (got == "vaapi") != tt.again {
				t.Errorf("best = %s; want vaapi %v", got, tt.again)
			}
		})
	}
}

func TestMemoryDamaged(t *testing.T) {
	for name, data := range map[string]string{"empty": "", "cut": `[{"device": "/dev/`, "other": `{"a": 1}`, "null": "null"} {
		t.Run(name, func(t *testing.T) {
			var said strings.Builder
			cfg := decode.HardwareConfig{
				Memory: filepath.Join(t.TempDir(), "decode.json"),
				Logger: slog.New(slog.NewTextHandler(&said, nil)),
			}
			if err := os.WriteFile(cfg.Memory, []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			count, h := proofs(t, cfg, "1", nil)
			if len(count) != 4 || h.Capabilities()[0].Backend != "vaapi" {
				t.Errorf("proved %v; want everything anew", count)
			}
			if name != "null" && !strings.Contains(said.String(), "is lost") {
				t.Errorf("log = %q; want a warning", said.String())
			}
			if count, _ := proofs(t, cfg, "1", nil); len(count) != 0 {
				t.Errorf("proved again %v; want nothing: the file was written anew", count)
			}
		})
	}
}

func TestMemoryCannotBeWritten(t *testing.T) {
	var said strings.Builder
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := decode.HardwareConfig{Memory: filepath.Join(dir, "decode.json"), Logger: slog.New(slog.NewTextHandler(&said, nil))}
	_, h := proofs(t, cfg, "1", nil)
	if h.Capabilities()[0].Backend != "vaapi" || !strings.Contains(said.String(), "not kept") {
		t.Errorf("Capabilities() = %+v, log %q; want vaapi and a warning", h.Capabilities(), said.String())
	}
}

// TestCrashIsRemembered: a driver that takes the program with it is left out at
// the next start. The program is this test in a process of its own.
func TestCrashIsRemembered(t *testing.T) {
	const variable = "DECODE_CRASH_MEMORY"
	if path := os.Getenv(variable); path != "" {
		k := newFakes(t)
		copying := k.link("vaapi-copy", true, false)
		copying.Open = func(media.Codec) (decode.Backend, error) {
			os.Exit(134)
			return nil, nil
		}
		h := decode.NewChain(decode.HardwareConfig{Memory: path}, k.sum, copying, k.link("software", false, false))
		os.Stdout.WriteString("came through with " + h.Capabilities()[0].Backend + "\n")
		return
	}
	path := filepath.Join(t.TempDir(), "decode.json")
	start := func() (string, error) {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashIsRemembered$", "-test.count=1")
		cmd.Env = append(os.Environ(), variable+"="+path)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// One start for each codec, then it is known.
	for i := range 2 {
		if out, err := start(); err == nil {
			t.Fatalf("start %d came through: %s; want a crash", i+1, out)
		}
	}
	out, err := start()
	if err != nil || !strings.Contains(out, "came through with software") {
		t.Errorf("third start = %v: %s; want software", err, out)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".decode-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind %v, %v; want nothing", left, err)
	}
}
