//go:build linux

package microphone_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/blade-shadow/terminal/internal/host/microphone"
)

// startPulse starts a sound server of the test's own whose one output goes
// nowhere. The parent of a daemon returns when the daemon is ready.
func startPulse(t *testing.T) {
	t.Helper()
	for _, program := range []string{"pulseaudio", "pactl", "parec"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	dir := t.TempDir()
	socket := filepath.Join(dir, "socket")
	for _, name := range []string{"HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(name, dir)
	}
	t.Setenv("PULSE_SERVER", "unix:"+socket)
	cmd := exec.Command("pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes",
		"-L", "module-null-sink sink_name=nowhere", "-L", "module-suspend-on-idle timeout=1",
		"-L", "module-native-protocol-unix auth-anonymous=1 socket="+socket)
	if err := cmd.Start(); err != nil {
		t.Fatalf("start pulseaudio: %v", err)
	}
	// Its folder is removed after this: it has to be gone by then.
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); exec.Command("pactl", "info").Run() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("pulseaudio does not answer after 20 s")
		}
	}
}

func ask(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("pactl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("pactl %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// record takes sound from the source while write goes on every 10 ms, and
// returns how long a sudden loud piece took from Write to the recorder.
func record(t *testing.T, s *microphone.Source) time.Duration {
	t.Helper()
	cmd := exec.Command("parec", "--device=shadow_microphone", "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=5", "--raw")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first, loud := make(chan struct{}), make(chan time.Time, 1)
	go func() {
		b := make([]byte, 960)
		for begun := false; ; {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			if !begun {
				begun = true
				close(first)
			}
			for i := 1; i < n; i += 2 {
				if b[i] > 16 && b[i] < 128 || b[i^1] > 16 && b[i^1] < 128 {
					loud <- time.Now()
					return
				}
			}
		}
	}()
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	pcm := make([]int16, 480)
	var said time.Time
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for n, settled := 0, 0; n < 1000; n++ {
		select {
		case at := <-loud:
			return at.Sub(said)
		case <-first:
			settled++
		default:
		}
		if settled == 50 {
			if !s.Taken() {
				t.Error("Taken() = false while parec records; want true")
			}
			said = time.Now()
			for i := range pcm {
				pcm[i] = 20000 // 0x4e20
			}
		}
		if err := s.Write(pcm); err != nil {
			t.Fatalf("Write() = %v; want nil", err)
		}
		<-ticks.C
	}
	t.Fatal("what was written was not recorded within 10 s")
	return 0
}

func TestSourceIsRecorded(t *testing.T) {
	startPulse(t)
	s, err := microphone.OpenSource(t.Context(), microphone.SourceConfig{Default: true})
	if err != nil {
		t.Fatalf("OpenSource() = %v; want nil", err)
	}
	if got := ask(t, "get-default-source"); got != "shadow_microphone" {
		t.Errorf("default source = %q; want ours", got)
	}
	if list := ask(t, "list", "sources"); !strings.Contains(list, "Description: Terminal microphone") {
		t.Errorf("sources = %s; want ours with its description", list)
	}
	delay := record(t, s)
	t.Logf("from Write to the recorder: %v", delay)
	if delay > 200*time.Millisecond {
		t.Errorf("delay = %v; want at most 200 ms", delay)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v; want nil", err)
		}
	}
	if list := ask(t, "list", "short", "sources"); strings.Contains(list, "shadow_microphone") {
		t.Errorf("sources after Close = %s; want ours gone", list)
	}
	if got := ask(t, "get-default-source"); got != "nowhere.monitor" {
		t.Errorf("default source after Close = %q; want the one before", got)
	}
	if err := s.Write(make([]int16, 480)); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Write() after Close = %v; want os.ErrClosed", err)
	}
}

func TestNobodyRecords(t *testing.T) {
	startPulse(t)
	s, err := microphone.OpenSource(t.Context(), microphone.SourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pcm := make([]int16, 480)
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for quiet := 0; quiet < 50; <-ticks.C { // until the server has suspended it
		if err := s.Write(pcm); err != nil {
			t.Fatalf("Write() = %v; want nil", err)
		}
		if quiet++; s.Taken() {
			quiet = 0
		}
		if time.Now().After(deadline) {
			t.Fatal("Taken() = true after 10 s without a recorder; want false")
		}
		if n, err := s.Waiting(); err != nil || n > 2*960 {
			t.Fatalf("Waiting() = %d, %v; want at most 20 ms", n, err)
		}
	}
}

func TestSourceLeftBehindIsReplaced(t *testing.T) {
	startPulse(t)
	for range 2 { // the first is not closed: its host was killed
		if _, err := microphone.OpenSource(t.Context(), microphone.SourceConfig{}); err != nil {
			t.Fatalf("OpenSource() = %v; want nil", err)
		}
	}
	if n := strings.Count(ask(t, "list", "short", "modules"), "module-pipe-source"); n != 1 {
		t.Errorf("%d sources; want 1", n)
	}
}

func TestSourceWithoutAServer(t *testing.T) {
	t.Setenv("PULSE_SERVER", "unix:"+filepath.Join(t.TempDir(), "none"))
	t.Setenv("HOME", t.TempDir())
	if _, err := microphone.OpenSource(t.Context(), microphone.SourceConfig{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenSource() = %v; want errors.ErrUnsupported", err)
	}
	if _, err := microphone.OpenSource(t.Context(), microphone.SourceConfig{Name: "a b"}); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("OpenSource(name with a space) = %v; want a refusal", err)
	}
}
